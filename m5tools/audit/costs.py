"""What leaving products out does to the tail of categories: pure functions on counts by category.

The question is the same for a tag ("what if nothing that has it were trained on?") and for the rules of a cut:
categories that would be gone, categories that would be too small to learn, and how uneven the rest would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools.audit import columns, longtail
from m5tools.concentration import effective_classes, gini
from m5tools.dataset import Dataset
from m5tools.vocabulary import Band

FEW = 10
"""Products below which a category counts as too small."""

ANY_TAG = "any tag"

Sizes = NDArray[np.int64]


@dataclass(frozen=True)
class BandRate:
    """Products of one band, and their share of the band."""

    band: str
    products: int
    share: float


@dataclass(frozen=True)
class Shape:
    """What the categories are like.

    Attributes:
        categories: that hold a product.
        few: of these those with fewer than `FEW` products.
        gini, effective_classes: as of :class:`longtail.Tail`.
    """

    categories: int
    few: int
    gini: float
    effective_classes: float


@dataclass(frozen=True)
class Cost:
    """What it costs to leave some products out.

    Attributes:
        what: a tag, or a rule of a cut.
        products: left out, those without a category among them.
        bands: of these, by the band of their category, with their share of the band.
        lost: categories that hold nothing any more.
        thinned: categories that had `FEW` products or more and have fewer, but some.
        after: the categories that remain.
    """

    what: str
    products: int
    bands: tuple[BandRate, ...]
    lost: int
    thinned: int
    after: Shape


@dataclass(frozen=True)
class CutCost:
    """One cut.

    Attributes:
        cut: its name.
        kept: products in it.
        before: the categories of all products that were chosen from.
        whole: what all its rules cost together.
        rules: what each rule costs alone, of the products it was the first to leave out; the costliest first.
    """

    cut: str
    kept: int
    before: Shape
    whole: Cost
    rules: tuple[Cost, ...]


def shape(sizes: Sizes) -> Shape:
    """What categories of these sizes are like; those of size 0 are none."""
    held = sizes[sizes > 0]
    few = int((held < FEW).sum())
    return Shape(int(held.size), few, gini(held), effective_classes(held))


def cost(what: str, products: int, sizes: Sizes, left_out: Sizes) -> Cost:
    """What leaving out costs.

    Args:
        what: a name.
        products: left out in all.
        sizes: products of every category, int64 [categories], largest first.
        left_out: of these, int64 [categories].
    """
    after = sizes - left_out
    codes = longtail.bands(sizes)
    bands = []
    for code, band in enumerate(Band):
        inside = codes == code
        n, of = int(left_out[inside].sum()), int(sizes[inside].sum())
        bands.append(BandRate(band.value, n, n / max(1, of)))
    lost = int(((after == 0) & (sizes > 0)).sum())
    thinned = int(((after > 0) & (after < FEW) & (sizes >= FEW)).sum())
    return Cost(what, products, tuple(bands), lost, thinned, shape(after))


def of_tags(counted: pl.DataFrame, ranks: pl.DataFrame) -> tuple[Cost, ...]:
    """What each tag costs if all products that have it are left out.

    Args:
        counted: `tag, category, products`; tag null: products that have any.
        ranks: `category, products` of every category, largest first.

    Returns:
        The costliest first; what leaving out everything tagged costs (`ANY_TAG`) leads.
    """
    found = _by_what(counted.with_columns(pl.col("tag").fill_null(ANY_TAG)), "tag", ranks)
    return tuple(cost(columns.shown(str(tag), 60), *rest) for tag, *rest in found)


def of_cuts(dataset: Dataset) -> tuple[CutCost, ...]:
    """What every cut of the dataset costs, by name."""
    return tuple(_of_cut(dataset, cut) for cut in columns.names(dataset, "cut_products"))


def _of_cut(dataset: Dataset, cut: str) -> CutCost:
    products = pl.len().cast(pl.Int64).alias("products")
    kept = columns.summed(
        dataset, lambda i: dataset.scan("cut_products", partition=i, cut=cut).group_by("category").agg(products),
        ["category"],
    )  # fmt: skip
    lost = columns.summed(
        dataset, lambda i: dataset.scan("cut_losses", partition=i, cut=cut).group_by("rule", "category").agg(products),
        ["rule", "category"],
    )  # fmt: skip
    both = pl.concat([kept.select("category", "products"), lost.select("category", "products")])
    ranks = (
        both.drop_nulls("category")
        .group_by("category")
        .agg(pl.col("products").sum())
        .sort(["products", "category"], descending=[True, False])
    )
    everything = lost.group_by("category").agg(pl.col("products").sum()).with_columns(rule=pl.lit(cut))
    whole = [cost(*found) for found in _by_what(everything, "rule", ranks)]
    sizes = ranks["products"].to_numpy()
    rules = [cost(columns.shown(str(rule), 80), *rest) for rule, *rest in _by_what(lost, "rule", ranks)]
    return CutCost(
        cut=cut,
        kept=int(kept["products"].sum()),
        before=shape(sizes),
        whole=whole[0] if whole else cost(cut, 0, sizes, np.zeros_like(sizes)),
        rules=tuple(rules),
    )


def _by_what(counted: pl.DataFrame, what: str, ranks: pl.DataFrame) -> list[tuple[Any, ...]]:
    """`what, products, sizes, left out by category`, the most products first."""
    sizes = ranks["products"].to_numpy()
    places = ranks.select("category", place=pl.int_range(pl.len()))
    placed = counted.join(places, on="category", how="left")
    found = []
    for (name,), rows in placed.partition_by(what, as_dict=True, maintain_order=True).items():
        known = rows.drop_nulls("place")
        left_out = np.zeros(len(sizes), dtype=np.int64)
        left_out[known["place"].to_numpy()] = known["products"].to_numpy()
        found.append((name, int(rows["products"].sum()), sizes, left_out))
    return sorted(found, key=lambda row: (-row[1], row[0] != ANY_TAG, row[0]))
