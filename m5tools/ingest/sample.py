"""A sample of exactly so many products of a delivery, drawn by a seed, whatever files its rows lie in."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from xxhash import xxh3_64_intdigest


@dataclass(frozen=True)
class Sample:
    """Where the draw ends, in the order of (draw, product id).

    Attributes:
        draw: draw of the last product taken; -1 = none.
        product_id: its id.
        copies: how many of its rows are taken; matters where equal rows without id are products of their own.
    """

    draw: int
    product_id: str
    copies: int

    def kept(self) -> pl.Expr:
        """Whether a row belongs to the sample, as a product or as a repeat of one; columns as for :func:`drawn`."""
        draw, limit = pl.col("draw"), pl.lit(self.draw, pl.UInt64)
        last = (draw == limit) & (pl.col("product_id") == self.product_id)
        before = (draw < limit) | ((draw == limit) & (pl.col("product_id") < self.product_id))
        return before | (last & (~pl.col("by_content") | (pl.int_range(pl.len()).over("product_id") < self.copies)))


def draws(product_ids: pl.Series, seed: int) -> pl.Series:
    """The draw of each product: uint64, a function of its id and the seed."""
    return pl.Series("draw", [xxh3_64_intdigest(i.encode(), seed=seed) for i in product_ids], pl.UInt64)


def drawn(rows: pl.DataFrame, limit: int) -> Sample:
    """Draw a sample.

    Args:
        rows: columns draw (uint64, a function of product_id), product_id, by_content, one row a delivered row. Rows
            by content are products of their own; other rows of one id are one product and its repeats.
        limit: products to take, all when there are fewer.
    """
    products = pl.when(pl.col("by_content").first()).then(pl.len()).otherwise(1).cast(pl.Int64)
    ids = rows.group_by("draw", "product_id").agg(products=products).sort("draw", "product_id")
    if ids.is_empty():
        return Sample(0, "", 0)
    upto = ids["products"].cum_sum()
    place = min(int((upto < limit).sum()), ids.height - 1)
    draw, product_id, products_there = ids.row(place)
    return Sample(draw, product_id, min(products_there, limit - int(upto[place]) + products_there))
