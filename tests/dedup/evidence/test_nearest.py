"""The nearest of what is met under keys: how many, which, and that neither size nor the cut of a dataset has a say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from weakref import ref

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig
from m5tools.dedup.candidates import by_bands, nearest
from m5tools.dedup.evidence.nearest import HALF, collisions, most_shared, summed
from m5tools.dedup.evidence.shingles import byte_shingles, word_shingles
from m5tools.dedup.evidence.text import band_keys, beside, description_bands, title_bands
from m5tools.dedup.gathered import Gathered
from m5tools.joins.bands import Followed, follow
from tests.dedup.shop import POLICY

WINDOW = POLICY.join.window


def _shared(own: int, others: list[tuple[int, int, bool]]) -> pl.DataFrame:
    """Pairs of one product: the other, the weight, whether it is of another source."""
    other, weight, elsewhere = zip(*others, strict=True)
    mine = np.full(len(other), own, np.uint32)
    return summed([(mine, np.array(other, np.uint32), np.array(weight, np.uint32), np.array(elsewhere))])


@pytest.mark.parametrize(
    ("own", "picked"), [(9, [(1, 9), (2, 9), (4, 9)]), (3, [(3, 4), (3, 5), (1, 3)]), (0, [(0, 1), (0, 2), (0, 4)])]
)
def test_those_that_share_the_most_are_picked_and_of_equals_the_next_rows(
    own: int, picked: list[tuple[int, int]]
) -> None:
    pairs = _shared(own, [(other, 3 if other == 4 else 1, True) for other in (5, 4, 3, 2, 1) if other != own])
    assert most_shared([pairs], 3, 3).pairs.rows() == sorted(picked)


def test_no_row_is_picked_by_all_for_coming_first() -> None:
    rows = 120
    alike = [_shared(own, [(other, 1, True) for other in range(rows) if other != own]) for own in range(rows)]
    found = most_shared(alike, 3, 3).pairs
    assert found.group_by("a").len()["len"].max() <= 6
    assert found.filter(pl.col("a") < rows // 2).height < 0.6 * found.height


def test_products_with_few_pairs_and_with_many_pick_side_by_side() -> None:
    many = _shared(5, [(other, 1, other > 6) for other in (1, 2, 6, 7, 8, 9)])
    found = most_shared([_shared(4, [(7, 1, True)]), many, _shared(6, [(3, 1, False)])], 2, 1)
    assert found.pairs.rows() == [(3, 6), (4, 7), (5, 6), (5, 7), (5, 8)]


def test_what_is_shared_in_several_slices_adds_up() -> None:
    one, other = _shared(9, [(1, 2, True), (2, 3, True)]), _shared(9, [(1, 2, True)])
    assert most_shared([one, other], 1, 1).pairs.rows() == [(1, 9)]


def test_neighbours_of_a_catalogue_do_not_crowd_out_another_seller() -> None:
    at_home = [(i, 100, False) for i in range(5)]
    found = most_shared([_shared(9, [*at_home, (6, 1, True), (7, 2, True)])], 1, 2)
    assert found.pairs.rows() == [(0, 9), (1, 9), (7, 9)]
    assert found.of_first.is_empty(), "each of the others comes first"


def test_a_pair_of_many_bands_is_counted_from_either_side() -> None:
    joins = [[(1, 2), (0, 2)], [(0, 2)], []]
    words = [np.array([(a << int(HALF)) | b for a, b in rows], np.uint64) for rows in joins]
    ahead, back = collisions(np.concatenate(words), np.array([0, 1, 0]))
    assert ahead.rows() == [(0, 2, 2, False), (1, 2, 1, True)]
    assert back.rows() == [(2, 0, 2, False), (2, 1, 1, True)]


def _near(
    folder: Path, titles: list[str], parts: int, asked: pl.Series | None = None, at_once: int = 7
) -> tuple[set[tuple[int, int]], int]:
    """Pairs by bands of titles, and how many there were to pick from."""
    gathered = Gathered(folder, parts)
    names = [f"title_{i}" for i in range(title_bands(POLICY.text).count)]
    keys = band_keys(byte_shingles(pl.Series(titles)), word_shingles(pl.Series(titles), 3), POLICY.text).select(names)
    for part, (first, beyond) in enumerate(pairwise(len(titles) * i // parts for i in range(parts + 1))):
        row = pl.Series("row", range(beyond - first), dtype=pl.UInt32)
        gathered.write("bands", part, keys[first:beyond].with_columns(row))
        gathered.write("sought", part, pl.DataFrame({"row": row}).with_columns(origin=pl.lit(0, pl.UInt16)))
    gathered.number()
    starts = range(0, len(names), at_once)
    for i in starts:
        by_bands(gathered, names[i : i + at_once], asked, POLICY).keep(gathered, f"{i}")
    picked = [nearest(gathered, part, (), map(str, starts), POLICY) for part in range(parts)]
    return set(pl.concat(pairs for pairs, _ in picked).rows()), sum(offered for _, offered in picked)


def _family(count: int) -> list[str]:
    return [f"Acme steel kettle with a hinged lid, two years of warranty {i:03d}" for i in range(count)]


def test_pairs_a_product_do_not_grow_with_its_family(tmp_path: Path) -> None:
    counts = {size: _near(tmp_path / str(size), _family(size), 1) for size in (60, 480)}
    for size, (pairs, offered) in counts.items():
        assert len(pairs) <= WINDOW * size
        assert offered > len(pairs), "what is not picked is counted"
    assert len(counts[480][0]) / 480 < 1.2 * len(counts[60][0]) / 60


def test_among_a_hundred_alike_the_nearest_is_met(tmp_path: Path) -> None:
    titles = [*_family(100), "Acme steel kettle with a hinged lid, two years of warranty, in sunny orange"]
    titles.append(titles[-1] + " new")
    pairs, _ = _near(tmp_path, titles, 1)
    assert (100, 101) in pairs


def test_partitions_change_nothing(tmp_path: Path) -> None:
    assert _near(tmp_path / "one", _family(90), 1) == _near(tmp_path / "four", _family(90), 4)


def test_how_many_bands_a_unit_joins_changes_nothing(tmp_path: Path) -> None:
    picks = [_near(tmp_path / str(at_once), _family(90), 2, at_once=at_once) for at_once in (1, 2, 22)]
    assert picks[0] == picks[1] == picks[2]


def test_what_keys_lead_to_is_held_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[ref[Any]] = []
    pairs: list[ref[Any]] = []
    held = []

    def noting(key: Any, row: Any, window: int, cap: int | None, other: Any) -> Followed:
        found = follow(key, row, window, cap, other)
        keys.extend(map(ref, (key, row, other)))
        pairs.extend(map(ref, found.pairs))
        return found

    def counting(packed: Any, origin: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
        assert len(packed) > 0
        held.append((sum(part() is not None for part in pairs), sum(part() is not None for part in keys)))
        return collisions(packed, origin)

    monkeypatch.setattr("m5tools.dedup.candidates.follow", noting)
    monkeypatch.setattr("m5tools.dedup.candidates.collisions", counting)
    _near(tmp_path, _family(90), 2, at_once=1)
    assert len(pairs) > len(held) == title_bands(POLICY.text).count
    assert set(held) == {(0, 0)}


@pytest.mark.parametrize(("partitions", "most"), [(1, 5), (128, 5), (129, 4), (256, 2), (4096, 1)])
def test_the_more_partitions_the_fewer_bands_a_unit_joins(partitions: int, most: int) -> None:
    units = Compare(CompareConfig()).units(cast(Dataset, SimpleNamespace(partitions=partitions)), "evidence")
    runs = [unit.args["bands"] for unit in units if "bands" in unit.args]
    text = POLICY.text
    for name, bands in (("title", title_bands(text)), ("description", description_bands(text))):
        lengths = [len(run) for run in runs if run[0].startswith(name)]
        assert {*lengths[:-1]} == {most}
        assert sum(lengths) == bands.count, "hubs of a unit are told as those of one text"
    assert [band for run in runs for band in run] == [
        *(f"title_{i}" for i in range(title_bands(text).count)),
        *(f"description_{i}" for i in range(description_bands(text).count)),
    ]


def test_a_newcomer_picks_what_it_would_in_a_full_run(tmp_path: Path) -> None:
    new = 89
    whole, _ = _near(tmp_path / "whole", _family(90), 2)
    later, _ = _near(tmp_path / "later", _family(90), 2, pl.Series([new], dtype=pl.UInt32))
    assert {pair for pair in whole if new in pair} <= later
    assert all(new in pair for pair in later)


def test_the_band_beside_is_one_of_the_same_text() -> None:
    rules = POLICY.text
    for text, bands in (("title", title_bands(rules)), ("description", description_bands(rules))):
        names = {f"{text}_{i}" for i in range(bands.count)}
        assert {beside(name, rules) for name in names} == names
        assert all(beside(name, rules) != name for name in names)


def test_what_is_compared_for_another_reason_is_not_counted_as_left_out(tmp_path: Path) -> None:
    _near(tmp_path, _family(60), 1)
    gathered = Gathered(tmp_path, 1)
    joined = [name for name in gathered.names("shared_bands") if not name.endswith("-back")]
    picked, offered = nearest(gathered, 0, (), joined, POLICY)
    met = pl.concat(gathered.kept("shared_bands", name) for name in gathered.names("shared_bands"))
    met = met.filter(pl.col("own") < pl.col("other")).select(a="own", b="other").unique().sort("a", "b")
    left = met.join(picked, on=["a", "b"], how="anti")
    assert offered == met.height
    assert left.height > 9
    proven = pl.concat([left.head(5), picked.head(3), pl.DataFrame({"a": [0], "b": [999]}, schema=left.schema)])
    again, to_pick_from = nearest(gathered, 0, [proven], joined, POLICY)
    assert again.equals(picked)
    assert to_pick_from == offered - 8


def test_what_a_run_left_that_joined_bands_otherwise_is_not_counted(tmp_path: Path) -> None:
    _near(tmp_path, _family(60), 1)
    gathered = Gathered(tmp_path, 1)
    joined = [name for name in gathered.names("shared_bands") if not name.endswith("-back")]
    picked, offered = nearest(gathered, 0, (), joined, POLICY)
    gathered.keep("shared_bands", "bands-title_3", _shared(0, [(i, 99, False) for i in range(1, 60)]))
    again, to_pick_from = nearest(gathered, 0, (), joined, POLICY)
    assert again.equals(picked)
    assert to_pick_from == offered
