"""How alike two products are in wording, when every word counts by how much it tells (the IDF-weighted view).

Other sellers word a title in their own way: they leave words out, add some, move the model number into the
description, write it with a hyphen. So besides the cosines of words and of letters (runs of four, which forgive
spelling and inflection) this asks how much of one title the other product says anywhere, and which model codes and
numbers agree. Price is weak evidence: half the price is rarely the same product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.evidence.shingles import U32, ones, overlap
from m5tools.dedup.evidence.tokens import (
    NUMBERS,
    TITLE_CODES,
    TITLE_LETTERS,
    TITLE_WORDS,
    WHOLE_CODES,
    WHOLE_WORDS,
    sets_of,
)
from m5tools.dedup.evidence.vocabulary import Vocabulary, cosines, shares
from m5tools.dedup.policy import ComparePolicy

_WORDS_BEYOND = 3
"""Words beyond the title from which a product says something besides."""

_Bools = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Vocabularies:
    """How much each token tells, over the whole dataset.

    Attributes:
        words: of titles.
        letters: runs of four letters of titles.
        everything: words of all that is said.
    """

    words: Vocabulary
    letters: Vocabulary
    everything: Vocabulary


def title_cosines(products: pl.DataFrame, a: U32, b: U32, vocabularies: Vocabularies) -> pl.DataFrame:
    """How alike titles are: `word_score` and `letter_score`, cosines, float32; one row a pair of places."""
    words, letters = sets_of(products[TITLE_WORDS]), sets_of(products[TITLE_LETTERS])
    by_word = cosines(words, vocabularies.words.weights_of(words))
    by_letter = cosines(letters, vocabularies.letters.weights_of(letters))
    return pl.DataFrame(
        {"word_score": overlap(by_word, by_word, a, b), "letter_score": overlap(by_letter, by_letter, a, b)}
    )


def likenesses(
    products: pl.DataFrame, a: U32, b: U32, vocabularies: Vocabularies, policy: ComparePolicy
) -> pl.DataFrame:
    """The wording of pairs, side by side, beyond the cosines of their titles.

    Args:
        products: columns stem (plain), price, currency, and those of :func:`tokens_of`.
        a: places in `products` of the one side, length m.
        b: places of the other side.
        vocabularies: of the whole dataset.
        policy: shortest title that says something.

    Returns:
        m rows: `whole_score` (cosine, float32), `contained` (share of a title's weight that the other product says,
        mean of both sides), `shares_code`, `differs_code`, `differs_number`, `price_ratio`
        (the lower price as a share of the higher; null where they cannot be compared), `both_titled`, `long_title` (one
        of both is long enough to name a product), `says_more` (both say something beside their titles).
    """
    title_words, whole = sets_of(products[TITLE_WORDS]), sets_of(products[WHOLE_WORDS])
    share, anywhere = shares(title_words, vocabularies.words.weights_of(title_words)), ones(whole)
    contained = (overlap(share, anywhere, a, b) + overlap(share, anywhere, b, a)) / 2
    weighted = cosines(whole, vocabularies.everything.weights_of(whole))
    whole_score = overlap(weighted, weighted, a, b)
    shares_code, differs_code = _codes(products, a, b)
    differs_number = _each_has_its_own(ones(sets_of(products[NUMBERS])), a, b)
    length = products["stem"].str.len_chars().fill_null(0).to_numpy()
    beyond = whole.sizes - title_words.sizes
    return pl.DataFrame(
        {
            "whole_score": whole_score,
            "contained": contained,
            "shares_code": shares_code,
            "differs_code": differs_code,
            "differs_number": differs_number,
            "price_ratio": pl.Series(_price_ratio(products, a, b), nan_to_null=True),
            "both_titled": np.minimum(length[a], length[b]) > 0,
            "long_title": np.maximum(length[a], length[b]) >= policy.text.min_title_chars,
            "says_more": np.minimum(beyond[a], beyond[b]) >= _WORDS_BEYOND,
        }
    )


def _codes(products: pl.DataFrame, a: U32, b: U32) -> tuple[_Bools, _Bools]:
    """Whether a model code of one title stands anywhere at the other side; whether each title has one that does not."""
    titles, anywhere = ones(sets_of(products[TITLE_CODES])), ones(sets_of(products[WHOLE_CODES]))
    there, back = overlap(titles, anywhere, a, b), overlap(titles, anywhere, b, a)
    own = np.asarray(titles.sum(axis=1)).ravel()
    shares = (there > 0) | (back > 0)
    return shares, (own[a] > there) & (own[b] > back) & ~shares


def _each_has_its_own(sets: Any, a: U32, b: U32) -> _Bools:
    shared, own = overlap(sets, sets, a, b), np.asarray(sets.sum(axis=1)).ravel()
    return (own[a] > shared) & (own[b] > shared)


def _price_ratio(products: pl.DataFrame, a: U32, b: U32) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The lower price as a share of the higher one; NaN where they cannot be compared."""
    price, currency = products["price"].fill_null(0).to_numpy(), products["currency"].fill_null("")
    code = currency.cast(pl.Categorical).to_physical().to_numpy()
    low, high = np.minimum(price[a], price[b]), np.maximum(price[a], price[b])
    comparable = (low > 0) & (code[a] == code[b])
    return np.where(comparable, low / np.where(comparable, high, 1), np.nan).astype(np.float32)
