"""Reading the Parquet indexes of a split, several at a time, and of each only the columns that are wanted.

The places of members are most of an index, and filters hardly ever look at them. So they are read apart, without what
a loader does not need of them, and only of shards from which anything is delivered. Every file is read whole once, to
be checked; from then on only the columns that are wanted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.errors import UsageError
from m5tools.loader.checked_index import CheckedIndex
from m5tools.shards import sound_index
from m5tools.shards.manifest import MANIFEST, ShardFile
from m5tools.shards.sound_index import Unsound, parsed

_ELEMENT: Final = "members.list.element."
_COST: Final = _ELEMENT + "cost"  # shards of before it was measured have none
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
    _known: dict[str, CheckedIndex] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns there are.

        Raises:
            UsageError: a file is not that of the manifest.
        """
        return tuple(self._opened(self.files[0], ()).schema_arrow.names) if self.files else ()

    def columns(self, wanted: Sequence[str]) -> pa.Table:
        """Some columns, the shards one after another.

        Raises:
            UsageError: a file is not that of the manifest.
        """
        names = list(wanted)

        def read(file: ShardFile) -> pa.Table:
            place = self.folder / file.index
            with parsed(place):
                table = self._opened(file, names).read(names, use_threads=False)
                sound_index.columns(table, names, of_shards=self.named_by == MANIFEST)
            return table

        with parsed(self.folder):
            return pa.concat_tables(_each(self.files, read))

    def members(self, some: Sequence[int]) -> list[pa.ListArray]:
        """Lists of what a loader needs of members of some of the shards; names and modalities are dictionary arrays.

        Raises:
            UsageError: a file is not that of the manifest.
        """
        strings = [_ELEMENT + name for name in ("name", "modality")]
        wanted = [_ELEMENT + name for name in _PLACES]

        def read(file: ShardFile) -> list[pa.ListArray]:
            place = self.folder / file.index
            with parsed(place):
                index = self._opened(file, wanted, read_dictionary=strings)
                known = {index.schema.column(i).path for i in range(len(index.schema))}
                if missing := [path for path in wanted if path not in known and path != _COST]:
                    raise Unsound(f"it has no column '{missing[0]}'")
                found = index.read([path for path in wanted if path in known], use_threads=False)["members"].chunks
                sound_index.places(found)
            return list(found)

        return [part for parts in _each([self.files[i] for i in some], read) for part in parts]

    def _opened(self, file: ShardFile, wanted: Sequence[str], **options: Any) -> pq.ParquetFile:
        """An index whose bytes are right, as far as they are of the columns that are wanted."""
        path = self.folder / file.index
        known = self._known.get(file.index)
        if known is not None:
            data = known.again(path, wanted)
            if data is None:
                raise self._another(path)
            return pq.ParquetFile(pa.BufferReader(data), metadata=known.footer, **options)
        try:
            whole = path.read_bytes()
        except FileNotFoundError as error:
            raise UsageError(f"{path} is missing; copy it again or run 'm5 shard'") from error
        if hashlib.sha256(whole).hexdigest() != file.index_sha256:
            raise self._another(path)
        with parsed(path):
            index = pq.ParquetFile(pa.BufferReader(whole), **options)
            if index.metadata.num_rows != file.samples:
                raise Unsound(f"it lists {index.metadata.num_rows:,} samples, not {file.samples:,}")
        self._known[file.index] = CheckedIndex.of(index.metadata, whole)
        return index

    def _another(self, path: Path) -> UsageError:
        return UsageError(f"{path} is not the index that {self.folder / self.named_by} names; copy it again")


def _each(files: Sequence[ShardFile], read: Callable[[ShardFile], _T]) -> list[_T]:
    """A result for each file, in their order; hashing and decoding leave the interpreter to others."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, files))
