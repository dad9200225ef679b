"""One SIGKILL at a moment drawn by a seed, the same command again, and what came of it.

A moment is a point (the n-th change of a file by the parent, or by its workers, see `inside/sitecustomize.py`) or a
time. Points are the same in every run of a seed; a time falls where the machine is by then.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from m5tools.atomic import TEMPORARY

from ..acceptance import line
from .undisturbed import Reference, begin, content, told_units

VICTIMS: Final = ("parent", "worker", "both")
LEFT: Final = (f"{TEMPORARY}*", ".gone-*", ".lock-*", ".ended-*", "scratch")
PATIENCE_S: Final = 300.0
EARLIER: Final = 0.8
"""What is made of a moment that the run did not live to see: other processes slowed the undisturbed one down."""


@dataclass(frozen=True)
class Kill:
    """What a seed says.

    Attributes:
        seed: the seed.
        step: name of the step.
        victim: who gets the signal.
        at: `point` or `time`.
        of: whose points are counted.
        share: how far into the step: of its points, or of its seconds.
    """

    seed: int
    step: str
    victim: str
    at: str
    of: str
    share: float


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        kill: the kill.
        moment: which point or second it was.
        survived: the parent went on and ended well.
        units: done in all, those told by the killed and by the resumed run.
        again: units that both runs told to be done.
        left: temporary files, locks and scratch that the resumed run did not remove.
        differing: files that are not those of the undisturbed run.
        said: the end of what a run said that did not end well.
    """

    kill: Kill
    moment: float
    survived: bool
    units: int
    again: list[str]
    left: list[str]
    differing: list[str]
    said: str = ""

    @property
    def is_good(self) -> bool:
        return not (self.again or self.left or self.differing or self.said)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"good": self.is_good}


def draw(seed: int, references: Sequence[Reference]) -> tuple[Reference, Kill]:
    """The kill of a seed: consecutive seeds go through the steps in turn."""
    reference = references[seed % len(references)]
    chance = random.Random(seed)
    victim = chance.choice(VICTIMS) if reference.step.has_workers else "both"
    whose = [name for name in ("parent", "worker") if name[0] in reference.points]
    of = "worker" if victim == "worker" else chance.choice(whose)
    at = chance.choice(("point", "time"))
    return reference, Kill(seed, reference.step.name, victim, at, of, chance.random())


def strike(reference: Reference, kill: Kill, folder: Path) -> Outcome:
    """Kill a step in a copy of the dataset it began with, run it again, compare.

    Args:
        reference: the step, undisturbed in `folder`.
        kill: when and whom.
        folder: where the undisturbed runs were; what is killed takes their place.
    """
    scratch = folder / "tmp"
    share = kill.share
    while True:
        root = _prepared(reference, folder)
        shutil.rmtree(scratch)
        scratch.mkdir()
        arguments = reference.step.command(root, folder / "dataset")
        moment, struck, code = _killed(reference, kill, share, arguments, root, scratch)
        if struck:
            break
        share *= EARLIER
    first = (scratch / "log").read_text()
    survived = kill.victim == "worker" and code == 0
    said = "" if survived or code == -signal.SIGKILL else _end(first)
    told = [told_units(first)]
    if not survived:
        code = begin(arguments, scratch).wait(timeout=PATIENCE_S)
        again = (scratch / "log").read_text()
        told.append(told_units(again))
        said = said or ("" if code == 0 else _end(again))
    twice = sorted(f"{name}/{unit}" for name, unit in _twice(told))
    left = [str(p.relative_to(root)) for pattern in LEFT for p in root.rglob(pattern)]
    left += [p.name for p in scratch.glob("m5-*")]
    differing = line.differences(reference.content, content(root))
    return Outcome(kill, moment, survived, sum(map(len, told)), twice, left, differing, said)


def _prepared(reference: Reference, folder: Path) -> Path:
    """What the step is to change, as it was before it, and where: reports and runs tell what lies where."""
    root = folder / reference.step.changes
    for stale in {root, folder / "dataset"}:
        shutil.rmtree(stale)
    shutil.copytree(reference.before, folder / "dataset")
    return root


def _killed(
    reference: Reference, kill: Kill, share: float, arguments: list[str], root: Path, scratch: Path
) -> tuple[float, bool, int]:
    """Run and kill; gives the moment, whether the run lived to see it, and how it ended."""
    log = scratch / "points"
    faults: dict[str, Any] = {"root": str(root), "log": str(log)}
    if kill.at == "point":
        moment = 1 + int(share * reference.points.count(kill.of[0]))
        process = begin(arguments, scratch, faults | {"strike": moment, "victim": kill.victim, "of": kill.of})
        code = process.wait(timeout=PATIENCE_S)
        shot = log.exists() and log.stat().st_size >= moment
    else:
        process = begin(arguments, scratch, faults)
        moment = share * reference.seconds
        time.sleep(moment)
        shot = _shoot(process, kill)
        code = process.wait(timeout=PATIENCE_S)
    # A process that ends at that very moment may end well.
    struck = shot if kill.victim == "worker" else code == -signal.SIGKILL
    _wait_for_group(process.pid)
    return round(moment, 3), struck, code


def _shoot(process: subprocess.Popen[str], kill: Kill) -> bool:
    """Send SIGKILL to whom it is meant for; False where the command has ended before."""
    chance = random.Random(kill.seed)
    while process.poll() is None:
        if kill.victim == "parent":
            process.kill()
            return True
        if kill.victim == "both":
            os.killpg(process.pid, signal.SIGKILL)
            return True
        if workers := _workers(process.pid):  # there are none for some moments after the start
            os.kill(chance.choice(workers), signal.SIGKILL)
            return True
        time.sleep(0.005)
    return False


def _workers(parent: int) -> list[int]:
    """Process ids of the workers of a command, in order."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            about, called = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(about.rpartition(")")[2].split()[1]) == parent and b"spawn_main" in called:
            found.append(int(folder.name))
    return sorted(found)


def _wait_for_group(group: int) -> None:
    """Wait until no process of a killed command is left."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    os.killpg(group, signal.SIGKILL)
    raise AssertionError("a worker outlived its parent")


def _twice(told: list[list[tuple[str, str]]]) -> set[tuple[str, str]]:
    every = [unit for run in told for unit in run]
    return {unit for unit in every if every.count(unit) > 1}


def _end(said: str) -> str:
    return "\n".join(said.splitlines()[-12:]) or "ended without a word"
