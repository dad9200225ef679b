"""Products of both sides: which came, which went, and what changed about those that both have."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns
from m5tools.audit.compare.counting import COLUMNS
from m5tools.audit.compare.sides import Side

MOVES_LISTED = 100
SAMPLED = 20_000
"""Products whose fields are compared value by value when a rename is looked for."""
MATCHED_ENOUGH = 3
"""Fewer products on both sides tell nothing; then each side is sampled on its own."""


@dataclass(frozen=True)
class Change:
    """One column of the products that both sides have.

    Attributes:
        changed: products in which it is not the same; `emptied` and `filled` are part of them.
        emptied: products that had a value and have none.
        filled: products that had none and have one.
    """

    column: str
    changed: int
    emptied: int
    filled: int


@dataclass(frozen=True)
class Move:
    """Products that both sides have, in one category on one side and in another on the other; "" = none."""

    before: str
    after: str
    products: int


@dataclass(frozen=True)
class Products:
    """Products of both sides, by product id: a function of source and native id (else URL, else content).

    Attributes:
        only_a, only_b, both: how many stand on one side or on both.
        unchanged: products that crawl B delivered just as before; the dataset keeps no second version of them, so they
            count among `only_a`.
        content: of both, how many are not the same in all that was delivered.
        changes: every column, most changed first.
        moves: the largest changes of category.
    """

    only_a: int
    only_b: int
    both: int
    unchanged: int
    content: int
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Sample:
    """Products whose values are read.

    Attributes:
        matched: whether they are the same products on both sides.
        ids: of A and of B, one series a slice.
    """

    matched: bool
    ids: tuple[list[pl.Series], list[pl.Series]]


class Matching:
    """Meets the slices of both sides one after the other."""

    def __init__(self) -> None:
        self._sizes = [0, 0]
        self._sums: list[pl.DataFrame] = []
        self._moves: list[pl.DataFrame] = []
        self._samples: dict[str, list[pl.Series]] = {"both": [], "a": [], "b": []}

    def meet(self, a: pl.DataFrame, b: pl.DataFrame) -> None:
        """Take in one slice.

        Args:
            a, b: products of the same slice, `product_id`, `content_hash` and the compared columns.
        """
        self._sizes[0] += a.height
        self._sizes[1] += b.height
        wanted = ["product_id", "content_hash", *COLUMNS]
        both = a.select(wanted).join(b.select(wanted), on="product_id", suffix="_b")
        sums = [pl.len().alias("both"), pl.col("content_hash").ne_missing(pl.col("content_hash_b")).sum()]
        for name in COLUMNS:
            before, after = pl.col(name), pl.col(f"{name}_b")
            sums += [
                before.ne_missing(after).sum().alias(name),
                (before.is_not_null() & after.is_null()).sum().alias(f"{name} emptied"),
                (before.is_null() & after.is_not_null()).sum().alias(f"{name} filled"),
            ]
        self._sums.append(both.select(sums).cast(pl.Int64))
        moved = both.filter(pl.col("category").ne_missing(pl.col("category_b")))
        named = moved.select(before=pl.col("category").fill_null(""), after=pl.col("category_b").fill_null(""))
        self._moves.append(named.group_by("before", "after").agg(pl.len().cast(pl.Int64).alias("products")))
        for name, rows in (("both", both), ("a", a), ("b", b)):
            kept = self._samples[name]
            kept.append(rows["product_id"].sort().head(SAMPLED - sum(map(len, kept))))

    @property
    def sample(self) -> Sample:
        """Some products to compare values of: the first by id, and ids are hashes."""
        both = self._samples["both"]
        if sum(map(len, both)) >= MATCHED_ENOUGH:
            return Sample(True, (both, both))
        return Sample(False, (self._samples["a"], self._samples["b"]))

    def found(self, a: Side, b: Side) -> Products:
        """What all slices gave together."""
        if not self._sums:
            return Products(0, 0, 0, 0, 0, (), ())
        (sums,) = pl.concat(self._sums).sum().to_dicts()
        both = sums["both"]
        changes = [Change(c, sums[c], sums[f"{c} emptied"], sums[f"{c} filled"]) for c in COLUMNS]
        moves = pl.concat(self._moves).group_by("before", "after").agg(pl.col("products").sum())
        first = moves.sort(["products", "before", "after"], descending=[True, False, False]).head(MOVES_LISTED)
        same_dataset = a.dataset.root.resolve() == b.dataset.root.resolve()
        return Products(
            only_a=self._sizes[0] - both,
            only_b=self._sizes[1] - both,
            both=both,
            unchanged=b.unchanged if same_dataset and a.crawl else 0,
            content=sums["content_hash"],
            changes=tuple(sorted(changes, key=lambda c: (-c.changed, c.column))),
            moves=tuple(Move(columns.shown(x, 160), columns.shown(y, 160), n) for x, y, n in first.iter_rows()),
        )
