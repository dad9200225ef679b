"""`m5 compact`: the small parts of many crawls become few parts of the size that ingest makes.

Nothing that a reader sees changes. All versions stay, for the history of products is told from them; rows keep their
order; and what `dataset.json` and the completion markers say of a crawl stays as it is, so nothing downstream is out of
date.

A bundle is written beside the parts that it holds, then one rename of :data:`m5tools.bundles.RECORD` makes readers
take it instead, then these parts are removed. A kill leaves folders that nobody reads, which the next run removes.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq

from m5tools import atomic, bundles
from m5tools.dataset import Dataset, Output
from m5tools.engine import bundled
from m5tools.engine.lock import held
from m5tools.engine.ranks import Ranks
from m5tools.engine.verify import damaged, faults_of
from m5tools.errors import StaleError
from m5tools.partitions import ROWS_A_PARTITION, part_name

NAME: Final = "compact"


@dataclass(frozen=True)
class Compacted:
    """What was done.

    Attributes:
        crawls: that lie in bundles made just now.
        bundles: how many these are.
        before: parts that held these crawls.
        after: parts that hold them now.
    """

    crawls: int
    bundles: int
    before: int
    after: int


def compact(dataset: Dataset, stages: Iterable[str]) -> Compacted:
    """Bundle the crawls whose parts are small.

    Args:
        dataset: the dataset.
        stages: names of all stages; none may run meanwhile.

    Raises:
        StaleError: a part of a crawl is lost or damaged.
        UsageError: a stage is running, or a bundle has no parts.
    """
    with ExitStack() as stack:
        for stage in stages:
            stack.enter_context(held(Ranks(dataset.root / "runs" / stage, NAME, 0, 1, NAME)))
        stack.enter_context(_alone(dataset))
        dataset.refuse_hollow_bundles()
        _sweep(dataset)
        crawls = before = after = 0
        together = list(_together(dataset))
        for folders in together:
            known = bundles.read(dataset.root)
            inside = sorted(crawl for folder in folders for crawl in known.get(folder, (folder,)))
            for crawl in inside:
                for fault in faults_of(dataset, f"ingest/{crawl}"):
                    raise StaleError(f"{dataset.place}/{fault.path}: {fault.what}; run: {fault.remedy}")
            crawls += len(inside)
            before += sum(len(_parts(dataset, table, folder)) for folder in folders for table in bundles.TABLES)
            after += len(_bundle(dataset, inside))
        return Compacted(crawls, len(together), before, after)


def leave(dataset: Dataset, folders: Collection[Path]) -> None:
    """Take crawls out of their bundles before they are ingested anew.

    Args:
        dataset: the dataset.
        folders: of tables, of which a run is about to decide all that is in them.

    Raises:
        StaleError: the bundle is damaged, so that its other crawls are lost with it.
    """
    going = {folder.name for folder in folders if folder.parent.name in bundles.TABLES}
    if not any(going & set(crawls) for crawls in bundles.read(dataset.root).values()):
        return
    with _alone(dataset):
        # Until it was ours another rank may have done it.
        for bundle, crawls in bundles.read(dataset.root).items():
            staying = [crawl for crawl in crawls if crawl not in going]
            if len(staying) == len(crawls):
                continue
            if staying and _is_damaged(dataset, bundle):
                _switch(dataset, {}, crawls)
                raise StaleError(
                    f"the parts that hold the crawls {', '.join(crawls)} are damaged, so all of these are to be "
                    "ingested again; the same command says in which order"
                )
            _bundle(dataset, staying, going)


def _is_damaged(dataset: Dataset, bundle: str) -> bool:
    parts = bundled.parts_of(dataset, bundle)
    return not parts or any(damaged(dataset, part, contents=True) for part in parts)


def _together(dataset: Dataset) -> Iterator[list[str]]:
    """Folders of crawls and of bundles, neighbours in the order of reading, that fill a part together."""
    manifest, known = dataset.manifest(), bundles.read(dataset.root)
    finished = {c["crawl_id"] for c in manifest["crawls"] if f"ingest/{c['crawl_id']}" in manifest["stages"]}
    group: list[str] = []
    room = 0
    for folder in sorted({part.parent.name for part in dataset.parts("products")}):
        if not finished.issuperset(known.get(folder, (folder,))):
            continue
        rows = sum(pq.read_metadata(part).num_rows for part in _parts(dataset, "products", folder))
        if group and rows > room:
            if len(group) > 1:
                yield group
            group = []
        room = (room if group else ROWS_A_PARTITION * dataset.partitions) - rows
        group.append(folder)
    if len(group) > 1:
        yield group


def _bundle(dataset: Dataset, crawls: Sequence[str], going: Collection[str] = ()) -> list[Output]:
    """Write the rows of crawls into one folder, make readers take it, and remove the folders they were in.

    Args:
        dataset: the dataset.
        crawls: sorted; where there is none, nothing is written.
        going: crawls that lie in a bundle with these and leave it.
    """
    if not crawls:
        _switch(dataset, {}, going)
        return []
    name = bundles.name_of(crawls)
    parts = [
        dataset.write(table, f"{name}/{part_name(partition)}", dataset.of_crawls(table, crawls, partition).collect())
        for table in bundles.TABLES
        for partition in range(dataset.partitions)
    ]
    bundled.write_note(dataset, name, (origin for crawl in crawls for origin in _origins(dataset, crawl)), parts)
    _switch(dataset, {name: tuple(crawls)}, going)
    return parts


def _origins(dataset: Dataset, crawl: str) -> list[bundled.Recorded]:
    """The parts of a crawl as its ingest wrote them."""
    for bundle, crawls in bundles.read(dataset.root).items():
        if crawl in crawls:
            return bundled.origins_of(dataset, bundle, crawl)
    return [asdict(dataset.output(part)) for table in bundles.TABLES for part in _parts(dataset, table, crawl)]


def _switch(dataset: Dataset, new: Mapping[str, tuple[str, ...]], going: Collection[str]) -> None:
    """Replace the bundles of some crawls, and remove what nobody reads any more."""
    moved = {*going, *(crawl for crawls in new.values() for crawl in crawls)}
    old = bundles.read(dataset.root)
    replaced = [name for name, crawls in old.items() if moved.intersection(crawls)]
    record = {name: crawls for name, crawls in old.items() if name not in replaced} | dict(new)
    atomic.write_json(dataset.root / bundles.RECORD, record)
    for name in set(replaced) - record.keys():
        for table in bundles.TABLES:
            shutil.rmtree(dataset.folder(table) / name, ignore_errors=True)
    _sweep(dataset)


def _sweep(dataset: Dataset) -> None:
    """Remove folders that are not read though their rows are: what a bundle holds, and bundles half made."""
    known = bundles.read(dataset.root)
    atomic.sweep((dataset.root / bundles.RECORD).parent)
    for table in bundles.TABLES:
        home = dataset.folder(table)
        folders = [folder for folder in home.iterdir() if folder.is_dir()] if home.is_dir() else []
        read = {part.parent for part in bundles.read_parts([folder / "part" for folder in folders], known)}
        full = [folder.name for folder in read if next(folder.glob("[!.]*.parquet"), None) is not None]
        there = {crawl for name in full for crawl in known.get(name, (name,))}
        for folder in set(folders) - read:
            inside = _crawls_in(folder) if bundles.MARK in folder.name else {folder.name}
            if there.issuperset(inside):
                shutil.rmtree(folder)
    for note in (dataset.root / "runs" / NAME).glob(f"*{bundles.MARK}*.json"):
        if note.stem not in known and not (dataset.folder("products") / note.stem).exists():
            note.unlink()


def _crawls_in(folder: Path) -> set[str]:
    parts = sorted(folder.glob("[!.]*.parquet"))
    return set(pl.scan_parquet(parts, glob=False).select("crawl_id").unique().collect()["crawl_id"]) if parts else set()


def _parts(dataset: Dataset, table: str, folder: str) -> list[Path]:
    return sorted((dataset.folder(table) / folder).glob("[!.]*.parquet"))


@contextmanager
def _alone(dataset: Dataset) -> Iterator[None]:
    """One process at a time changes bundles: ranks of an ingest leave them at the same moment."""
    home = dataset.root / "runs" / NAME
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
