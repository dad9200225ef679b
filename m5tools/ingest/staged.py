"""What the first round of ingest leaves for the last: staged rows, read by the partition that they belong to.

The last round reads of the files (:mod:`m5tools.ingest.staged_files`) the rows of a partition, and touches neither the
others nor the delivered bytes, which only repeats are asked for.

Files and partitions both grow with the crawl, so a slice of every file for every partition is the square. Where there
are many partitions, the rows of a run of neighbouring ones are brought together first: at most `RUNS` runs, each a file
of at most `STRETCHES` stretches, so the slices are `RUNS` a file and `STRETCHES` a partition. What was delivered of
repeats comes along, for by then the files exceed the memory, and single rows of all of them come at the disk's pace.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic
from m5tools.ingest import staged_files

_FILES_AT_ONCE: Final = 32
_GATHERED: Final = "gathered"
GATHERED_FROM = 512
"""Partitions; below, to write the rows a second time costs more than the slices."""
STRETCHES = 16


def count(folder: Path) -> int:
    """How many rows are staged."""
    return sum(map(staged_files.row_count, staged_files.files(folder)))


def keys(folder: Path) -> pa.Table:
    """`product_id` and `by_content` of all staged rows, chunk by chunk in a fixed order."""
    names = ["product_id", "by_content"]
    found = [_nothing(staged_files.layout()).select(names)]
    for file in staged_files.files(folder):
        cut = staged_files.opened(file, names)
        found += (_copied(cut.get_batch(number).select(names)) for number in range(cut.num_record_batches))
    return pa.Table.from_batches(found)


def runs(partitions: int) -> int:
    """Into how many runs of neighbouring partitions the rows are brought together; 0 = none, they stay as staged."""
    return staged_files.RUNS if partitions >= GATHERED_FROM else 0


def gather(folder: Path, run: int, of: int) -> None:
    """Bring the rows of one run together in one file, stretch by stretch in the order of the input.

    Args:
        folder: where they are staged.
        run: number of the run.
        of: how many runs there are.
    """
    files, (first, beyond) = staged_files.files(folder), staged_files.homes(run, of)
    keys_of = (staged_files.opened(file, ("product_id", "home")) for file in files)
    ids = [_copied(rows)["product_id"] for file in keys_of for _, rows in staged_files.rows_of(file, first, beyond)]
    every = pa.chunked_array(ids, staged_files.layout().field("product_id").type)
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
            whole = (
                staged_files.opened(file, staged_files.layout().names) for file in files[start : start + a_stretch]
            )
            for place, rows in staged_files.placed(enumerate(whole, start), first, beyond):
                slices.append(_with_repeats_of(rows, place, repeated[begin : begin + rows.num_rows]))
                begin += rows.num_rows
            stretch = pa.Table.from_batches(slices)
            stretch = stretch.take(np.argsort(stretch["home"].to_numpy(), kind="stable")).combine_chunks()
            writer.write_table(stretch, max_chunksize=max(1, stretch.num_rows))


def read_partition(folder: Path, partition: int, partitions: int) -> pa.Table:
    """The staged rows of one partition, as :func:`read_homes` gives them; where they were brought together with
    `delivered`, which is null of a row that no other repeats."""
    first, beyond = staged_files.homes(partition, partitions)
    several = runs(partitions)
    if not several:
        return read_homes(folder, first, beyond)
    # A partition lies in one run where there are a power of two of them, as ingest has it.
    touched = range(first * several // staged_files.HOMES, (beyond - 1) * several // staged_files.HOMES + 1)
    files = (staged_files.mapped(folder / _GATHERED / f"{run:05d}.arrow") for run in touched)
    slices = [
        _nothing(_with_repeats()),
        *(rows for file in files for _, rows in staged_files.rows_of(file, first, beyond)),
    ]
    # A slice of lists still holds the members of all, so whoever reads them would read those of the whole run.
    return pa.Table.from_batches(slices).combine_chunks()


def read_homes(folder: Path, first: int, beyond: int) -> pa.Table:
    """The staged rows whose home is at least `first` and below `beyond`; those of one home in the order of the input.

    Returns:
        The columns of a staged row; instead of `delivered`, which few rows are asked for, `place` (int64), by which
        :func:`~m5tools.ingest.staged_files.delivered` finds it.
    """
    files = staged_files.files(folder)
    found = [_beside_delivered().empty_table()]
    for start in range(0, len(files), _FILES_AT_ONCE):
        slices = [_nothing(_beside_delivered())]  # beside none even a single slice is copied
        numbered = enumerate(map(staged_files.mapped, files[start : start + _FILES_AT_ONCE]), start)
        slices += (_with_places(rows, place) for place, rows in staged_files.placed(numbered, first, beyond))
        # Copied once for many files, for a copy costs by its columns; then none of them need stay mapped.
        found.append(pa.Table.from_batches(slices).combine_chunks())
    return pa.concat_tables(found)


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
        return partial(staged_files.delivered, folder)
    held = pl.DataFrame(pl.from_arrow(rows.select(["place", "delivered"]))).drop_nulls("delivered")

    def taken(places: pl.Series) -> pl.Series:
        found = pl.DataFrame({"place": places}).join(held, on="place", how="left", maintain_order="left")["delivered"]
        assert not found.has_nulls(), "asked for a row that is no repeat"
        return found

    return taken


@cache
def _beside_delivered() -> pa.Schema:
    return pa.schema(
        [*(field for field in staged_files.layout() if field.name != "delivered"), pa.field("place", pa.int64())]
    )


@cache
def _with_repeats() -> pa.Schema:
    return _beside_delivered().append(pa.field("delivered", pa.binary()))
