"""Whether an index holds what the index of shards holds, before anything is read by it.

Checksums tell that an index is the one its manifest names. They do not tell that whoever wrote both was honest: lists
that are not five long, a member behind the end of its tar, or a length of exabytes must be refused, not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

_KNOWN: Final = {"state": State, "reason": Reason}
_NEVER_NULL: Final = ("product_id", "present", *_KNOWN)


def unsound(place: Path, what: str) -> UsageError:
    """The error to raise of an index."""
    return UsageError(f"{place} is damaged ({what}); copy it again, or write the shards again with 'm5 shard'")


@contextmanager
def parsed(place: Path) -> Iterator[None]:
    """Turn what Arrow says of bytes that are no Parquet file into one line; what the file system says stays.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise unsound(place, str(error).partition("\n")[0]) from error


def columns_of_the_law(place: Path, table: pa.Table) -> None:
    """
    Raises:
        UsageError: a column is of another type than the law of the index says.
    """
    law = {field.name: field.type for field in schema.law("shard_index").schema}
    for field in table.schema:
        if field.name in law and field.type != law[field.name]:
            raise unsound(place, f"column '{field.name}' is {field.type}, not {law[field.name]}")


def masks(place: Path, index: pa.Table) -> None:
    """
    Raises:
        UsageError: a state or reason is missing, unknown or not one of five.
    """
    for name in _NEVER_NULL:
        if index[name].null_count:
            raise unsound(place, f"'{name}' is null")
    for name, codes in _KNOWN.items():
        lists = index[name]
        if index.num_rows and pc.min_max(pc.list_value_length(lists)).as_py() != {"min": 5, "max": 5}:
            raise unsound(place, f"'{name}' is not {len(MODALITIES)} codes a sample")
        flat = pc.list_flatten(lists)
        unknown = set(pc.unique(flat).to_pylist()) - {int(code) for code in codes}
        if unknown:
            raise unsound(place, f"'{name}' has the code {next(iter(unknown))}, which means nothing")


def lists_of_members(place: Path, lists: Sequence[pa.ListArray]) -> None:
    """
    Raises:
        UsageError: of a member its name or place is null.
    """
    for part in lists:
        flat = part.flatten()
        if part.null_count or any(flat.field(name).null_count for name in ("name", "offset", "length", "xxh3")):
            raise unsound(place, "the place of a member is null")


def within_tars(
    place: Path, offset: npt.NDArray[np.int64], length: npt.NDArray[np.int64], size: npt.NDArray[np.int64]
) -> None:
    """
    Args:
        place: the index, for the message.
        offset, length: int64 `[M]`, of each member.
        size: int64 `[M]`, bytes of the tar that each lies in.

    Raises:
        UsageError: a member does not lie within its tar.
    """
    if not np.all((offset >= 0) & (length >= 0) & (length <= size) & (offset <= size - length)):
        raise unsound(place, "a member does not lie within its tar")
