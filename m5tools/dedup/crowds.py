"""Values that more products bear than an identifier is borne by: a placeholder, a number that a shop's system repeats.

A GTIN, brand and part number, or address of a page above the cap of joins proves nothing. Under more titles than
offers of one product have among them, it is believed of two products only where their titles are alike; so is an item
group above the cap. Brand and the code of a model are borne likewise: a part number that stands on everything is a
code, too, and so is what a counter puts before its numbers. Titles are counted less their colour and measures, for all
sizes of a shirt may have one GTIN. A page on which one source lists several titles is the page of none of them: a
front page, a list, a page of all variants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.evidence.identifiers import branded, listed_twice
from m5tools.dedup.evidence.keyed import Parts
from m5tools.dedup.evidence.shingle_sets import U64
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.laid import KEYS, hashed
from m5tools.dedup.policy import ComparePolicy

CROWDS: Final = "crowds"
PAGE: Final = "url"
IDENTIFIERS: Final = ("gtin", "part", PAGE)
CODE: Final = "code"
_NOTHING: Final = np.empty(0, np.uint64)
_SPREADING: Final = np.uint64(0x9E3779B97F4A7C15)
_COUNTED: Final = {"kind": pl.String, "key": pl.UInt64, "is_hub": pl.Boolean}


def crowds_among(parts: Parts, policy: ComparePolicy) -> pl.DataFrame:
    """The crowded values of all products.

    Args:
        parts: columns row, source, gtin, url, brand, mpn, own_codes, group and stem.
        policy: how many products and titles are too many.

    Returns:
        kind (gtin, part, url, group, code), key (as :data:`m5tools.dedup.laid.KEYS`, of a code as :func:`of_brand`),
        is_hub (an identifier that proves nothing); sorted.
    """
    products = pl.concat(parts)
    values = {"gtin": pl.col("gtin"), "part": branded("mpn", policy), "group": pl.col("group")}
    keyed = {kind: products.select("row", key=hashed(value)).collect() for kind, value in values.items()}
    keyed |= {PAGE: listed_twice(parts), CODE: _coded(products)}
    found = [_of_kind(products, kind, keys.filter(pl.col("key") != 0), policy) for kind, keys in keyed.items()]
    return pl.concat(found).sort("kind", "key")


def of_brand(brands: U64, codes: U64) -> U64:
    """The keys of codes of brands: uint64 [n], of keys of brands and numbers of codes."""
    return brands ^ (codes * _SPREADING)


def hub_gtins(dataset: Dataset, cap: int) -> pl.Series:
    """GTINs of compared products that more of them bear, sorted."""
    borne = pl.concat(dataset.read("compared", partition=i, columns=["gtin"]) for i in range(dataset.partitions))
    return borne.drop_nulls().group_by("gtin").len().filter(pl.col("len") > cap)["gtin"].sort()


def _of_several_titles(borne: pl.DataFrame) -> pl.Series:
    """Keys that one source gives to products under several titles."""
    titles = borne.select("key", "source", "stem").unique().group_by("key", "source").len()
    return titles.filter(pl.col("len") > 1)["key"].unique()


def _coded(products: pl.LazyFrame) -> pl.DataFrame:
    branded_codes = products.select("row", "own_codes", brand=hashed(pl.col("brand"))).filter(pl.col("brand") != 0)
    coded = branded_codes.explode("own_codes", empty_as_null=False).drop_nulls("own_codes").collect()
    keys = of_brand(coded["brand"].to_numpy(), coded["own_codes"].to_numpy().astype(np.uint64))
    return coded.select("row", key=pl.Series(keys, dtype=pl.UInt64))


def _of_kind(products: pl.LazyFrame, kind: str, keyed: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    sizes = keyed.group_by("key").agg(size=pl.len())
    is_hub = pl.col("size") > policy.join.cap
    identifies = kind in (*IDENTIFIERS, CODE)
    least = 1 if kind == PAGE else policy.identifier.hub_titles if identifies else policy.join.cap
    crowds = sizes.filter(pl.col("size") > least)
    if identifies and crowds.height:
        rows = keyed.join(crowds, on="key").sort("row")
        named = products.select("row", "source", "stem").filter(pl.col("row").is_in(rows["row"].implode())).collect()
        rows = rows.join(named, on="row")
        crowds = crowds.join(rows.group_by("key").agg(titles=pl.col("stem").n_unique()), on="key")
        if kind == PAGE:
            is_hub |= pl.col("key").is_in(_of_several_titles(rows).implode())
        crowds = crowds.filter(is_hub | (pl.col("titles") > policy.identifier.hub_titles))
    return crowds.select(pl.lit(kind).alias("kind"), "key", is_hub.alias("is_hub")).cast(_COUNTED)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Crowds:
    """Crowded values, looked up for the keys of pairs.

    Attributes:
        hubs: by kind of identifier the keys that prove nothing, uint64, ascending.
        doubted: by kind the keys that are believed of like titles only, likewise.
    """

    hubs: dict[str, U64]
    doubted: dict[str, U64]

    @classmethod
    def of(cls, gathered: Gathered) -> Crowds:
        """Those of a run, once they are counted."""
        return cls.told(pl.read_parquet(gathered.files(CROWDS), glob=False))

    @classmethod
    def told(cls, crowds: pl.DataFrame) -> Crowds:
        """From what :func:`crowds_among` found."""
        proves_nothing = pl.col("is_hub") & pl.col("kind").is_in([*IDENTIFIERS, CODE])
        return cls(*(_by_kind(crowds.filter(which)) for which in (proves_nothing, ~proves_nothing)))

    def without_hubs(self, keys: U64) -> U64:
        """uint64 [n, KEYS]: identifiers that prove nothing are none. The array given is changed."""
        for kind in IDENTIFIERS:
            column = keys[:, KEYS.index(kind)]
            column[_among(column, self.hubs.get(kind, _NOTHING))] = 0
        return keys

    def doubts(self, kind: str, keys: U64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """bool [n]: which values are believed of products with like titles only."""
        return _among(keys[:, KEYS.index(kind)], self.doubted.get(kind, _NOTHING))

    def believes_codes(self, keys: U64, alike: Any) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """bool [n]: which codes of brands tell of a family.

        Args:
            keys: as :func:`of_brand`.
            alike: bool [n]: whether the titles of those two are alike that share the code.
        """
        hubs, doubted = (_among(keys, crowds.get(CODE, _NOTHING)) for crowds in (self.hubs, self.doubted))
        believed: np.ndarray[tuple[int], np.dtype[np.bool_]] = ~hubs & (alike | ~doubted)
        return believed


def _by_kind(crowds: pl.DataFrame) -> dict[str, U64]:
    return {kind: crowds.filter(kind=kind)["key"].sort().to_numpy() for kind in crowds["kind"].unique().sort()}


def _among(keys: U64, some: U64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not len(some):
        return np.zeros(len(keys), np.bool_)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        some[np.minimum(np.searchsorted(some, keys), len(some) - 1)] == keys
    )
    return found
