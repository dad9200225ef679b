"""Shingles, Jaccard and MinHash bands against plain Python and datasketch."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.dedup.evidence.minhash import Bands, bands_for
from m5tools.dedup.evidence.shingle_sets import jaccard
from m5tools.dedup.evidence.shingles import byte_shingles, word_shingles
from m5tools.dedup.evidence.text import band_keys, title_bands
from m5tools.dedup.evidence.titles import plain, read_measure, stem
from m5tools.joins.bands import neighbours, union
from tests.dedup.shop import POLICY


def _reference(text: str | None) -> set[bytes]:
    data = b"" if text is None else f"  {text} ".encode()
    return {data[i : i + 4] for i in range(len(data) - 3)}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.text(max_size=20), min_size=1, max_size=8))
def test_shingles_and_jaccard_equal_python_sets(texts: list[str | None]) -> None:
    sets = byte_shingles(pl.Series(texts, dtype=pl.String))
    reference = [_reference(t) for t in texts]
    assert sets.sizes.tolist() == [len(r) for r in reference]
    a, b = (
        np.array(side, np.uint32)
        for side in zip(*[(i, j) for i in range(len(texts)) for j in range(len(texts))], strict=True)
    )
    for i, j, found in zip(a, b, jaccard(sets, a, b), strict=True):
        one, other = reference[i], reference[j]
        if one and other:
            assert found == pytest.approx(len(one & other) / len(one | other))
        else:
            assert np.isnan(found)


def test_sets_of_texts_of_any_length_are_those_of_python() -> None:
    """From nothing to longer than a block, all of them longer than what is copied at once."""
    draws = random.Random(5)
    words = [f"w{i}" for i in range(400)]
    texts = [" ".join(draws.choices(words, k=draws.choice((0, 1, 2, 3, 9, 60, 2_000)))) for _ in range(1_000)]
    texts[7] = " ".join(draws.choices(words, k=30_000))
    assert sum(map(len, texts)) > 2**20
    assert len(texts[7]) > 2**16
    sets = word_shingles(pl.Series(texts), 3)
    runs = [{" ".join(w[i : i + 3]) for i in range(max(1, len(w) - 2))} - {""} for w in map(str.split, texts)]
    assert sets.sizes.tolist() == [len(each) for each in runs]
    ascending = np.diff(sets.shingles.astype(np.int64)) > 0
    ascending[[end - 1 for end in sets.offsets[1:-1] if 0 < end < sets.shingles.size]] = True
    assert ascending.all()
    a, b = np.arange(999, dtype=np.uint32), np.arange(1, 1000, dtype=np.uint32)
    expected = [len(x & y) / len(x | y) if x and y else np.nan for x, y in pairwise(runs)]
    np.testing.assert_allclose(jaccard(sets, a, b), expected, rtol=1e-6)


def test_words_need_no_spaces_in_chinese() -> None:
    sizes = word_shingles(pl.Series(["red cotton shirt", "红色纯棉衬衫", "", None, "a"]), words=1).sizes
    assert sizes.tolist() == [3, 6, 0, 0, 1]


def test_same_words_same_shingles_whatever_stands_between() -> None:
    sets = word_shingles(pl.Series(["boils fast, quietly and well", "boils fast — quietly: and well"]))
    assert sets.sizes[0] == 3
    assert jaccard(word_shingles(pl.Series(["boils fast, quietly", "boils  fast quietly"])), *_pair())[0] == 1


def _pair() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    return np.array([0], np.uint32), np.array([1], np.uint32)


def test_bands_reach_the_recall_and_no_wider_ones_would() -> None:
    bands = bands_for(0.6, 0.95, 96)
    assert bands.recall(0.6) >= 0.95
    assert bands.count * bands.width <= 96
    assert Bands(96 // (bands.width + 1), bands.width + 1).recall(0.6) < 0.95


def test_bands_find_what_datasketch_finds() -> None:
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(400)]
    first = [" ".join(rng.choice(words, 6)) for _ in range(300)]
    texts = pl.Series(first + [" ".join([*t.split()[:5], "extra"]) for t in first])
    rules = POLICY.text
    keys = band_keys(byte_shingles(texts), word_shingles(texts), rules)
    rows = pl.Series("row", range(len(texts)), dtype=pl.UInt32)
    bands = [c for c in keys.columns if c.startswith("title_")]
    found = set(union(neighbours(keys.select(rows, key=band), 50, 500).pairs for band in bands).rows())
    shape = title_bands(rules)
    lsh = MinHashLSH(num_perm=shape.count * shape.width, params=(shape.count, shape.width))
    hashes = []
    for i, text in enumerate(texts):
        hashes.append(MinHash(num_perm=shape.count * shape.width))
        hashes[i].update_batch(list(_reference(text)))
        lsh.insert(i, hashes[i])
    reference = {(i, j) for i in range(len(texts)) for j in lsh.query(hashes[i]) if i < j}
    sets = [_reference(t) for t in texts]
    true = {(i, i + 300) for i in range(300) if len(sets[i] & sets[i + 300]) >= 0.6 * len(sets[i] | sets[i + 300])}
    assert len(true) > 100
    assert len(found & true) >= 0.95 * len(true)
    assert len(found & true) >= 0.97 * len(reference & true)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Acme Tee RED, size 42", "acme tee"),
        ("Phone X200 128 GB", "phone x200"),
        ("TV 55″ 4K", "tv 4k"),
        ("Téléphone X200 128 Go", "téléphone x200"),
        ("Puzzle for ages 3 to 6, 12 mo warranty", "puzzle for ages 3 to 6 12 mo warranty"),
        ("夏季红色连衣裙", "夏季 连衣裙"),
        ("福鼎红茶", "福鼎红茶"),
        ("Blackboard", "blackboard"),
        ("128 GB", None),
    ],
)
def test_stem_keeps_codes_and_drops_options(title: str, expected: str | None) -> None:
    frame = pl.DataFrame({"title": [title]}).select(stem(plain(pl.col("title")), POLICY))
    assert frame.item() == expected


def test_a_value_is_a_measure_only_as_a_whole() -> None:
    number, unit = read_measure(pl.col("value"), POLICY)
    frame = pl.DataFrame({"value": ["1,5 kg", "15.6″".replace("″", "′′"), "about 5 kg", "kg"]}).select(
        number.alias("n"), unit.alias("u")
    )
    assert frame.rows() == [(1.5, "kg"), (15.6, "′′"), (None, None), (None, None)]
