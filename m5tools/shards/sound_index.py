"""Whether an index holds what the index of shards holds, before anything is read by it.

Checksums tell that an index is the one its manifest names. They do not tell that whoever wrote both was honest: lists
that are not five long, a member behind the end of its tar, or a length of exabytes must be refused, not followed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from m5tools import schema
from m5tools.errors import UsageError
from m5tools.vocabulary import MODALITIES, Reason, State

NEEDED: Final = (
    "product_id", "shard", "start", "end", "present", "state", "reason", "split", "category", "band", "tags", "video_s",
    "audio_s", "members",
)  # fmt: skip
"""Columns of every index of shards, also of those that earlier versions wrote."""
NEEDED_OF_OVERLAYS: Final = ("product_id", "start", "end", "present", "members")
_CODES: Final = {"state": State, "reason": Reason}
_LARGEST: Final = 1 << 62
_MEMBER: Final = re.compile(r"json|\w+_[0-9]{1,9}\.\w+", re.ASCII)


class Unsound(ValueError):
    """What is wrong with an index."""


@contextmanager
def parsed(place: Path) -> Iterator[None]:
    """Tell in one line what is wrong with an index, be it no Parquet file at all; what the file system says stays.

    Raises:
        UsageError: the file is no index of shards.
    """
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError, Unsound) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        what = str(error).partition("\n")[0]
        raise UsageError(
            f"{place} is damaged ({what}); copy it again, or write the shards again with 'm5 shard'"
        ) from error


def columns(table: pa.Table, needed: Collection[str], of_shards: bool = True) -> None:
    """
    Args:
        table: columns of an index.
        needed: names of those that must be there.
        of_shards: whether it is of shards; an overlay's columns may be called like those of the law and be others.

    Raises:
        Unsound: a column is missing, or one that the law knows is of another type.
    """
    for name in needed:
        if name not in table.column_names:
            raise Unsound(f"it has no column '{name}'")
    law = {field.name: field.type for field in schema.law("shard_index").schema if of_shards}
    for field in table.schema:
        # What a member's entry holds has grown with the versions.
        if field.name in law and field.name != "members" and field.type != law[field.name]:
            raise Unsound(f"column '{field.name}' is {field.type}, not {law[field.name]}")


def masks(table: pa.Table) -> None:
    """
    Raises:
        Unsound: an id, a mask, a state or a reason is missing, unknown or not one of five.
    """
    for name in ("product_id", "present", *_CODES):
        if table[name].null_count:
            raise Unsound(f"'{name}' is null")
    for name, codes in _CODES.items():
        if table.num_rows and pc.min_max(pc.list_value_length(table[name])).as_py() != {"min": 5, "max": 5}:
            raise Unsound(f"'{name}' is not {len(MODALITIES)} codes a sample")
        unknown = set(pc.unique(pc.list_flatten(table[name])).to_pylist()) - {int(code) for code in codes}
        if unknown:
            raise Unsound(f"'{name}' has the code {next(iter(unknown))}, which means nothing")


def places(lists: Sequence[pa.ListArray]) -> None:
    """
    Args:
        lists: the members of samples.

    Raises:
        Unsound: of a member its name, place or checksum is null.
    """
    for part in lists:
        flat = part.flatten()
        if part.null_count or any(flat.field(name).null_count for name in ("name", "offset", "length", "xxh3")):
            raise Unsound("the place of a member is null")


def rows(table: pa.Table, needed: Collection[str]) -> None:
    """All of this, and that no value is null that must not be.

    Raises:
        Unsound: something is.
    """
    columns(table, needed)
    for field in schema.law("shard_index").schema:
        if not field.nullable and field.name in table.column_names and table[field.name].null_count:
            raise Unsound(f"'{field.name}' is null")
    if set(_CODES) <= set(table.column_names):
        masks(table)
    if table.num_rows == 0:
        return
    lists = table["members"].chunks
    places(lists)
    flat = [part.flatten() for part in lists]
    names = {name for part in flat for name in pc.unique(part.field("name")).to_pylist()}
    if odd := [name for name in sorted(names) if not _MEMBER.fullmatch(name)]:
        raise Unsound(f"{odd[0][:100]!r} is no name of a member")
    for part in flat:
        offset, length = (part.field(name).to_numpy(zero_copy_only=False) for name in ("offset", "length"))
        within_tars(offset, length, np.full(len(part), _LARGEST))


def within_tars(offset: npt.NDArray[np.int64], length: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> None:
    """
    Args:
        offset, length: int64 `[M]`, of each member.
        size: int64 `[M]`, bytes of the tar that each lies in.

    Raises:
        Unsound: a member does not lie within its tar.
    """
    if not np.all((offset >= 0) & (length >= 0) & (length <= size) & (offset <= size - length)):
        raise Unsound("a member does not lie within its tar")
