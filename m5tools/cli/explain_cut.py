"""`m5 explain cut`: in words and numbers who is lost to which rule, what is withheld, what becomes of the tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from rich.console import Console
from rich.table import Table

from m5tools import notes
from m5tools.cli.sniff import plain
from m5tools.concentration import gini
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.vocabulary import MODALITIES, Band, Modality, Reason, State

_BANDS = [b.value for b in Band]
_PLACES = [*_BANDS, None]
_DETAILS = 4  # of a rule's losses, the most frequent
_EMPTIED = 8  # categories that are named


@dataclass(frozen=True)
class _Rule:
    """A rule of a cut.

    Attributes:
        rule: its name.
        words: what it leaves out.
        alone: how many it would leave out if it were the only one.
    """

    rule: str
    words: str
    alone: int


@dataclass(frozen=True)
class _Selected:
    policy: str


@dataclass(frozen=True)
class _Made:
    """What is taken from `cut.json`; an older m5tools noted no rules there."""

    selection: _Selected
    fingerprint: str
    rules: tuple[_Rule, ...] | None = None


def print_cut(dataset: Dataset, cut: str) -> None:
    """Everything a cut does, on the terminal.

    Raises:
        UsageError: there is no such cut.
    """
    again = f"run: m5 cut --dataset {dataset.place} --set cut={cut}"
    path = dataset.folder("cut_products", cut=cut).parent / "cut.json"
    if not path.is_file():
        raise UsageError(f"{dataset.place} has no cut '{cut}'; {again}")
    written = notes.read_of(dataset, f"cut/{cut}", path, _Made)
    if written.rules is None:
        raise UsageError(f"the cut '{cut}' was made by an older m5tools, which did not count by rule; {again}")
    kept, lost = dataset.read("cut_products", cut=cut), dataset.read("cut_losses", cut=cut)
    console = Console()
    console.print(
        f"cut '{cut}' (policy '{written.selection.policy}', fingerprint {written.fingerprint}): "
        f"{kept.height:,} of {kept.height + lost.height:,} products are kept, {lost.height:,} left out",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    givers = kept["merged_from"].drop_nulls().list.len()
    if givers.len():
        what = "is a merged record" if givers.len() == 1 else "are merged records"
        others = f"{givers.sum():,} {'other' if givers.sum() == 1 else 'others'}"
        console.print(f"{givers.len():,} of them {what}, with files and attributes of {others}", highlight=False)
    parts = (
        (_rules(written.rules, lost), _rules_in_words(written.rules, lost)),
        (_modalities(kept), _why_not(kept)),
        (_tail(kept, lost), _told(kept, lost)),
    )
    for table, lines in parts:
        console.print()
        console.print(table)
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(what: str, *heads: str) -> Table:
    table = Table(box=None)
    for head in (what, *heads):
        table.add_column(head, overflow="fold", justify="left" if head == what else "right")
    return table


def _rules(rules: Sequence[_Rule], lost: pl.DataFrame) -> Table:
    """Per rule, in their order: products of which it is the first loser, by band, and what it would lose alone."""
    table = _table("left out by", "alone", "first", *_BANDS, "no category")
    for rule in rules:
        counts = dict(lost.filter(pl.col("rule") == rule.rule).group_by("band").len().iter_rows())
        bands = (f"{counts.get(band, 0):,}" for band in _PLACES)
        table.add_row(plain(rule.rule), f"{rule.alone:,}", f"{sum(counts.values()):,}", *bands)
    bands = (f"{lost.filter(pl.col('band').eq_missing(band)).height:,}" for band in _PLACES)
    table.add_row("together", "", f"{lost.height:,}", *bands)
    return table


def _rules_in_words(rules: Sequence[_Rule], lost: pl.DataFrame) -> list[str]:
    told = ["alone: what the rule would leave out if it were the only one; first: what no rule above it had left out"]
    for rule in rules:
        mine = lost.filter(pl.col("rule") == rule.rule)
        details = _frequent(mine, rule.rule)
        if mine.height:
            told.append(f"  {rule.rule}: {rule.words}{f' ({details})' if details else ''}")
    return told


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
    table = _table("of the products kept", "goes in", *(s.word for s in states))
    for modality in MODALITIES:
        counts = dict(_of(kept, modality).group_by("state").len().iter_rows())
        numbers = (f"{counts.get(s.value, 0):,}" for s in (State.PRESENT, *states))
        table.add_row(modality.value, *numbers)
    return table


def _why_not(kept: pl.DataFrame) -> list[str]:
    """What withheld each modality, why it failed, what it waits for."""
    told = []
    for modality in MODALITIES:
        for state, column in ((State.WITHHELD, "by"), (State.FAILED, "reason"), (State.PENDING, "reason")):
            rows = _of(kept, modality).filter(pl.col("state") == state.value)
            counted = rows.group_by(column).len().sort(["len", column], descending=[True, False])
            words = [f"{Reason(n).word if column == 'reason' else n} {count:,}" for n, count in counted.iter_rows()]
            if words:
                told.append(f"  {modality} {state.word}: {', '.join(words)}")
    return told


def _of(kept: pl.DataFrame, modality: Modality) -> pl.DataFrame:
    names = {"state": "state", "reason": "reason", "by": "withheld_by"}
    return kept.select(pl.col(name).list.get(modality.bit).alias(short) for short, name in names.items())


def _tail(kept: pl.DataFrame, lost: pl.DataFrame) -> Table:
    """Products and categories by band, before and after."""
    table = _table("band", "products", "kept", "share kept", "of the cut", "categories", "still there", "emptied")
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
    ginis = (gini(counted["len"].to_numpy()) for counted in (sizes, now))
    told = ["Gini of the category sizes (0 = all equal): {:.3f} before, {:.3f} after".format(*ginis)]
    gone = sizes.join(now, on="category", how="anti", maintain_order="left")
    if gone.is_empty():
        return [*told, "no category is emptied"]
    named = "; ".join(f"{category} ({count:,})" for category, count in gone.head(_EMPTIED).iter_rows())
    more = f"; and {gone.height - _EMPTIED:,} more" if gone.height > _EMPTIED else ""
    return [*told, f"emptied categories, the largest first: {named}{more}"]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
