"""Reading the Parquet indexes of a split, several at a time, and of each only the columns that are wanted.

The places of members are most of an index, and filters hardly ever look at them. So they are read apart, without what
a loader does not need of them, and only of shards from which anything is delivered.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.errors import UsageError
from m5tools.shards.manifest import MANIFEST, ShardFile

_ELEMENT: Final = "members.list.element."
_PLACES: Final = ("name", "modality", "offset", "length", "xxh3", "cost")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Indexes:
    """The indexes of a split, of shards or of an overlay.

    Attributes:
        folder: that of the shards or of the overlay.
        files: the shards, in order.
        named_by: the manifest that they are of, in the folder.
    """

    folder: Path
    files: tuple[ShardFile, ...]
    named_by: str = MANIFEST

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns there are."""
        return tuple(pq.read_schema(self.folder / self.files[0].index).names) if self.files else ()

    def columns(self, wanted: Sequence[str]) -> pa.Table:
        """Some columns, the shards one after another.

        Raises:
            UsageError: a file is not that of the manifest.
        """

        def read(file: ShardFile) -> pa.Table:
            return pq.ParquetFile(pa.BufferReader(self._checked(file))).read(list(wanted), use_threads=False)

        return pa.concat_tables(_each(self.files, read))

    def members(self, some: Sequence[int]) -> list[pa.ListArray]:
        """Lists of what a loader needs of members of some of the shards; names and modalities are dictionary arrays.

        Raises:
            UsageError: a file is not that of the manifest.
        """
        files = [self.files[i] for i in some]
        return [part for parts in _each(files, lambda file: _members(self._checked(file))) for part in parts]

    def _checked(self, file: ShardFile) -> pa.Buffer:
        path = self.folder / file.index
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != file.index_sha256:
            raise UsageError(f"{path} is not the index that {self.folder / self.named_by} names; copy it again")
        return pa.py_buffer(data)


def _members(data: pa.Buffer) -> list[pa.ListArray]:
    strings = [_ELEMENT + name for name in ("name", "modality")]
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=strings)
    wanted = [_ELEMENT + name for name in _PLACES]
    known = {file.schema.column(i).path for i in range(len(file.schema))}
    table = file.read([path for path in wanted if path in known], use_threads=False)
    return list(table["members"].chunks)


def _each(files: Sequence[ShardFile], read: Callable[[ShardFile], _T]) -> list[_T]:
    """A result for each file, in their order; hashing and decoding leave the interpreter to others."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, files))
