"""One staged file: what a chunk of input left, uncompressed Arrow, the rows of each batch in the order of their homes.

The home of a row is the number that the first 16 bits of its product id make. A product's texts, attributes and media
travel inside its row as lists, so that whatever becomes of the row becomes of them.

A batch has 150 buffers, so a few rows of it are a few kilobytes at each of 150 places, and the disk reads megabytes
around each. Large batches are therefore cut: a batch for each of `RUNS` runs of homes, found by its number and read
whole. The file says into how many; one that does not is of small batches, or of an earlier version: all are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic, schema

CHILDREN: Final = ("texts", "attributes", "media")
OF_THE_OWNER: Final = ("product_id", "crawl_id", "source")
HOMES: Final = 65_536
_ROW_BITS: Final = 22
_BATCH_BITS: Final = 18
_CUT_INTO: Final = b"runs"
_ROWS: Final = b"rows"
_WRITTEN_AT_ONCE: Final = 1 << 20
RUNS = 64
CUT_FROM = 4 << 20
"""Bytes of a batch; of a smaller one the rows of a run are little more than what says where its buffers lie."""


@cache
def child_type(table: str) -> pa.StructType:
    """One row of a child table, without the columns that its product gives it."""
    return pa.struct([field for field in schema.law(table).schema if field.name not in OF_THE_OWNER])


@cache
def layout() -> pa.Schema:
    """The columns of a staged row."""
    products = [field for field in schema.law("products").schema if field.name != "crawl_id"]
    children = [pa.field(table, pa.list_(child_type(table))) for table in CHILDREN]
    about = [pa.field("home", pa.uint16()), pa.field("by_content", pa.bool_()), pa.field("delivered", pa.binary())]
    return pa.schema([*products, *children, *about])


def write(folder: Path, unit: str, batches: list[pa.RecordBatch]) -> None:
    """Write the staged rows of one chunk, given in the order of the input."""
    is_cut = sum(batch.nbytes for batch in batches) >= CUT_FROM * max(1, len(batches))
    several = RUNS if is_cut else 1
    told = {_CUT_INTO: str(RUNS), _ROWS: str(sum(batch.num_rows for batch in batches))}
    columns = layout().with_metadata(told) if is_cut else layout()
    assert several * len(batches) <= 1 << _BATCH_BITS
    assert all(batch.num_rows <= 1 << _ROW_BITS for batch in batches)
    with (
        atomic.whole_file(folder / f"{unit}.arrow") as temporary,
        # A batch is written buffer by buffer, of which there are many small ones.
        pa.output_stream(str(temporary), compression=None, buffer_size=_WRITTEN_AT_ONCE) as sink,
        pa.ipc.new_file(sink, columns) as writer,
    ):
        for batch in batches:
            rows = batch.take(np.argsort(batch.column("home").to_numpy(), kind="stable"))
            for run in range(several):
                writer.write_batch(_within(rows, *homes(run, several))[1])
            del rows  # before the next are put in order


def homes(number: int, of: int) -> tuple[int, int]:
    """The first home of one of several equal ranges, and that behind its last."""
    return -(-number * HOMES // of), -(-(number + 1) * HOMES // of)


def files(folder: Path) -> list[Path]:
    """Those of all chunks, in the order of the input."""
    return sorted(folder.glob("[!.]*.arrow"))


def mapped(file: Path) -> pa.ipc.RecordBatchFileReader:
    """A file of whose batches no more is read than is looked at."""
    return pa.ipc.open_file(pa.memory_map(str(file)))


def opened(file: Path, columns: Sequence[str]) -> pa.ipc.RecordBatchFileReader:
    """A file of whose batches just these columns are read, by calls of the system; one that is not cut is mapped."""
    fields = [layout().get_field_index(name) for name in columns]
    found = pa.ipc.open_file(pa.OSFile(str(file)), options=pa.ipc.IpcReadOptions(included_fields=fields))
    return found if _runs_of(found) > 1 else mapped(file)


def row_count(file: Path) -> int:
    """How many rows a file holds."""
    batches = opened(file, ("product_id",))
    told = int((batches.schema.metadata or {}).get(_ROWS, 0))
    return told or sum(batches.get_batch(number).num_rows for number in range(batches.num_record_batches))


def _runs_of(file: pa.ipc.RecordBatchFileReader) -> int:
    return int((file.schema.metadata or {}).get(_CUT_INTO, 1))


def placed(
    numbered: Iterable[tuple[int, pa.ipc.RecordBatchFileReader]], first: int, beyond: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of some homes in some files, and the place of the first of each batch."""
    for number, file in numbered:
        for begin, rows in rows_of(file, first, beyond):
            yield (number << _BATCH_BITS + _ROW_BITS) + begin, rows


def rows_of(file: pa.ipc.RecordBatchFileReader, first: int, beyond: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of some homes in a file, and where in it they begin; of one that is cut only such batches are read."""
    several = _runs_of(file)
    least, most = first * several // HOMES, (beyond - 1) * several // HOMES
    for number in range(file.num_record_batches):
        if least <= number % several <= most:
            begin, rows = _within(file.get_batch(number), first, beyond)
            yield (number << _ROW_BITS) + begin, rows


def _within(batch: pa.RecordBatch, first: int, beyond: int) -> tuple[int, pa.RecordBatch]:
    """The rows of some homes in a batch that is in their order, and where they begin."""
    begin, end = np.searchsorted(batch.column("home").to_numpy(), (first, beyond)).tolist()
    return begin, batch.slice(begin, end - begin)


def delivered(folder: Path, places: pl.Series) -> pl.Series:
    """The bytes of some rows as they were delivered.

    Args:
        folder: where they are staged.
        places: as :func:`placed` counts them, of one row after another.
    """
    staged = files(folder)
    wanted = pl.DataFrame({"place": places}).with_row_index("order")
    wanted = wanted.with_columns(batch=pl.col("place").cast(pl.Int64) // (1 << _ROW_BITS)).sort("batch")
    found = [pl.DataFrame(schema={"order": pl.UInt32, "bytes": pl.Binary})]
    at_hand = lru_cache(1)(lambda number: mapped(staged[number]))
    for (batch,), rows in wanted.group_by("batch", maintain_order=True):
        number, of_file = divmod(int(str(batch)), 1 << _BATCH_BITS)
        column = at_hand(number).get_batch(of_file)["delivered"]
        bytes_of = column.take((rows["place"] % (1 << _ROW_BITS)).to_arrow())
        found.append(rows.select("order").with_columns(bytes=pl.Series(pl.from_arrow(bytes_of), dtype=pl.Binary)))
    return pl.concat(found).sort("order")["bytes"]
