from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from m5tools.errors import UsageError
from m5tools.loader.weights import LongTail, copies, repeat_factors

INDEX = pa.table(
    {
        "category": ["often"] * 90 + ["seldom"] * 9 + ["once"] + [None] * 100,
        "factor": [0.25] * 100 + [3.0] * 50 + [None] * 50,
        "bad": [-1.0] * 200,
        "endless": [1.0] * 199 + [1e300],
        "many": [1e8] * 200,
    }
)


def test_factors_are_those_of_the_paper() -> None:
    factors = LongTail(threshold=0.18, cap=100.0).factors(INDEX)
    assert factors[:90] == pytest.approx([1.0] * 90)
    assert factors[90:99] == pytest.approx([2.0] * 9)  # sqrt(0.18 / 0.045)
    assert factors[99] == pytest.approx(6.0)  # sqrt(0.18 / 0.005)
    assert factors[100:] == pytest.approx([1.0] * 100), "no class"
    assert LongTail(threshold=0.18, cap=3.0).factors(INDEX).max() == 3.0
    assert LongTail().factors(pa.table({"category": pa.array([], pa.string())})).tolist() == []


def test_a_column_of_factors() -> None:
    factors = repeat_factors(INDEX, "factor")
    assert factors.tolist() == [0.25] * 100 + [3.0] * 50 + [1.0] * 50


def test_a_coin_rounds_so_that_the_mean_is_the_factor() -> None:
    factors = np.array([0.25, 1.0, 2.5, 0.0, 3.0])
    rounds = np.stack([copies(factors, "view", 0, epoch) for epoch in range(4000)])
    assert rounds.min(0).tolist() == [0, 1, 2, 0, 3]
    assert rounds.max(0).tolist() == [1, 1, 3, 0, 3]
    assert np.abs(rounds.mean(0) - factors).max() < 5 * 0.5 / np.sqrt(4000)
    assert np.corrcoef(rounds[:, 0], rounds[:, 2])[0, 1] == pytest.approx(0, abs=5 / np.sqrt(4000))
    assert copies(factors, "view", 0, 7).tolist() == rounds[7].tolist()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("colour", "no column 'colour'; it has category, factor, bad, endless, many"),
        ("category", "holds string, no numbers"),
        ("bad", "negative or infinite"),
        ("endless", "the factors of 'endless' make an epoch of more than 1,000,000,000 samples; lower them"),
        ("many", "the factors of 'many' make an epoch of more than"),
        (LongTail(by="brand"), "no column 'brand'"),
        (LongTail(threshold=0.0), "threshold 0 must be"),
        (LongTail(cap=0.5), "cap 0.5 not below 1"),
    ],
)
def test_refusals(weights: LongTail | str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        repeat_factors(INDEX, weights)
