"""What the first round leaves for the last: an uncompressed Arrow file a chunk, the rows of each batch by their home.

The home of a row is the number that the first 16 bits of its product id make. A product's texts, attributes and media
travel inside its row as lists, so that whatever becomes of the row becomes of them. The last round maps the files, in
which the rows of a partition lie together, and touches neither the others nor the delivered bytes, which only repeats
are asked for.

A batch has 150 buffers, so a few rows of it are a few kilobytes at each of 150 places, and the disk reads megabytes
around each. Large batches are therefore cut: a batch for each of `RUNS` runs of homes, found by its number and read
whole. The file says into how many; one that does not is of small batches, or of an earlier version: all are looked at.

Files and partitions both grow with the crawl, so a slice of every file for every partition is the square. Where there
are many partitions, the rows of a run of neighbouring ones are brought together first: at most `RUNS` runs, each a file
of at most `STRETCHES` stretches, so the slices are `RUNS` a file and `STRETCHES` a partition. What was delivered of
repeats comes along, for by then the files exceed the memory, and single rows of all of them come at the disk's pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic, schema

CHILDREN: Final = ("texts", "attributes", "media")
HOMES: Final = 65_536
_ROW_BITS: Final = 22
_BATCH_BITS: Final = 18
_CUT_INTO: Final = b"runs"
_ROWS: Final = b"rows"
_WRITTEN_AT_ONCE: Final = 1 << 20
_FILES_AT_ONCE: Final = 32
_GATHERED: Final = "gathered"
GATHERED_FROM = 512
"""Partitions; below, to write the rows a second time costs more than the slices."""
RUNS = 64
STRETCHES = 16
CUT_FROM = 4 << 20
"""Bytes of a batch; of a smaller one the rows of a run are little more than what says where its buffers lie."""
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


def count(folder: Path) -> int:
    """How many rows are staged."""
    files = (_cut(file, ("product_id",)) for file in _files(folder))
    return sum(
        int((file.schema.metadata or {}).get(_ROWS, 0))
        or sum(file.get_batch(number).num_rows for number in range(file.num_record_batches))
        for file in files
    )


def keys(folder: Path) -> pa.Table:
    """`product_id` and `by_content` of all staged rows, chunk by chunk in a fixed order."""
    names = ["product_id", "by_content"]
    found = [_nothing(layout()).select(names)]
    for file in _files(folder):
        cut = _cut(file, names)
        found += (_copied(cut.get_batch(number).select(names)) for number in range(cut.num_record_batches))
    return pa.Table.from_batches(found)


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
    keys_of = (_cut(file, ("product_id", "home")) for file in files)
    ids = [_copied(rows)["product_id"] for file in keys_of for _, rows in _found(file, first, beyond)]
    every = pa.chunked_array(ids, layout().field("product_id").type)
    repeated = pl.Series(pl.from_arrow(every)).is_duplicated().to_numpy()
    a_stretch = max(1, -(-len(files) // STRETCHES))
    path = folder / _GATHERED / f"{run:05d}.arrow"
    with (
        atomic.whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, _with_repeats()) as writer,
    ):
        begin = 0
        for start in range(0, len(files), a_stretch):
            slices = [_nothing(_with_repeats())]
            whole = (_cut(file, layout().names) for file in files[start : start + a_stretch])
            for place, rows in _numbered(enumerate(whole, start), first, beyond):
                slices.append(_with_repeats_of(rows, place, repeated[begin : begin + rows.num_rows]))
                begin += rows.num_rows
            stretch = pa.Table.from_batches(slices)
            stretch = stretch.take(np.argsort(stretch["home"].to_numpy(), kind="stable")).combine_chunks()
            writer.write_table(stretch, max_chunksize=max(1, stretch.num_rows))


def read_partition(folder: Path, partition: int, partitions: int) -> pa.Table:
    """The staged rows of one partition, as :func:`read_homes` gives them; where they were brought together with
    `delivered`, which is null of a row that no other repeats."""
    first, beyond = homes(partition, partitions)
    several = runs(partitions)
    if not several:
        return read_homes(folder, first, beyond)
    # A partition lies in one run where there are a power of two of them, as ingest has it.
    touched = range(first * several // HOMES, (beyond - 1) * several // HOMES + 1)
    files = (_mapped(folder / _GATHERED / f"{run:05d}.arrow") for run in touched)
    slices = [_nothing(_with_repeats()), *(rows for file in files for _, rows in _found(file, first, beyond))]
    # A slice of lists still holds the members of all, so whoever reads them would read those of the whole run.
    return pa.Table.from_batches(slices).combine_chunks()


def read_homes(folder: Path, first: int, beyond: int) -> pa.Table:
    """The staged rows whose home is at least `first` and below `beyond`; those of one home in the order of the input.

    Returns:
        The columns of :func:`layout`; instead of `delivered`, which few rows are asked for, `place` (int64), by which
        :func:`delivered` finds it.
    """
    files = _files(folder)
    found = [_beside_delivered().empty_table()]
    for start in range(0, len(files), _FILES_AT_ONCE):
        slices = [_nothing(_beside_delivered())]  # beside none even a single slice is copied
        numbered = enumerate(map(_mapped, files[start : start + _FILES_AT_ONCE]), start)
        slices += (_with_places(rows, place) for place, rows in _numbered(numbered, first, beyond))
        # Copied once for many files, for a copy costs by its columns; then none of them need stay mapped.
        found.append(pa.Table.from_batches(slices).combine_chunks())
    return pa.concat_tables(found)


def _numbered(
    files: Iterable[tuple[int, pa.ipc.RecordBatchFileReader]], first: int, beyond: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of some homes in some files, and the place of the first of each batch."""
    for number, file in files:
        for begin, rows in _found(file, first, beyond):
            yield (number << _BATCH_BITS + _ROW_BITS) + begin, rows


def _found(file: pa.ipc.RecordBatchFileReader, first: int, beyond: int) -> Iterator[tuple[int, pa.RecordBatch]]:
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


def _copied(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows without the batch that they lie in, for which memory is held as for all of its columns."""
    return rows.take(np.arange(rows.num_rows))


def _with_places(rows: pa.RecordBatch, place: int) -> pa.RecordBatch:
    """Rows that follow one another in a batch, with their places instead of what was delivered."""
    places = pa.array(np.arange(place, place + rows.num_rows))
    return rows.drop_columns(["delivered"]).append_column(_beside_delivered().field("place"), places)


def _with_repeats_of(rows: pa.RecordBatch, place: int, repeated: np.ndarray) -> pa.RecordBatch:
    """The same, beside what was delivered of those that are repeated."""
    kept = rows["delivered"].take(pa.array(np.arange(rows.num_rows), mask=~repeated))
    return _with_places(rows, place).append_column(_with_repeats().field("delivered"), kept)


def _nothing(columns: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array([], field.type) for field in columns], schema=columns)


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
    wanted = wanted.with_columns(batch=pl.col("place").cast(pl.Int64) // (1 << _ROW_BITS)).sort("batch")
    found = [pl.DataFrame(schema={"order": pl.UInt32, "bytes": pl.Binary})]
    opened = lru_cache(1)(lambda number: _mapped(files[number]))
    for (batch,), rows in wanted.group_by("batch", maintain_order=True):
        number, of_file = divmod(int(str(batch)), 1 << _BATCH_BITS)
        column = opened(number).get_batch(of_file)["delivered"]
        bytes_of = column.take((rows["place"] % (1 << _ROW_BITS)).to_arrow())
        found.append(rows.select("order").with_columns(bytes=pl.Series(pl.from_arrow(bytes_of), dtype=pl.Binary)))
    return pl.concat(found).sort("order")["bytes"]


@cache
def _beside_delivered() -> pa.Schema:
    return pa.schema([*(field for field in layout() if field.name != "delivered"), pa.field("place", pa.int64())])


@cache
def _with_repeats() -> pa.Schema:
    return _beside_delivered().append(pa.field("delivered", pa.binary()))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.arrow"))


def _mapped(file: Path) -> pa.ipc.RecordBatchFileReader:
    return pa.ipc.open_file(pa.memory_map(str(file)))


def _cut(file: Path, columns: Sequence[str]) -> pa.ipc.RecordBatchFileReader:
    """A file of whose batches just these columns are read, by calls of the system; one that is not cut is mapped."""
    fields = [layout().get_field_index(name) for name in columns]
    found = pa.ipc.open_file(pa.OSFile(str(file)), options=pa.ipc.IpcReadOptions(included_fields=fields))
    return found if _runs_of(found) > 1 else _mapped(file)


def _runs_of(file: pa.ipc.RecordBatchFileReader) -> int:
    return int((file.schema.metadata or {}).get(_CUT_INTO, 1))
