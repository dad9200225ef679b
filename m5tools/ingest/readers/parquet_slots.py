"""How many values the pages of a nested column held, told from the rows that were read of it.

A Parquet column stores one value for each leaf, and one for a list that is empty or null. So the account that a column
chunk gives of its values can be held against the rows, where no flat column says how many rows there are.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def slots(column: pa.Array) -> int:
    """The values of the first leaf under a column."""
    kind = column.type
    if pa.types.is_struct(kind) and kind.num_fields:
        return slots(column.flatten()[0])
    if pa.types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return slots(column.cast(pa.list_(entry)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        empty: int = pc.sum(pc.equal(lengths, 0)).as_py() or 0
        return empty + slots(column.flatten())
    return len(column)
