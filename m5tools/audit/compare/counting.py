"""What is counted of one side, slice by slice: filled columns, values, numbers, attribute names, states and links.

Everything is a count of something, so the counts of the slices add up, and neither the order of the rows nor how they
are partitioned shows. Memory is that of one slice and of the different values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from m5tools.audit import columns
from m5tools.audit.compare.sides import Side, Slice
from m5tools.vocabulary import MEDIA, MODALITIES
from m5tools.wording import category_key

COLUMNS: Final = (
    *("native_id", "url", "title", "description", "brand", "gtin", "mpn", "sku", "group_id", "price", "currency"),
    *("availability", "condition", "seller", "category", "language"),
)
"""Columns of a product that are compared; the rest names the delivery."""
VALUED: Final = ("category", "source", "brand", "currency", "availability", "condition", "seller", "language")
"""Columns whose values are distributions of their own."""
UNITS: Final = {
    "title": "characters",
    "description": "characters",
    "category path": "levels",
    "attributes": "pairs a product",
    **{f"{m.value} files": "listed a product" for m in MEDIA},
}
"""Numbers of a product besides its price, and what they count."""

_SUMS: Final = {
    "size": ("what",),
    "filled": ("column",),
    "values": ("column", "value"),
    "amounts": ("amount", "value"),
    "names": ("name",),
    "states": ("modality", "state", "reason"),
}
Counts = dict[str, pl.DataFrame]
"""Table of counts by name; every table has the key columns above and `n`."""


def products(side: Side, part: Slice) -> pl.DataFrame:
    """Products of a slice: `product_id`, `content_hash`, `source` and :data:`COLUMNS`, the category as one string."""
    wanted = ["product_id", "content_hash", "source", *COLUMNS]
    key = category_key(pl.col("category")).alias("category")
    depth = pl.col("category").list.len().cast(pl.Float64).alias("depth")
    return side.scan("products", part).select(wanted).with_columns(key, depth).collect()


def count(side: Side, part: Slice, rows: pl.DataFrame, policy: str) -> Counts:
    """All counts of one slice.

    Args:
        rows: what :func:`products` gave.
        policy: whose states; those of a cut are its own.
    """
    listed = side.scan("attributes", part).select("product_id", "name").collect()
    pairs = listed.group_by("product_id").agg(pl.len().alias("attributes"))
    names = listed.unique().group_by("name").agg(_n())
    files = side.scan("media", part).group_by("product_id", "modality").agg(pl.len().alias("files")).collect()
    many = rows.select("product_id").join(pairs, on="product_id", how="left")
    for m in MEDIA:
        mine = files.filter(pl.col("modality") == m.value).select(
            "product_id", pl.col("files").alias(f"{m.value} files")
        )
        many = many.join(mine, on="product_id", how="left")
    lengths = rows.select(
        pl.col("title").str.len_chars(), pl.col("description").str.len_chars(), pl.col("depth").alias("category path")
    )
    counted = pl.concat([lengths, many.drop("product_id").fill_null(0)], how="horizontal")
    filled = rows.select(pl.col(COLUMNS).is_not_null().sum()).unpivot(variable_name="column", value_name="n")
    return {
        "size": pl.DataFrame({"what": ["products", "pairs"], "n": [rows.height, listed.height]}),
        "filled": filled.with_columns(pl.col("n").cast(pl.Int64)),
        "values": pl.concat([_values(rows, name) for name in VALUED]),
        "amounts": pl.concat([*(_amounts(counted[name], name) for name in UNITS), _prices(rows)]),
        "names": names,
        "states": states(side, part, policy),
    }


def added(parts: Iterable[Counts]) -> Counts:
    """The counts of all slices together, ordered by key."""
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in _SUMS}
    for part in parts:
        for name, table in part.items():
            tables[name].append(table)
            if len(tables[name]) >= 16:
                tables[name] = [_sum(name, tables[name])]
    return {name: _sum(name, found) if found else pl.DataFrame() for name, found in tables.items()}


def _sum(name: str, tables: list[pl.DataFrame]) -> pl.DataFrame:
    keys = list(_SUMS[name])
    return pl.concat(tables).group_by(keys).agg(pl.col("n").sum()).sort(keys, nulls_last=True)


def _n() -> pl.Expr:
    return pl.len().cast(pl.Int64).alias("n")


def _values(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    found = rows.select(pl.col(name).alias("value")).drop_nulls().group_by("value").agg(_n())
    return found.select(pl.lit(name).alias("column"), "value", "n")


def _amounts(values: pl.Series, name: str) -> pl.DataFrame:
    frame = values.cast(pl.Float64).rename("value").drop_nulls().to_frame()
    return frame.group_by("value").agg(_n()).select(pl.lit(name).alias("amount"), "value", "n")


def _prices(rows: pl.DataFrame) -> pl.DataFrame:
    """Prices by currency: amounts of two currencies are no distribution."""
    name = pl.concat_str(pl.lit("price "), pl.col("currency").fill_null("without currency")).alias("amount")
    known = rows.filter(pl.col("price").is_finite()).select(name, pl.col("price").alias("value"))
    return known.group_by("amount", "value").agg(_n())


def tagged(side: Side, policy: str) -> bool:
    """Whether its states are known, though it may hold no product: a cut has its own."""
    return side.cut is not None or columns.has(side.dataset, "modalities", policy=policy)


def fetched(side: Side) -> bool:
    """Whether its listed files were asked for; where none is listed, that wrote no table."""
    return "fetch" in side.dataset.manifest()["stages"]


def states(side: Side, part: Slice, policy: str) -> pl.DataFrame:
    """Products by `modality, state, reason` (codes); empty before `m5 tag`."""
    keys = ["modality", "state", "reason"]
    if side.cut is None:
        return side.scan("modalities", part, policy=policy).group_by(keys).agg(_n()).collect()
    lists = side.scan("cut_products", part, cut=side.cut).select("state", "reason")
    order = pl.lit([m.value for m in MODALITIES]).alias("modality")
    return lists.with_columns(order).explode(keys).group_by(keys).agg(_n()).collect()


def links(side: Side, parts: list[Slice]) -> pl.DataFrame:
    """Listed files by `modality, state, reason, n`, each location once; empty before `m5 fetch`.

    Locations go by 60 of their 128 bits, so that those of millions of products fit in memory.
    """
    keys = ["modality", "state", "reason"]
    if not columns.has(side.dataset, "fetched"):
        return pl.DataFrame(schema={"modality": pl.String, "state": pl.UInt8, "reason": pl.UInt8, "n": pl.Int64})
    short = pl.col("location_id").str.slice(0, 15).str.to_integer(base=16).alias("location")
    kind = pl.col("modality").cast(pl.Enum([m.value for m in MEDIA]))
    listed = pl.concat(side.scan("media", part).select(short, kind).unique().collect() for part in parts).unique()
    known = side.dataset.scan("fetched").select(short, "state", "reason").collect()
    found = listed.join(known, on="location").group_by(keys).agg(_n())
    return found.with_columns(pl.col("modality").cast(pl.String)).sort(keys)


def fields(side: Side) -> pl.DataFrame:
    """`field, n, rows` of the crawls of a side: in how many of all delivered rows a field as delivered is filled."""
    known = side.dataset.read("fields", columns=["source", "crawl_id", "field", "rows", "filled"])
    mine = known.filter(pl.col("crawl_id").is_in(list(side.crawls)))
    rows = mine.group_by("source", "crawl_id").agg(pl.col("rows").max())["rows"].sum()
    counted = mine.group_by("field").agg(pl.col("filled").sum().alias("n")).filter(pl.col("n") > 0)
    return counted.with_columns(rows=pl.lit(rows, pl.Int64)).sort("field")
