"""Why two products were never compared: what they would have had to share, and how near they come to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.evidence.identifiers import branded
from m5tools.dedup.evidence.shingle_sets import jaccard
from m5tools.dedup.evidence.tokens import DESCRIPTION, STEM, sets_of, tokens_of
from m5tools.dedup.evidence.vectors import similarity, vectors_of
from m5tools.dedup.policy import DuplicatePolicy
from m5tools.dedup.products import gather, numbered
from m5tools.dedup.sought import with_sources
from m5tools.partitions import partition_of

_FEW = 8
"""Words that are named."""


def why_not_compared(dataset: Dataset, a: str, b: str, policy: DuplicatePolicy) -> list[str]:
    """What the two records lack to be a pair worth looking at, in words."""
    homes = pl.DataFrame({"product_id": [a, b]}).select(partition_of(pl.col("product_id"), dataset.partitions))
    gathered = []
    for home in homes.to_series().unique().sort():
        asked = numbered(dataset, home).filter(pl.col("product_id").is_in([a, b]))
        gathered.append(gather(dataset, home, asked, policy.comparing)[0])
    both = with_sources(pl.concat(gathered).sort("product_id"), dataset.manifest())
    return [*_shared(both.with_columns(part=branded("mpn", policy))), *_near(both, policy)]


def _shared(both: pl.DataFrame) -> Iterator[str]:
    if both["once"].all() and both["origin"].n_unique() == 1:
        yield f"'{both['source'][0]}' lists each product once, so its titles are not compared by rare words"
    keys = {
        "group": "item group",
        "gtin": "GTIN",
        "part": "part number",
        "title": "title",
        "table_key": "attribute table",
    }
    equal = [words for key, words in keys.items() if both[key].null_count() == 0 and both[key].n_unique() == 1]
    if equal:
        yield f"one {' and one '.join(equal)}, but so many products share it that it is not followed"
    else:
        yield "no item group, GTIN, part number, text, table, picture, clip or sound in common"


def _near(both: pl.DataFrame, policy: DuplicatePolicy) -> Iterator[str]:
    tokens = tokens_of(both, policy.comparing)
    first, second = np.array([0], np.uint32), np.array([1], np.uint32)
    sought = {
        "titles": (STEM, "stem", policy.text.title_similarity, "without colour and measures "),
        "descriptions": (DESCRIPTION, "description", policy.text.description_similarity, ""),
    }
    for what, (column, text, least, apart) in sought.items():
        likeness = float(jaccard(sets_of(tokens[column]), first, second)[0])
        if np.isnan(likeness):
            missing = both[text].null_count()
            yield f"{what}: {'one or both are missing' if missing else 'one or both are too short to tell'}"
        elif likeness < least:
            yield f"{what} are {likeness:.2f} alike {apart}(Jaccard index), candidates are sought from {least:g}"
        else:
            recall = f"{policy.text.recall:.0%} are found, and of a product's the nearest compared"
            yield f"{what} are {likeness:.2f} alike {apart}(Jaccard index), of such pairs from {least:g} on {recall}"
    if policy.embedding is not None:
        titled = both.drop("row").with_row_index("row")
        ends = (pl.Series([row], dtype=pl.UInt32) for row in (0, 1))
        cosine = similarity(vectors_of(titled, policy.embedding), *ends).item()
        if cosine is not None:
            rules = policy.embedding
            near = f"sought are the {rules.neighbours} nearest of each source, from {rules.similarity:g} on"
            yield f"vectors of the {rules.what} are {cosine:.2f} alike, {near}"
    said = [set(text.split()) for text in both["said"].fill_null("")]
    common = sorted(said[0] & said[1])
    if common:
        named = ", ".join(common[:_FEW]) + (" …" if len(common) > _FEW else "")
        yield f"the titles share {named}: words that too many titles hold, or nearer ones, or that mean little"
    else:
        yield "the titles share no word"
