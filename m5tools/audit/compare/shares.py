"""Shares of both sides next to each other, and which of them moved by more than noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from m5tools.audit import columns
from m5tools.audit.compare import distance

NAME_CHARS = 160
SCHEMA = dict.fromkeys(("kind", "group", "name"), pl.String) | dict.fromkeys(("a", "b", "size_a", "size_b"), pl.Int64)


@dataclass(frozen=True)
class Share:
    """One share on both sides.

    Attributes:
        kind: what it is a share of: "column", "field", "attribute", "category", "value", "state", "link", "number".
        group: the column, modality or number it belongs to; empty where there is none.
        name: what was counted.
        a, b: how many have it.
        size_a, size_b: of how many.
        ratio: share_b / share_a; None where a has none.
        z: the two-proportion z; for a number, that of its Kolmogorov–Smirnov test.
        effect: Cohen's h.
        score: what is left of |h| when noise has had its part; 0 = no mover.
    """

    kind: str
    group: str
    name: str
    a: int
    b: int
    size_a: int
    size_b: int
    share_a: float
    share_b: float
    ratio: float | None
    z: float
    effect: float
    score: float

    @property
    def label(self) -> str:
        """Group and name in one line."""
        return f"{self.group}: {self.name}" if self.group else self.name


def side_by_side(
    kind: str, a: pl.DataFrame, b: pl.DataFrame, sizes: tuple[int, int], name: str, group: str | None = None
) -> pl.DataFrame:
    """Counts of two sides as rows of :data:`SCHEMA`; what one side lacks is 0 there.

    Args:
        a, b: `n` by the columns `name` and `group`.
        sizes: of how many, on each side.
    """
    keys = [pl.col(group) if group else pl.lit("").alias("group"), pl.col(name)]
    left, right = (
        side.select(keys[0].alias("group"), keys[1].alias("name"), pl.col("n").alias(word))
        for side, word in ((a, "a"), (b, "b"))
    )
    both = left.join(right, on=["group", "name"], how="full", coalesce=True).sort("group", "name")
    return both.select(
        pl.lit(kind).alias("kind"), "group", "name", pl.col("a").fill_null(0), pl.col("b").fill_null(0),
        pl.lit(sizes[0], pl.Int64).alias("size_a"), pl.lit(sizes[1], pl.Int64).alias("size_b"),
    )  # fmt: skip


def judged(found: pl.DataFrame, most_noise: float) -> pl.DataFrame:
    """`found` with `share_a, share_b, ratio, z, effect, score`.

    Args:
        found: rows of :data:`SCHEMA`; a `z` that is there already is kept, where it is not null.
        most_noise: the |z| that noise may reach.
    """
    a, b, size_a, size_b = (found[name].to_numpy() for name in ("a", "b", "size_a", "size_b"))
    z = distance.z(a, b, size_a, size_b)
    if "z" in found.columns:
        given = found["z"].to_numpy()
        z = np.where(np.isnan(given), z, given)
    effect = distance.effect(a, b, size_a, size_b)
    score = np.where(np.abs(z) >= most_noise, distance.score(effect, size_a, size_b, most_noise), 0.0)
    return found.with_columns(
        share_a=pl.Series(a / np.maximum(1, size_a)),
        share_b=pl.Series(b / np.maximum(1, size_b)),
        z=pl.Series(z),
        effect=pl.Series(effect),
        score=pl.Series(np.nan_to_num(score)),
    ).with_columns(ratio=pl.when(pl.col("a") > 0).then(pl.col("share_b") / pl.col("share_a")))


def listed(found: pl.DataFrame, *kinds: str, most: int | None = None) -> tuple[Share, ...]:
    """Judged rows of some kinds, the biggest movers first, then by |z|, group and name."""
    order = ["score", pl.col("z").abs(), "group", "name"]
    rows = found.filter(pl.col("kind").is_in(kinds)).sort(order, descending=[True, True, False, False])
    rows = rows if most is None else rows.head(most)
    named = list(Share.__dataclass_fields__)
    shares = (dict(zip(named, row, strict=True)) for row in rows.select(named).iter_rows())
    return tuple(
        Share(**{**s, "group": columns.shown(s["group"], 60), "name": columns.shown(s["name"], NAME_CHARS)})
        for s in shares
    )
