"""Parquet files: a row group a chunk, nested columns as lists and objects, everything in a form that JSON can hold.

Times are ISO 8601, decimals their digits, bytes text where they are UTF-8 and else Base64; NaN, which data frames write
where nothing is, is null. A row is numbered from 0 in its file. Of a row group that cannot be read, the rows before the
damage stand and the rest is one reject that names them; the other row groups do not suffer. Of columns of one name
the second has its number behind it: `title`, `title_4`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.arrow_values import distinct_names, values_of
from m5tools.ingest.readers.locations import stored
from m5tools.ingest.readers.row import Batch, Chunk, Row, readable
from m5tools.vocabulary import RejectReason

BATCH_ROWS = 4_096
_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError)
_encode = msgspec.json.Encoder().encode


class ParquetTable:
    """The reader. `start` and `end` of a chunk number row groups; a file without readable footer is one chunk."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        try:
            with _parquet(path) as file:
                groups = file.num_row_groups
        except _UNREADABLE as error:
            _raise_of_the_file_system(error, name)
            groups = 0
        return [Chunk(path, name, i, i + 1) for i in range(groups)] or [Chunk(path, name)]

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        place = 0
        rows = "the file"
        try:
            with _parquet(chunk.path) as file:
                if chunk.end < 0 and file.num_row_groups == 0:
                    return
                sizes = [file.metadata.row_group(i).num_rows for i in range(chunk.end)]
                place = sum(sizes[: chunk.start])
                rows = f"rows {place:,} to {place + sizes[-1] - 1:,}, from {{}} on"
                for rows_read in file.iter_batches(BATCH_ROWS, row_groups=[chunk.start], use_threads=False):
                    batch = _batch(rows_read, place)
                    place += rows_read.num_rows
                    yield batch
        except _UNREADABLE as error:
            _raise_of_the_file_system(error, chunk.name)
            message = f"{rows.format(f'{place:,}')}: {error}"
            yield Batch(refused=[Row(place, b"", None, RejectReason.NOT_PARSEABLE, message)])


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
