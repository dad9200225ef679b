"""Identifier evidence: item groups, GTINs, brand with part number, addresses of pages.

These joins give candidates; what an equal identifier proves is decided together with the rest, for sellers print one
GTIN on all sizes of a shirt.
"""

from __future__ import annotations

import polars as pl

from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, joined, neighbours

_OF = "\x1f"


def identifier_pairs(products: pl.DataFrame, policy: ComparePolicy, asked: pl.Series | None = None) -> Joined:
    """Products that share a group, a GTIN, the address of a page that two sources list, or a brand with part number or
    the code of a model.

    Args:
        products: columns row, source, group, gtin, url, brand, mpn, own_codes, table_key, stem.
        policy: window and cap of the joins.
        asked: rows of which each pair holds one; None: all.
    """
    alike = products.sort("table_key", "stem", "row", nulls_last=True)
    window, cap = policy.join.window, policy.join.cap
    coded = alike.select("row", "brand", code="own_codes").explode("code", empty_as_null=False)
    keys = (pl.col("group"), pl.col("gtin"), listed_twice(), branded("mpn", policy))
    keyed = [alike.select("row", key=key) for key in keys]
    keyed.append(coded.select("row", key=pl.concat_str("brand", "code", separator=_OF)))
    return joined(neighbours(keys, window, cap, asked) for keys in keyed)


def listed_twice() -> pl.Expr:
    """The address of a page that more than one source lists; null for all others."""
    return pl.when(pl.col("source").n_unique().over("url") > 1).then("url")


def branded(number: str, policy: ComparePolicy) -> pl.Expr:
    """Brand with the part number or model in that column; null where one is missing or the number names nothing."""
    telling = (pl.col(number).str.len_chars() >= policy.identifier.min_mpn_chars) & pl.col(number).str.contains(r"\d")
    return pl.when(telling).then(pl.concat_str("brand", number, separator=_OF))


def declared_codes(part: str, model: str, policy: ComparePolicy) -> pl.Expr:
    """The codes under which a maker knows a model, a list: the model, the part number, and what stands before the last
    sign of the latter, for "KD240-3" is the third of the KD240s.

    Args:
        part: column with the part number as written (plain).
        model: column with the model (plain).
        policy: the shortest number that names something.
    """
    before = pl.col(part).str.extract(r"^(.+)[^\p{L}\p{N}]+[\p{L}\p{N}]+$")
    bare = pl.concat_list(model, part, before).list.eval(pl.element().str.replace_all(r"[^\p{L}\p{N}]+", ""))
    telling = (pl.element().str.len_chars() >= policy.identifier.min_mpn_chars) & pl.element().str.contains(r"\d")
    return bare.list.eval(pl.element().filter(telling)).list.unique().list.sort()
