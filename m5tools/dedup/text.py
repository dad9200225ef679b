"""Text evidence: equal titles, equal content, and MinHash bands of titles (4 bytes) and descriptions (3 words)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from rensa import RMinHash

from m5tools.dedup.policy import ComparePolicy, TextRules
from m5tools.dedup.shingles import ShingleSets
from m5tools.joins.bands import Joined, joined, neighbours

_SEED = 0x5EED
_ODD = np.uint64(0x9E3779B97F4A7C15)


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


def equal_text_pairs(products: pl.DataFrame, policy: ComparePolicy) -> Joined:
    """Products with equal titles, and those whose offerer and whole content are equal.

    Args:
        products: columns row, offerer, title, description, table_key, media_key, stem.
        policy: window and cap of the join by title. Equal content is an equivalence, so it is chained without a cap
            and the chain loses nothing.
    """
    alike = products.sort("table_key", "media_key", "row", nulls_last=True)
    by_title = neighbours(alike.select("row", key="title"), policy.join.window, policy.join.cap)
    filled = alike.filter(pl.any_horizontal(pl.col("title", "description", "table_key", "media_key").is_not_null()))
    content = pl.struct("offerer", "title", "description", "table_key", "media_key").hash()
    return joined((by_title, neighbours(filled.select("row", key=content), 1, None)))


def title_bands(rules: TextRules) -> Bands:
    return bands_for(rules.title_similarity, rules.recall, rules.permutations)


def description_bands(rules: TextRules) -> Bands:
    return bands_for(rules.description_similarity, rules.recall, rules.permutations)


def band_keys(titles: ShingleSets, descriptions: ShingleSets, rules: TextRules) -> pl.DataFrame:
    """The band keys of products.

    Args:
        titles: shingles of stems.
        descriptions: shingles of descriptions.
        rules: similarities, recall and cost.

    Returns:
        uint64 columns `title_0` …, `description_0` …; null where there is no text.
    """
    of_titles, of_descriptions = _keys(titles, title_bands(rules)), _keys(descriptions, description_bands(rules))
    return pl.DataFrame(
        [s.alias(f"title_{i}") for i, s in enumerate(of_titles)]
        + [s.alias(f"description_{i}") for i, s in enumerate(of_descriptions)]
    )


def _keys(sets: ShingleSets, bands: Bands) -> list[pl.Series]:
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        sets.shingles * _ODD, sets.offsets.astype(np.uint64), bands.count * bands.width, _SEED
    )
    values = np.array(matrix.to_rows(), dtype=np.uint64).reshape(len(sets.offsets) - 1, bands.count, bands.width)
    filled = pl.Series(sets.sizes > 0, dtype=pl.Boolean)
    keys = np.zeros(values.shape[:2], np.uint64)
    for i in range(bands.width):
        keys = (keys ^ values[:, :, i]) * _ODD
        keys ^= keys >> np.uint64(29)
    return [pl.Series(keys[:, i]).zip_with(filled, pl.Series([None], dtype=pl.UInt64)) for i in range(bands.count)]
