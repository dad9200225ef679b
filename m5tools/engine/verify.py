"""Does a dataset still hold what its stages wrote? Files against the checksums of their completion markers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.engine import bundled
from m5tools.freshness import remake

MISSING: Final = "missing"


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


def faults_of(dataset: Dataset, entry: str) -> list[Fault]:
    """What is wrong with the files of one finished stage; contents are read."""
    return [fault for fault in _compare(dataset, entry, contents=True)[1] if not fault.path.startswith("runs/")]


def lost(dataset: Dataset, entry: str) -> Fault | None:
    """The first recorded file of a finished stage that is gone or of another size; contents are not read."""
    faults = _compare(dataset, entry, contents=False)[1]
    return next((fault for fault in faults if not fault.path.startswith("runs/")), None)


def _compare(dataset: Dataset, name: str, *, contents: bool) -> tuple[int, list[Fault]]:
    """The number of files a finished stage recorded, and what is wrong with them."""
    entry = dataset.manifest()["stages"][name]
    remedy = f"{remake(dataset.place, entry)} --refresh"
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
            if (fault := _fault(dataset, name, output, remedy, contents=contents)) is not None:
                faults.append(fault)
    return compared, faults


def _fault(dataset: Dataset, name: str, output: dict[str, Any], remedy: str, *, contents: bool) -> Fault | None:
    """What is wrong with a recorded file, or with the part of a bundle that took its place."""
    what = damaged(dataset, output, contents=contents)
    if what == MISSING and (stands := bundled.stands_for(dataset, name.partition("/")[2], output)) is not None:
        output, what = stands, damaged(dataset, stands, contents=contents)
    return None if what is None else Fault(output["path"], what, remedy)


def damaged(dataset: Dataset, output: dict[str, Any], *, contents: bool) -> str | None:
    """What is wrong with a recorded file; None where it is whole.

    Args:
        dataset: the dataset.
        output: an :class:`m5tools.dataset.Output` as JSON.
        contents: whether to read it.
    """
    path = dataset.root / output["path"]
    size = dataset.size_of(path)
    if size is None:
        return MISSING
    if size != output["bytes"]:
        return "of another size"
    if contents:
        if dataset.copy is not None:
            dataset.copy.bring(path)
        if not _same(path, output["sha256"], output["xxh3"], (path.stat().st_mtime_ns, size)):
            return "of other content"
    return None


@lru_cache(maxsize=1024)
def _same(path: Path, sha256: str, xxh3: str, _: tuple[int, int]) -> bool:
    """Whether a file has the checksum that was recorded of it; once for all crawls of a bundle."""
    return atomic.sha256_of(path) == sha256 if sha256 else atomic.xxh3_of(path) == xxh3
