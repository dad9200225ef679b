"""A study as a YAML file: which questions, which cells answer them, and the runs that all of them take together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from m5tools import documents
from m5tools.documents import Model
from m5tools.errors import UsageError
from m5tools.study.claim import Claim
from m5tools.study.config import Cell, Learning, WorldConfig
from m5tools.study.judge import POOLINGS, REMOVALS
from m5tools.study.networks import network_of
from m5tools.study.rules import rule_of
from m5tools.study.views import Contrast, View

TAKEN: Final = tuple(str(removal) for removal in REMOVALS)


class Change(BaseModel):
    """What a cell has that the base has not.

    Attributes:
        world, learning: fields that differ from the base.
        at: where the cell stands on the horizontal axis of the question's curve.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    world: dict[str, Any] = {}
    learning: dict[str, Any] = {}
    at: float | None = None

    def over(self, other: Change) -> Change:
        """This change on top of another one."""
        at = self.at if self.at is not None else other.at
        return Change(world=other.world | self.world, learning=other.learning | self.learning, at=at)


class Question(BaseModel):
    """One question and the cells that answer it.

    Attributes:
        asks: the question, in words.
        seeds: how many; None takes the study's number.
        base: what all its cells have.
        cells, times: cells by name; with `times` each of them is crossed with each of these, and called
            "<cell>, <other>".
        poolings, removal, metrics: shown in the table of levels: poolings of the vectors, what is taken away at test
            time (:data:`m5tools.study.judge.REMOVALS`, as text), and metrics.
        compare: pairs of "<cell>/<pooling>", optionally "…@<removal>"; their difference is shown with intervals.
        effects: by name, factors of such views that add up to nought, where more than two are compared: main effects
            and interactions.
            In both "{cell}" stands for each of `cells`.
        axis: title of the horizontal axis, where a curve of the cells' `at` is drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asks: str
    seeds: int | None = Field(default=None, ge=1)
    base: Change = Change()
    cells: dict[str, Change] = Field(min_length=1)
    times: dict[str, Change] = {}
    poolings: tuple[str, ...] = ("uniform", "rho_q")
    removal: tuple[str, ...] = ("0%",)
    metrics: tuple[str, ...] = ("instance@1", "instance@10", "class@1", "class@10", "probe", "nmi")
    compare: tuple[tuple[str, str], ...] = ()
    effects: dict[str, dict[str, float]] = {}
    axis: str | None = None

    def named(self) -> dict[str, Change]:
        """All its cells by full name."""
        crossed = self.times or {"": Change()}
        return {
            f"{cell}, {other}" if other else cell: second.over(first.over(self.base))
            for cell, first in self.cells.items()
            for other, second in crossed.items()
        }

    @model_validator(mode="after")
    def _effects_of_nothing_are_nought(self) -> Question:
        for name, factors in self.effects.items():
            if abs(sum(factors.values())) > 1e-9:
                raise ValueError(f"the factors of the effect '{name}' must add up to 0")
        return self

    def contrasts(self) -> list[Contrast]:
        """Every difference and effect to show, "{cell}" filled in."""
        pairs = [Contrast.difference(*pair) for first, second in self.compare for pair in self.filled(first, second)]
        effects = [
            Contrast.effect(name, dict(zip(views, factors.values(), strict=True)))
            for title, factors in self.effects.items()
            for name, *views in self.filled(title, *factors)
        ]
        return [*pairs, *effects]

    def filled(self, *texts: str) -> list[tuple[str, ...]]:
        """The texts once, or if "{cell}" is in one of them, once for each of `cells` with its name in that place."""
        cells = self.cells if any("{cell}" in text for text in texts) else ("",)
        return [tuple(text.replace("{cell}", cell) for text in texts) for cell in cells]


class Study(BaseModel):
    """A whole study.

    Attributes:
        title: heading of its page.
        first_seed, seeds: seeds are numbered through from the first; all cells of a question share them.
        base: what all cells have.
        questions: by name.
        claims: what stands at the head of the page, with the answer that the results give.
        elsewhere: further claims, and where these are shown.
        quick: of the short form: seeds of every question, and what its cells have on top of everything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    class Quick(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        seeds: int = Field(default=1, ge=1)
        change: Change = Change()

    title: str
    first_seed: int = 100
    seeds: int = Field(default=3, ge=1)
    base: Change = Change()
    questions: dict[str, Question] = Field(min_length=1)
    claims: tuple[Claim, ...] = ()
    elsewhere: dict[str, str] = {}
    quick: Quick = Quick()


class Plan:
    """The runs of a study, each once, however many questions ask for it.

    Attributes:
        runs: by fingerprint, in the order of the file.
        places: (question, cell name, seed) → fingerprint.
    """

    def __init__(self, study: Study, *, quick: bool = False) -> None:
        self.study, self.quick = study, quick
        self.runs: dict[str, Cell] = {}
        self.places: dict[tuple[str, str, int], str] = {}
        for question, name, cell in self._cells():
            self.runs.setdefault(cell.fingerprint, cell)
            self.places[question, name, cell.seed] = cell.fingerprint

    @staticmethod
    def read(path: Path, *, quick: bool = False) -> Plan:
        """The plan of a file.

        Raises:
            UsageError: the file is not a study, or names a cell, a rule or a network that is not there.
        """
        study = documents.load(path, Study)
        try:
            plan = Plan(study, quick=quick)
            for cell in {cell.learning: cell for cell in plan.runs.values()}.values():
                rule_of(cell)
                network_of(cell)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
        try:
            _check_names(study)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
        return plan

    def _cells(self) -> Iterator[tuple[str, str, Cell]]:
        study = self.study
        for question, asked in study.questions.items():
            count = study.quick.seeds if self.quick else asked.seeds or study.seeds
            for name, change in asked.named().items():
                merged = change.over(study.base)
                if self.quick:
                    merged = study.quick.change.over(merged)
                world = _valid(WorldConfig, merged.world, f"{question}: {name}: world")
                learning = _valid(Learning, merged.learning, f"{question}: {name}: learning")
                for seed in range(study.first_seed, study.first_seed + count):
                    yield question, name, Cell(world=world, learning=learning, seed=seed)


def _check_names(study: Study) -> None:
    for name, question in study.questions.items():
        for contrast in question.contrasts():
            _check_views(name, question, [view for _, view in contrast.terms])
    for claim in study.claims:
        if claim.question not in study.questions:
            raise UsageError(
                f"claims: no question '{claim.question}'; {documents.near(claim.question, study.questions)}"
            )
        question = study.questions[claim.question]
        missing = [name for name in claim.effects if name not in question.effects]
        if missing:
            raise UsageError(f"claims: {claim.question}: no effect '{missing[0]}'")
        views = [View.of(text) for text in claim.views()] + [View(cell=c, pooling=POOLINGS[0]) for c in claim.cells]
        for view in views:
            for (cell,) in question.filled(view.cell):
                _check_views(f"claims: {claim.question}", question, [view.model_copy(update={"cell": cell})])


def _check_views(place: str, question: Question, views: Iterable[View]) -> None:
    known = question.named()
    for view in views:
        if view.cell not in known:
            raise UsageError(f"{place}: no cell '{view.cell}'; {documents.near(view.cell, known)}")
        if view.pooling not in (*POOLINGS, "joint"):
            raise UsageError(f"{place}: no pooling '{view.pooling}'; there are {', '.join(POOLINGS)}")
        if view.removal not in TAKEN:
            raise UsageError(f"{place}: nothing is judged with {view.removal} taken away, but {', '.join(TAKEN)}")


def _valid(model: type[Model], body: dict[str, Any], place: str) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = documents.root_causes(error)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {field}: {documents.complaint(first)}") from error
