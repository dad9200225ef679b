"""Text evidence: equal titles, equal content, and MinHash bands of titles (4 bytes) and descriptions (3 words)."""

from __future__ import annotations

import polars as pl

from m5tools.dedup.evidence.keyed import Parts, alike, hashed, shared
from m5tools.dedup.evidence.minhash import Bands, bands_for, keys_of
from m5tools.dedup.evidence.shingle_sets import ShingleSets
from m5tools.dedup.policy import ComparePolicy, TextRules
from m5tools.joins.bands import Joined, joined, neighbours


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
