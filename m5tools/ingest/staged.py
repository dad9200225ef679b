"""What the first round leaves for the last: an uncompressed Arrow file a chunk, the rows of each batch by their home.

The home of a row is the number that the first 16 bits of its product id make. A product's texts, attributes and media
travel inside its row as lists, so that whatever becomes of the row becomes of them. The last round maps the files, in
which the rows of a partition lie together, and touches neither the others nor the delivered bytes, which only repeats
are asked for.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic, schema

CHILDREN: Final = ("texts", "attributes", "media")
HOMES: Final = 65_536
_ROW_BITS: Final = 40
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


def read_homes(folder: Path, first: int, beyond: int) -> pa.Table:
    """The staged rows whose home is at least `first` and below `beyond`; those of one home in the order of the input.

    Returns:
        The columns of :func:`layout`; instead of `delivered`, which few rows are asked for, `place` (int64), by which
        :func:`delivered` finds it.
    """
    nothing = _beside_delivered().empty_table()
    found = [nothing]
    for number, file in enumerate(_files(folder)):
        place = number << _ROW_BITS
        parts = [nothing]
        for batch in _mapped(file).to_batches():
            begin, end = np.searchsorted(batch.column("home").to_numpy(), (first, beyond)).tolist()
            places = pa.array(np.arange(place + begin, place + end))
            rows = batch.drop_columns(["delivered"]).slice(begin, end - begin).append_column("place", places)
            parts.append(pa.Table.from_batches([rows]))
            place += batch.num_rows
        # Beside nothing even a single part is copied, so that the file need not stay mapped.
        found.append(pa.concat_tables(parts).combine_chunks())
    return pa.concat_tables(found)


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


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.arrow"))


def _mapped(file: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()
