"""What the shard index knows of products beside their content: band of the tail, and their parts in the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.loader.catalog import Catalog
from m5tools.scale.source import Products, Shards

ROLES: Final = ("coarse", "fine", "classification")
COLUMNS: Final = ("product_id", "band", *ROLES)
_SCHEMA: Final = dict.fromkeys(COLUMNS, pl.String)


def facts_of(products: Products, splits: Sequence[str]) -> pl.DataFrame:
    """The columns :data:`COLUMNS` of the products of some splits; no rows where products do not come from shards."""
    if not isinstance(products, Shards):
        return pl.DataFrame(schema=_SCHEMA)
    return pl.concat([_of_split(products.uri, split) for split in splits])


def _of_split(uri: str, split: str) -> pl.DataFrame:
    catalog = Catalog.open(uri, split)
    known = [name for name in COLUMNS if name in catalog.column_names]
    frame = pl.DataFrame(pl.from_arrow(catalog.columns(known)))
    missing = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in known]
    return frame.with_columns(missing).select(COLUMNS).cast(_SCHEMA)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Facts:
    """What is known of `N` products, row by row; "" where it is not.

    Attributes:
        band: `[N]`, head, middle or tail.
        role: their part in each of :data:`ROLES`, `[N]`.
    """

    band: NDArray[np.str_]
    role: dict[str, NDArray[np.str_]]

    @staticmethod
    def of(facts: pl.DataFrame, ids: Sequence[str]) -> Facts:
        """Those of these products, in their order.

        Args:
            facts: of :func:`facts_of`.
            ids: product ids.
        """
        order = pl.DataFrame({"product_id": list(ids)}, schema={"product_id": pl.String})
        rows = order.join(facts.unique("product_id"), on="product_id", how="left", maintain_order="left")
        told = {name: rows[name].fill_null("").to_numpy().astype(np.str_) for name in COLUMNS[1:]}
        return Facts(told.pop("band"), told)
