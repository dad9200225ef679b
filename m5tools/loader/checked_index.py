"""An index file that was found to be the right one, so that more columns can be had without reading it all again.

What is read later is compared with what was checked, column by column. The footer is kept as it was parsed (some
70 kB for a shard, as long as the catalogue is open; no worker gets it), the bytes of the columns are not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash


class _Chunk(NamedTuple):
    """The bytes of one column in one row group.

    Attributes:
        start, end: where in the file.
        digest: xxh3-128 of them.
    """

    start: int
    end: int
    digest: bytes


@dataclass(frozen=True)
class CheckedIndex:
    """What is kept of an index whose whole bytes were checked.

    Attributes:
        footer: its parsed footer.
        size: of the file in bytes.
        chunks: what holds each column, by its path (`members.list.element.offset`).
    """

    footer: pq.FileMetaData
    size: int
    chunks: dict[str, tuple[_Chunk, ...]]

    @classmethod
    def of(cls, footer: pq.FileMetaData, data: bytes) -> CheckedIndex:
        """That of the whole bytes of a file."""
        whole = memoryview(data)
        chunks: dict[str, tuple[_Chunk, ...]] = {}
        for path, start, end in _places(footer):
            found = _Chunk(start, end, xxhash.xxh3_128_digest(whole[start:end]))
            chunks[path] = (*chunks.get(path, ()), found)
        return cls(footer, len(data), chunks)

    def again(self, file: str | os.PathLike[str], columns: Sequence[str]) -> pa.Buffer | None:
        """The file with nothing but some of its columns in it, at their places; None where these have changed since.

        Args:
            file: where it is.
            columns: their paths, or what begins them.

        Raises:
            OSError: it cannot be read.
        """
        room = np.empty(self.size, np.uint8)  # what is not filled takes no memory
        view = room.data
        descriptor = os.open(file, os.O_RDONLY)
        try:
            for chunk in self._wanted(columns):
                part = view[chunk.start : chunk.end]
                if not _filled(part, descriptor, chunk.start):
                    return None
                if xxhash.xxh3_128_digest(part) != chunk.digest:
                    return None
        finally:
            os.close(descriptor)
        return pa.py_buffer(room)

    def _wanted(self, columns: Sequence[str]) -> Iterator[_Chunk]:
        for name in columns:
            if name in self.chunks:
                yield from self.chunks[name]
                continue
            for path, chunks in self.chunks.items():
                if path.startswith(f"{name}."):
                    yield from chunks


def _filled(part: memoryview, descriptor: int, start: int) -> bool:
    """Whether the file went on to the end of the part; a single read gives 2 GiB at most."""
    done = 0
    while done < len(part):
        got = os.preadv(descriptor, [part[done:]], start + done)
        if not got:
            return False
        done += got
    return True


def _places(footer: pq.FileMetaData) -> Iterator[tuple[str, int, int]]:
    """Path, first byte and end of every column chunk."""
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for chunk in map(group.column, range(footer.num_columns)):
            dictionary, data = chunk.dictionary_page_offset, chunk.data_page_offset
            start = dictionary if dictionary is not None and 0 < dictionary < data else data
            yield sys.intern(chunk.path_in_schema), start, start + chunk.total_compressed_size
