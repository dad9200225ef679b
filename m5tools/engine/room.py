"""Room for a run: what runs of other circumstances left is forgotten, and removed so that a kill loses nothing."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.engine.compaction import leave
from m5tools.stage import Stage

DISCARDED = ".gone-"


def make_room(dataset: Dataset, stage: Stage, run: str, *, refresh: bool, first: bool) -> None:
    """Forget runs of other circumstances: whichever rank comes first is about to overwrite their outputs.

    Args:
        dataset: the dataset.
        stage: the stage.
        run: the run that is about to begin or to go on.
        refresh: forget what was done before of this run, too.
        first: whether this is rank 0, which sees to what only one may do.
    """
    home = dataset.root / "runs" / stage.entry
    home.mkdir(parents=True, exist_ok=True)
    leave(dataset, stage.owned(dataset))
    with dataset.changing() as manifest:
        entry = manifest["stages"].get(stage.entry)
        if entry is not None and (entry["run"] != run or refresh):
            del manifest["stages"][stage.entry]
    for other in filter(_is_run, home.iterdir()):
        # With markers but no scratch folder a run was committed before; its markers no longer help.
        outlived = refresh or (any(other.iterdir()) and not (other / "scratch").is_dir())
        if other.name != run or (outlived and first):
            discard(other, home)
    if first:
        for folder in (dataset.root, home, *(f for f in home.glob(f"{run}/*") if f.is_dir())):
            atomic.sweep(folder)
        _sweep_discarded(home)


def tidy(home: Path, run: str) -> None:
    """Remove what is left below an entry's folder of a run that was killed after it was committed."""
    discard(home / run / "scratch", home)
    _sweep_discarded(home)


def _sweep_discarded(home: Path) -> None:
    for left in home.glob(f"{DISCARDED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _is_run(folder: Path) -> bool:
    """A run's folder, as opposed to that of an entry below this one (`ingest/<crawl>`)."""
    return folder.is_dir() and len(folder.name) == 16 and all(c in "0123456789abcdef" for c in folder.name)


def discard(folder: Path, home: Path) -> None:
    """Remove a folder in one stroke: a kill in the middle must not leave markers without what they vouch for."""
    if (follower := atomic.follower_of(folder)) is not None:
        follower.forgot(folder)
    gone = home / f"{DISCARDED}{os.getpid()}-{time.time_ns()}"
    with suppress(FileNotFoundError):  # another rank was faster
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
