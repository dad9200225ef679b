"""Names that vanished and names that came and hold the same: fields and attributes that are called otherwise now.

Where both sides have products in common, the values of the two names are compared product by product; else the shares
of their values, which tells only of names that few values stand under (a brand, a currency).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

import polars as pl

from m5tools.audit import columns
from m5tools.audit.compare.products import Sample
from m5tools.audit.compare.sides import Side, Slice

CANDIDATES = 50
"""Names a side whose values are compared: those of most rows."""
EQUAL_ENOUGH = 0.5
PRODUCTS_ENOUGH = 3
ROWS_ENOUGH = 20
"""The same where no product is on both sides, so that only the shares of values can agree."""
VALUES_ENOUGH = 3
"""Fewer different values (yes, no) may agree by chance; then the names must be alike too."""
NAMES_ALIKE = 0.6

Values = Callable[[Side, Slice, pl.Series, list[str]], pl.DataFrame]
"""Gives `product_id, name, value` of some names of some products."""


@dataclass(frozen=True)
class Rename:
    """A name of A that seems to be another of B.

    Attributes:
        kind: "field" (as delivered) or "attribute".
        by: "products": `equal` of the `compared` products that fill both hold the same; "values": `equal` is the
            share that both distributions of values have in common.
        values: different values among those that agree.
    """

    kind: str
    old: str
    new: str
    by: Literal["products", "values"]
    equal: float
    compared: int
    values: int


def candidates(a: pl.DataFrame, b: pl.DataFrame, name: str) -> tuple[list[str], list[str]]:
    """Names that only A has and names that only B has, each the most frequent first, from counts `n` by name."""
    gone, came = (
        left.join(right, on=name, how="anti").sort(["n", name], descending=[True, False])[name].head(CANDIDATES)
        for left, right in ((a, b), (b, a))
    )
    return gone.to_list(), came.to_list()


def find(
    kind: str,
    sides: tuple[Side, Side],
    parts: list[Slice],
    sample: Sample,
    names: tuple[list[str], list[str]],
    values: Values,
) -> tuple[Rename, ...]:
    """The likely renames, the surest first; every name is in one at most.

    Args:
        sides: A and B.
        parts: all slices.
        sample: whose values to read.
        names: candidates of A and of B.
        values: how to read them.
    """
    if not names[0] or not names[1]:
        return ()
    read = [
        pl.concat(
            values(side, part, ids, wanted)
            .drop_nulls("value")
            .group_by("product_id", "name")
            .agg(pl.col("value").sort().str.join("\x1f"))
            for part, ids in zip(parts, of_side, strict=True)
        )
        for side, wanted, of_side in zip(sides, names, sample.ids, strict=True)
    ]
    pairs = _by_products(*read) if sample.matched else _by_values(*read)
    return _chosen(kind, pairs, "products" if sample.matched else "values")


def _by_products(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """`name, name_b, compared, equal, values` of all pairs that some product has both of."""
    both = old.join(new, on="product_id", suffix="_b")
    same = pl.col("value") == pl.col("value_b")
    return both.group_by("name", "name_b").agg(
        pl.len().alias("compared"), same.mean().alias("equal"), pl.col("value").filter(same).n_unique().alias("values")
    )


def _by_values(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The same columns from the distributions of values."""
    a, b = (
        side.group_by("name", "value").agg(pl.len().alias("n")).with_columns(
            share=pl.col("n") / pl.col("n").sum().over("name"), size=pl.col("n").sum().over("name")
        )
        for side in (old, new)
    )  # fmt: skip
    both = a.join(b, on="value", suffix="_b")
    return both.group_by("name", "name_b").agg(
        pl.min_horizontal(pl.col("size").first(), pl.col("size_b").first()).alias("compared"),
        pl.min_horizontal("share", "share_b").sum().alias("equal"),
        pl.len().alias("values"),
    )


def _chosen(kind: str, pairs: pl.DataFrame, by: Literal["products", "values"]) -> tuple[Rename, ...]:
    enough = PRODUCTS_ENOUGH if by == "products" else ROWS_ENOUGH
    likely = pairs.filter((pl.col("equal") >= EQUAL_ENOUGH) & (pl.col("compared") >= enough))
    likely = likely.select("name", "name_b", "compared", "equal", "values")
    ranked = []
    for old, new, compared, equal, values in likely.iter_rows():
        alike = SequenceMatcher(None, old.casefold(), new.casefold()).ratio()
        if values >= VALUES_ENOUGH or alike >= NAMES_ALIKE:
            ranked.append(((-equal, -alike, old, new), Rename(kind, old, new, by, equal, compared, values)))
    taken: set[tuple[str, str]] = set()
    chosen = []
    for _, rename in sorted(ranked, key=lambda item: item[0]):
        ends = {("old", rename.old), ("new", rename.new)}
        if not ends & taken:
            taken |= ends
            chosen.append(rename)
    return tuple(chosen)


def raw_values(side: Side, part: Slice, ids: pl.Series, names: list[str]) -> pl.DataFrame:
    """`product_id, name, value` of fields as delivered."""
    raw = pl.col("raw").cast(pl.List(pl.Struct({"key": pl.String, "value": pl.String})))
    rows = side.scan("products", part).filter(pl.col("product_id").is_in(ids.implode())).select("product_id", raw)
    pairs = rows.explode("raw").drop_nulls("raw").unnest("raw").rename({"key": "name"})
    return pairs.filter(pl.col("name").is_in(names)).collect()


def attribute_values(side: Side, part: Slice, ids: pl.Series, names: list[str]) -> pl.DataFrame:
    """`product_id, name, value` of attributes."""
    wanted = pl.col("name").is_in(names) & pl.col("product_id").is_in(ids.implode())
    return side.scan("attributes", part).filter(wanted).select("product_id", "name", "value").collect()


def shown(rename: Rename) -> Rename:
    """The same with names fit for a page."""
    old, new = columns.shown(rename.old, 80), columns.shown(rename.new, 80)
    return Rename(rename.kind, old, new, rename.by, rename.equal, rename.compared, rename.values)
