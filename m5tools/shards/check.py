"""Proof that a shard folder is what its index says: every byte re-read, in three ways that must agree.

The tar's own headers, the index, and plain `webdataset` must tell the same samples, members, places and checksums, and
the bytes between the members must be those that the writer puts there.
Damage is reported, not raised: a folder with a hundred faults gives a hundred lines.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import webdataset
import xxhash

from m5tools import schema
from m5tools.atomic import sha256_of
from m5tools.errors import UsageError
from m5tools.shards import skeleton
from m5tools.shards.manifest import CARD, MANIFEST, ShardFile, ShardManifest, local_folder
from m5tools.vocabulary import MEDIA, MODALITIES, State

_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, pa.ArrowException)


@dataclass(frozen=True)
class Fault:
    """One fault: the file it is in, the sample or member where there is one, and what is wrong."""

    file: str
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.file}{': ' * bool(self.where)}{self.where}: {self.what}"


@dataclass
class Report:
    """What a check found.

    Attributes:
        shards, samples, members: how many were compared.
        bytes: of all tars read.
        faults: in the order of the files.
    """

    shards: int = 0
    samples: int = 0
    members: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class _Found:
    """A member as one way of reading sees it; `offset` is None where that way does not tell."""

    key: str
    name: str
    length: int
    xxh3: int
    offset: int | None = None


def check(folder: str | Path) -> Report:
    """Compare a shard folder with its index and manifest, byte by byte."""
    report = Report()
    try:
        root = local_folder(folder)
        manifest = ShardManifest.read(root)
    except UsageError as error:
        report.faults.append(Fault(MANIFEST, str(error)))
        return report
    listed = [file for files in manifest.splits.values() for file in files]
    for split, files in manifest.splits.items():
        for file in files:
            report.faults.extend(_check_shard(root, split, file, manifest.categories, report))
    known = {MANIFEST, CARD, *(f.tar for f in listed), *(f.index for f in listed)}
    present = {p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir()}
    report.faults += [Fault(name, "the manifest does not know this file") for name in sorted(present - known)]
    if CARD not in present:
        report.faults.append(Fault(CARD, "is missing; HF datasets needs it to read these shards"))
    derived = ShardManifest.of(manifest.categories, manifest.splits, manifest.made_with, manifest.config)
    if derived.content != manifest.content:
        report.faults.append(Fault(MANIFEST, "the content hash does not fit the shards it lists"))
    return report


def _check_shard(
    root: Path, split: str, file: ShardFile, categories: tuple[str, ...], report: Report
) -> Iterator[Fault]:
    """The faults of one shard; adds to the report's counts."""
    report.shards += 1
    index_path, tar_path = root / file.index, root / file.tar
    try:
        rows = pq.read_table(index_path, schema=schema.law("shard_index").schema).to_pylist()
        if sha256_of(index_path) != file.index_sha256:
            yield Fault(file.index, "not the index the manifest names: its checksum differs")
    except _DAMAGE as error:
        yield Fault(file.index, f"cannot be read: {_line(error)}")
        return
    if len(rows) != file.samples:
        yield Fault(file.index, f"{len(rows)} samples, the manifest says {file.samples}")
    if not tar_path.is_file():
        yield Fault(file.tar, "is missing")
        return
    size = tar_path.stat().st_size
    report.bytes += size
    if size != file.bytes:
        yield Fault(file.tar, f"{size:,} bytes, the manifest says {file.bytes:,}")
    yield from _check_rows(rows, split, file, categories)
    expected = [
        _Found(r["product_id"], m["name"], m["length"], m["xxh3"], m["offset"]) for r in rows for m in r["members"]
    ]
    report.samples += len(rows)
    report.members += len(expected)
    tar: list[_Found] = []
    try:
        tar.extend(_by_header(tar_path))
    except _DAMAGE as error:
        yield Fault(file.tar, f"the tar cannot be read to its end: {_line(error)}")
        tar = list(_readable(tar_path))
    differ = [*_compare(file.tar, expected, tar, "the tar"), *_adjacency(file.tar, tar)]
    if [(f.key, f.name, f.offset, f.length) for f in tar] == [(e.key, e.name, e.offset, e.length) for e in expected]:
        differ += [Fault(file.tar, what, where) for where, what in skeleton.differences(tar_path, rows)]
    yield from differ
    try:
        plain = list(_by_webdataset(tar_path))
    except _DAMAGE as error:
        yield Fault(file.tar, f"webdataset cannot read it: {_line(error)}")
        return
    bare = [_Found(e.key, e.name, e.length, e.xxh3) for e in expected]
    yield from _compare(file.tar, bare, plain, "webdataset")


def _check_rows(
    rows: list[dict[str, Any]], split: str, file: ShardFile, categories: tuple[str, ...]
) -> Iterator[Fault]:
    """Faults inside the index."""
    for row in rows:
        where = row["product_id"]
        present = [bool(row["present"] >> m.bit & 1) for m in MODALITIES]
        media = {m["modality"] for m in row["members"]}
        for modality in MEDIA:
            if present[modality.bit] != (modality in media):
                yield Fault(file.index, f"'present' and the members disagree about {modality}", where)
        if present != [state == State.PRESENT for state in row["state"]]:
            yield Fault(file.index, "'present' and 'state' disagree", where)
        if row["split"] != split or row["shard"] != file.tar:
            yield Fault(file.index, f"belongs to {row['split']} in {row['shard']}", where)
        if row["category"] is not None and row["category"] not in categories:
            yield Fault(file.index, f"category '{row['category']}' is not in the manifest", where)


def _by_header(path: Path) -> Iterator[_Found]:
    """Members as the tar's headers tell them."""
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            file = tar.extractfile(info)
            data = file.read() if file is not None else b""
            key, _, name = info.name.partition(".")
            if len(data) != info.size:
                raise EOFError(f"{info.name} ends after {len(data):,} of {info.size:,} bytes")
            yield _Found(key, name, info.size, xxhash.xxh3_64_intdigest(data), info.offset_data)


def _readable(path: Path) -> Iterator[_Found]:
    """As many members as can be read before the damage."""
    members = _by_header(path)
    while True:
        try:
            yield next(members)
        except (StopIteration, *_DAMAGE):
            return


def _by_webdataset(path: Path) -> Iterator[_Found]:
    """Members as plain webdataset delivers them, undecoded."""
    for sample in webdataset.WebDataset([str(path)], shardshuffle=False, nodesplitter=None, empty_check=False):
        for name, data in sample.items():
            if not name.startswith("__"):
                yield _Found(sample["__key__"].rpartition("/")[2], name, len(data), xxhash.xxh3_64_intdigest(data))


def _compare(file: str, expected: list[_Found], found: list[_Found], reader: str) -> Iterator[Fault]:
    """Differences between the index and one way of reading."""
    there = {_name(f): f for f in found}
    behind = len(list(takewhile(lambda want: _name(want) not in there, reversed(expected))))
    if behind > 1:
        lost = expected[-behind:]
        samples = len({want.key for want in lost})
        what = f"{reader} ends before it; {behind:,} members of {samples:,} samples are lost from here on"
        yield Fault(file, what, f"{lost[0].key}.{lost[0].name}")
        expected = expected[:-behind]
    for want in expected:
        got = there.pop(_name(want), None)
        where = f"{want.key}.{want.name}"
        if got is None:
            yield Fault(file, f"{reader} does not hold it", where)
        elif got.length != want.length:
            yield Fault(file, f"{reader} gives {got.length:,} bytes, the index says {want.length:,}", where)
        elif got.offset != want.offset:
            yield Fault(file, f"{reader} has it at byte {got.offset}, the index says {want.offset}", where)
        elif got.xxh3 != want.xxh3:
            yield Fault(file, f"the bytes that {reader} gives do not match the checksum", where)
    for key, name in there:
        yield Fault(file, f"stray member: {reader} holds it, the index does not", f"{key}.{name}")


def _adjacency(file: str, found: list[_Found]) -> Iterator[Fault]:
    """Samples whose members do not lie together, which readers of streams take for several samples."""
    closed: set[str] = set()
    names: set[tuple[str, str]] = set()
    last = None
    for member in found:
        if member.key != last and member.key in closed:
            yield Fault(file, "its members do not lie together", f"{member.key}.{member.name}")
        if _name(member) in names:
            yield Fault(file, "occurs twice", f"{member.key}.{member.name}")
        closed.add(member.key)
        names.add(_name(member))
        last = member.key


def _name(found: _Found) -> tuple[str, str]:
    return found.key, found.name


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
