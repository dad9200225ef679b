"""Places: a product and a source in which it seeks a partner, by number.

What is known of rivals is known of places, of which there are as many as products where there is one source; a product
has a place in each source that it has a pair in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.dedup.policy import WordingRules

Numbers = np.ndarray[Any, np.dtype[np.uint32]]
_Bools = np.ndarray[Any, np.dtype[np.bool_]]
Parts = Iterable[pl.DataFrame]
"""Pairs in parts, which can be gone through again and again."""
_WORD: Final = 64


class Places:
    """Where products seek partners: a product and a source, numbered in order of products, then of sources.

    A bit for each product and source says whether there is such a place; its number is that of the bits before it.

    Args:
        parts: columns a, b (numbers of products), origin and origin_b (numbers of their sources).
    """

    def __init__(self, parts: Parts) -> None:
        count = 0
        self._sources = 0
        for part in parts:
            if part.height:
                count = max(count, 1 + int(part.select(pl.max_horizontal("a", "b").max()).item()))
                highest = int(part.select(pl.max_horizontal("origin", "origin_b").max()).item())
                self._sources = max(self._sources, 1 + highest)
        self._words = -(-self._sources // _WORD)
        self._bits = np.zeros(count * self._words, np.uint64)
        for part in parts:
            for product, source in (("a", "origin_b"), ("b", "origin")):
                word, bit = self._bit(part[product], part[source])
                np.bitwise_or.at(self._bits, word, bit)
        counted = np.bitwise_count(self._bits)
        self._before = np.cumsum(counted, dtype=np.uint32) - counted

    def of(self, products: pl.Series, sources: pl.Series) -> Numbers:
        """uint32: the places of products in sources; each of them is one."""
        word, bit = self._bit(products, sources)
        before = np.bitwise_count(self._bits[word] & (bit - np.uint64(1)))
        found: Numbers = self._before[word] + before
        return found

    def among(self, products: pl.Series, sources: pl.Series) -> _Bools:
        """Whether products in sources are places."""
        word, bit = self._bit(products, sources)
        known: _Bools = (word < self._bits.size) & (sources.to_numpy() < self._sources)
        known[known] = (self._bits[word[known]] & bit[known]) > 0
        return known

    def listed(self) -> pl.DataFrame:
        """Every place: row (of the product), origin (number of the source); uint32 and uint16, in order."""
        found = []
        for source in range(self._sources):
            word, bit = divmod(source, _WORD)
            products = np.flatnonzero(self._bits[word :: self._words] & np.uint64(1 << bit)).astype(np.uint32)
            found.append(pl.DataFrame({"row": products}).with_columns(origin=pl.lit(source, pl.UInt16)))
        none = pl.DataFrame(schema={"row": pl.UInt32, "origin": pl.UInt16})
        return pl.concat([none, *found]).sort("row", "origin")

    def _bit(self, products: pl.Series, sources: pl.Series) -> tuple[Any, Any]:
        source = sources.to_numpy().astype(np.uint64)
        word = products.to_numpy().astype(np.int64) * self._words + (source // _WORD).astype(np.int64)
        return word, np.uint64(1) << source % np.uint64(_WORD)


def placed(parts: Parts, places: Places, rules: WordingRules) -> Iterator[pl.DataFrame]:
    """Pairs as :func:`chosen` passes over them.

    Args:
        parts: columns a, b (numbers of products, a < b), likeness (float32), origin and origin_b (numbers of sources),
            once and once_b (whether these list each product once), shares_code, proven (an identifier says so: goes
            first where a product has one partner).
        places: of these parts.
        rules: margin, band, thresholds.

    Yields:
        For each part: `place`, `place_b` (uint32: the product and where it seeks a partner), likeness (float32), once
        (of both), proven, coded (a model code, and the rest of the wording, carry it).
    """
    for part in parts:
        likeness = part["likeness"].fill_null(0)
        # A shared number alone is no code: the rest of the wording must carry the pair.
        carried = likeness.cast(pl.Float64) - rules.weights.code >= rules.threshold
        yield pl.DataFrame(
            {
                "place": places.of(part["a"], part["origin_b"]),
                "place_b": places.of(part["b"], part["origin"]),
                "likeness": likeness,
                "once": part["once"] & part["once_b"],
                "proven": part["proven"],
                "coded": part["shares_code"] & carried,
            }
        )
