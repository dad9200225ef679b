"""The contract of a stage: rounds of independent units of work, each unit writing whole files and returning counts.

A stage is a frozen dataclass around its pydantic config. Its work falls into *rounds*: all units of one round may run
at once and in any order, the next round starts when every unit of the last one is done. (A stage that must finish with
one step that sees everything has a last round of a single unit.) Units are a pure function of the dataset and the
config, so any engine, on any number of workers, does the same work and writes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from m5tools import atomic, schema
from m5tools.dataset import Dataset, Output
from m5tools.journal import Journal
from m5tools.manifest import Manifest, StageEntry
from m5tools.partitions import part_name
from m5tools.vocabulary import Reason

Counts = dict[str, int]
_SETTINGS = {"shards": "name"}
"""How a choice is called in the settings of the stage that makes it, where it is not called the same."""


class StageConfig(BaseModel):
    """Base of every stage's config: unknown keys are errors, values cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Unit:
    """One piece of work of a round.

    Attributes:
        key: names it within its round; becomes the name of its completion marker.
        args: what `process` needs to know, as plain JSON values.
    """

    key: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """A table that a stage reads, with the choice where it exists several times (`policy`, `cut` …)."""

    table: str
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """The stage that writes it."""
        return schema.law(self.table).stage

    @property
    def chosen(self) -> str:
        """Which of several it is, in words: ` of the policy 'strict'`."""
        return "".join(f" of the {kind} '{name}'" for kind, name in self.choices.items())

    @property
    def settings(self) -> list[str]:
        """What the command that makes it must be told; an ingest is told by its recipe."""
        if self.stage == "ingest":
            return []
        named = {_SETTINGS.get(kind, kind): name for kind, name in self.choices.items()}
        return [word for setting, name in named.items() for word in ("--set", f"{setting}={name}")]

    def entries(self, stages: Mapping[str, StageEntry]) -> list[str]:
        """The finished runs in `dataset.json` that wrote it."""
        if self.choices:
            wanted = "/".join([self.stage, *self.choices.values()])
            return [wanted] if wanted in stages else []
        return sorted(e for e in stages if e == self.stage or e.startswith(f"{self.stage}/"))


@dataclass(frozen=True)
class Terms:
    """What the user asked of this one run: how far it goes, not what its work is, so no part of the run's name.

    Attributes:
        deadline: `time.monotonic()` after which a unit that can leave things for later begins nothing new.
        refresh: what was done before is to be done again.
    """

    deadline: float | None = None
    refresh: bool = False

    @property
    def late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline


class Work:
    """What a unit may touch: the dataset to read, a scratch folder, and `write`, which remembers what was written.

    Attributes:
        dataset: the dataset.
        scratch: folder shared by the units of this run of the stage; gone when the stage has finished.
        blamed: items that killed or stalled a worker twice, with the reason to record instead of trying again.
        terms: what was asked of this run.
        outputs: files written so far.
    """

    def __init__(
        self,
        dataset: Dataset,
        scratch: Path,
        blamed: Mapping[str, Reason] | None = None,
        journal: Path | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.dataset = dataset
        self.scratch = scratch
        self.blamed = dict(blamed or {})
        self.terms = terms or Terms()
        self.outputs: list[Output] = []
        self._journal = None if journal is None else Journal(journal)

    def write(self, table: str, part: str | int, rows: pa.Table | pl.DataFrame, **choices: str) -> int:
        """Write one part of a table; a number is a partition. Returns the number of rows."""
        name = part_name(part) if isinstance(part, int) else part
        self.outputs.append(self.dataset.write(table, name, rows, **choices))
        return rows.height if isinstance(rows, pl.DataFrame) else int(rows.num_rows)

    def write_note(self, path: Path, value: Any) -> None:
        """Write a JSON file beside the tables."""
        atomic.write_json(path, value)
        self.wrote(path)

    def wrote(self, path: Path, xxh3: str = "") -> None:
        """Record a file of another kind (a tar, a report) that the unit has written whole.

        Args:
            path: the file.
            xxh3: its xxh3-128 in hex, where it was taken while the file was written.
        """
        self.outputs.append(self.dataset.output(path, xxh3))

    def keeps(self, output: Output) -> None:
        """Record a file that was written before and that what is written now refers to."""
        self.outputs.append(output)

    @contextmanager
    def item(self, name: str) -> Iterator[None]:
        """Mark that `name` is being worked on, so that a crash or a hang inside can be laid at its door."""
        if self._journal is None:
            yield
            return
        self._journal.note(name)
        try:
            yield
        finally:
            self._journal.note("")

    def came(self, done: int, of: int) -> None:
        """Tell how far a long unit has come: so many of its parts are done."""
        if self._journal is not None:
            self._journal.came(done, of)

    def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            self._journal.close()


@dataclass(frozen=True)
class Stage(ABC):
    """Base of the stages.

    Attributes:
        name: the word on the command line.
        version: raised whenever the same input and config would give other bytes than before.
        writes: tables it owns; files below their folders that a finished run did not write are removed.
        stops_by_itself: its units watch the deadline and leave the rest for later, so that it commits though it is
            late; of other stages no unit is begun after the deadline, and nothing is committed.
        grows: it goes on from what earlier runs of it left, see :meth:`goes_on_from`.
        documents: its settings that name a YAML file, each with the keys of the file that it does not read.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    writes: ClassVar[tuple[str, ...]]
    stops_by_itself: ClassVar[bool] = False
    grows: ClassVar[bool] = False
    documents: ClassVar[Mapping[str, Collection[str]]] = {}

    config: StageConfig

    @abstractmethod
    def inputs(self) -> tuple[Input, ...]:
        """The tables it reads."""

    def earlier(self, manifest: Manifest) -> tuple[Input, ...]:
        """What it reads of tables that it writes itself: what runs before this one left there."""
        return ()

    @abstractmethod
    def rounds(self) -> tuple[str, ...]:
        """The rounds, in order."""

    @abstractmethod
    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        """The units of one round, in a fixed order; asked for when the rounds before are done."""

    @abstractmethod
    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        """Do one unit and say what was counted."""

    @property
    def choices(self) -> dict[str, str]:
        """Which of several instances of its tables it writes, e.g. `{"policy": "default"}`."""
        return {}

    @property
    def entry(self) -> str:
        """Its name in `dataset.json`."""
        return "/".join([self.name, *self.choices.values()])

    def examine(self, dataset: Dataset) -> None:
        """Look at the dataset before a run touches anything; raise `UsageError` where the settings do not fit it."""

    def check(self, counts: Counts) -> None:
        """Look at the sums of a whole run before it is called finished; raise where they cannot be true."""

    def remarks(self, dataset: Dataset) -> list[str]:
        """What a user should hear about a finished run beside its counts."""
        return []

    def outside(self) -> Any:
        """A JSON value that changes when something it reads outside the dataset changes."""
        return None

    def advice(self, counts: Counts) -> str | None:
        """What to check where a run did its work but what came out is hardly what was meant."""
        return None

    def owned(self, dataset: Dataset) -> list[Path]:
        """The files, and folders with all that is in them, that a finished run of this stage fully decides."""
        return [dataset.folder(table, **self.choices) for table in self.writes]

    def goes_on_from(self, dataset: Dataset) -> list[Path]:
        """Folders of earlier runs whose files a run that is no `--refresh` takes over as they are."""
        return []

    def settled(self, counts: Mapping[str, int]) -> bool:
        """Whether a run that ended with these counts left nothing that a later run, all else equal, would do."""
        return True

    def noted(self, manifest: Manifest) -> Any:
        """A JSON value that changes when something it reads in `dataset.json` itself changes."""
        return None

    def run_name(self, inputs: Mapping[str, str], noted: Any = None) -> str:
        """16 hex digits that change with the config, the stage's version or anything it reads."""
        body = [self.name, self.version, self.config.model_dump(mode="json"), dict(inputs), self.outside(), noted]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def total(counts: Iterable[Mapping[str, int]]) -> Counts:
    """The sum of counts, name by name, names in order."""
    summed: Counts = {}
    for count in counts:
        for name, value in count.items():
            summed[name] = summed.get(name, 0) + value
    return dict(sorted(summed.items()))
