"""One shard: gathered rows → a tar and its index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from m5tools import atomic
from m5tools.media.guard import DecodeError
from m5tools.shards.encode import Encoder, File
from m5tools.shards.index import Index
from m5tools.shards.reuse import copies
from m5tools.shards.writer import JSON_MEMBER, Member, TarWriter
from m5tools.stage import Counts
from m5tools.vocabulary import Modality


def pack(path: Path, samples: pa.Table, encoder: Encoder) -> tuple[pa.Table, Counts, str]:
    """Write one tar.

    A file that cannot be had costs itself alone: the index says why, where nothing else of its modality is there.

    Args:
        path: of the tar.
        samples: gathered rows, in order; without `json` the samples consist of media alone.
        encoder: files → members.

    Returns:
        The index, what was counted, and the tar's xxh3-128.
    """
    counts = {"items": 0, "failed": 0, "copied": 0, "shards": 1}
    index = Index()
    with atomic.whole_file(path) as temporary, TarWriter(temporary) as writer:
        for key, json, files in _samples(samples):
            index.begin(writer.position)
            if json is not None:
                member = Member(JSON_MEMBER, None, json.encode())
                index.add(member, writer.add(key, member))
            numbers = dict.fromkeys(Modality, 0)
            for file, made in files:
                counts["items"] += 1
                _add(writer, index, encoder, key, file, made, numbers, counts)
        index.close(writer.position)
    return index.table(samples, path.name), counts, writer.xxh3


def _add(
    writer: TarWriter,
    index: Index,
    encoder: Encoder,
    key: str,
    file: File,
    made: list[dict[str, Any]] | None,
    numbers: dict[Modality, int],
    counts: Counts,
) -> None:
    """Add one file's members: copied from other shards where they can be, else made."""
    number = numbers[file.modality]
    copied = copies(file, made, number) if made and not encoder.untouched(file) else None
    counts["copied"] += copied is not None
    try:
        for member in copied if copied is not None else encoder.members(file, number):
            index.add(member, writer.add(key, member))
            numbers[file.modality] += 1
    except DecodeError as error:
        counts["failed"] += 1
        index.fail(file.modality, error.reason)


def _samples(rows: pa.Table) -> Iterator[tuple[str, str | None, list[tuple[File, list[dict[str, Any]] | None]]]]:
    """Key, JSON and files of every sample, made of whole columns."""
    keys = rows["product_id"].to_pylist()
    texts = rows["json"].to_pylist() if "json" in rows.column_names else [None] * len(keys)
    lists = rows["files"].combine_chunks()
    flat = lists.flatten()
    columns = [flat.field(name).to_pylist() for name in File._fields]
    columns[0] = [*map(Modality, columns[0])]
    made = flat.field("made").to_pylist() if flat.type.get_field_index("made") >= 0 else [None] * len(flat)
    files = list(zip(map(File._make, zip(*columns, strict=True)), made, strict=True))
    counts = lists.value_lengths().to_pylist()
    at = 0
    for key, text, count in zip(keys, texts, counts, strict=True):
        yield key, text, files[at : at + count]
        at += count
