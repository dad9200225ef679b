"""How alike two products are in wording, when every word counts by how much it tells (the IDF-weighted view).

Other sellers word a title in their own way: they leave words out, add some, move the model number into the
description, write it with a hyphen. So besides the cosines of words and of letters (runs of four, which forgive
spelling and inflection) this asks how much of one title the other product says anywhere, and which model codes and
numbers agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from m5tools.dedup.evidence.common import FIRST, SECOND, Shared
from m5tools.dedup.evidence.shingle_sets import F32, F64, I32, U32
from m5tools.dedup.evidence.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_NOTHING: Final = 1e-9
"""Length of a text that says nothing; nothing is like it."""
_TITLE: Final = 3
"""Column of :func:`lengths`, behind those of the three cosines."""


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

    def words_at(self, tokens: U32) -> I32:
        """Places of words of titles and of all that is said."""
        return self._every.found(tokens)

    def letters_at(self, tokens: U32) -> I32:
        """Places of runs of letters of titles."""
        return self.letters.found(tokens)

    @cached_property
    def titled(self) -> F64:
        """What the word of each place tells in a title; 0 for a word of no title."""
        return self.words.told_by(self._every.tokens)

    @cached_property
    def titled_squares(self) -> F64:
        """What it adds to the product of two titles."""
        return self.words.squares(self._every.tokens)

    @cached_property
    def said_squares(self) -> F64:
        """What it adds to the product of all that is said."""
        return self.everything.squares(self._every.tokens)

    @cached_property
    def spelt_squares(self) -> F64:
        """What the run of letters of each place adds to the product of two titles."""
        return self.letters.squares(self.letters.tokens)

    @cached_property
    def _every(self) -> Vocabulary:
        """The words of titles and of all that is said: a title may end in a character that makes a word with the next
        where more is said."""
        tokens = np.union1d(self.words.tokens, self.everything.tokens)
        return Vocabulary(pl.DataFrame({"token": tokens, "titles": np.ones_like(tokens)}), 0)


def lengths(words: csr_array, letters: csr_array, vocabularies: Vocabularies) -> F64:
    """What the texts of products come to, so that shares of them can be told of pairs.

    Args:
        words: of n products, those of all that is said with the mark `FIRST`, those of titles with `SECOND`; columns
            are their places.
        letters: of titles, likewise.
        vocabularies: of the whole dataset.

    Returns:
        float64 [n, 4]: lengths of titles as vectors of words and of letters and of all that is said as a vector of
        words, and the weight of a title's words.
    """
    count = words.shape[0]
    texts, each = (np.repeat(np.arange(count), np.diff(sets.indptr)) for sets in (words, letters))
    whole, titled = words.data & FIRST > 0, words.data & SECOND > 0
    squares = (
        (texts, vocabularies.titled_squares[words.indices] * titled),
        (each, vocabularies.spelt_squares[letters.indices]),
        (texts, vocabularies.said_squares[words.indices] * whole),
    )
    columns = [np.sqrt(np.bincount(rows, values, count)) for rows, values in squares]
    columns.append(np.bincount(texts, vocabularies.titled[words.indices] * titled, count))
    told: F64 = np.maximum(np.stack(columns, axis=1), _NOTHING)
    return told


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
    told = vocabularies.titled[words.columns]
    products = {
        "word_score": words.total(vocabularies.titled_squares[words.columns] * words.held(SECOND, SECOND)),
        "letter_score": letters.total(vocabularies.spelt_squares[letters.columns]),
        "whole_score": words.total(vocabularies.said_squares[words.columns] * words.held(FIRST, FIRST)),
    }
    cosines = {
        name: product / (one[:, column] * other[:, column]) for column, (name, product) in enumerate(products.items())
    }
    mine, theirs = words.total(told * words.held(SECOND, FIRST)), words.total(told * words.held(FIRST, SECOND))
    contained = (mine / one[:, _TITLE] + theirs / other[:, _TITLE]) / 2
    return {name: score.astype(np.float32) for name, score in (*cosines.items(), ("contained", contained))}
