"""What the results say to each claim of a study: yes, no, or that it cannot be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl
from scipy import stats

from m5tools.study import results
from m5tools.study.claim import Claim
from m5tools.study.intervals import LEVEL, Interval
from m5tools.study.plan import Plan, Question
from m5tools.study.views import Contrast, View

CLEARLY: Final = 0.05
"""Two modalities are clearly different when what they achieve alone (mAP@10 of 600 queries) differs by this much."""

YES: Final = "yes"
NO: Final = "no"
OPEN: Final = "not told apart"
NOT_RUN: Final = "not run"


@dataclass(frozen=True)
class Figure:
    """One figure that a claim hangs on: what it is of, what it says to the claim, and itself with its interval.

    A sum of other figures says nothing to the claim: its verdict is empty.
    """

    of: str
    verdict: str
    shown: str


@dataclass(frozen=True)
class Answer:
    """A claim and the figures that decide it."""

    says: str
    figures: tuple[Figure, ...]

    @property
    def verdict(self) -> str:
        """One word where all figures say the same, else how many say what."""
        found = Counter(figure.verdict for figure in self.figures if figure.verdict)
        if len(found) == 1:
            return next(iter(found))
        counts = [f"{found[word]} {word}" for word in (YES, NO, OPEN, NOT_RUN) if found[word]]
        return ", ".join(counts)


def answers(plan: Plan, table: pl.DataFrame, weights: pl.DataFrame) -> list[Answer]:
    """Every claim of a study with its answer.

    Args:
        table: :func:`m5tools.study.results.long`.
        weights: :func:`m5tools.study.results.weights`.
    """
    return [Answer(claim.says, tuple(_figures(plan, claim, table, weights))) for claim in plan.study.claims]


def _figures(plan: Plan, claim: Claim, table: pl.DataFrame, weights: pl.DataFrame) -> Iterator[Figure]:
    question = plan.study.questions[claim.question]
    own, wanted = weights.filter(pl.col("question") == claim.question), _wanted(plan, claim.question)
    if claim.kind == "noise_last":
        yield from _noise(claim, own, _cells(question, claim), wanted)
    elif claim.kind == "ordered":
        yield from _ordered(own, table, _cells(question, claim))
    else:
        for contrast in _contrasts(question, claim):
            for metric in claim.metrics:
                found = results.summed(table, claim.question, contrast, metric)
                name = contrast.name + f", {metric}" * (len(claim.metrics) > 1)
                yield Figure(name, *_judged(claim, found, wanted))


def _wanted(plan: Plan, question: str) -> int:
    return len({seed for asked, _, seed in plan.places if asked == question})


def _cells(question: Question, claim: Claim) -> list[str]:
    return [cell for text in claim.cells for (cell,) in question.filled(text)]


def _contrasts(question: Question, claim: Claim) -> Iterator[Contrast]:
    for first, second in claim.compare:
        for pair in question.filled(first, second):
            yield Contrast.difference(pair[0], pair[1])
    for title in claim.effects:
        for name, *views in question.filled(title, *question.effects[title]):
            factors = question.effects[title].values()
            yield Contrast.effect(name, dict(zip(views, factors, strict=True)))
    for text in claim.levels:
        for (level,) in question.filled(text):
            yield Contrast(str(View.of(level)), ((1.0, View.of(level)),))


def _judged(claim: Claim, found: Interval | None, wanted: int) -> tuple[str, str]:
    """Verdict and figure, by Student's t over the seeds, of which there may be fewer than `wanted`."""
    if found is None:
        return NOT_RUN, "–"
    bound = {"higher": 0.0, "harmless": -(claim.within or 0.0), "above": claim.than or 0.0}[claim.kind]
    verdict = YES if found.low > bound else NO if found.high < bound else OPEN
    sign = "" if claim.kind == "above" else "+"
    low, high = (format(end, f"{sign}.3f") for end in (found.low, found.high))
    span = "" if len(found.values) < 2 else f" ({low}, {high})"
    of = "" if len(found.values) == wanted else f"{len(found.values)} of "
    return verdict, f"{found.mean:{sign}.3f}{span}, {of}{_seeds(wanted)}"


def _noise(claim: Claim, weights: pl.DataFrame, cells: list[str], wanted: int) -> Iterator[Figure]:
    found = {row["cell"]: row for row in results.noise_last(weights).to_dicts()}
    last, of = 0, 0
    for cell in cells:
        if cell not in found:
            yield Figure(cell, NOT_RUN, "–")
            continue
        here, seeds = found[cell][f"{claim.weights}_last"], found[cell]["seeds"]
        last, of = last + here, of + seeds
        more = "" if seeds == wanted else f" ({wanted} planned)"
        yield Figure(cell, YES if here == seeds else NO, f"in {here} of {_seeds(seeds)}{more}")
    if of and len(cells) > 1:
        low, high = stats.binomtest(last, of).proportion_ci(LEVEL)
        shown = f"in {last} of {of} runs (a share of {low:.2f} to {high:.2f}, Clopper and Pearson)"
        yield Figure("together", "", shown)


def _ordered(weights: pl.DataFrame, table: pl.DataFrame, cells: Iterable[str]) -> Iterator[Figure]:
    pairs = results.pairs_in_order(weights, table, CLEARLY)
    ranks = results.order(weights, table, "instance@10").drop_nulls("spearman").drop_nans("spearman")
    for cell in cells:
        right = pairs.filter(pl.col("cell") == cell)
        rank = ranks.filter(pl.col("cell") == cell)["spearman"].to_list()
        ran = weights.filter(pl.col("cell") == cell)["seed"].n_unique()
        if right.is_empty():
            yield Figure(cell, OPEN, f"no pair differs clearly, {_seeds(ran)}") if ran else Figure(cell, NOT_RUN, "–")
            continue
        shown = f"{right['right'].sum()} of {len(right)} pairs, {_seeds(len(rank))}"
        wrong = right.filter(~pl.col("right")).group_by("modality", "modality_less", maintain_order=True).len()
        wrong_pairs = [f"{better} below {less} ({count})" for better, less, count in wrong.iter_rows()]
        shown += f" (wrong: {', '.join(wrong_pairs)})" if wrong_pairs else ""
        shown += f"; Spearman {min(rank):.2f} to {max(rank):.2f}"
        yield Figure(cell, YES if right["right"].all() else NO, shown)


def _seeds(count: int) -> str:
    return f"{count} seed{'s' * (count != 1)}"
