"""Parquet files: a row group a chunk, nested columns as lists and objects, everything in a form that JSON can hold.

Times are ISO 8601, decimals their digits, bytes text where they are UTF-8 and else Base64; NaN, which data frames write
where nothing is, is null. A row is numbered from 0 in its file, as the footer counts. Of a row group that cannot be
read, or that holds fewer or more rows than the footer says, those before stand and the rest is one reject that names
them; the other row groups do not suffer. Of columns of one name the second has its number behind it: `title`,
`title_4`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.arrow_values import distinct_names, values_of
from m5tools.ingest.readers.locations import stored
from m5tools.ingest.readers.parquet_slots import slots
from m5tools.ingest.readers.row import Batch, Chunk, Row, readable
from m5tools.vocabulary import RejectReason

BATCH_ROWS = 4_096
_BLOCK: Final = 1 << 20
_MOST_ROWS: Final = 1 << 40
"""Of a row group. A footer that says more lies, and places of rows must stay numbers of 64 bits."""
_NOT_COUNTED: Final = "its columns claim these rows, its footer does not count them, so they are not read"
_MORE_VALUES: Final = "its columns hold more values than the rows that its footer counts, so the rest is not read"
_JOINED: Final = "several Parquet files lie behind one another in it, of which the last would be misread; part them"
_MAGIC: Final = b"PAR1"
_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)
_encode = msgspec.json.Encoder().encode


class ParquetTable:
    """The reader. `start` and `end` of a chunk number row groups; a file without readable footer is one chunk."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        try:
            with _parquet(path) as file:
                groups = file.num_row_groups
                joined = _is_joined(path, file)
        except _UNREADABLE as error:
            _raise_of_the_file_system(error, name)
            groups, joined = 0, False
        if joined:
            return [Chunk(path, name, refused=_JOINED)]
        return [Chunk(path, name, i, i + 1) for i in range(groups)] or [Chunk(path, name)]

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        if chunk.refused is not None:
            yield _refused(0, chunk.refused)
            return
        place = 0
        rows = "the file"
        try:
            with _parquet(chunk.path) as file:
                if chunk.end < 0 and file.num_row_groups == 0:
                    return
                sizes = [_counted_rows(file, i) for i in range(chunk.end)]
                place = sum(sizes[: chunk.start])
                end = place + sizes[-1]
                rows = _rows(place, end)
                nested = not _flat(file, chunk.start)
                read = 0
                for rows_read in file.iter_batches(BATCH_ROWS, row_groups=[chunk.start], use_threads=False):
                    batch = _batch(rows_read, place)
                    place += rows_read.num_rows
                    read += slots(rows_read.column(0)) if nested and rows_read.num_columns else 0
                    yield batch
                if place < end:
                    yield _refused(place, f"{rows.format(f'{place:,}')}: the row group ends early")
                elif (more := _stored_rows(file, chunk.start) - sizes[-1]) > 0:
                    surplus = _rows(end - sizes[-1], end + more).format(f"{end:,}")
                    yield _refused(end, f"{surplus}: {_NOT_COUNTED}")
                elif nested and _stored_values(file, chunk.start) > read:
                    yield _refused(end, f"rows from {end:,} on: {_MORE_VALUES}")
        except _UNREADABLE as error:
            _raise_of_the_file_system(error, chunk.name)
            yield _refused(place, f"{rows.format(f'{place:,}')}: {error}")


def _rows(start: int, end: int) -> str:
    """What a reject calls the rows of a group, with room for the first that it stands for."""
    return f"rows {start:,} to {end - 1:,}, from {{}} on"


def _refused(place: int, message: str) -> Batch:
    return Batch(refused=[Row(place, b"", None, RejectReason.NOT_PARSEABLE, message)])


def _counted_rows(file: pq.ParquetFile, group: int) -> int:
    """How many rows a group has by the footer."""
    counted: int = file.metadata.row_group(group).num_rows
    return min(max(counted, 0), _MOST_ROWS)


def _stored_rows(file: pq.ParquetFile, group: int) -> int:
    """How many rows the columns of a row group hold by their own account; 0 where all are nested.

    Arrow reads as many as the footer counts and leaves the rest without a word.
    """
    columns = file.metadata.row_group(group)
    return min((columns.column(i).num_values for i in _flat(file, group)), default=0)


def _stored_values(file: pq.ParquetFile, group: int) -> int:
    """How many values the first column of a row group holds by its own account."""
    columns = file.metadata.row_group(group)
    return columns.column(0).num_values if columns.num_columns else 0


def _flat(file: pq.ParquetFile, group: int) -> list[int]:
    """The columns that hold one value a row."""
    columns = range(file.metadata.row_group(group).num_columns)
    return [i for i in columns if file.schema.column(i).max_repetition_level == 0]


def _is_joined(path: str, file: pq.ParquetFile) -> bool:
    """Whether another file lies before this one, as `cat` leaves them: all places in the footer are too low then.

    By as much the footer lies behind the data; in a whole file only indexes of pages lie between.
    """
    end = len(_MAGIC)
    try:
        for group in map(file.metadata.row_group, range(file.num_row_groups)[-1:]):
            columns = [group.column(i) for i in range(group.num_columns)]
            end = max((_begin(column) + column.total_compressed_size for column in columns), default=end)
    except _UNREADABLE:
        return False  # whoever reads the rows says what is wrong
    with stored(path) as whole:
        behind = whole.seek(-8, io.SEEK_END) - file.metadata.serialized_size - end
        kept, place = b"", whole.seek(0)
        while place < behind and (block := whole.read(min(_BLOCK, behind + len(_MAGIC) - place))):
            place += len(block)
            if 2 * _MAGIC in kept + block:
                return True
            kept = block[1 - 2 * len(_MAGIC) :]
    return False


def _begin(column: pq.ColumnChunkMetaData) -> int:
    begin: int = column.data_page_offset
    return min(begin, column.dictionary_page_offset) if column.has_dictionary_page else begin


@contextmanager
def _parquet(path: str) -> Iterator[pq.ParquetFile]:
    with stored(path) as file, pq.ParquetFile(file, page_checksum_verification=True, buffer_size=1 << 20) as opened:
        yield opened


def _raise_of_the_file_system(error: Exception, name: str) -> None:
    """Go on only with what is about the content of the file, not about having it."""
    if isinstance(error, OSError) and error.errno is not None:
        with readable(name):
            raise error


def _batch(rows: pa.RecordBatch, first: int) -> Batch:
    names = distinct_names(rows.schema.names)
    columns = [values_of(column) for column in rows.columns]
    records = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)] or [{}] * rows.num_rows
    return Batch(list(range(first, first + rows.num_rows)), [_encode(record) for record in records], records)


READER = ParquetTable()
