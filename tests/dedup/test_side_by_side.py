"""Pairs of neighbouring partitions laid side by side: as many at once as fit, and the same whatever fits."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig
from m5tools.dedup.side_by_side import _runs_within
from m5tools.engine.local import run_stage

from .shop import Listing, tables_of


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 12))
def test_runs_are_neighbours_and_hold_what_fits(sizes: list[int], most: int) -> None:
    runs = _runs_within(sizes, most)
    assert [place for run in runs for place in run] == list(range(len(sizes)))
    for run in runs:
        assert len(run) <= 1 or sum(sizes[place] for place in run) <= most
    for run, following in itertools.pairwise(runs):
        assert sum(sizes[place] for place in run) + sizes[following.start] > most, "no run ends early"


@pytest.mark.parametrize(("held", "at_once"), [(1, 2**18), (20, 3), (2**20, 5)])
def test_how_many_are_held_changes_nothing(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, held: int, at_once: int
) -> None:
    shop = [Listing(f"kettle-{i}", f"Acme steel kettle with a hinged lid {i:02d}") for i in range(24)]
    whole, parts = (make_dataset(tables_of(shop), 5, name) for name in ("whole", "parts"))
    monkeypatch.setattr("m5tools.dedup.compare._RUNS", 2)
    counts = run_stage(whole, Compare(CompareConfig())).counts
    assert counts["pairs"] > 40
    monkeypatch.setattr("m5tools.dedup.side_by_side._PAIRS_HELD", held)
    monkeypatch.setattr("m5tools.dedup.side_by_side._PAIRS_AT_ONCE", at_once)
    assert run_stage(parts, Compare(CompareConfig())).counts == counts
    compared, again = ([file.read_bytes() for file in dataset.parts("comparisons")] for dataset in (whole, parts))
    assert compared == again
    assert len(compared) == 5
