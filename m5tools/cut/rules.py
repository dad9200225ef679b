"""The rules of a selection, in the order in which they apply.

Rules of the first kind look at one product alone; rules of the second kind choose among products, and do so among those
that the rules before them have left. A rule's name is what `cut_losses` and `m5 explain cut` call it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from m5tools.cut import choose
from m5tools.cut.masks import LANGUAGE, QUARANTINE, other_language
from m5tools.cut.selection import Selection
from m5tools.vocabulary import MODALITIES, Band, Modality, Reason, Relation

Choice = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class RowRule:
    """A rule about one product.

    Attributes:
        name: what it is called.
        words: what it does, for people.
        loses: true where it leaves a product out; over the columns of :func:`m5tools.cut.masks.masks`.
        detail: what exactly was wrong, null where the name says it all.
        counts: whether it asks which modalities a product has.
    """

    name: str
    words: str
    loses: pl.Expr
    detail: pl.Expr
    counts: bool = False


@dataclass(frozen=True)
class ChoiceRule:
    """A rule among products.

    Attributes:
        name: what it is called.
        words: what it does, for people.
        loses: of candidates, `row` and `detail` of those left out; see :mod:`m5tools.cut.choose`.
        draws: whether it asks what products draw.
    """

    name: str
    words: str
    loses: Choice
    draws: bool = False


_NO_DETAIL = pl.lit(None, pl.String)


def row_rules(selection: Selection) -> list[RowRule]:
    """The rules about single products."""
    tags = pl.concat_list([pl.col(f"tags_{m}") for m in MODALITIES])
    taken = [s.value for s in selection.splits]
    barred = pl.col("barred")
    loses = ~pl.col("split").is_in(taken) | barred.is_not_null()
    found = [RowRule("split", f"not in {_or(taken)}, or barred from it", loses, pl.coalesce(barred, "split"))]
    if selection.quarantine:
        whole = pl.col("quarantined").list.contains("")
        found.append(RowRule(QUARANTINE, "a ledger names the whole product", whole, _NO_DETAIL))
    for tag in selection.leave_out:
        found.append(RowRule(f"tag {tag}", "carries a tag that leaves it out", tags.list.contains(tag), _NO_DETAIL))
    if selection.language is not None and not selection.language.withhold:
        known = f"text not in {_or(selection.language.keep)}"
        found.append(RowRule(LANGUAGE, known, other_language(selection), pl.col("language").fill_null("not known")))
    for modality in selection.require:
        missing = (pl.col("present") & (1 << modality.bit)) == 0
        found.append(RowRule(f"no {modality}", f"{modality} is required", missing, _why_not(modality), counts=True))
    few = pl.col("present").bitwise_count_ones() < selection.at_least
    fewest = selection.at_least
    name = f"fewer than {fewest} modalities" if fewest > 1 else "no modality"
    counted = pl.col("present").bitwise_count_ones().cast(pl.String) + " left"
    found.append(RowRule(name, "too little is left of it", few, counted, counts=True))
    return found


def choice_rules(selection: Selection, clusters: pl.DataFrame) -> list[ChoiceRule]:
    """The rules that choose among products.

    Args:
        selection: the selection.
        clusters: relation, cluster, row, is_survivor, of the relations that the selection names at least.
    """
    found = []
    # From the narrowest relation on: nested clusters then do not strike out one another's choice.
    for relation in (r for r in Relation if r in selection.one_per):
        mine = clusters.filter(pl.col("relation") == relation.value)
        words = f"another product of its {relation} cluster is kept (train only)"
        found.append(ChoiceRule(f"one per {relation}", words, choose.one_per(mine)))
    for band in (b for b in Band if selection.sample.get(b, 1) < 1):
        share = selection.sample[band]
        words = f"not among the {share:g} drawn of the {band} (train only)"
        found.append(ChoiceRule(f"sample {band}", words, choose.sample(band, share), draws=True))
    cap, floor = selection.categories.cap, selection.categories.floor
    if cap is not None:
        words = f"not among the {cap:,} drawn of its category (train only)"
        found.append(ChoiceRule("category cap", words, choose.cap(cap), draws=True))
    if floor is not None:
        words = f"fewer than {floor:,} of its category are left"
        found.append(ChoiceRule("category floor", words, choose.floor(floor)))
    return found


def _why_not(modality: Modality) -> pl.Expr:
    """What withheld a modality, else the reason why it is not there."""
    words = {reason.value: reason.word for reason in Reason}
    reason = pl.col("reason").list.get(modality.bit).replace_strict(words, return_dtype=pl.String)
    withheld = pl.col("withheld_by").list.get(modality.bit)
    return pl.when(withheld != "").then(withheld).otherwise(reason)


def _or(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1] if len(names) > 1 else "".join(names)
