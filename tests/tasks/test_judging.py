"""From single queries to what is said of a system."""

from __future__ import annotations

import numpy as np
import pytest

from m5tools.tasks.bootstrap import Bootstrap
from m5tools.tasks.judging import Judge

NAMES = ("a", "b")
BAND = np.array(["head"] * 30 + ["tail"] * 9 + [""])


def judge(draws: int = 200) -> Judge:
    return Judge(NAMES, np.arange(40), BAND, Bootstrap(draws, 0))


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((40, 2))


def test_means_ends_bands_and_differences() -> None:
    fused, own = values(0), values(1)
    found = judge().system(own, fused)
    assert found.count == 40
    assert found.metrics == pytest.approx({"a": own[:, 0].mean(), "b": own[:, 1].mean()})
    assert found.against_fused["b"].mean == pytest.approx((own - fused)[:, 1].mean())
    assert found.against_fused["b"].low < found.against_fused["b"].mean < found.against_fused["b"].high
    assert {name: band.count for name, band in found.bands.items()} == {"head": 30, "tail": 9}
    assert found.bands["tail"].metrics["a"] == pytest.approx(own[30:39, 0].mean())
    assert found.answered == 1
    assert not found.on_answered


def test_a_system_that_answers_some_is_compared_on_these() -> None:
    fused, own, some = values(0), values(1), np.arange(40) < 10
    found = judge().system(own * some[:, None], fused, some)
    assert found.answered == 0.25
    assert found.on_answered["a"].mean == pytest.approx((own - fused)[:10, 0].mean())
    assert not judge().system(0 * own, fused, some & False).on_answered


def test_the_fused_system_is_not_compared_with_itself() -> None:
    assert not judge().system(values(0)).against_fused


def test_without_draws_there_are_no_intervals() -> None:
    found = judge(0).system(values(1), values(0))
    assert not found.interval
    assert not found.against_fused
    assert found.metrics["a"] > 0
