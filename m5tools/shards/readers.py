"""The members of a tar as four ways of reading see them: the index, the tar's headers, webdataset and HF datasets."""

from __future__ import annotations

import importlib.util
import json
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import webdataset
import xxhash

from m5tools.shards.writer import JSON_MEMBER

DAMAGE: Final = (OSError, EOFError, ValueError, tarfile.TarError, pa.ArrowException)
"""What readers raise at damaged files."""


@dataclass(frozen=True)
class Found:
    """A member as one way of reading sees it.

    Attributes:
        key: of its sample.
        name: suffix behind the key.
        length: of its bytes; -1 where the way does not tell.
        xxh3: xxh3-64 of its bytes.
        offset: where they begin in the tar; None where the way does not tell.
    """

    key: str
    name: str
    length: int
    xxh3: int
    offset: int | None = None


def by_index(rows: list[dict[str, Any]]) -> list[Found]:
    """Members as the index tells them."""
    return [Found(r["product_id"], m["name"], m["length"], m["xxh3"], m["offset"]) for r in rows for m in r["members"]]


def by_header(path: Path) -> Iterator[Found]:
    """Members as the tar's headers tell them."""
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            if not info.isreg():
                raise tarfile.ReadError(f"{info.name[:100]} is no plain file")
            data = tar.extractfile(info).read()  # type: ignore[union-attr]
            key, _, name = info.name.partition(".")
            if len(data) != info.size:
                raise EOFError(f"{info.name} ends after {len(data):,} of {info.size:,} bytes")
            yield Found(key, name, info.size, xxhash.xxh3_64_intdigest(data), info.offset_data)


def readable(path: Path) -> Iterator[Found]:
    """As many members as can be read before the damage."""
    members = by_header(path)
    while True:
        try:
            yield next(members)
        except (StopIteration, *DAMAGE):
            return


def by_webdataset(path: Path) -> Iterator[Found]:
    """Members as plain webdataset delivers them, undecoded."""
    for sample in webdataset.WebDataset([str(path)], shardshuffle=False, nodesplitter=None, empty_check=False):
        for name, data in sample.items():
            if not name.startswith("__"):
                key = sample["__key__"].rpartition("/")[2]
                yield Found(key, name, len(data), xxhash.xxh3_64_intdigest(data))


def has_datasets() -> bool:
    """Whether HF datasets is installed."""
    return importlib.util.find_spec("datasets") is not None


def by_datasets(folder: Path, split: str) -> Iterator[Found]:
    """Members of a split as HF datasets streams them by the folder's card, media undecoded.

    It parses the JSON member, whose bytes it does not give; that is told by what it holds (:func:`of_record`).
    """
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        stream = datasets.load_dataset(str(folder), split=split, streaming=True, cache_dir=cache)
        for name, kind in dict(stream.features).items():
            if isinstance(kind, datasets.Image):
                stream = stream.cast_column(name, datasets.Image(decode=False))
        for sample in stream:
            key = sample["__key__"].rpartition("/")[2]
            for name, value in sample.items():
                if name == JSON_MEMBER and value is not None:
                    yield Found(key, name, -1, of_record(value))
                elif value is not None and not name.startswith("__"):
                    data = value["bytes"] if isinstance(value, dict) else value
                    yield Found(key, name, len(data), xxhash.xxh3_64_intdigest(data))


def of_record(record: Any) -> int:
    """xxh3-64 of what a JSON member holds, whatever the order of its fields."""
    return int(xxhash.xxh3_64_intdigest(json.dumps(record, sort_keys=True).encode()))
