"""What the first round leaves for the last: an uncompressed Arrow file a chunk, its rows in the order of their home.

The home of a row is the number that the first 16 bits of its product id make. A product's texts, attributes and media
travel inside its row as lists, so that whatever becomes of the row becomes of them. The last round maps the files and
touches only the rows of its partition and the columns it needs.
"""

from __future__ import annotations

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


def write(folder: Path, unit: str, rows: pa.Table) -> None:
    """Write the staged rows of one chunk."""
    rows = rows.take(np.argsort(rows["home"].to_numpy(), kind="stable"))
    with (
        atomic.whole_file(folder / f"{unit}.arrow") as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, layout()) as writer,
    ):
        writer.write_table(rows.combine_chunks())


def read(folder: Path, columns: list[str] | None = None, first: int = 0, beyond: int = HOMES) -> pa.Table:
    """The staged rows whose home is at least `first` and below `beyond`, chunk by chunk in a fixed order."""
    tables = []
    for file in sorted(folder.glob("[!.]*.arrow")):
        rows = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        homes = rows["home"].to_numpy()
        low, high = (
            np.searchsorted(homes, [first, beyond]) if beyond < HOMES else (np.searchsorted(homes, first), len(homes))
        )
        tables.append((rows if columns is None else rows.select(columns)).slice(low, high - low))
    return pa.concat_tables(
        [layout().empty_table() if columns is None else layout().empty_table().select(columns), *tables]
    )
