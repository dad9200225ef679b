"""Weights of words against plain Python, and tokens that come back as they were cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log, sqrt

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from m5tools.dedup.evidence.common import FIRST, SECOND, shared, spread
from m5tools.dedup.evidence.likeness import Vocabularies, lengths, wordings
from m5tools.dedup.evidence.shingle_matrix import in_columns, shingles_in
from m5tools.dedup.evidence.shingle_sets import ShingleSets
from m5tools.dedup.evidence.shingles import byte_shingles, word_sets
from m5tools.dedup.evidence.titles import compound_codes, model_codes, plain, words_of
from m5tools.dedup.evidence.tokens import (
    DECLARED,
    LISTS,
    OWN_CODES,
    TITLE_CODES,
    VALUES,
    WHOLE_WORDS,
    sets_of,
    tokens_of,
)
from m5tools.dedup.evidence.vocabulary import Vocabulary, counted, merged
from tests.dedup.shop import POLICY

TITLES = ["sony turntable pslx350h", "sony turntable black", "bose speaker", "sony speaker black", None]


def _laid(titles: list[str | None], said: list[str | None]) -> tuple[csr_array, csr_array]:
    """Words of what is said and of titles as one, and letters of titles, by their places."""
    words = [word_sets(pl.Series(texts, dtype=pl.String)) for texts in (said, titles)]
    letters = in_columns(byte_shingles(pl.Series(titles, dtype=pl.String), within_words=True), FIRST)
    both = in_columns(words[0], FIRST) + in_columns(words[1], SECOND)
    both.indices = VOCABULARIES.words_at(shingles_in(both.indices))
    letters.indices = VOCABULARIES.letters_at(shingles_in(letters.indices))
    return both, letters


def _counted(texts: list[str | None], cut: Callable[[pl.Series], ShingleSets] = word_sets) -> Vocabulary:
    parts = [counted(cut(pl.Series(texts[i:j], dtype=pl.String))) for i, j in ((0, 2), (2, 5))]
    return Vocabulary(merged(parts), 4)


def _letters(texts: pl.Series) -> ShingleSets:
    return byte_shingles(texts, within_words=True)


SAID = [
    f"{title or ''} {more}" for title, more in zip(TITLES, ("black speaker", "", "sony", "now", "sony"), strict=True)
]
VOCABULARIES = Vocabularies(_counted(TITLES), _counted(TITLES, _letters), _counted(SAID))
A, B = np.array([0, 0, 2, 4]), np.array([1, 3, 3, 0])


def _compared() -> dict[str, list[float]]:
    words, letters = _laid(TITLES, SAID)
    told = lengths(words, letters, VOCABULARIES)
    both = (shared(spread(sets)[A], sets[B]) for sets in (words, letters))
    return {name: score.tolist() for name, score in wordings(*both, told[A], told[B], VOCABULARIES).items()}


def _weights(texts: list[str | None], least: float) -> dict[str, float]:
    df = Counter(w for text in texts for w in set((text or "").split()))
    return {w: log(5 / (1 + n)) + least for w, n in df.items()}


@pytest.mark.parametrize(("score", "texts"), [("word_score", TITLES), ("whole_score", SAID)])
def test_cosine_equals_plain_python(score: str, texts: list[str | None]) -> None:
    held, weight = [set((t or "").split()) for t in texts], _weights(texts, 1)

    def length(words: set[str]) -> float:
        return sqrt(sum(weight[w] ** 2 for w in words)) or 1

    expected = [
        sum(weight[w] ** 2 for w in held[a] & held[b]) / length(held[a]) / length(held[b])
        for a, b in zip(A, B, strict=True)
    ]
    assert _compared()[score] == pytest.approx(expected, abs=1e-6)


def test_a_title_is_contained_in_what_the_other_says() -> None:
    titles, said = ([set((t or "").split()) for t in texts] for texts in (TITLES, SAID))
    weight = _weights(TITLES, 0)

    def share(title: set[str], other: set[str]) -> float:
        return sum(weight[w] for w in title & other) / (sum(weight[w] for w in title) or 1)

    expected = [(share(titles[a], said[b]) + share(titles[b], said[a])) / 2 for a, b in zip(A, B, strict=True)]
    assert _compared()["contained"] == pytest.approx(expected, abs=1e-6)


def test_letters_of_equal_titles_are_alike() -> None:
    words, letters = _laid(TITLES, SAID)
    told, one = lengths(words, letters, VOCABULARIES), np.array([0, 1])
    both = (shared(spread(sets)[one], sets[np.array([0, 2])]) for sets in (words, letters))
    score = wordings(*both, told[one], told[[0, 2]], VOCABULARIES)["letter_score"]
    assert score.tolist() == pytest.approx([1, 0], abs=1e-6)


def test_words_outside_the_vocabulary_count_for_nothing() -> None:
    tokens = word_sets(pl.Series(["unheard words sony"])).shingles
    words = VOCABULARIES.words
    assert sorted(words.told_by(tokens).tolist()) == pytest.approx([0, 0, log(5 / 4)])
    assert sorted(words.squares(tokens).tolist()) == pytest.approx([0, 0, (log(5 / 4) + 1) ** 2])
    with pytest.raises(AssertionError):
        words.found(tokens)


def test_neighbouring_characters_are_words_where_no_spaces_are() -> None:
    sizes = word_sets(pl.Series(["红色纯棉衬衫", "红 shirt", "茶", "shirt red shirt", ""])).sizes
    assert sizes.tolist() == [5, 2, 1, 2, 0]


def test_letters_within_words_know_no_order_of_words() -> None:
    one = byte_shingles(pl.Series(["blue kettle", "kettle blue"]), within_words=True)
    middle = one.offsets[1]
    assert one.shingles[:middle].tolist() == one.shingles[middle:].tolist()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Panasonic KX-TSC14B telephone", {"kxtsc14b", "tsc14b"}),
        ("TomTom One 1EE0.052.02", {"1ee005202"}),
        ("Canon 0622B002, 4GB, 1080p, 300x600", {"0622b002"}),
        ("Phone with 5000mAh", set()),
        ("Windows 98", set()),
    ],
)
def test_model_codes(text: str, codes: set[str]) -> None:
    frame = pl.DataFrame({"title": [text]}).select(title=plain(pl.col("title")))
    title = pl.col("title")
    words, whole = frame.select(model_codes(title, POLICY), compound=compound_codes(title, POLICY)).row(0)
    found = {*words, *whole}
    assert codes <= found
    told = frame.select(words=words_of(title, compound_codes(title, POLICY)))
    assert set(told.select(model_codes(pl.col("words"), POLICY)).item()) >= set(whole), "compound codes are words there"
    assert not found & {"4gb", "300x600", "5000mah", "98"}


def test_tokens_come_back_as_they_were_cut() -> None:
    titles = pl.Series([*TITLES, "KD-G335 radio"], dtype=pl.String)
    products = pl.DataFrame({"row": range(6), "title": titles}).with_columns(title=plain(pl.col("title")))
    products = products.with_columns(
        said=words_of(pl.col("title"), compound_codes(pl.col("title"), POLICY)), stem="title", description="title",
        whole=pl.col("title").fill_null(""), title_codes=model_codes(pl.col("title"), POLICY),
        declared=pl.lit([], pl.List(pl.String)), own_codes=pl.lit([], pl.List(pl.String)),
    )  # fmt: skip
    tokens = tokens_of(products, POLICY)
    assert set(tokens.columns) == {"row", OWN_CODES, *LISTS} - {VALUES}
    cut, back = word_sets(products["whole"]), sets_of(tokens[WHOLE_WORDS])
    assert back.shingles.tolist() == cut.shingles.tolist()
    assert back.offsets.tolist() == cut.offsets.tolist()
    assert sets_of(tokens.slice(2, 2)[WHOLE_WORDS]).sizes.tolist() == cut.sizes[2:4].tolist()
    assert sets_of(tokens[TITLE_CODES]).sizes.tolist() == [1, 0, 0, 0, 0, 1]


def test_texts_of_lists_become_their_hashes_each_once_and_ascending() -> None:
    codes = [["b1", "a2", "b1", None], [], None, [None], [f"c{i}" for i in range(50)], ["a2"]]
    products = pl.DataFrame({"row": range(6), DECLARED: codes}).with_columns(
        *(pl.lit(None, pl.String).alias(text) for text in ("title", "said", "stem", "description", "whole")),
        title_codes=DECLARED, own_codes=pl.lit([], pl.List(pl.String)),
    )  # fmt: skip
    tokens = tokens_of(products, POLICY)
    expected = [sorted({hash_of(code) for code in listed or [] if code is not None}) for listed in codes]
    assert tokens[DECLARED].to_list() == tokens[TITLE_CODES].to_list() == expected
    assert tokens.schema[DECLARED] == pl.List(pl.UInt32)
    assert tokens[OWN_CODES].to_list() == [[]] * 6


def hash_of(code: str) -> int:
    return int(pl.Series([code]).hash(0).item()) % 2**32
