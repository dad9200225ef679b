"""Completion markers: what each finished unit counted and wrote, with checksums, so that a run can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.engine.worker import Done
from m5tools.recorded import outputs_in
from m5tools.stage import Counts, Unit, total


def fingerprint(outputs: Mapping[str, str]) -> str:
    """32 hex digits over the files of a run: path below the root → checksum."""
    return hashlib.sha256(json.dumps(sorted(outputs.items())).encode()).hexdigest()[:32]


class Markers:
    """The completion markers of one run."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.folder = folder
        self._dataset = dataset
        self._bodies: dict[tuple[str, str], dict[str, Any]] = {}

    def load(self, round_name: str, units: list[Unit]) -> bool:
        """Read the markers of a round that are there and hold; True when none is missing."""
        for unit in units:
            if not self.has(round_name, unit):
                body = self._read(self._file(round_name, unit))
                if body is not None:
                    self._bodies[round_name, unit.key] = body
        return all(self.has(round_name, unit) for unit in units)

    def has(self, round_name: str, unit: Unit) -> bool:
        return (round_name, unit.key) in self._bodies

    def add(self, round_name: str, unit: Unit, done: Done) -> None:
        body = {"counts": done.counts, "outputs": [asdict(o) for o in done.outputs]}
        atomic.write_json(self._file(round_name, unit), body)
        self._bodies[round_name, unit.key] = body

    def counts(self) -> Counts:
        return total(body["counts"] for _, body in sorted(self._bodies.items()))

    def outputs(self) -> dict[str, str]:
        """Path below the root → checksum, of every file the run wrote."""
        return {o["path"]: o["sha256"] or o["xxh3"] for body in self._bodies.values() for o in body["outputs"]}

    def _file(self, round_name: str, unit: Unit) -> Path:
        return self.folder / round_name / f"{unit.key}.json"

    def _read(self, file: Path) -> dict[str, Any] | None:
        """A marker whose outputs are still there in their recorded size; else the unit is open."""
        try:
            body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            outputs = outputs_in(body)
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        for output in outputs:
            if self._dataset.size_of(self._dataset.root / output["path"]) != output["bytes"]:
                return None
        return body
