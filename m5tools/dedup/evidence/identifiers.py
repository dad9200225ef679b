"""Identifier evidence: item groups, GTINs, brand with part number, addresses of pages.

These joins give candidates; what an equal identifier proves is decided together with the rest, for sellers print one
GTIN on all sizes of a shirt.
"""

from __future__ import annotations

import polars as pl

from m5tools.dedup.evidence.keyed import Parts, alike, hashed, shared
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, joined, neighbours

_OF = "\x1f"


def identifier_pairs(products: Parts, policy: ComparePolicy, asked: pl.Series | None = None) -> Joined:
    """Products that share a group, a GTIN, the address of a page that two sources list, or a brand with part number or
    the code of a model.

    Args:
        products: columns row, source, group, gtin, url, brand, mpn, own_codes, table_key, stem.
        policy: window and cap of the joins.
        asked: rows of which each pair holds one; None: all.
    """
    coded = [part.select("row", "brand", code="own_codes").explode("code", empty_as_null=False) for part in products]
    keyed = [shared(products, hashed(key)) for key in (pl.col("group"), pl.col("gtin"), branded("mpn", policy))]
    keyed.append(shared(coded, hashed(pl.concat_str("brand", "code", separator=_OF))))
    keyed.append(listed_twice(products))
    window, cap = policy.join.window, policy.join.cap
    return joined(neighbours(keys, window, cap, asked) for keys in alike(products, keyed, "table_key", "stem"))


def listed_twice(products: Parts) -> pl.DataFrame:
    """Products with the address of a page that more than one source lists: row and key (uint64), in order of rows."""
    listed, source = shared(products, hashed("url"), hashed("source").alias("source")), pl.col("source")
    several = listed.group_by("key").agg(several=source.min() != source.max()).filter("several")
    return listed.join(several, on="key", how="semi", maintain_order="left").select("row", "key")


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
