"""What the first round leaves for the last: an uncompressed Arrow file a chunk, its rows in the order of the input.

The home of a row is the number that the first 16 bits of its product id make. A product's texts, attributes and media
travel inside its row as lists, so that whatever becomes of the row becomes of them. The last round maps the files and
copies only the rows of its partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from m5tools import atomic, schema

CHILDREN: Final = ("texts", "attributes", "media")
HOMES: Final = 65_536
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
    """Write the staged rows of one chunk."""
    with (
        atomic.whole_file(folder / f"{unit}.arrow") as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, layout()) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def read(folder: Path, columns: list[str]) -> pa.Table:
    """Some columns of all staged rows, chunk by chunk in a fixed order."""
    nothing = layout().empty_table()
    return pa.concat_tables([nothing.select(columns), *(table.select(columns) for table in _mapped(folder))])


def read_homes(folder: Path, first: int, beyond: int) -> pa.Table:
    """The staged rows whose home is at least `first` and below `beyond`, in the same order."""
    found = [layout().empty_table()]
    for table in _mapped(folder):
        for batch in table.to_batches():
            homes = batch.column("home").to_numpy()
            found.append(pa.Table.from_batches([batch.take(np.flatnonzero((homes >= first) & (homes < beyond)))]))
    return pa.concat_tables(found).combine_chunks()


def _mapped(folder: Path) -> Iterator[pa.Table]:
    for file in sorted(folder.glob("[!.]*.arrow")):
        yield pa.ipc.open_file(pa.memory_map(str(file))).read_all()
