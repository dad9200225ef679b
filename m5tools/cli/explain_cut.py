"""`m5 explain cut`: in words and numbers who is lost to which rule, what is withheld, what becomes of the tail."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from m5tools.audit import longtail
from m5tools.cli.sniff import plain
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.vocabulary import MODALITIES, Band, Modality, Reason, State

_BANDS = [b.value for b in Band]
_PLACES = [*_BANDS, None]
_DETAILS = 4  # of a rule's losses, the most frequent
_EMPTIED = 8  # categories that are named


def print_cut(dataset: Dataset, cut: str) -> None:
    """Everything a cut does, on the terminal.

    Raises:
        UsageError: there is no such cut.
    """
    if not dataset.parts("cut_products", cut=cut):
        raise UsageError(f"{dataset.root} has no cut '{cut}'; run: m5 cut --dataset {dataset.root} --set cut={cut}")
    path = dataset.folder("cut_products", cut=cut).parent / "cut.json"
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kept, lost = dataset.read("cut_products", cut=cut), dataset.read("cut_losses", cut=cut)
    console = Console()
    console.print(
        f"cut '{cut}' (policy '{written['selection']['policy']}', fingerprint {written['fingerprint']}): "
        f"{kept.height:,} of {kept.height + lost.height:,} products are kept, {lost.height:,} left out",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    for table in (_rules(written["rules"], lost), _modalities(kept), _tail(kept, lost)):
        console.print()
        console.print(table)
    for line in _told(kept, lost):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _rules(rules: list[dict[str, Any]], lost: pl.DataFrame) -> Table:
    """Per rule, in their order: products of which it is the first loser, by band, and what it would lose alone."""
    table = Table("left out by", "first", "alone", *_BANDS, "no category", "what it is", box=None)
    table.caption = (
        "first: products that no rule above it had left out (these add up); alone: what the rule would leave out "
        "if it were the only one"
    )
    table.caption_justify = "left"
    for rule in rules:
        mine = lost.filter(pl.col("rule") == rule["rule"])
        counts = dict(mine.group_by("band").len().iter_rows())
        words = rule["words"]
        if details := _frequent(mine, rule["rule"]):
            words += f": {details}"
        bands = (f"{counts.get(band, 0):,}" for band in _PLACES)
        table.add_row(plain(rule["rule"]), f"{mine.height:,}", f"{rule['alone']:,}", *bands, plain(words))
    bands = (f"{lost.filter(pl.col('band').eq_missing(band)).height:,}" for band in _PLACES)
    table.add_row("together", f"{lost.height:,}", "", *bands, "")
    return table


def _frequent(lost: pl.DataFrame, rule: str) -> str:
    """The most frequent details of a rule's losses; none where a detail names another product or a category."""
    if rule.startswith(("one per", "category")):
        return ""
    counted = lost.drop_nulls("detail").group_by("detail").len().sort(["len", "detail"], descending=[True, False])
    words = [f"{detail} {count:,}" for detail, count in counted.head(_DETAILS).iter_rows()]
    return ", ".join([*words, "…"] if counted.height > _DETAILS else words)


def _modalities(kept: pl.DataFrame) -> Table:
    """What becomes of each modality of the products that are kept: one state each."""
    states = [s for s in State if s is not State.PRESENT]
    table = Table("of the products kept", "goes in", *(s.word for s in states), "why not", box=None)
    for modality in MODALITIES:
        mine = kept.select(
            state=pl.col("state").list.get(modality.bit),
            reason=pl.col("reason").list.get(modality.bit),
            by=pl.col("withheld_by").list.get(modality.bit),
        )
        counts = dict(mine.group_by("state").len().iter_rows())
        numbers = (f"{counts.get(s.value, 0):,}" for s in states)
        goes_in = counts.get(State.PRESENT.value, 0)
        table.add_row(modality.value, f"{goes_in:,}", *numbers, plain(_why_not(mine, modality)))
    return table


def _why_not(mine: pl.DataFrame, modality: Modality) -> str:
    words = []
    for state in (State.WITHHELD, State.FAILED):
        rows = mine.filter(pl.col("state") == state.value)
        column = "by" if state is State.WITHHELD else "reason"
        found = rows.group_by(column).len().sort(["len", column], descending=[True, False])
        for name, count in found.iter_rows():
            words.append(f"{state.word} by {name} {count:,}" if column == "by" else f"{Reason(name).word} {count:,}")
    return ", ".join(words) or "–"


def _tail(kept: pl.DataFrame, lost: pl.DataFrame) -> Table:
    """Products and categories by band, before and after."""
    table = Table(
        "band", "products", "kept", "share kept", "of the cut", "categories", "still there", "emptied", box=None
    )
    before = pl.concat([kept.select("band", "category"), lost.select("band", "category")])
    for band, name in [*((b, b) for b in _BANDS), (None, "no category")]:
        ours, all_of_it = (f.filter(pl.col("band").eq_missing(band)) for f in (kept, before))
        there, were = (f["category"].drop_nulls().n_unique() for f in (ours, all_of_it))
        shares = (_share(ours.height, all_of_it.height), _share(ours.height, kept.height))
        table.add_row(
            name, f"{all_of_it.height:,}", f"{ours.height:,}", *shares, f"{were:,}", f"{there:,}", f"{were - there:,}"
        )
    return table


def _told(kept: pl.DataFrame, lost: pl.DataFrame) -> list[str]:
    """The tail in words: how uneven categories are before and after, which are gone."""
    before = pl.concat([kept.select("category"), lost.select("category")]).drop_nulls()
    sizes = before.group_by("category").len().sort(["len", "category"], descending=[True, False])
    now = kept.drop_nulls("category").group_by("category").len()
    if sizes.is_empty():
        return ["no product has a category, so there is no tail to speak of"]
    ginis = (longtail.gini(counted["len"].to_numpy()) for counted in (sizes, now))
    told = ["", "Gini of the category sizes (0 = all equal): {:.3f} before, {:.3f} after".format(*ginis)]
    gone = sizes.join(now, on="category", how="anti", maintain_order="left")
    if gone.is_empty():
        return [*told, "no category is emptied"]
    named = "; ".join(f"{category} ({count:,})" for category, count in gone.head(_EMPTIED).iter_rows())
    more = f"; and {gone.height - _EMPTIED:,} more" if gone.height > _EMPTIED else ""
    return [*told, f"emptied categories, the largest first: {named}{more}"]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
