"""Sampling weights against their formulas, and the two promises of their scale: the length of an epoch, and the cap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools import balancing

SIZES = np.array([1000, 400, 90, 9, 1])
RULES = ("square_root", "class_balanced", "effective_number")


def factors(rule: balancing.Rule, sizes: np.ndarray = SIZES, cap: float = 1e9, beta: float = 0.99) -> np.ndarray:  # type: ignore[type-arg]
    return balancing.factors(rule, sizes, beta=beta, most=100, cap=cap)


def test_class_balanced_gives_every_class_the_same_part() -> None:
    assert factors("class_balanced") * SIZES == pytest.approx([300.0] * 5)


def test_square_root_gives_every_class_the_root_of_its_size() -> None:
    part = factors("square_root") * SIZES
    assert part / part[-1] == pytest.approx(np.sqrt(SIZES))
    assert part.sum() == pytest.approx(SIZES.sum())


def test_effective_number_lies_between_the_natural_and_the_balanced() -> None:
    raw = balancing.effective_number(SIZES, 0.99)
    assert raw == pytest.approx([0.01 / (1 - 0.99 ** int(n)) for n in SIZES])
    assert factors("effective_number", beta=0.0) == pytest.approx([1.0] * 5)
    assert factors("effective_number", beta=1 - 1e-12) == pytest.approx(factors("class_balanced"), rel=1e-6)


def test_class_cap_leaves_the_tail_alone_and_repeats_nothing() -> None:
    assert factors("class_cap") == pytest.approx([0.1, 0.25, 1, 1, 1])


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=40), st.sampled_from(RULES), st.floats(1, 50),
)  # fmt: skip
def test_an_epoch_keeps_its_length_under_any_cap(sizes: list[int], rule: balancing.Rule, cap: float) -> None:
    n = np.array(sizes)
    found = factors(rule, n, cap=cap)
    assert found.max() <= cap
    assert (found > 0).all()
    assert (found * n).sum() == pytest.approx(n.sum(), rel=1e-9)
    free = factors(rule, n)
    below = found < cap * (1 - 1e-9)
    if below.any():  # what is not at the cap keeps its proportions
        ratio = found[below] / free[below]
        assert ratio == pytest.approx(np.full(below.sum(), ratio[0]))
        assert ratio[0] >= 1 - 1e-9


def test_no_class_no_factor() -> None:
    assert factors("square_root", np.array([], int)).tolist() == []


def test_repeat_factors_are_those_of_the_paper() -> None:
    assert balancing.repeat_factor(np.array([0.5, 0.0025, 0.0]), 0.01, 10).tolist() == [1.0, 2.0, 10.0]
