"""Room for a run: what runs of other circumstances left is forgotten, and removed so that a kill loses nothing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

import polars as pl

from m5tools import atomic, hashing
from m5tools.dataset import Dataset
from m5tools.engine.compaction import leave
from m5tools.engine.unlisted import SCRATCH, give_up, is_run, keep
from m5tools.engine.verify import keep_record
from m5tools.errors import UsageError
from m5tools.stage import Stage

DISCARDED = ".gone-"
_HASHES: Final = "hashed-as-"


def make_room(dataset: Dataset, stage: Stage, run: str, *, refresh: bool, first: bool, alone: bool) -> None:
    """Forget runs of other circumstances: whichever rank comes first is about to overwrite their outputs.

    Of the run itself what was done in rounds that the stage does not have is of a version that laid its scratch out
    otherwise (a round is given another name with its layout): no marker of it counts, for none can be told apart. So
    it is where other hashes lie in its scratch folder than Polars makes here: those of two versions never meet.

    Args:
        dataset: the dataset.
        stage: the stage.
        run: the run that is about to begin or to go on.
        refresh: forget what was done before of this run, too.
        first: whether this is rank 0, which sees to what only one may do.
        alone: whether there are no other ranks.

    Raises:
        UsageError: the run was begun in other rounds or by other hashes, and other ranks may be at it.
    """
    home = dataset.root / "runs" / stage.entry
    elsewise = _in_other_rounds(home / run, stage.rounds()) or _by_other_hashes(home / run / SCRATCH)
    if elsewise and not alone:
        # The rank that clears it away cannot know what the others have already done anew.
        raise UsageError(
            f"'{stage.entry}' was begun by another version of m5tools or Polars; give all ranks the same ones, and "
            f"go on once without --world-size, or remove {home / run}"
        )
    home.mkdir(parents=True, exist_ok=True)
    leave(dataset, stage.owned(dataset))
    with dataset.changing() as manifest:
        entry = manifest["stages"].get(stage.entry)
        if entry is not None and (entry["run"] != run or refresh):
            if stage.grows:
                keep_record(dataset, stage.entry)
            give_up(home / entry["run"])
            del manifest["stages"][stage.entry]
    for other in filter(is_run, home.iterdir()):
        # With markers but no scratch folder a run was committed before; its markers no longer help.
        outlived = refresh or elsewise or (any(other.iterdir()) and not (other / SCRATCH).is_dir())
        if other.name != run or (outlived and first):
            discard(other, home)
    if first:
        for folder in (dataset.root, home, *(f for f in home.glob(f"{run}/*") if f.is_dir())):
            atomic.sweep(folder)
        _sweep_discarded(home)


def make_scratch(folder: Path) -> None:
    """Make a run's scratch folder where there is none, and note by which hashes what will lie in it is made.

    Args:
        folder: the scratch folder.

    Raises:
        UsageError: another rank, with another Polars, has begun at the same time.
    """
    note = folder / _note()
    written = not note.exists()
    if written:
        atomic.write_bytes(note, f"Polars {pl.__version__}\n".encode())
    if _by_other_hashes(folder):
        if written:  # the ranks that were first go on
            note.unlink(missing_ok=True)
        raise UsageError(f"ranks have several versions of Polars; give all the same one, and remove {folder.parent}")


def tidy(home: Path, run: str) -> None:
    """Remove what is left below an entry's folder of a run that was killed after it was committed."""
    discard(home / run / SCRATCH, home)
    keep(home / run)
    _sweep_discarded(home)


def _sweep_discarded(home: Path) -> None:
    for left in home.glob(f"{DISCARDED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _in_other_rounds(folder: Path, rounds: Collection[str]) -> bool:
    """Whether units of other rounds than these were done in a run's folder."""
    if not folder.is_dir():
        return False
    done = (f.name for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    return any(name != SCRATCH and name not in rounds for name in done)


def _by_other_hashes(scratch: Path) -> bool:
    """Whether what lies in a scratch folder may be made by other hashes than Polars makes here.

    It may where another's note stands there, and where none does: earlier versions of m5tools left none.
    """
    try:
        names = {file.name for file in scratch.iterdir() if not file.name.startswith(".")}
    except FileNotFoundError:
        return False
    return bool(names) and _notes(names) != {_note()}


def _notes(names: Collection[str]) -> set[str]:
    return {name for name in names if name.startswith(_HASHES)}


def _note() -> str:
    return f"{_HASHES}{hashing.probe():016x}"


def discard(folder: Path, home: Path) -> None:
    """Remove a folder in one stroke: a kill in the middle must not leave markers without what they vouch for."""
    if (follower := atomic.follower_of(folder)) is not None:
        follower.forgot(folder)
    gone = home / f"{DISCARDED}{os.getpid()}-{time.time_ns()}"
    with suppress(FileNotFoundError):  # another rank was faster
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
