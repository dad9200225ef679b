"""Does a dataset still hold what its stages wrote? Files against the checksums of their completion markers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.freshness import remake


@dataclass(frozen=True)
class Fault:
    """One file that is not what it was.

    Attributes:
        path: below the dataset root.
        what: what is wrong with it.
        remedy: the command that makes it anew.
    """

    path: str
    what: str
    remedy: str


def verify(dataset: Dataset) -> tuple[int, list[Fault]]:
    """Compare every file of every finished stage with its checksum.

    Returns:
        The number of files compared, and the faults among them.
    """
    compared = 0
    faults: list[Fault] = []
    for name in dataset.manifest()["stages"]:
        seen, wrong = _compare(dataset, name, contents=True)
        compared += seen
        faults += wrong
    return compared, faults


def lost(dataset: Dataset, entry: str) -> Fault | None:
    """The first recorded file of a finished stage that is gone or of another size; contents are not read."""
    faults = _compare(dataset, entry, contents=False)[1]
    return next((fault for fault in faults if not fault.path.startswith("runs/")), None)


def _compare(dataset: Dataset, name: str, *, contents: bool) -> tuple[int, list[Fault]]:
    """The number of files a finished stage recorded, and what is wrong with them."""
    entry = dataset.manifest()["stages"][name]
    remedy = f"{remake(dataset.root, entry)} --refresh"
    home = dataset.root / "runs" / name / entry["run"]
    # A run killed right after it was committed has left its scratch folder.
    markers = sorted(m for m in home.rglob("*.json") if m.relative_to(home).parts[0] != "scratch")
    # A stage that had nothing to do has a folder without markers.
    faults = [] if home.is_dir() else [Fault(f"runs/{name}", "the completion markers are gone", remedy)]
    compared = 0
    for marker in markers:
        try:
            outputs = json.loads(marker.read_text(encoding="utf-8"))["outputs"]
        except (ValueError, KeyError):
            faults.append(Fault(str(marker.relative_to(dataset.root)), "not a completion marker", remedy))
            continue
        for output in outputs:
            compared += 1
            path = dataset.root / output["path"]
            if not path.is_file():
                faults.append(Fault(output["path"], "missing", remedy))
            elif path.stat().st_size != output["bytes"]:
                faults.append(Fault(output["path"], "of another size", remedy))
            elif contents and not _same(path, output):
                faults.append(Fault(output["path"], "of other content", remedy))
    return compared, faults


def _same(path: Path, output: dict[str, Any]) -> bool:
    """Whether a file has the checksum that was recorded of it."""
    if output["sha256"]:
        return bool(atomic.sha256_of(path) == output["sha256"])
    return bool(atomic.xxh3_of(path) == output["xxh3"])
