"""What every step leaves where nobody disturbs it, and how many points and seconds it has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..acceptance import line
from .steps import Step

INSIDE: Final = Path(__file__).parent / "inside"
_TIMES: Final = frozenset({"prepare_s", "train_s", "samples_per_s", "data_wait", "seconds", "checkpoint"})


@dataclass(frozen=True)
class Reference:
    """One step, undisturbed.

    Attributes:
        step: the step.
        before: a copy of the dataset it began with.
        content: path and checksum of what was there at its end.
        points: who changed files, in order: `p` (parent) or `w` (worker) a change.
        units: the units that were done.
        seconds: how long it took.
    """

    step: Step
    before: Path
    content: dict[str, str]
    points: str
    units: frozenset[tuple[str, str]]
    seconds: float


def begin(arguments: list[str], scratch: Path, faults: dict[str, Any] | None = None) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, with faults planned inside; `scratch/log` is what it says."""
    environment = {"PYTHONPATH": f"{INSIDE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    environment |= {} if faults is None else {"M5_FAULTS": json.dumps(faults)}
    return line.start(arguments, scratch, environment)


class Line:
    """Steps one after the other in `folder/dataset`, each when it is asked for.

    Args:
        steps: the steps.
        folder: a new folder.
    """

    def __init__(self, steps: Sequence[Step], folder: Path) -> None:
        self.folder = folder
        self._steps = list(steps)
        self._done: list[Reference] = []
        self._before(0).mkdir(parents=True)
        (folder / "tmp").mkdir()

    def all(self) -> list[Reference]:
        """All steps."""
        while len(self._done) < len(self._steps):
            self._do_next()
        return self._done

    def of(self, name: str) -> Reference:
        """One of them."""
        while name not in (done.step.name for done in self._done):
            self._do_next()
        return next(done for done in self._done if done.step.name == name)

    def _do_next(self) -> None:
        number = len(self._done)
        step, dataset, scratch = self._steps[number], self.folder / "dataset", self.folder / "tmp"
        shutil.rmtree(dataset, ignore_errors=True)  # somebody may have been killed in it
        shutil.copytree(self._before(number), dataset)
        root, log = self.folder / step.changes, scratch / "points"
        log.unlink(missing_ok=True)
        started = time.monotonic()
        process = begin(step.command(root, dataset), scratch, {"root": str(root), "log": str(log)})
        code = process.wait(timeout=300)
        seconds = time.monotonic() - started
        said = (scratch / "log").read_text()
        assert code == 0, f"{step.name}: {said}"
        shutil.copytree(dataset, self._before(number + 1))
        found = Reference(step, self._before(number), content(root), log.read_text(), units(said), seconds)
        self._done.append(found)

    def _before(self, number: int) -> Path:
        return self.folder / f"before-{number:02}"


def content(root: Path) -> dict[str, str]:
    """Path and checksum of every file; of what a run of training tells, without times, and of its checkpoints without
    the description that PyTorch gives another random name each time."""
    found = {name: digest for name, digest in line.content(root).items() if not name.endswith("/.metadata")}
    for name in found.keys() & {"report.json", "metrics.jsonl"}:
        lines = (root / name).read_text().splitlines()
        bodies = [json.loads(text) for text in lines] if name.endswith("l") else [json.loads("".join(lines))]
        found[name] = json.dumps([{k: v for k, v in body.items() if k not in _TIMES} for body in bodies])
    return found


def units(said: str) -> frozenset[tuple[str, str]]:
    """Round and key of the units that a run told to be done."""
    told = told_units(said)
    assert len(set(told)) == len(told), "a unit was done twice in one run"
    return frozenset(told)


def told_units(said: str) -> list[tuple[str, str]]:
    """The same, as often as it told them."""
    events = (json.loads(text) for text in said.splitlines() if text.startswith('{"event": "unit_done"'))
    return [(event["round"], event["unit"]) for event in events]
