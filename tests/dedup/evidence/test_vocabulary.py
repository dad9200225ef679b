"""Weights of words against plain Python, and tokens that come back as they were cut."""

from __future__ import annotations

from collections import Counter
from math import log, sqrt

import numpy as np
import polars as pl
import pytest

from m5tools.dedup.evidence.shingles import byte_shingles, overlap, word_sets
from m5tools.dedup.evidence.titles import model_codes, plain, words_of
from m5tools.dedup.evidence.tokens import LISTS, OWN_CODES, TITLE_CODES, VALUES, WHOLE_WORDS, sets_of, tokens_of
from m5tools.dedup.evidence.vocabulary import Vocabulary, cosines, counted, merged, shares
from tests.dedup.shop import POLICY

TITLES = ["sony turntable pslx350h", "sony turntable black", "bose speaker", "sony speaker black", None]


def _vocabulary() -> Vocabulary:
    parts = [counted(word_sets(pl.Series(TITLES[i:j], dtype=pl.String))) for i, j in ((0, 2), (2, 5))]
    return Vocabulary(merged(parts), 4)


def test_cosine_equals_plain_python() -> None:
    sets = word_sets(pl.Series(TITLES, dtype=pl.String))
    weighted = cosines(sets, _vocabulary().weights_of(sets))
    found = overlap(weighted, weighted, np.array([0, 0, 2, 4]), np.array([1, 3, 3, 0]))
    held = [set((t or "").split()) for t in TITLES]
    df = Counter(w for words in held for w in words)
    weight = {w: log(5 / (1 + n)) + 1 for w, n in df.items()}

    def length(words: set[str]) -> float:
        return sqrt(sum(weight[w] ** 2 for w in words)) or 1

    expected = [
        sum(weight[w] ** 2 for w in held[a] & held[b]) / length(held[a]) / length(held[b])
        for a, b in ((0, 1), (0, 3), (2, 3), (4, 0))
    ]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_words_outside_the_vocabulary_count_for_nothing() -> None:
    sets = word_sets(pl.Series(["unheard words", "sony"]))
    weights = _vocabulary().weights_of(sets)
    assert sorted(weights.tolist()) == pytest.approx([-1, -1, log(5 / 4)])
    assert cosines(sets, weights).sum(axis=1).tolist() == pytest.approx([0, 1])
    assert shares(sets, weights).sum(axis=1).tolist() == pytest.approx([0, 1])


def test_neighbouring_characters_are_words_where_no_spaces_are() -> None:
    sizes = word_sets(pl.Series(["红色纯棉衬衫", "红 shirt", "茶", "shirt red shirt", ""])).sizes
    assert sizes.tolist() == [5, 2, 1, 2, 0]


def test_letters_within_words_know_no_order_of_words() -> None:
    one = byte_shingles(pl.Series(["blue kettle", "kettle blue"]), within_words=True)
    middle = one.offsets[1]
    assert one.shingles[:middle].tolist() == one.shingles[middle:].tolist()


@pytest.mark.parametrize(
    ("title", "codes"),
    [
        ("Panasonic KX-TSC14B telephone", {"kxtsc14b", "tsc14b"}),
        ("TomTom One 1EE0.052.02", {"1ee005202"}),
        ("Canon 0622B002, 4GB, 1080p, 300x600", {"0622b002"}),
        ("Phone with 5000mAh", set()),
        ("Windows 98", set()),
    ],
)
def test_model_codes(title: str, codes: set[str]) -> None:
    frame = pl.DataFrame({"title": [title]}).select(title=plain(pl.col("title")))
    found = set(frame.select(model_codes(pl.col("title"), POLICY)).to_series().to_list()[0])
    assert codes <= found
    assert not found & {"4gb", "300x600", "5000mah", "98"}


def test_tokens_come_back_as_they_were_cut() -> None:
    titles = pl.Series([*TITLES, "KD-G335 radio"], dtype=pl.String)
    products = pl.DataFrame({"row": range(6), "title": titles}).with_columns(title=plain(pl.col("title")))
    products = products.with_columns(
        said=words_of(pl.col("title"), POLICY), stem="title", description="title", whole=pl.col("title").fill_null(""),
        declared=pl.lit([], pl.List(pl.String)), own_codes=pl.lit([], pl.List(pl.String)),
    )  # fmt: skip
    tokens = tokens_of(products, POLICY)
    assert set(tokens.columns) == {"row", OWN_CODES, *LISTS} - {VALUES}
    cut, back = word_sets(products["whole"]), sets_of(tokens[WHOLE_WORDS])
    assert back.shingles.tolist() == cut.shingles.tolist()
    assert back.offsets.tolist() == cut.offsets.tolist()
    assert sets_of(tokens.slice(2, 2)[WHOLE_WORDS]).sizes.tolist() == cut.sizes[2:4].tolist()
    assert sets_of(tokens[TITLE_CODES]).sizes.tolist() == [1, 0, 0, 0, 0, 2]
