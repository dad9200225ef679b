"""Every text as sets of numbers, cut once per product and read back for each pair it is in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.shingle_sets import ShingleSets
from m5tools.dedup.evidence.shingles import byte_shingles, word_sets, word_shingles
from m5tools.dedup.evidence.titles import codes, is_code, model_codes, numbers
from m5tools.dedup.policy import ComparePolicy

TITLE_WORDS, TITLE_LETTERS, WHOLE_WORDS = "title_words", "title_letters", "whole_words"
TITLE_CODES, WHOLE_CODES, NUMBERS = "title_codes", "whole_codes", "numbers"
VALUES = "values"
STEM, DESCRIPTION = "stem_shingles", "description_shingles"
STEM_WORDS, STEM_NUMBERED, STEM_CODES = "stem_words", "stem_numbered", "stem_codes"
DECLARED, OWN_CODES = "declared", "own_codes"
LISTS = (
    TITLE_WORDS,
    TITLE_LETTERS,
    WHOLE_WORDS,
    TITLE_CODES,
    WHOLE_CODES,
    NUMBERS,
    VALUES,
    STEM,
    DESCRIPTION,
    STEM_WORDS,
    STEM_NUMBERED,
    STEM_CODES,
    DECLARED,
)
"""Sets that only a comparison reads; `OWN_CODES` is sought by as well."""
_OF = "\x1f"
_HALF, _LOW = np.uint64(32), np.uint64(2**32 - 1)


def tokens_of(products: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """The sets of products.

    Args:
        products: columns row, title, said, stem, description (all plain), whole (words), declared, title_codes,
            own_codes (lists).
        policy: shortest title; units that are no codes.

    Returns:
        Columns row and lists of uint32, distinct and ascending: words and letters of the title, words of everything
        said, model codes of both, numbers of the title, shingles of stem (none where it is short) and description,
        words of the stem, those that hold a digit, and those of these that look like a model number, and the codes that
        a product declares and has.
    """
    stems = pl.when(pl.col("stem").str.len_chars() >= policy.text.min_title_chars).then("stem")
    cut = {
        TITLE_WORDS: word_sets(products["said"]),
        TITLE_LETTERS: byte_shingles(products["said"], within_words=True),
        WHOLE_WORDS: word_sets(products["whole"]),
        STEM: byte_shingles(products.select(stems).to_series()),
        DESCRIPTION: word_shingles(products["description"]),
    }
    named = products.select(
        TITLE_CODES,
        model_codes(pl.col("whole"), policy).alias(WHOLE_CODES),
        numbers(pl.col("title")).alias(NUMBERS),
        pl.col("stem").str.split(" ").alias(STEM_WORDS),
        codes(pl.col("stem")).alias(STEM_NUMBERED),
        DECLARED,
        OWN_CODES,
    ).with_columns(pl.col(STEM_NUMBERED).list.eval(pl.element().filter(is_code(pl.element()))).alias(STEM_CODES))
    return products.select("row").with_columns(
        *(_lists(sets).alias(name) for name, sets in cut.items()),
        *(_hashed(named[name]).alias(name) for name in named.columns),
    )


def values_of(products: pl.DataFrame, facts: pl.DataFrame) -> pl.Series:
    """What each product's table and title tell of it, as numbers: of a brand, since "red" says little and a brand's red
    things are few; none where no brand is known. Names are left out, for shops call one thing by many; so are the brand
    and the model, which are keys of their own.

    Args:
        products: columns row, brand, model; sorted by row.
        facts: their facts, as :func:`~m5tools.dedup.evidence.facts.product_facts` gives them.

    Returns:
        A column of lists of uint32, distinct and ascending, one a product.
    """
    said = (
        facts.select("row", value="values")
        .explode("value")
        .join(products.select("row", "brand", "model").drop_nulls("brand"), on="row")
        .filter(*((pl.col("value") != pl.col(known)).fill_null(True) for known in ("brand", "model")))
        .group_by("row")
        .agg(told=pl.concat_str("brand", "value", separator=_OF))
    )
    told = products.select("row").join(said, on="row", how="left", maintain_order="left")["told"]
    return _hashed(told).alias(VALUES)


def sets_of(lists: pl.Series) -> ShingleSets:
    """A column of lists as sets; none of a null."""
    column = pa.concat_arrays([lists.fill_null([]).to_arrow().cast(pa.large_list(pa.uint32()))])
    offsets = np.asarray(column.offsets)
    shingles = np.asarray(column.values)[offsets[0] : offsets[-1]] if len(column) else np.empty(0, np.uint32)
    bounds = offsets - offsets[0] if len(offsets) else np.zeros(1)
    return ShingleSets(shingles, bounds.astype(np.int64))


def _lists(sets: ShingleSets) -> pl.Series:
    offsets, values = pa.array(sets.offsets, pa.int64()), pa.array(sets.shingles, pa.uint32())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, values)))


def _hashed(texts: pl.Series) -> pl.Series:
    """Lists of texts as lists of numbers, distinct and ascending; none of a null."""
    listed = pl.DataFrame({"text": texts}).with_row_index("place").explode("text").drop_nulls()
    listed = listed.with_columns(pl.col("text").hash(0))
    places, hashes = (listed[name].to_numpy() for name in ("place", "text"))
    # Place and hash in one word, which sort in a fraction of the time that the rows of a table take.
    words = np.unique(places.astype(np.uint64) << _HALF | hashes & _LOW)
    bounds = np.searchsorted(words, np.arange(len(texts) + 1, dtype=np.uint64) << _HALF)
    return _lists(ShingleSets((words & _LOW).astype(np.uint32), bounds.astype(np.int64)))
