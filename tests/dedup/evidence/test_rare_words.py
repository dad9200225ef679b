"""Candidates by rare words: what is found, that hubs are not followed, that partitions change nothing."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from m5tools.dedup.evidence.nearest import most_shared
from m5tools.dedup.evidence.rare_words import rare_keys, rare_word_pairs, slice_of
from m5tools.dedup.evidence.shingles import word_sets
from m5tools.dedup.evidence.vocabulary import Vocabulary, counted
from tests.dedup.shop import POLICY


def _pairs(titles: list[str | None], once: bool = False, parts: int = 1) -> set[tuple[int, int]]:
    sets = word_sets(pl.Series(titles, dtype=pl.String))
    keyed = rare_keys(sets, Vocabulary(counted(sets), len(titles)), POLICY)
    keyed = keyed.with_columns(origin=pl.lit(0, pl.UInt16), once=pl.lit(once))
    slices = [rare_word_pairs(keyed.filter(slice_of(keyed["key"], 5) == i), POLICY) for i in range(5)]
    bounds = [len(titles) * i // parts for i in range(parts + 1)]
    own = [[part.filter(pl.col("own").is_between(a, b, closed="left")) for part in slices] for a, b in pairwise(bounds)]
    rules = POLICY.rare_words
    found = [most_shared(parts, rules.candidates, rules.candidates_within).pairs for parts in own]
    return set(pl.concat(found).rows())


def test_a_model_number_in_other_words_is_found() -> None:
    titles = ["sony turntable pslx350h", "belt drive pslx350h", "bose speaker", None, None, ""]
    assert _pairs(titles) == {(0, 1)}


def test_two_words_that_many_hold_are_rare_together() -> None:
    many = POLICY.rare_words.shared_by + 6
    titles = (
        [f"acme thing{i}" for i in range(many)] + [f"lamp object{i}" for i in range(many)] + ["acme lamp", "lamp acme"]
    )
    assert (2 * many, 2 * many + 1) in _pairs(titles)


def test_a_shared_title_is_no_key_where_it_is_a_hub() -> None:
    assert _pairs(["welcome to our shop"] * (POLICY.rare_words.shared_by + 1)) == set()


def test_nothing_within_a_source_that_lists_once() -> None:
    assert _pairs(["sony pslx350h", "pslx350h"], once=True) == set()


def test_partitions_change_nothing() -> None:
    titles = [f"brand{i % 7} kind{i % 5} model{i % 13}" for i in range(90)]
    assert _pairs(titles, parts=1) == _pairs(titles, parts=4)
