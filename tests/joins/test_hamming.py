"""The Hamming join: recall as asked, nothing false, whatever the order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from m5tools.joins import hamming
from m5tools.joins.hamming import near, plan

Hashes = npt.NDArray[np.uint8]
COUNT = 2_000


def flipped(hashes: Hashes, bits: int, seed: int) -> Hashes:
    draw = np.random.default_rng(seed)
    wide = np.unpackbits(hashes, axis=1)
    for row in wide:
        row[draw.choice(256, bits, replace=False)] ^= 1
    return np.packbits(wide, axis=1)


def random(count: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


@pytest.mark.parametrize("distance", [31, 45])
@pytest.mark.parametrize("bits", [8, 31, 45])
def test_pairs_within_the_distance_are_found_and_no_others(bits: int, distance: int) -> None:
    first = random(COUNT)
    found = set(near(np.concatenate([first, flipped(first, bits, 1)]), distance, 0.98, 500).pairs.rows())
    wanted = {(i, i + COUNT) for i in range(COUNT)} if bits <= distance else set()
    assert len(found & wanted) >= 0.97 * len(wanted)
    assert found <= wanted


def test_every_pair_of_a_bucket_is_looked_at() -> None:
    """Thirty copies of one hash make 435 pairs, not a chain."""
    copies = np.unique(flipped(random(1).repeat(30, axis=0), 4, 2), axis=0)
    assert near(copies, 16, 0.999, 500).pairs.height == len(copies) * (len(copies) - 1) // 2


def test_the_order_of_the_hashes_changes_nothing() -> None:
    first = random(500)
    hashes = np.concatenate([first, flipped(first, 20, 3)])
    order = np.random.default_rng(4).permutation(len(hashes))
    plain, shuffled = (near(some, 31, 0.95, 500).pairs for some in (hashes, hashes[order]))
    back = [tuple(sorted((int(order[a]), int(order[b])))) for a, b in shuffled.iter_rows()]
    assert sorted(back) == plain.rows()


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to pairs nor to crowds, which lie over the edge of a block."""
    crowd = np.unique(flipped(random(1).repeat(300, axis=0), 3, 8), axis=0)
    first = random(200)
    hashes = np.concatenate([crowd, first, flipped(first, 20, 3)])
    whole = near(hashes, 31, 0.95, 200)
    monkeypatch.setattr(hamming, "_BLOCK", 97)
    monkeypatch.setattr(hamming, "_AT_ONCE", 500)
    parts = near(hashes, 31, 0.95, 200)
    assert whole.hubs > 0
    assert parts.pairs.equals(whole.pairs)
    assert (parts.hubs, parts.hub_rows) == (whole.hubs, whole.hub_rows)


def test_only_pairs_with_one_that_is_asked() -> None:
    copies = np.unique(flipped(random(1).repeat(6, axis=0), 3, 5), axis=0)
    asked = np.arange(len(copies)) == 2
    pairs = near(copies, 16, 0.999, 500, asked).pairs
    assert pairs.height == len(copies) - 1
    assert pairs.filter((pl.col("a") == 2) | (pl.col("b") == 2)).height == pairs.height


def test_a_crowd_is_a_hub_and_its_pairs_are_not_followed() -> None:
    crowd = np.unique(flipped(random(1).repeat(3_000, axis=0), 2, 6), axis=0)
    found = near(np.concatenate([crowd, random(2_000, 7)]), 31, 0.98, 500)
    assert found.hubs >= 1
    assert found.hub_rows > 500
    assert found.pairs.height < 64 * len(crowd)


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one(count: int) -> None:
    assert near(random(count), 31, 0.98, 500).pairs.is_empty()


def test_more_tables_for_a_wider_distance_and_a_higher_recall() -> None:
    assert plan(10**6, 31, 0.95)[1] < plan(10**6, 31, 0.98)[1] < plan(10**6, 45, 0.98)[1]
