"""Does a dataset still hold what its stages wrote? Files against the checksums of their completion markers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from m5tools import atomic
from m5tools.dataset import Dataset


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
    for name, entry in dataset.manifest()["stages"].items():
        remedy = f"m5 {entry['stage']} --dataset {dataset.root} --refresh"
        home = dataset.root / "runs" / name / entry["run"]
        # A run killed right after it was committed has left its scratch folder.
        markers = sorted(m for m in home.rglob("*.json") if m.relative_to(home).parts[0] != "scratch")
        if not markers:
            faults.append(Fault(f"runs/{name}", "the completion markers are gone", remedy))
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
                elif atomic.sha256_of(path) != output["sha256"]:
                    faults.append(Fault(output["path"], "of other content", remedy))
    return compared, faults
