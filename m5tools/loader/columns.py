"""Columns of an index by name, wherever they come from: a table, or files that are read when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.errors import UsageError


class Columns(Protocol):
    """What a `pyarrow.Table` can do, as far as rules of an order need it."""

    @property
    def column_names(self) -> Sequence[str]: ...

    def __getitem__(self, name: str, /) -> Any: ...


def column(index: Columns, name: str, option: str) -> pa.ChunkedArray:
    """A column that an option of the loader names.

    Raises:
        UsageError: there is none.
    """
    if name not in index.column_names:
        raise UsageError(f"{option}: the index has no column '{name}'; it has {', '.join(index.column_names)}")
    return index[name]


def numbers(index: Columns, name: str, option: str, null: float) -> npt.NDArray[np.float64]:
    """float64 `[N]` of a numeric column that an option of the loader names.

    Raises:
        UsageError: there is none, or it holds no numbers.
    """
    found = column(index, name, option)
    if not (pa.types.is_integer(found.type) or pa.types.is_floating(found.type)):
        raise UsageError(f"{option}: the column '{name}' holds {found.type}, no numbers")
    return np.asarray(pc.fill_null(pc.cast(found, pa.float64()), null).to_numpy(), np.float64)
