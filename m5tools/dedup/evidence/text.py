"""Text evidence: equal titles, equal content, and MinHash bands of titles (4 bytes) and descriptions (3 words)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.evidence.cores import on_cores
from m5tools.dedup.evidence.keyed import Parts, alike, hashed, shared
from m5tools.dedup.evidence.shingles import ShingleSets
from m5tools.dedup.policy import ComparePolicy, TextRules
from m5tools.joins.bands import Joined, joined, neighbours

_SEED = 0x5EED
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SETS_AT_ONCE = 512
"""So few that their shingles stay in the processor's cache."""


@dataclass(frozen=True)
class Bands:
    """How MinHash values are grouped: two texts are candidates when all values of one band agree.

    Attributes:
        count: number of bands.
        width: values per band.
    """

    count: int
    width: int

    def recall(self, similarity: float) -> float:
        """The share of pairs of a similarity that become candidates: 1 − (1 − sʳ)ᵇ."""
        return 1 - (1 - similarity**self.width) ** self.count


def bands_for(similarity: float, recall: float, permutations: int) -> Bands:
    """The widest bands, hence the fewest false candidates, that reach a recall at a similarity.

    1 − (1 − sʳ)ᵇ ≥ recall with b · r ≤ permutations (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, §3.4).
    """
    best = Bands(permutations, 1)
    for width in range(2, permutations + 1):
        miss = 1 - similarity**width
        count = math.ceil(math.log(1 - recall) / math.log(miss)) if 0 < miss < 1 else 1
        if count * width > permutations:
            break
        best = Bands(count, width)
    return best


def equal_text_pairs(products: Parts, policy: ComparePolicy, asked: pl.Series | None = None) -> Joined:
    """Products with equal titles, and those whose offerer and whole content are equal.

    Args:
        products: columns row, offerer, title, description, table_key, media_key.
        policy: window and cap of the join by title. Equal content is an equivalence, so it is chained without a cap
            and the chain loses nothing.
        asked: rows of which each pair holds one; None: all.
    """
    content = ("title", "description", "table_key", "media_key")
    filled = pl.any_horizontal(pl.col(content).is_not_null())
    keys = (hashed("title"), pl.when(filled).then(pl.struct("offerer", *content).hash()))
    keyed = [shared(products, key) for key in keys]
    titles, contents = alike(products, keyed, "table_key", "media_key")
    by_title = neighbours(titles, policy.join.window, policy.join.cap, asked)
    return joined((by_title, neighbours(contents, 1, None, asked)))


def title_bands(rules: TextRules) -> Bands:
    return bands_for(rules.title_similarity, rules.recall, rules.permutations)


def description_bands(rules: TextRules) -> Bands:
    return bands_for(rules.description_similarity, rules.recall, rules.permutations)


def beside(band: str, rules: TextRules) -> str:
    """The name of another band of the same text."""
    text, _, place = band.partition("_")
    count = (title_bands if text == "title" else description_bands)(rules).count
    return f"{text}_{(int(place) + 1) % count}"


def band_keys(titles: ShingleSets, descriptions: ShingleSets, rules: TextRules) -> pl.DataFrame:
    """The band keys of products.

    Args:
        titles: shingles of stems.
        descriptions: shingles of descriptions.
        rules: similarities, recall and cost.

    Returns:
        uint64 columns `title_0` …, `description_0` …; null where there is no text.
    """
    of_titles, of_descriptions = keys_of(titles, title_bands(rules)), keys_of(descriptions, description_bands(rules))
    return pl.DataFrame(
        [s.alias(f"title_{i}") for i, s in enumerate(of_titles)]
        + [s.alias(f"description_{i}") for i, s in enumerate(of_descriptions)]
    )


def keys_of(sets: ShingleSets, bands: Bands) -> list[pl.Series]:
    """The key of each set in each band: uint64, null for an empty set."""
    values = digests(sets, bands.count * bands.width).reshape(bands.count, bands.width, -1)
    keys = np.zeros((bands.count, values.shape[2]), np.uint64)
    for i in range(bands.width):
        keys = (keys ^ values[:, i]) * _ODD
        keys ^= keys >> np.uint64(29)
    filled, nothing = pl.Series(sets.sizes > 0, dtype=pl.Boolean), pl.Series([None], dtype=pl.UInt64)
    return [pl.Series(band).zip_with(filled, nothing) for band in keys]


def digests(sets: ShingleSets, permutations: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """MinHash values: the smallest of each set's shingles under each of some permutations a · x + b modulo 2³², a odd.

    NumPy goes over many sets at once, in a third of the time that rensa 0.5 takes, whose digests come out as lists of
    Python numbers.

    Returns:
        uint32 [permutations, sets]; 0 for an empty set.
    """
    drawn = np.random.Generator(np.random.PCG64(_SEED)).integers(0, 2**32, (2, permutations), np.uint32)
    steps, shifts = drawn[0] | np.uint32(1), drawn[1]
    mixed = (sets.shingles.astype(np.uint64) * _ODD >> np.uint64(32)).astype(np.uint32)
    found = np.zeros((permutations, len(sets.sizes)), np.uint32)
    filled = np.flatnonzero(sets.sizes)

    def some(first: int) -> None:
        rows = filled[first : first + _SETS_AT_ONCE]
        begin, end = sets.offsets[rows[0]], sets.offsets[rows[-1] + 1]
        tokens, starts = mixed[begin:end], sets.offsets[rows] - begin
        for i, (step, shift) in enumerate(zip(steps, shifts, strict=True)):
            found[i, rows] = np.minimum.reduceat(tokens * step + shift, starts)

    on_cores(some, range(0, filled.size, _SETS_AT_ONCE))
    return found
