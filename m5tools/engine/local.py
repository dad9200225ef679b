"""The local engine: runs a stage's rounds over worker processes, marks finished units, resumes, commits.

Every finished unit leaves a marker (`runs/<entry>/<run>/<round>/<unit>.json`) with its counts and the checksums of what
it wrote. A run that was killed finds the markers and does only the rest. The run's name is a hash of config, stage
version and inputs, so markers of other circumstances are never mistaken for ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from m5tools.dataset import Dataset
from m5tools.engine.commit import commit, committed
from m5tools.engine.lock import held
from m5tools.engine.markers import Markers
from m5tools.engine.pool import Pool, Workers
from m5tools.engine.progress import Listener, Silent
from m5tools.engine.ranks import STOPPED, Ranks, in_words
from m5tools.engine.room import discard, make_room, make_scratch, tidy
from m5tools.engine.unchanged import inputs_stay, outside_of, refuse_changed, refuse_spoiled
from m5tools.engine.unlisted import SCRATCH, is_given_up
from m5tools.engine.verify import faults_of, lost
from m5tools.engine.worker import Done, Task
from m5tools.errors import StageFailed, StaleError, UsageError
from m5tools.freshness import documents_of, fresh_inputs, gone
from m5tools.manifest import Document, StageEntry
from m5tools.stage import Counts, Stage, Terms, Unit

POLL_S = 0.5
# What other ranks are given after the deadline to end the units they are at, where those stop by themselves.
PATIENCE_S = 300.0
NOTE_EVERY_S = 120.0


@dataclass(frozen=True)
class Result:
    """How a stage ended.

    Attributes:
        entry: its name in `dataset.json`.
        counts: summed over its units.
        up_to_date: nothing had to be done.
        finished: False when the time limit came first; run the same command to go on.
    """

    entry: str
    counts: Counts
    up_to_date: bool
    finished: bool


@dataclass
class LocalEngine:
    """Runs stages on this machine.

    Args:
        pool: who does the units, here or on a cluster; shared by all stages of a pipeline.
        listener: told about the run.
        rank: this process among `world_size` that share the dataset folder and the work.
        world_size: how many there are.
        deadline: `time.monotonic()` after which no further unit is begun.
        refresh: do a stage again though it is up to date.
        max_failed_share: a stage fails when more than this share of its items failed.
    """

    pool: Workers
    listener: Listener
    rank: int = 0
    world_size: int = 1
    deadline: float | None = None
    refresh: bool = False
    max_failed_share: float = 1.0
    _missed: set[Path] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        if self.refresh and self.world_size > 1:
            # The rank that clears the old run away cannot know what the others have already done of the new one.
            raise UsageError("--refresh is not for several ranks; refresh in one process, without --world-size")

    def run(self, dataset: Dataset, stage: Stage) -> Result:
        """Bring one stage up to date.

        Raises:
            StaleError: an input is missing, damaged or out of date.
            UsageError: another run holds the stage.
            StageFailed: a unit failed, or too many items did.
        """
        if dataset.copy is not None and self.world_size > 1:
            raise UsageError(
                f"ranks share a folder, and each machine has a working copy of {dataset.place} of its own; "
                "run it in one process, without --world-size"
            )
        with dataset.writing():
            return self._run(dataset, stage)

    def _run(self, dataset: Dataset, stage: Stage) -> Result:
        started = time.monotonic()
        ranks = Ranks(dataset.root / "runs" / stage.name, stage.entry, self.rank, self.world_size)
        with ranks.telling(begun=False):
            inputs = fresh_inputs(stage, dataset)
            self._miss(dataset, inputs)
            stage.examine(dataset)
            documents = documents_of(stage)
            ranks.run = run = stage.run_name(inputs, stage.noted(dataset.manifest()))
            for upstream in inputs:
                fault = lost(dataset, upstream)
                if fault is not None:
                    self._forget(dataset, stage, ranks)
                    what = f"{dataset.place}/{fault.path}: {fault.what}"
                    raise StaleError(f"'{stage.name}' reads {what}; run: {fault.remedy}")
            if done := self._done_before(dataset, stage, run, documents):
                self._tidy(dataset, stage, ranks)
                return done
        home = dataset.root / "runs" / stage.entry
        with held(ranks):
            # Until the lock was ours another run may have been at work.
            if fresh_inputs(stage, dataset) != inputs:
                raise UsageError(f"what '{stage.entry}' reads changed just now; run the same command again")
            if done := self._done_before(dataset, stage, run, documents):
                return done
            outside = outside_of(stage)
            first, alone = self.rank == 0, self.world_size == 1
            if first and not self.refresh:
                refuse_spoiled(dataset, stage)
            make_room(dataset, stage, run, refresh=self.refresh, first=first, alone=alone)
            markers = Markers(dataset, home / run)
            with inputs_stay(dataset, stage, inputs, markers):
                for round_name in stage.rounds():
                    units = stage.units(dataset, round_name)
                    if not self._run_round(dataset, stage, round_name, units, markers, ranks):
                        return self._stopped(stage, markers, ranks)
            ranks.heed()
            refuse_changed(stage, outside)
            counts = markers.counts()
            stage.check(counts)
            self._check_failures(stage, counts)
            if self.rank == 0:
                commit(dataset, stage, run, inputs, documents, markers, counts)
                ranks.committed()
            elif not self._wait(stage, lambda: committed(dataset, stage, run), ranks, lambda: {0}):
                return self._stopped(stage, markers, ranks)
        self.listener.stage_done(stage.entry, counts, time.monotonic() - started, False)
        advice = stage.advice(counts)
        remarks = stage.remarks(dataset) if self.rank == 0 else ()
        for remark in (*([advice] if advice is not None else ()), *remarks):
            self.listener.note(f"{stage.entry}: {remark}")
        if not stage.settled(counts):
            self.listener.note(f"{stage.entry}: some is left for a later run; run the same command to go on")
        return Result(stage.entry, counts, False, True)

    def _forget(self, dataset: Dataset, stage: Stage, ranks: Ranks) -> None:
        """Drop what was done of a run that lost an input: it may have been done without it.

        Not of one that is committed: that was sure of its inputs to its end. Ranks leave it to the one that finds it
        out while they work.
        """
        home = dataset.root / "runs" / stage.entry
        if self.world_size == 1 and (home / ranks.run).is_dir() and not committed(dataset, stage, ranks.run):
            with suppress(UsageError), held(ranks):
                discard(home / ranks.run, home)

    def _tidy(self, dataset: Dataset, stage: Stage, ranks: Ranks) -> None:
        """Remove what a run left that was stopped after it was committed or before it was done anew: scratch, locks."""
        home = dataset.root / "runs" / stage.entry
        folder = home / ranks.run
        left = (folder / SCRATCH).is_dir() or is_given_up(folder) or ranks.lock(self.rank).exists()
        if self.world_size == 1 and left:
            with suppress(UsageError), held(ranks):
                tidy(home, ranks.run)

    def _miss(self, dataset: Dataset, inputs: Collection[str]) -> None:
        """Say once of each file that cannot be looked at whether it still says what a stage was made by."""
        for path, entry in gone(inputs, dataset.manifest()["stages"]).items():
            if path not in self._missed:
                self._missed.add(path)
                self.listener.note(
                    f"{entry} was made by {path}, which is not there now; what it made is taken as it is"
                )

    def _done_before(self, dataset: Dataset, stage: Stage, run: str, documents: dict[str, Document]) -> Result | None:
        entry = dataset.manifest()["stages"].get(stage.entry)
        if entry is None or entry["run"] != run or self._goes_on(stage, entry) or self._must_mend(dataset, stage):
            return None
        if entry.get("documents", {}) != documents:
            # They say the same to this stage in other words, or the run is of before they were noted.
            with dataset.changing() as manifest:
                manifest["stages"][stage.entry]["documents"] = documents
        self.listener.stage_done(stage.entry, entry["counts"], 0.0, True)
        if not stage.settled(entry["counts"]):
            self.listener.note(f"{stage.entry}: some is left to do; run it without --world-size to go on")
        return Result(stage.entry, entry["counts"], True, True)

    def _goes_on(self, stage: Stage, entry: StageEntry) -> bool:
        """Whether a finished run is to be taken up again.

        Not by several ranks: the one that clears the old markers away cannot know which of them the others have read.
        """
        return self.refresh or (self.world_size == 1 and not stage.settled(entry["counts"]))

    def _must_mend(self, dataset: Dataset, stage: Stage) -> bool:
        """Whether a finished stage has lost a file since, be it a record of its files, and is to be done again."""
        fault = next(iter(faults_of(dataset, stage.entry, contents=False)), None)
        if fault is None:
            return False
        if self.world_size > 1:
            raise StaleError(f"'{stage.name}' has lost {dataset.place}/{fault.path}; run: {fault.remedy}")
        self.listener.note(f"{stage.entry}: {fault.path}: {fault.what}; doing the stage again")
        return True

    def _run_round(
        self,
        dataset: Dataset,
        stage: Stage,
        round_name: str,
        units: list[Unit],
        markers: Markers,
        ranks: Ranks,
    ) -> bool:
        """Do the open units of a round; False when the deadline cut it short."""
        markers.load(round_name, units)
        mine = [u for i, u in enumerate(units) if i % self.world_size == self.rank]
        open_units = [u for u in mine if not markers.has(round_name, u)]
        self.listener.round_started(stage.entry, round_name, len(mine), len(mine) - len(open_units))
        scratch = markers.folder / SCRATCH
        if open_units:
            # Only then: a rank without work must not make anew what rank 0 has just removed.
            make_scratch(scratch)
        terms = Terms(self.deadline, self.refresh)
        tasks = [Task(stage, str(dataset.root), round_name, unit, str(scratch), {}, terms) for unit in open_units]

        def beat() -> None:
            self.listener.under_way(stage.entry, round_name, *self.pool.under_way())

        def stop() -> bool:
            ranks.heed()
            return self._late(stage)

        for task, done in self.pool.run(tasks, stop, beat):
            ranks.place = f"unit '{task.unit.key}' of round '{round_name}'"
            _raise_failure(stage, task.unit, done)
            ranks.place = ""
            markers.add(round_name, task.unit, done)
            self.listener.unit_done(stage.entry, round_name, task.unit.key, done.counts, done.seconds)
        if any(not markers.has(round_name, u) for u in mine):
            return False

        def owing() -> set[int]:
            return {i % self.world_size for i, unit in enumerate(units) if not markers.has(round_name, unit)}

        return self._wait(stage, lambda: markers.load(round_name, units), ranks, owing)

    def _late(self, stage: Stage) -> bool:
        return Terms(self.deadline).late and not stage.stops_by_itself

    def _stopped(self, stage: Stage, markers: Markers, ranks: Ranks) -> Result:
        ranks.stopped()
        self.listener.note(f"{stage.entry}: stopped at the time limit; run the same command to go on")
        return Result(stage.entry, markers.counts(), False, False)

    def _wait(
        self, stage: Stage, ready: Callable[[], bool], ranks: Ranks, owing: Callable[[], Collection[int]]
    ) -> bool:
        """Wait for what other ranks are doing; False when the deadline came first, for this one or for one of them.

        Args:
            ready: whether it is done.
            owing: the ranks that have not done their part yet.

        Raises:
            StageFailed: one of them has failed or fell silent.
        """
        given_up = self.deadline
        if given_up is not None and stage.stops_by_itself:
            given_up += PATIENCE_S
        noted = time.monotonic()
        while not ready():
            stands = ranks.stands(owing())
            if Terms(given_up).late or (stands is not None and STOPPED in stands.values()):
                # What the one that stopped did last may have become visible just now.
                return ready()
            if stands and time.monotonic() - noted >= NOTE_EVERY_S:
                noted = time.monotonic()
                self.listener.note(f"{stage.entry}: waiting for {in_words(stands)}")
            time.sleep(POLL_S)
        return True

    def _check_failures(self, stage: Stage, counts: Counts) -> None:
        failed, items = counts.get("failed", 0), counts.get("items", 0)
        if items and failed / items > self.max_failed_share:
            raise StageFailed(
                f"'{stage.name}': {failed:,} of {items:,} items failed, more than --max-failed-share "
                f"{self.max_failed_share:g} allows"
            )


def run_stage(dataset: Dataset, stage: Stage, workers: int = 0) -> Result:
    """Bring one stage up to date, quietly; 0 workers = in this process."""
    with Pool(workers) as pool:
        return LocalEngine(pool, Silent()).run(dataset, stage)


def _raise_failure(stage: Stage, unit: Unit, done: Done) -> None:
    if done.message is not None:
        raise StageFailed(f"'{stage.name}' failed: {done.message}")
    if done.traceback is not None:
        raise RuntimeError(f"unit '{unit.key}' of '{stage.name}' failed\n\n{done.traceback}")
