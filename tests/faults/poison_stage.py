"""Poison as work of the engine: its workers take the inputs, as they take the files of a crawl."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from m5tools.dataset import Dataset
from m5tools.engine.pool import Pool
from m5tools.engine.worker import Done, Task
from m5tools.media.guard import bounded
from m5tools.stage import Counts, Input, Stage, StageConfig, Terms, Unit, Work

from .poison_targets import TARGETS, given, outcome

A_UNIT: Final = 250
SECONDS: Final = 20.0
"""What one input may take; the inputs are at most a megabyte."""
MEMORY: Final = 2**30
"""What a worker may allocate for one input of a decoder (RLIMIT_DATA), as in production; the others may take twice that,
for Arrow reserves its memory by the gibibyte."""
FAULT: Final = "FAULT "
HEAVIEST: Final = 10


class Fault(msgspec.Struct):
    """An input that broke a law, and how to have it again."""

    target: str
    seed: int
    number: int
    what: str


class Weight(msgspec.Struct):
    """What memory a worker held before an input and at most while it had it, in MiB."""

    target: str
    number: int
    before: int
    peak: int


class Found(msgspec.Struct):
    """What one unit tells beside its counts; of the weights the greatest."""

    faults: list[Fault]
    heaviest: list[Weight]


class PoisonConfig(StageConfig):
    seed: int


@dataclass(frozen=True)
class Poison(Stage):
    """Feeds inputs to targets. Its counts are `target: outcome`."""

    name: ClassVar[str] = "poison"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ()

    config: PoisonConfig

    def inputs(self) -> tuple[Input, ...]:
        return ()

    def rounds(self) -> tuple[str, ...]:
        return ("all",)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        raise NotImplementedError

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        target, seed = unit.args["target"], self.config.seed
        counts: Counter[str] = Counter()
        faults: list[Fault] = []
        weights: list[Weight] = []
        for number in range(unit.args["first"], unit.args["first"] + unit.args["count"]):
            if str(number) in work.blamed:
                came = f"failed: {work.blamed[str(number)].word}"
                if TARGETS[target].kind != "decoder":  # of which the engine makes a failed file
                    came = FAULT + came
                    faults.append(Fault(target, seed, number, came))
            else:
                data = given(target, seed, number)
                before = held_mib(anew=True)
                with work.item(str(number)):
                    came = self._came(target, number, data, work.scratch, faults)
                weights.append(Weight(target, number, before, held_mib()))
            counts[f"{target}: {came}"] += 1
        found = Found(faults, heaviest(weights))
        (work.scratch / f"{unit.key}.found").write_bytes(msgspec.json.encode(found))
        return dict(counts)

    def _came(self, target: str, number: int, data: bytes, scratch: Path, faults: list[Fault]) -> str:
        memory = MEMORY if TARGETS[target].kind == "decoder" else 2 * MEMORY
        try:
            with bounded(memory):
                return outcome(target, data, scratch)
        except Exception as error:  # noqa: BLE001 - what is looked for
            faults.append(Fault(target, self.config.seed, number, "".join(traceback.format_exception(error)[-6:])))
            return FAULT + type(error).__name__


def held_mib(anew: bool = False) -> int:
    """The most memory that this process has held, in MiB; `anew`: from now on, so that it is what is held."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) // 1024


def heaviest(weights: Iterable[Weight]) -> list[Weight]:
    """The few for which most was taken."""
    return sorted(weights, key=lambda weight: weight.before - weight.peak)[:HEAVIEST]


def shares(inputs: int) -> dict[str, int]:
    """How many inputs each target gets, `inputs` or a few more in all."""
    parts = sum(target.share for target in TARGETS.values())
    return {name: -(-inputs * target.share // parts) for name, target in TARGETS.items()}


def fed(wanted: dict[str, int], seed: int, scratch: Path, workers: int) -> Iterator[tuple[str, Counts, Found]]:
    """Feed the targets, and tell of each unit as it is done: its target, its counts, its faults and heaviest inputs.

    Raises:
        StageFailed: workers end and no input can be blamed.
    """
    stage = Poison(PoisonConfig(seed=seed))
    tasks = []
    for target, count in wanted.items():
        for first in range(0, count, A_UNIT):
            unit = Unit(f"{len(tasks):05d}", {"target": target, "first": first, "count": min(A_UNIT, count - first)})
            tasks.append(Task(stage, str(scratch / "no dataset"), "all", unit, str(scratch), {}, Terms()))
    with Pool(workers, item_limit_s=SECONDS) as pool:
        for task, done in pool.run(tasks, stop=lambda: False):
            yield task.unit.args["target"], _counts(done), found_in(scratch / f"{task.unit.key}.found")


def _counts(done: Done) -> Counts:
    assert done.message is None, done.message
    assert done.traceback is None, done.traceback
    return done.counts


def found_in(file: Path) -> Found:
    return msgspec.json.decode(file.read_bytes(), type=Found)
