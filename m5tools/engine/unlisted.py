"""Runs that came to their end and of which `dataset.json` does not tell: somebody took them out of it by hand.

A run has its scratch folder from before its first completion marker until `dataset.json` tells of it. Whoever is about
to do a finished stage anew takes it out of `dataset.json`, then removes its markers; beside these is said so first, for
a kill may come in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from m5tools.dataset import Dataset

SCRATCH: Final = "scratch"
_TO_BE_DONE_ANEW: Final = ".anew"


def is_run(folder: Path) -> bool:
    """A run's folder, as opposed to that of an entry below this one (`ingest/<crawl>`)."""
    return folder.is_dir() and len(folder.name) == 16 and all(c in "0123456789abcdef" for c in folder.name)


def give_up(folder: Path) -> None:
    """Say that the run of this folder is about to be taken out of `dataset.json` and forgotten."""
    with suppress(FileNotFoundError):  # its markers are gone already
        (folder / _TO_BE_DONE_ANEW).touch()


def is_given_up(folder: Path) -> bool:
    """Whether :func:`give_up` was said of a run."""
    return (folder / _TO_BE_DONE_ANEW).exists()


def keep(folder: Path) -> None:
    """Take :func:`give_up` back, of a run that `dataset.json` tells of all the same."""
    (folder / _TO_BE_DONE_ANEW).unlink(missing_ok=True)


def unlisted(dataset: Dataset) -> list[tuple[str, str]]:
    """Entry and run of what was finished and is not in `dataset.json`; what is under way or was killed is not among it.

    Folders are looked at before `dataset.json` is read, and once more after, so that stages that begin or end at this
    moment are not among it either.
    """
    finished = [(entry, folder) for entry, folder in begun(dataset) if _was_finished(folder)]
    stages = dataset.manifest()["stages"]
    return [
        (entry, folder.name)
        for entry, folder in finished
        if (entry not in stages or stages[entry]["run"] != folder.name) and _was_finished(folder)
    ]


def begun(dataset: Dataset) -> Iterator[tuple[str, Path]]:
    """Every run, finished or not: its entry and its folder."""
    home = dataset.root / "runs"
    ahead = _folders(home)
    while ahead:
        folder = ahead.pop(0)
        inside = _folders(folder)
        # A crawl or a policy may be called like a run; what lies in its folder tells.
        if is_run(folder) and not any(map(is_run, inside)):
            yield folder.parent.relative_to(home).as_posix(), folder
        else:
            ahead += inside


def _was_finished(folder: Path) -> bool:
    rounds = _folders(folder)
    said = is_given_up(folder) or (folder / SCRATCH).exists()
    return not said and any(next(each.glob("*.json"), None) is not None for each in rounds)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    except FileNotFoundError:  # forgotten just now
        return []
