"""Proof that a shard folder is what its index says: every byte re-read, in four ways that must agree.

The tar's own headers, the index, plain `webdataset` and HF `datasets` (where it is installed) must tell the same
samples, members and bytes, and the bytes between the members must be those that the writer puts there. Overlays are
held against the shards they lie over. Damage is reported, not raised: a folder with a hundred faults gives a hundred
lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from m5tools import schema
from m5tools.atomic import sha256_of
from m5tools.errors import UsageError
from m5tools.shards import outline, overlays, papers, skeleton, sound_index
from m5tools.shards.faults import Fault, Report, adjacency, differences, told
from m5tools.shards.manifest import (
    CARD,
    MANIFEST,
    OVERLAY_MANIFEST,
    OVERLAYS,
    OverlayManifest,
    ShardFile,
    ShardManifest,
    local_folder,
    overlay_names,
)
from m5tools.shards.readers import (
    DAMAGE,
    Found,
    by_datasets,
    by_header,
    by_index,
    by_webdataset,
    has_datasets,
    of_record,
    readable,
)
from m5tools.shards.writer import JSON_MEMBER
from m5tools.vocabulary import MEDIA, MODALITIES, State

Rows = list[dict[str, Any]]


def check(folder: str | Path) -> Report:
    """Compare a shard folder with its index and manifest, byte by byte."""
    report = Report()
    try:
        root = local_folder(folder)
        manifest = ShardManifest.read(root)
    except UsageError as error:
        report.faults.append(outline.fault_of(MANIFEST, error))
        return report
    _compare(root, manifest, report)
    if any(not fault.remedy for fault in report.faults):
        anew = {file: outline.again(root, file) for file in {fault.file for fault in report.faults}}
        report.faults = [replace(fault, remedy=fault.remedy or anew[fault.file]) for fault in report.faults]
    return report


def _compare(root: Path, manifest: ShardManifest, report: Report) -> None:
    indexes: dict[str, Rows] = {}
    for split, files in manifest.splits.items():
        for file in files:
            rows = _index(root, file, report)
            if rows is not None:
                indexes[file.tar] = rows
                report.faults.extend(_rows(rows, split, file, manifest.categories))
                _shard(root, file, rows, report)
    derived = ShardManifest.of(manifest.categories, manifest.splits, manifest.made_with, manifest.config)
    if derived.content != manifest.content:
        report.faults.append(Fault(MANIFEST, "the content hash does not fit the shards it lists"))
    for name in overlay_names(root):
        _overlay(root, name, manifest, indexes, report)
    report.faults += outline.strays(root, manifest)
    gone = [*outline.missing(root)]
    report.faults += gone
    if not gone and len(indexes) == sum(map(len, manifest.splits.values())):
        if all((root / file.tar).is_file() for files in manifest.splits.values() for file in files):
            report.faults += outline.of_papers(root, manifest, _checksums(root, manifest, report))
        _by_the_card(root, manifest, indexes, report)


def _index(
    root: Path, file: ShardFile, report: Report, prefix: str = "", columns: list[str] | None = None
) -> Rows | None:
    """The rows of an index, of some or all columns; None where it cannot be read."""
    path = root / prefix / file.index
    try:
        found = pq.read_table(path, columns=columns)
        if columns is None:
            sound_index.rows(found, sound_index.NEEDED_OF_OVERLAYS if prefix else sound_index.NEEDED)
        laid = schema.law("shard_index").schema
        rows: Rows = found.cast(laid).to_pylist() if set(laid.names) <= set(found.column_names) else found.to_pylist()
        if sha256_of(path) != file.index_sha256:
            report.faults.append(Fault(prefix + file.index, "not the index the manifest names: its checksum differs"))
    except DAMAGE as error:
        report.faults.append(Fault(prefix + file.index, f"cannot be read: {told(error)}"))
        return None
    if len(rows) != file.samples:
        what = f"{len(rows)} samples, the manifest says {file.samples}"
        report.faults.append(Fault(prefix + file.index, what))
    return rows


def _shard(root: Path, file: ShardFile, rows: Rows, report: Report, prefix: str = "") -> None:
    """Compare one tar with its index."""
    path, name = root / prefix / file.tar, prefix + file.tar
    report.shards += 1
    if not path.is_file():
        report.faults.append(Fault(name, "is missing"))
        return
    size = path.stat().st_size
    report.bytes += size
    if size != file.bytes:
        report.faults.append(Fault(name, f"{size:,} bytes, the manifest says {file.bytes:,}"))
    expected = by_index(rows)
    report.samples += 0 if prefix else len(rows)  # an overlay's are those of the shards below
    report.members += len(expected)
    tar: list[Found] = []
    try:
        tar.extend(by_header(path))
    except DAMAGE as error:
        report.faults.append(Fault(name, f"the tar cannot be read to its end: {told(error)}"))
        tar = list(readable(path))
    found = [*differences(name, expected, tar, "the tar"), *adjacency(name, tar)]
    if [(f.key, f.name, f.offset, f.length) for f in tar] == [(e.key, e.name, e.offset, e.length) for e in expected]:
        found += [Fault(name, what, where) for where, what in skeleton.differences(path, rows)]
    report.faults += found
    try:
        report.faults += differences(name, expected, list(by_webdataset(path)), "webdataset")
    except DAMAGE as error:
        report.faults.append(Fault(name, f"webdataset cannot read it: {told(error)}"))


def _rows(rows: Rows, split: str, file: ShardFile, categories: tuple[str, ...]) -> Iterator[Fault]:
    """Faults inside an index."""
    for row in rows:
        where = row["product_id"]
        present = [bool(row["present"] >> m.bit & 1) for m in MODALITIES]
        yield from _media(row, file.index)
        if present != [state == State.PRESENT for state in row["state"]]:
            yield Fault(file.index, "'present' and 'state' disagree", where)
        if row["split"] != split or row["shard"] != file.tar:
            yield Fault(file.index, f"belongs to {row['split']} in {row['shard']}", where)
        if row["category"] is not None and row["category"] not in categories:
            yield Fault(file.index, f"category '{row['category']}' is not in the manifest", where)


def _media(row: dict[str, Any], index: str) -> Iterator[Fault]:
    media = {m["modality"] for m in row["members"]}
    for modality in MEDIA:
        if bool(row["present"] >> modality.bit & 1) != (modality in media):
            yield Fault(index, f"'present' and the members disagree about {modality}", row["product_id"])


def _overlay(root: Path, name: str, shards: ShardManifest, indexes: dict[str, Rows], report: Report) -> None:
    """Compare an overlay with the shards it lies over."""
    prefix = f"{OVERLAYS}/{name}/"
    try:
        overlay = OverlayManifest.read(root / prefix)
    except UsageError as error:
        report.faults.append(outline.fault_of(prefix + OVERLAY_MANIFEST, error))
        return
    wrong = overlays.mismatch(overlay, shards)
    if wrong is not None:
        report.faults.append(Fault(prefix + OVERLAY_MANIFEST, wrong, remedy="run 'm5 overlay' again"))
        return
    for files in overlay.splits.values():
        for file in files:
            # Of a column that is laid over the index there is nothing to compare but its file's checksum.
            rows = _index(root, file, report, prefix, None if overlay.modalities else ["product_id"])
            if rows is None:
                continue
            below = {row["product_id"]: row["present"] for row in indexes.get(file.tar, [])}
            if [row["product_id"] for row in rows] != [*below]:
                what = "does not list the samples of the shard it lies over, in their order"
                report.faults.append(Fault(prefix + file.index, what))
            if overlay.modalities:
                for row in rows:
                    report.faults.extend(_media(row, prefix + file.index))
                    if row["present"] & below.get(row["product_id"], 0):
                        what = "brings a modality that the shard has already"
                        report.faults.append(Fault(prefix + file.index, what, row["product_id"]))
                _shard(root, file, rows, report, prefix)
    derived = OverlayManifest.of(
        overlay.base, overlay.modalities, overlay.columns, overlay.splits, overlay.made_with, overlay.config
    )
    if derived.content != overlay.content:
        report.faults.append(Fault(prefix + OVERLAY_MANIFEST, "the content hash does not fit the indexes it lists"))


def _checksums(root: Path, manifest: ShardManifest, report: Report) -> dict[str, str]:
    """The sha256 of every tar as it is noted, compared with the tars themselves; none of these is missing here."""
    noted = papers.checksums_in(root, manifest)
    if noted is None and (root / papers.CHECKSUMS).is_file():
        report.faults.append(Fault(papers.CHECKSUMS, "is of other shards", remedy=outline.ANEW))
    found = papers.taken_checksums(root, manifest)
    known = {fault.file for fault in report.faults}
    for tar, digest in (noted or {}).items():
        if found[tar] != digest and tar not in known:
            report.faults.append(Fault(tar, f"its checksum is not the one in {papers.CHECKSUMS}"))
    return noted or found


def _by_the_card(root: Path, manifest: ShardManifest, indexes: dict[str, Rows], report: Report) -> None:
    """Compare what HF datasets reads by the card with the index."""
    if not has_datasets():
        report.skipped.append("HF datasets is not installed, so its view was not compared: pip install 'm5tools[hf]'")
        return
    whole = {split: files for split, files in manifest.splits.items() if all((root / f.tar).is_file() for f in files)}
    for split, files in whole.items():
        expected = [found for file in files for found in _as_parsed(root / file.tar, indexes[file.tar])]
        try:
            report.faults += differences(f"{split}-*.tar", expected, list(by_datasets(root, split)), "HF datasets")
        except Exception as error:  # noqa: BLE001 - at damage it raises whatever its readers and Arrow raise
            remedy = outline.ANEW if any(fault.file == CARD for fault in report.faults) else ""
            what = f"HF datasets cannot read it: {told(error)}"
            report.faults.append(Fault(f"{split}-*.tar", what, remedy=remedy))


def _as_parsed(tar: Path, rows: Rows) -> Iterator[Found]:
    """What the index lists, JSON members told by what they hold: HF datasets does not give their bytes."""
    with tar.open("rb") as file:
        for found in by_index(rows):
            if found.name != JSON_MEMBER:
                yield found
                continue
            file.seek(found.offset or 0)
            data = file.read(found.length)
            yield Found(found.key, found.name, found.length, _parsed(data))


def _parsed(data: bytes) -> int:
    try:
        return of_record(json.loads(data))
    except (ValueError, RecursionError):
        return -1
