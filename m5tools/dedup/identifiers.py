"""Identifier evidence: item groups, GTINs, brand with part number.

These joins give candidates; what an equal identifier proves is decided together with the rest, for sellers print one
GTIN on all sizes of a shirt.
"""

from __future__ import annotations

import polars as pl

from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, joined, neighbours


def identifier_pairs(products: pl.DataFrame, policy: ComparePolicy, asked: pl.Series | None = None) -> Joined:
    """Products that share a group, a GTIN, or a brand with part number or model.

    Args:
        products: columns row, group, gtin, brand, mpn, model, table_key, stem.
        policy: window and cap of the joins.
        asked: rows of which each pair holds one; None: all.
    """
    alike = products.sort("table_key", "stem", "row", nulls_last=True)
    keys = (pl.col("group"), pl.col("gtin"), *(branded(number, policy) for number in ("mpn", "model")))
    window, cap = policy.join.window, policy.join.cap
    return joined(neighbours(alike.select("row", key=key), window, cap, asked) for key in keys)


def branded(number: str, policy: ComparePolicy) -> pl.Expr:
    """Brand with the part number or model in that column; null where one is missing or the number names nothing."""
    telling = (pl.col(number).str.len_chars() >= policy.identifier.min_mpn_chars) & pl.col(number).str.contains(r"\d")
    return pl.when(telling).then(pl.concat_str("brand", number, separator="\x1f"))
