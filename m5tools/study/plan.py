"""A study as a YAML file: which questions, which cells answer them, and the runs that all of them take together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from m5tools import documents
from m5tools.documents import Model
from m5tools.errors import UsageError
from m5tools.study.config import Cell, Learning, WorldConfig
from m5tools.study.judge import POOLINGS
from m5tools.study.networks import network_of
from m5tools.study.rules import rule_of


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
        poolings, removal, metrics: shown in the table of levels: poolings of the vectors, rates at which modalities
            are taken away at test time, and metrics.
        compare: pairs of "<cell>/<pooling>", optionally "…@<rate>"; their difference is shown with intervals.
            "{cell}" stands for each of `cells`.
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
    axis: str | None = None

    def named(self) -> dict[str, Change]:
        """All its cells by full name."""
        crossed = self.times or {"": Change()}
        return {
            f"{cell}, {other}" if other else cell: second.over(first.over(self.base))
            for cell, first in self.cells.items()
            for other, second in crossed.items()
        }

    def comparisons(self) -> list[tuple[View, View]]:
        """Every pair to compare, "{cell}" filled in."""
        found = []
        for better, other in self.compare:
            for cell in self.cells if "{cell}" in better + other else ("",):
                found.append((View.of(better.replace("{cell}", cell)), View.of(other.replace("{cell}", cell))))
        return found


class View(BaseModel):
    """One column of results: a cell, how its vectors are pooled, and what was taken away at test time."""

    model_config = ConfigDict(frozen=True)

    cell: str
    pooling: str
    removal: str = "0%"

    @staticmethod
    def of(text: str) -> View:
        """Read "<cell>/<pooling>" or "<cell>/<pooling>@<rate>"."""
        cell, _, rest = text.rpartition("/")
        pooling, _, removal = rest.partition("@")
        return View(cell=cell, pooling=pooling, removal=removal or "0%")

    def __str__(self) -> str:
        taken = "" if self.removal == "0%" else f", {self.removal} taken away"
        return f"{self.cell} / {self.pooling}{taken}"


class Study(BaseModel):
    """A whole study.

    Attributes:
        title: heading of its page.
        first_seed, seeds: seeds are numbered through from the first; all cells of a question share them.
        base: what all cells have.
        questions: by name.
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
            for cell in plan.runs.values():
                rule_of(cell)
                network_of(cell)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
        for name, question in plan.study.questions.items():
            known = question.named()
            for view in (view for pair in question.comparisons() for view in pair):
                if view.cell not in known:
                    raise UsageError(f"{path}: {name}: no cell '{view.cell}'; {documents.near(view.cell, known)}")
                if view.pooling not in (*POOLINGS, "joint"):
                    raise UsageError(f"{path}: {name}: no pooling '{view.pooling}'; there are {', '.join(POOLINGS)}")
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


def _valid(model: type[Model], body: dict[str, Any], place: str) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = documents.root_causes(error)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {field}: {documents.complaint(first)}") from error
