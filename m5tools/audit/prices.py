"""Prices by currency: how many products have one, where they lie on a logarithmic scale, and which cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.audit import columns
from m5tools.dataset import Dataset

LISTED = 12
"""Currencies told of one by one."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
FAR = 1000.0
"""A price this many times above or below its currency's median is told apart: mostly cents taken for units, or 1 for
"ask us"."""
BINS_A_DECADE = 4


@dataclass(frozen=True)
class Quantile:
    """The smallest price that at least this share of a currency's prices does not exceed."""

    share: float
    price: float


@dataclass(frozen=True)
class PriceBin:
    """Products with a price of at least `least` and less than `below`; bins are quarters of a power of ten."""

    least: float
    below: float
    products: int


@dataclass(frozen=True)
class Currency:
    """The prices of one currency.

    Attributes:
        currency: its ISO code; None where a price came without one.
        products: with a price in it.
        share: of all products with a price.
        not_above_zero: of these those of nothing or less; they are in no other number.
        far: those `FAR` times above or below the median.
        quantiles: of prices above zero, empty where there is none.
        bins: the histogram on a logarithmic scale, without empty bins.
    """

    currency: str | None
    products: int
    share: float
    not_above_zero: int
    far: int
    quantiles: tuple[Quantile, ...]
    bins: tuple[PriceBin, ...]


@dataclass(frozen=True)
class Prices:
    """The price section.

    Attributes:
        products: all.
        without: that have no price.
        no_currency: that have a price without a currency.
        not_above_zero, far: sums over all currencies.
        currencies: the most frequent ones.
        others: how many others there are, and the products they price.
    """

    products: int
    without: int
    no_currency: int
    not_above_zero: int
    far: int
    currencies: tuple[Currency, ...]
    others: int
    others_products: int


def count(dataset: Dataset) -> Prices:
    """Count the section."""
    counted = columns.summed(
        dataset,
        lambda i: (
            dataset.scan("products", partition=i)
            .group_by("currency", "price")
            .agg(pl.len().cast(pl.Int64).alias("products"))
        ),
        ["currency", "price"],
    )
    priced = counted.drop_nulls("price").filter(pl.col("price").is_finite())
    total, with_price = int(counted["products"].sum()), int(priced["products"].sum())
    by_currency = priced.partition_by("currency", as_dict=True, maintain_order=True)
    found = [_currency(name, rows, with_price) for (name,), rows in by_currency.items()]
    found.sort(key=lambda c: (-c.products, c.currency or ""))
    return Prices(
        products=total,
        without=total - with_price,
        no_currency=sum(c.products for c in found if c.currency is None),
        not_above_zero=sum(c.not_above_zero for c in found),
        far=sum(c.far for c in found),
        currencies=tuple(found[:LISTED]),
        others=len(found[LISTED:]),
        others_products=sum(c.products for c in found[LISTED:]),
    )


def _currency(name: Any, rows: pl.DataFrame, with_price: int) -> Currency:
    price, products = rows["price"].to_numpy(), rows["products"].to_numpy()
    all_of_it, above = int(products.sum()), price > 0
    price, products = price[above], products[above]
    so_far = np.cumsum(products)
    some = price.size > 0
    places = [int(np.searchsorted(so_far, np.ceil(q * so_far[-1]))) for q in QUANTILES] if some else []
    median = price[places[QUANTILES.index(0.5)]] if some else 1.0
    far = (price >= median * FAR) | (price <= median / FAR)
    return Currency(
        currency=None if name is None else columns.shown(str(name), 12),
        products=all_of_it,
        share=all_of_it / max(1, with_price),
        not_above_zero=all_of_it - int(products.sum()),
        far=int(products[far].sum()),
        quantiles=tuple(Quantile(q, float(price[place])) for q, place in zip(QUANTILES, places, strict=False)),
        bins=_bins(price, products),
    )


def _bins(price: NDArray[np.float64], products: NDArray[np.int64]) -> tuple[PriceBin, ...]:
    bins = np.floor(np.log10(price) * BINS_A_DECADE).astype(np.int64)
    numbers, first = np.unique(bins, return_inverse=True)
    totals = np.bincount(first, weights=products, minlength=numbers.size).astype(np.int64)
    return tuple(
        PriceBin(float(10 ** (n / BINS_A_DECADE)), float(10 ** ((n + 1) / BINS_A_DECADE)), int(total))
        for n, total in zip(numbers.tolist(), totals.tolist(), strict=True)
    )
