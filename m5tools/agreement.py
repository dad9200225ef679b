"""Does `dataset.json` agree with the parts that lie there? Their names alone are looked at.

Whoever goes through a dataset counts to its number of partitions, and takes the crawls in the order in which they are
listed. A number that somebody changed would drop products without a word, or take rows for those of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from m5tools import bundles, schema
from m5tools.manifest import MANIFEST, Manifest
from m5tools.partitions import part_name


@dataclass(frozen=True)
class Contradiction:
    """What `dataset.json` says against what lies there.

    Attributes:
        what: both, in words.
        partitions: the number of partitions that the tables were cut into; None where it is about something else.
    """

    what: str
    partitions: int | None = None

    def remedy(self, place: str) -> str:
        """What mends it, in words.

        Args:
            place: the dataset, as a command names it.
        """
        if self.partitions is not None:
            return f'set "partitions" in {MANIFEST} back to {self.partitions}'
        return f"restore {MANIFEST}; 'm5 check {place}' lists the files that it does not know"


def contradiction(root: Path, manifest: Manifest) -> Contradiction | None:
    """What `dataset.json` says that the names of the parts which ingest wrote contradict; None where nothing is.

    Before an ingest has come to its end there is nothing to compare. A part that is lost, or one too many, says nothing
    about the number of partitions: either all tables have it, or none.
    """
    folders = {table: _folders(root, table) for table in bundles.TABLES}
    every = [folder for several in folders.values() for folder in several]
    if not every or not any(entry["stage"] == "ingest" for entry in manifest["stages"].values()):
        return None
    known = bundles.read(root)
    listed = {crawl["crawl_id"] for crawl in manifest["crawls"]}
    for folder in folders["products"]:
        strangers = sorted(set(known.get(folder.name, (folder.name,))) - listed)
        if strangers and next(folder.glob("[!.]*.parquet"), None) is not None:
            return Contradiction(f"there are products of crawl '{strangers[0]}', which it does not list")
    partitions = manifest["partitions"]
    too_few = all(_holds(several, partitions) for several in folders.values() if several)
    too_many = not _holds(every, partitions - 1) and _holds(every, 0)
    if not too_few and not too_many:
        return None
    cut_into = 1 + max(_numbers(every))
    return Contradiction(f"it says {partitions} partitions, and the tables were cut into {cut_into}", cut_into)


def hollow_bundle(root: Path) -> str | None:
    """A bundle of which a table has no part, so that nothing is read of its crawls there; None where none is."""
    known = bundles.read(root)
    homes = [root / schema.law(table).folder() for table in bundles.TABLES]
    for name in known:
        if any(next((home / name).glob("[!.]*.parquet"), None) is None for home in homes):
            # It may have been replaced just now.
            return name if name in bundles.read(root) else hollow_bundle(root)
    return None


def _folders(root: Path, table: str) -> list[Path]:
    """Folders of a table that are read, each of a crawl or a bundle."""
    parts = sorted(folder / part_name(0) for folder in (root / schema.law(table).folder()).glob("[!.]*"))
    return [part.parent for part in bundles.read_parts(parts, bundles.read(root))]


def _holds(folders: Iterable[Path], partition: int) -> bool:
    return any((folder / f"{part_name(partition)}.parquet").is_file() for folder in folders)


def _numbers(folders: Iterable[Path]) -> Iterable[int]:
    names = (part.stem.removeprefix("part-") for folder in folders for part in folder.glob("part-*.parquet"))
    return (int(name) for name in names if name.isdecimal())
