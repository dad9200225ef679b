"""Components of edges that come in parts are those of all edges at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.joins import components
from m5tools.joins.components import Ends, Rows, of_edges, of_parts

_COUNT = 40


def _smallest(one: Ends, other: Ends) -> list[int]:
    label = list(range(_COUNT))
    for _ in range(_COUNT):
        for a, b in zip(one, other, strict=True):
            label[a] = label[b] = min(label[a], label[b])
    return label


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), edges=st.integers(0, 60), parts=st.integers(1, 12))
def test_parts_change_nothing(seed: int, edges: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, _COUNT, (2, edges)).astype(np.uint32)
    found = of_parts(zip(np.array_split(one, parts), np.array_split(other, parts), strict=True), _COUNT)
    assert found.dtype == np.uint32
    assert found.tolist() == _smallest(one, other)
    rows, label = of_edges(one, other)
    assert rows.tolist() == sorted({*one.tolist(), *other.tolist()})
    assert label.tolist() == found[rows].tolist()


def test_a_chain_that_parts_join_from_its_far_end() -> None:
    """Each part leads one row lower, so the way up is as long as there are parts."""
    rows = np.arange(_COUNT, dtype=np.uint32)
    parts = [(rows[i : i + 1], rows[i + 1 : i + 2]) for i in reversed(range(_COUNT - 1))]
    assert not of_parts(parts, _COUNT).any()


def test_only_what_joins_something_new_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = []

    def counted(one: Ends, other: Ends) -> tuple[Rows, Rows]:
        joined.append(len(one))
        return of_edges(one, other)

    monkeypatch.setattr(components, "of_edges", counted)
    one, other = np.arange(0, 20, dtype=np.uint32), np.arange(1, 21, dtype=np.uint32)
    of_parts([(one, other), (other, one), (one[:3], other[4:7])], _COUNT)
    assert joined == [20, 0, 0]


def test_no_rows() -> None:
    none = np.empty(0, np.uint32)
    assert of_parts([], 0).size == of_parts([(none, none)], 0).size == 0
    assert of_parts([(none, none)], 3).tolist() == [0, 1, 2]
