"""Near-duplicates of texts alone, against Python sets."""

from __future__ import annotations

import random
import threading
from itertools import combinations

import polars as pl
import pyarrow as pa
import pytest

from m5tools.dedup.evidence import shingles
from m5tools.dedup.evidence.near_texts import near_texts
from m5tools.dedup.evidence.shingles import byte_shingles, word_sets, word_shingles

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]
SIMILARITY = 0.8


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))}


def _alike(one: str, other: str) -> float:
    a, b = _runs(one), _runs(other)
    return len(a & b) / len(a | b)


def _texts() -> list[str]:
    rng = random.Random(3)
    texts = [" ".join(rng.choices(WORDS, k=60)) for _ in range(300)]
    for i in range(200):
        words = texts[i].split()
        at = rng.randrange(50)
        edits = ([*words, "new"], words[:at] + words[at + 1 :], words[: 60 - rng.randrange(1, 20)], [*words[:at], "x"])
        texts.append(" ".join(edits[i % 4]))
    return texts


def test_near_texts_are_those_that_python_sets_find() -> None:
    texts = _texts()
    true = {(a, b) for a, b in combinations(range(len(texts)), 2) if _alike(texts[a], texts[b]) >= SIMILARITY}
    found = near_texts(pa.chunked_array([texts[:100], texts[100:]]), SIMILARITY)
    pairs = {(a, b): score for a, b, score in found.pairs.iter_rows()}
    assert len(true) > 100
    assert pairs.keys() <= true
    assert len(pairs) >= 0.99 * len(true)
    assert all(abs(score - _alike(texts[a], texts[b])) < 1e-5 for (a, b), score in pairs.items())


def test_groups_hold_what_is_chained_and_are_named_after_the_first() -> None:
    text = " ".join(WORDS[:40])
    groups = near_texts(pl.Series(["other words", text, None, f"{text} a", "", f"{text} a b", ""])).groups
    assert groups.rows() == [(1, 1), (3, 1), (5, 1)]


def test_digits_tell_texts_apart() -> None:
    texts = [f"kettle of {i} watts" for i in range(50)]
    assert near_texts(pl.Series(texts)).pairs.is_empty()


def test_cores_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series([*_texts(), None, "", "two words", "红色纯棉衬衫 新款"] * 12)
    seen: set[int] = set()

    def on(cores: int) -> pl.DataFrame:
        monkeypatch.setattr(pa, "cpu_count", lambda: cores)
        return near_texts(texts).pairs

    cut = shingles._words
    monkeypatch.setattr(shingles, "_words", lambda *parts: (seen.add(threading.get_ident()), cut(*parts))[1])
    one = on(1)
    assert seen == {threading.get_ident()}
    seen.clear()
    assert on(4).equals(one)
    assert threading.get_ident() not in seen
    assert len(seen) > 1


def test_one_text_many_times_costs_a_chain() -> None:
    found = near_texts(pl.Series([" ".join(WORDS[:30])] * 3_000))
    assert found.groups["label"].unique().to_list() == [0]
    assert found.groups.height == 3_000
    assert found.pairs.height < 8 * 3_000


def test_no_text_is_near_nothing() -> None:
    found = near_texts(pl.Series([], dtype=pl.String))
    assert found.pairs.is_empty()
    assert found.groups.is_empty()


def test_a_column_of_no_type_has_no_text() -> None:
    assert near_texts(pa.nulls(3)).groups.is_empty()
    nothing = pl.Series([None, None])
    for cut in (byte_shingles, word_shingles, word_sets):
        assert cut(nothing).sizes.tolist() == [0, 0]
