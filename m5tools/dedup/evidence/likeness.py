"""How alike two products are in wording, when every word counts by how much it tells (the IDF-weighted view).

Other sellers word a title in their own way: they leave words out, add some, move the model number into the
description, write it with a hyphen. So besides the cosines of words and of letters (runs of four, which forgive
spelling and inflection) this asks how much of one title the other product says anywhere, and which model codes and
numbers agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from m5tools.dedup.evidence.common import FIRST, SECOND, Shared
from m5tools.dedup.evidence.shingles import F32, F64, shingles_in
from m5tools.dedup.evidence.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_NOTHING: Final = 1e-9
"""Length of a text that says nothing; nothing is like it."""
WORDS, LETTERS, WHOLE, TITLE = range(4)
"""Columns of :func:`lengths`."""


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


def lengths(words: csr_array, letters: csr_array, vocabularies: Vocabularies) -> F64:
    """What the texts of products come to, so that shares of them can be told of pairs.

    Args:
        words: of n products, those of all that is said with the mark `FIRST`, those of titles with `SECOND`.
        letters: of titles.
        vocabularies: of the whole dataset.

    Returns:
        float64 [n, 4]: lengths of titles as vectors of words and of letters and of all that is said as a vector of
        words, and the weight of a title's words.
    """
    texts = np.repeat(np.arange(words.shape[0]), np.diff(words.indptr))
    tokens, whole, titled = shingles_in(words.indices), words.data & FIRST > 0, words.data & SECOND > 0
    told = vocabularies.words.weights_of(tokens[titled])
    each = np.repeat(np.arange(letters.shape[0]), np.diff(letters.indptr))
    spelt = vocabularies.letters.weights_of(shingles_in(letters.indices))
    said = vocabularies.everything.weights_of(tokens[whole])
    columns = [
        np.sqrt(np.bincount(texts[titled], _squared(told), words.shape[0])),
        np.sqrt(np.bincount(each, _squared(spelt), words.shape[0])),
        np.sqrt(np.bincount(texts[whole], _squared(said), words.shape[0])),
        np.bincount(texts[titled], np.maximum(told, 0), words.shape[0]),
    ]
    return np.maximum(np.stack(columns, axis=1), _NOTHING)


def wordings(words: Shared, letters: Shared, one: F64, other: F64, vocabularies: Vocabularies) -> dict[str, F32]:
    """The wording of pairs, side by side.

    Args:
        words: what pairs share of all that is said (`FIRST`) and of titles (`SECOND`).
        letters: what they share of the letters of titles.
        one: :func:`lengths` of the one side, a row a pair.
        other: of the other.
        vocabularies: of the whole dataset.

    Returns:
        float32 a pair: `word_score`, `letter_score` (cosines of titles) and `whole_score` (of everything said), and
        `contained` (share of a title's weight that the other product says, mean of both sides).
    """
    tokens = shingles_in(words.columns)
    titled, whole = words.held(SECOND, SECOND), words.held(FIRST, FIRST)
    mine, theirs = words.held(SECOND, FIRST), words.held(FIRST, SECOND)
    told = np.zeros(len(tokens), np.float32)
    asked = titled | mine | theirs
    told[asked] = vocabularies.words.weights_of(tokens[asked])
    spelt = vocabularies.letters.weights_of(shingles_in(letters.columns))
    said = vocabularies.everything.weights_of(tokens[whole])
    every = np.ones(len(spelt), bool)
    scores = {
        "word_score": words.total(titled, _squared(told[titled])) / (one[:, WORDS] * other[:, WORDS]),
        "letter_score": letters.total(every, _squared(spelt)) / (one[:, LETTERS] * other[:, LETTERS]),
        "whole_score": words.total(whole, _squared(said)) / (one[:, WHOLE] * other[:, WHOLE]),
        "contained": (
            words.total(mine, np.maximum(told[mine], 0)) / one[:, TITLE]
            + words.total(theirs, np.maximum(told[theirs], 0)) / other[:, TITLE]
        )
        / 2,
    }
    return {name: score.astype(np.float32) for name, score in scores.items()}


def _squared(weights: F32) -> Any:
    """What a token adds to a product of vectors. It counts one more than its weight, so that titles of frequent words
    alone are not empty; a token of no title counts for nothing."""
    values = np.maximum(weights.astype(np.float64) + 1, 0)
    return values * values


