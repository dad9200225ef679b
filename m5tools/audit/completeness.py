"""Which modalities products have together, why the others are missing, and in which categories the holes are.

Before `m5 tag` has decided what is present, the same counts are made of what the crawl listed, and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import polars as pl

from m5tools.audit import columns
from m5tools.dataset import Dataset
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, Reason, State, bit_mask

HEAT_ROWS = 30

Basis = Literal["present", "listed"]


@dataclass(frozen=True)
class Combination:
    """Products that have exactly these modalities.

    Attributes:
        at_least: products that have all of these, and maybe others.
    """

    modalities: tuple[str, ...]
    products: int
    share: float
    at_least: int
    at_least_share: float


@dataclass(frozen=True)
class StateReason:
    """Products in one state for one reason, one count a modality in the fixed order."""

    state: str
    reason: str
    products: tuple[int, ...]


@dataclass(frozen=True)
class Coverage:
    """One modality over all products.

    Attributes:
        products: that have it.
        listed: products whose crawl lists at least one item of it.
        unlisted_share: of all products, those whose crawl lists none.
    """

    modality: str
    products: int
    share: float
    listed: int
    unlisted_share: float


@dataclass(frozen=True)
class HeatRow:
    """One category: its products and the share of them that has each modality, in the fixed order."""

    category: str
    products: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Completeness:
    """The completeness section.

    Attributes:
        basis: "present" once tags are there, "listed" before.
        products: how many were counted.
        combinations: all 31 combinations of at least one modality, most frequent first.
        nothing: products that have none.
        modalities: in the fixed order.
        states: every state and reason that occurs, in order of their codes; empty before tags are there.
        heat: the largest categories.
    """

    basis: Basis
    products: int
    combinations: tuple[Combination, ...]
    nothing: int
    modalities: tuple[Coverage, ...]
    states: tuple[StateReason, ...]
    heat: tuple[HeatRow, ...]

    @property
    def complete(self) -> int:
        """Products that have all five modalities."""
        return next(c.products for c in self.combinations if len(c.modalities) == len(MODALITIES))


def count(dataset: Dataset, policy: str, largest: list[str]) -> Completeness:
    """Count the section.

    Args:
        policy: whose verdicts.
        largest: categories of the heat map, in order.
    """
    basis: Basis = "present" if columns.has(dataset, "modalities", policy=policy) else "listed"

    def by_category(partition: int) -> pl.LazyFrame:
        masks = present_masks(dataset, policy, partition) if basis == "present" else listed_masks(dataset, partition)
        return (
            columns.categories(dataset, partition)
            .join(masks, on="product_id", how="left")
            .group_by("category", pl.col("mask").fill_null(0))
            .agg(pl.len().cast(pl.Int64).alias("products"))
        )

    counted = columns.summed(dataset, by_category, ["category", "mask"])
    products = int(counted["products"].sum())
    by_mask = dict(counted.group_by("mask").agg(pl.col("products").sum()).iter_rows())
    has = [sum(n for mask, n in by_mask.items() if mask >> m.bit & 1) for m in MODALITIES]
    states, listed = _states(dataset, policy) if basis == "present" else ((), has)
    return Completeness(
        basis=basis,
        products=products,
        combinations=combinations_of(by_mask, products),
        nothing=by_mask.get(0, 0),
        modalities=tuple(
            Coverage(m.value, n, n / max(1, products), said, 1 - said / max(1, products))
            for m, n, said in zip(MODALITIES, has, listed, strict=True)
        ),
        states=states,
        heat=_heat(counted, largest),
    )


def combinations_of(by_mask: dict[int, int], products: int) -> tuple[Combination, ...]:
    """All 31 combinations with their counts, most frequent first, then the fuller, then in the fixed order."""
    found = []
    for size in range(len(MODALITIES), 0, -1):
        for chosen in combinations(MODALITIES, size):
            wanted = bit_mask(chosen)
            n = by_mask.get(wanted, 0)
            more = sum(others for mask, others in by_mask.items() if mask & wanted == wanted)
            found.append(Combination(tuple(chosen), n, n / max(1, products), more, more / max(1, products)))
    return tuple(sorted(found, key=lambda c: -c.products))


def present_masks(dataset: Dataset, policy: str, partition: int) -> pl.LazyFrame:
    """`product_id, mask` of one partition: bit i set where the i-th modality is present."""
    bit = pl.col("modality").replace_strict({m.value: 1 << m.bit for m in MODALITIES}, return_dtype=pl.Int64)
    return (
        dataset.scan("modalities", partition=partition, policy=policy)
        .filter(pl.col("state") == State.PRESENT)
        .group_by("product_id")
        .agg(bit.sum().alias("mask"))
    )


def listed_masks(dataset: Dataset, partition: int) -> pl.LazyFrame:
    """`product_id, mask` of one partition: bit i set where the crawl lists something of the i-th modality."""
    text = dataset.scan("products", partition=partition).filter(columns.filled("title") | columns.filled("description"))
    table = dataset.scan("attributes", partition=partition).filter(columns.filled("value"))
    media = dataset.scan("media", partition=partition)
    frames = {
        Modality.TEXT: text,
        Modality.TABLE: table,
        **{m: media.filter(pl.col("modality") == m.value) for m in MEDIA},
    }
    bits = [
        frame.select("product_id").unique().with_columns(pl.lit(1 << modality.bit, pl.Int64).alias("mask"))
        for modality, frame in frames.items()
    ]
    return pl.concat(bits).group_by("product_id").agg(pl.col("mask").sum())


def _states(dataset: Dataset, policy: str) -> tuple[tuple[StateReason, ...], list[int]]:
    """Products by state and reason, and products that list each modality."""
    keys = ["state", "reason", "modality"]
    products = pl.len().cast(pl.Int64).alias("products")
    listed = (pl.col("listed") > 0).sum().cast(pl.Int64)
    counted = columns.summed(
        dataset,
        lambda i: dataset.scan("modalities", partition=i, policy=policy).group_by(keys).agg(products, listed),
        keys,
    )
    rows: dict[tuple[int, int], dict[str, int]] = {}
    for state, reason, modality, n, _ in counted.iter_rows():
        rows.setdefault((state, reason), {})[modality] = n
    found = tuple(
        StateReason(State(state).word, Reason(reason).word, tuple(by_modality.get(m, 0) for m in MODALITIES))
        for (state, reason), by_modality in rows.items()
    )
    by_modality = dict(counted.group_by("modality").agg(pl.col("listed").sum()).iter_rows())
    return found, [by_modality.get(m.value, 0) for m in MODALITIES]


def _heat(counted: pl.DataFrame, largest: list[str]) -> tuple[HeatRow, ...]:
    products = pl.col("products")
    has = [((pl.col("mask") // (1 << m.bit) % 2) * products).sum().alias(m.value) for m in MODALITIES]
    inside = counted.filter(pl.col("category").is_in(largest)).group_by("category").agg(products.sum(), *has)
    rows = {name: numbers for name, *numbers in inside.iter_rows()}
    found = []
    for name in largest:
        total, *with_modality = rows[name]
        found.append(HeatRow(columns.shown(name, 160), total, tuple(n / total for n in with_modality)))
    return tuple(found)
