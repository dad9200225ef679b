"""Where a report and its galleries lie, and how new ones take the place of old ones.

A gallery lies in a folder that is named by its bytes, and the links of `audit.html` name that folder. So there is one
switch from the old report to the new: the renaming of `audit.html`. Before it the old page has its whole gallery, after
it the new page has its own; what no page links to any more is removed last.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from m5tools import atomic
from m5tools.errors import UsageError

GALLERY = "gallery"
"""The folder of the galleries, beside the page."""

_UNFINISHED = re.compile(r"\.gallery-(\d+)")


def report(folder: Path) -> tuple[Path, Path]:
    """The page and the file of numbers in the reports' folder.

    Raises:
        UsageError: a folder stands in the place of one of them.
    """
    files = folder / "audit.html", folder / "audit.json"
    refuse_folders(*files)
    return files


def refuse_folders(*files: Path) -> None:
    """Refuse where a folder stands in the place of a file that is to be written.

    Raises:
        UsageError: it names the folder.
    """
    for file in files:
        if file.is_dir():
            raise UsageError(f"{file} cannot be written: a folder of this name is in its place; rename or remove it")


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other run writes a report here: each would remove the gallery of the other's page."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def unfinished(folder: Path) -> Path:
    """Where this process makes a gallery, out of sight; what killed ones left is removed."""
    for path in folder.glob(f".{GALLERY}-*"):
        writer = _UNFINISHED.match(path.name)
        if writer and (int(writer[1]) == os.getpid() or not atomic.is_running(int(writer[1]))):
            _remove(path)
    return folder / f".{GALLERY}-{os.getpid()}"


def finish(gallery: Path, folder: Path, name: str) -> None:
    """Put a gallery that is whole under its name; the others stay."""
    galleries = folder / GALLERY
    if galleries.is_symlink():
        galleries.unlink()  # what it leads to is not ours
    galleries.mkdir(exist_ok=True)
    if not (galleries / name).is_dir():
        gallery.rename(galleries / name)
        return
    for file in sorted(path for path in gallery.rglob("*") if path.is_file()):
        # The same bytes, put there once more: what somebody changed in them or lost is mended.
        there = galleries / name / file.relative_to(gallery)
        there.parent.mkdir(exist_ok=True)
        file.replace(there)
    _remove(gallery)


def keep_linked(folder: Path, links: Iterable[str]) -> None:
    """Remove the galleries that none of the links of the page that stands leads into."""
    galleries = folder / GALLERY
    kept = {Path(link).parts[1] for link in links}
    if not kept:
        _remove(galleries)
    elif galleries.is_dir():
        for path in sorted(galleries.iterdir()):
            if path.name not in kept:
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder or file; of a link the link alone, for what it leads to is not ours."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
