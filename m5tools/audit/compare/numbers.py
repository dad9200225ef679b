"""Numbers of products (prices, lengths of texts, attributes, listed files) as two distributions over each other."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from scipy import stats

from m5tools.audit import columns
from m5tools.audit.compare import distance
from m5tools.audit.compare.counting import UNITS
from m5tools.audit.compare.shares import SCHEMA

AT = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are given, between the smallest and the largest number."""
CURVE_POINTS = 48


@dataclass(frozen=True)
class Spread:
    """One side of a number.

    Attributes:
        products: that have it.
        quantiles: smallest, 5, 25, 50, 75, 95 %, largest; empty where no product has it.
        shares: share of the products at or below each of `Amount.curve`.
    """

    products: int
    mean: float | None
    quantiles: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Amount:
    """One number on both sides, with its distances (:class:`m5tools.audit.compare.distance.Apart`)."""

    name: str
    unit: str
    a: Spread
    b: Spread
    curve: tuple[float, ...]
    ks: float
    at: float | None
    p_value: float
    wasserstein: float


def measure(a: pl.DataFrame, b: pl.DataFrame) -> tuple[tuple[Amount, ...], pl.DataFrame]:
    """Every number, and as candidates for movers: the share at or below the place where the two differ most.

    Args:
        a, b: `amount, value, n` of each side.
    """
    both = a.join(b, on=["amount", "value"], how="full", coalesce=True, suffix="_b").sort("amount", "value")
    found, rows = [], []
    for (name,), counts in both.fill_null(0).group_by("amount", maintain_order=True):
        assert isinstance(name, str)
        values, n_a, n_b = (counts[c].to_numpy() for c in ("value", "n", "n_b"))
        gap = distance.apart(values, n_a, n_b)
        curve = distance.quantiles(values, n_a + n_b, tuple(i / CURVE_POINTS for i in range(CURVE_POINTS + 1)))
        points = tuple(sorted(set(curve)))
        unit = UNITS.get(name, "currency units")
        left, right = (_spread(counts, column, points) for column in ("n", "n_b"))
        label = columns.shown(name, 60)
        found.append(Amount(label, unit, left, right, points, gap.ks, gap.at, gap.p_value, gap.wasserstein))
        if gap.at is not None:
            rows.append(
                {
                    "kind": "number", "group": name, "name": f"at most {gap.at:,.10g}", "a": gap.below_a,
                    "b": gap.below_b, "size_a": int(n_a.sum()), "size_b": int(n_b.sum()),
                    "z": float(stats.norm.isf(max(gap.p_value, 1e-300) / 2)),
                }
            )  # fmt: skip
    return tuple(found), pl.DataFrame(rows, schema={**SCHEMA, "z": pl.Float64})


def _spread(counts: pl.DataFrame, column: str, points: tuple[float, ...]) -> Spread:
    values, n = counts["value"].to_numpy(), counts[column].to_numpy()
    size = int(n.sum())
    if not size:
        return Spread(0, None, (), ())
    up = n.cumsum()
    places = values.searchsorted(points, side="right") - 1
    some = values[n > 0]
    middle = distance.quantiles(values, n, AT)
    around = (float(some[0]), *middle, float(some[-1]))
    return Spread(size, float((values * n).sum() / size), around, tuple((up[places] / size).tolist()))
