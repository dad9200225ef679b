"""Which files a crawl was read from, told by their content: a further crawl must not take the place of one unasked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from xxhash import xxh3_64_hexdigest

from m5tools import notes
from m5tools.dataset import Dataset
from m5tools.ingest.readers import locations

_ENDS: Final = 1 << 16


def note_of(dataset: Dataset, crawl_id: str) -> Path:
    """Where it is noted."""
    return dataset.root / "runs" / "ingest" / crawl_id / "delivered.json"


def contents(paths: Iterable[str]) -> list[str]:
    """What tells the content of files, whatever they are called and whenever they were written; sorted.

    Of a local file its size and its first and last bytes, which two crawls hardly share; of the files in a folder,
    which may be many, names and sizes; of a file at a URI what its file system says.
    """
    return sorted(told for path in paths for told in _told(path))


def lacks(dataset: Dataset, crawl_id: str, paths: Iterable[str]) -> bool:
    """Whether anything that a crawl was read from is not in these files; they may hold more.

    Raises:
        UsageError: the note that tells is damaged.
    """
    note = note_of(dataset, crawl_id)
    if not note.is_file():
        return False
    remedy = f"restore it, or name the crawl by --set crawl_id=… ({crawl_id} replaces the one that is there)"
    return bool(Counter(notes.read(note, list[str], remedy)) - Counter(contents(paths)))


def next_name(dataset: Dataset, source: str) -> str:
    """A name for a further crawl of a source."""
    taken = {crawl["crawl_id"] for crawl in dataset.manifest()["crawls"]}
    return next(name for number in range(2, len(taken) + 3) if (name := f"{source}-{number}") not in taken)


def _told(path: str) -> list[str]:
    if locations.is_remote(path):
        return [" ".join(map(str, fact)) for fact in locations.facts(path)]
    place = Path(path)
    if place.is_dir():
        files = [Path(file) for file in locations.inside(path) or ()]
        return [f"{file.relative_to(place).as_posix()!r} {file.stat().st_size}" for file in files]
    size = place.stat().st_size
    with place.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(0, size - _ENDS))
        ends += file.read(_ENDS)
    return [f"{size} {xxh3_64_hexdigest(ends)}"]
