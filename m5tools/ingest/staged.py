"""What the first round leaves for the last: an uncompressed Arrow file a chunk, the rows of each batch by their home.

The home of a row is the number that the first 16 bits of its product id make. A product's texts, attributes and media
travel inside its row as lists, so that whatever becomes of the row becomes of them. The last round maps the files, in
which the rows of a partition lie together, and touches neither the others nor the delivered bytes, which only repeats
are asked for.

Files and partitions both grow with the crawl, so a slice of every file for every partition is the square. Where there
are many partitions, the rows of a run of neighbouring ones are brought together first: at most `RUNS` runs, each a file
of at most `STRETCHES` stretches, so the slices are `RUNS` a file and `STRETCHES` a partition. What was delivered of
repeats comes along, for by then the files exceed the memory, and single rows of all of them come at the disk's pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic, schema

CHILDREN: Final = ("texts", "attributes", "media")
HOMES: Final = 65_536
_ROW_BITS: Final = 40
_FILES_AT_ONCE: Final = 32
_GATHERED: Final = "gathered"
GATHERED_FROM = 512
"""Partitions; below, to write the rows a second time costs more than the slices."""
RUNS = 64
STRETCHES = 16
OF_THE_OWNER: Final = ("product_id", "crawl_id", "source")


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
    with (
        atomic.whole_file(folder / f"{unit}.arrow") as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, layout()) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch.take(np.argsort(batch.column("home").to_numpy(), kind="stable")))


def read(folder: Path, columns: list[str]) -> pa.Table:
    """Some columns of all staged rows, chunk by chunk in a fixed order."""
    nothing = layout().empty_table()
    return pa.concat_tables([nothing.select(columns), *(_mapped(file).select(columns) for file in _files(folder))])


def runs(partitions: int) -> int:
    """Into how many runs of neighbouring partitions the rows are brought together; 0 = none, they stay as staged."""
    return RUNS if partitions >= GATHERED_FROM else 0


def homes(number: int, of: int) -> tuple[int, int]:
    """The first home of one of several equal ranges, and that behind its last."""
    return -(-number * HOMES // of), -(-(number + 1) * HOMES // of)


def gather(folder: Path, run: int, of: int) -> None:
    """Bring the rows of one run together in one file, stretch by stretch in the order of the input.

    Args:
        folder: where they are staged.
        run: number of the run.
        of: how many runs there are.
    """
    files, (first, beyond) = _files(folder), homes(run, of)
    ids = [_within(batch, first, beyond)[1]["product_id"] for file in files for batch in _mapped(file).to_batches()]
    every = pa.chunked_array(ids, layout().field("product_id").type)
    repeated = pl.Series(pl.from_arrow(every)).is_duplicated().to_numpy()
    a_stretch = max(1, -(-len(files) // STRETCHES))
    path = folder / _GATHERED / f"{run:05d}.arrow"
    with (
        atomic.whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, _with_repeats()) as writer,
    ):
        end = 0
        for start in range(0, len(files), a_stretch):
            rows = _slices(enumerate(files[start : start + a_stretch], start), first, beyond).combine_chunks()
            begin, end = end, end + rows.num_rows
            rows = rows.append_column("delivered", _of_repeats(folder, rows["place"], repeated[begin:end]))
            order = np.argsort(rows["home"].to_numpy(), kind="stable")
            writer.write_table(rows.take(order).combine_chunks(), max_chunksize=max(1, rows.num_rows))


def read_partition(folder: Path, partition: int, partitions: int) -> pa.Table:
    """The staged rows of one partition, as :func:`read_homes` gives them; where they were brought together with
    `delivered`, which is null of a row that no other repeats."""
    first, beyond = homes(partition, partitions)
    several = runs(partitions)
    if not several:
        return read_homes(folder, first, beyond)
    gathered = _mapped(folder / _GATHERED / f"{partition * several // partitions:05d}.arrow")
    slices = (_within(batch, first, beyond)[1] for batch in gathered.to_batches())
    # A slice of lists still holds the members of all, so whoever reads them would read those of the whole run.
    return pa.Table.from_batches([_nothing(gathered.schema), *slices]).combine_chunks()


def read_homes(folder: Path, first: int, beyond: int) -> pa.Table:
    """The staged rows whose home is at least `first` and below `beyond`; those of one home in the order of the input.

    Returns:
        The columns of :func:`layout`; instead of `delivered`, which few rows are asked for, `place` (int64), by which
        :func:`delivered` finds it.
    """
    files = _files(folder)
    found = [_beside_delivered().empty_table()]
    for start in range(0, len(files), _FILES_AT_ONCE):
        numbered = enumerate(files[start : start + _FILES_AT_ONCE], start)
        # Copied once for many files, for a copy costs by its columns; then none of them need stay mapped.
        found.append(_slices(numbered, first, beyond).combine_chunks())
    return pa.concat_tables(found)


def _slices(files: Iterable[tuple[int, Path]], first: int, beyond: int) -> pa.Table:
    """The rows of some homes in some files, with their places; beside none even a single slice is copied."""
    columns = pa.schema([field for field in layout() if field.name != "delivered"])
    slices, places = [_nothing(columns)], [np.empty(0, np.int64)]
    for number, file in files:
        place = number << _ROW_BITS
        for batch in _mapped(file).to_batches():
            begin, found = _within(batch, first, beyond)
            slices.append(found.drop_columns(["delivered"]))
            places.append(np.arange(place + begin, place + begin + found.num_rows))
            place += batch.num_rows
    rows = pa.Table.from_batches(slices)
    return rows.append_column(_beside_delivered().field("place"), pa.array(np.concatenate(places)))


def _nothing(columns: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array([], field.type) for field in columns], schema=columns)


def _within(batch: pa.RecordBatch, first: int, beyond: int) -> tuple[int, pa.RecordBatch]:
    """The rows of some homes in a batch that is in their order, and where they begin."""
    begin, end = np.searchsorted(batch.column("home").to_numpy(), (first, beyond)).tolist()
    return begin, batch.slice(begin, end - begin)


def delivered_of(rows: pa.Table, folder: Path) -> Callable[[pl.Series], pl.Series]:
    """What gives the bytes of some rows as they were delivered, by their places.

    Args:
        rows: as :func:`read_partition` gives them; only of those that are repeated the bytes are asked for.
        folder: where they are staged.
    """
    if "delivered" not in rows.column_names:
        return partial(delivered, folder)
    held = pl.DataFrame(pl.from_arrow(rows.select(["place", "delivered"]))).drop_nulls("delivered")

    def taken(places: pl.Series) -> pl.Series:
        found = pl.DataFrame({"place": places}).join(held, on="place", how="left", maintain_order="left")["delivered"]
        assert not found.has_nulls(), "asked for a row that is no repeat"
        return found

    return taken


def delivered(folder: Path, places: pl.Series) -> pl.Series:
    """The bytes of some rows as they were delivered.

    Args:
        folder: where they are staged.
        places: as :func:`read_homes` gives them.
    """
    files = _files(folder)
    wanted = pl.DataFrame({"place": places}).with_row_index("order")
    wanted = wanted.with_columns(file=pl.col("place").cast(pl.Int64) // (1 << _ROW_BITS))
    found = [pl.DataFrame(schema={"order": pl.UInt32, "bytes": pl.Binary})]
    for (number,), rows in wanted.group_by("file", maintain_order=True):
        column = _mapped(files[int(str(number))])["delivered"]
        bytes_of = column.take((rows["place"] % (1 << _ROW_BITS)).to_arrow())
        found.append(rows.select("order").with_columns(bytes=pl.Series(pl.from_arrow(bytes_of), dtype=pl.Binary)))
    return pl.concat(found).sort("order")["bytes"]


@cache
def _beside_delivered() -> pa.Schema:
    return pa.schema([*(field for field in layout() if field.name != "delivered"), pa.field("place", pa.int64())])


@cache
def _with_repeats() -> pa.Schema:
    return _beside_delivered().append(pa.field("delivered", pa.binary()))


def _of_repeats(folder: Path, places: pa.ChunkedArray, repeated: np.ndarray) -> pa.Array:
    """The delivered bytes of some rows, null of the others."""
    asked = pl.Series(pl.from_arrow(places)).filter(pl.Series(repeated, dtype=pl.Boolean))
    found = delivered(folder, asked).to_arrow().cast(pa.binary())
    return found.take(pa.array(np.cumsum(repeated) - 1, mask=~repeated))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.arrow"))


def _mapped(file: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()
