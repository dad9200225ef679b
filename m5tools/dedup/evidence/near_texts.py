"""Near-duplicates of texts alone: which texts of a column share most of their runs of words, and the groups they form.

The parts are those of the stage `dedup`: shingles cut from the Arrow buffers, MinHash bands, neighbours under a band's
key, and the exact Jaccard index of every candidate, so no pair below the similarity is ever reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.clusters import connected
from m5tools.dedup.evidence.minhash import bands_for, keys_of
from m5tools.dedup.evidence.shingle_sets import jaccard
from m5tools.dedup.evidence.shingles import word_shingles
from m5tools.joins.bands import distinct, follow

_WINDOW = 8
"""Following texts under a key that each is compared with; groups of more are chained."""


@dataclass(frozen=True)
class NearTexts:
    """What was found in a column of texts.

    Attributes:
        pairs: columns a < b (uint32, places in the column) and jaccard (float32), sorted; within a group of more than
            nine texts not every pair is among them.
        groups: columns row and label (uint32): each text that has a near one, and the smallest place of its group.
    """

    pairs: pl.DataFrame
    groups: pl.DataFrame


def near_texts(
    texts: pl.Series | pa.Array | pa.ChunkedArray,
    similarity: float = 0.8,
    recall: float = 0.99,
    words: int = 5,
    permutations: int = 64,
) -> NearTexts:
    """Find the texts that are nearly equal.

    Args:
        texts: n strings; a null or a text without a word is near nothing.
        similarity: least Jaccard index of a pair.
        recall: share of the pairs of just that similarity that is found, as expected; of more similar ones it is more.
        words: length of the runs of words that are compared, see :func:`m5tools.dedup.evidence.shingles.word_shingles`.
        permutations: MinHash values a text may cost.
    """
    column = texts if isinstance(texts, pl.Series) else pl.Series(pl.from_arrow(texts))
    sets = word_shingles(column, words)
    rows = np.flatnonzero(sets.sizes).astype(np.uint32)
    keys = (band.drop_nulls().to_numpy() for band in keys_of(sets, bands_for(similarity, recall, permutations)))
    found = distinct(pairs for band in keys for pairs in follow(band, rows, _WINDOW, None).pairs)
    exact = found.with_columns(jaccard=pl.Series(jaccard(sets, found["a"].to_numpy(), found["b"].to_numpy())))
    pairs = exact.filter(pl.col("jaccard") >= similarity)
    return NearTexts(pairs, connected(pairs.select(row_a="a", row_b="b")))
