from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from m5tools.loader import ascending as module
from m5tools.loader.ascending import ascending

RNG = np.random.default_rng(0)
ANY = st.sampled_from(["bool", "int8", "int32", "int64", "uint64", "float16", "float32", "float64"]).flatmap(
    lambda kind: arrays(kind, st.integers(0, 50))
)


@given(ANY)
def test_the_order_is_numpys(keys: npt.NDArray[np.generic]) -> None:
    assert ascending(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@given(arrays("float64", 40, elements=st.integers(0, 5)), arrays("int64", 40, elements=st.integers(-3, 3)))
def test_first_by_the_group(keys: npt.NDArray[np.float64], within: npt.NDArray[np.int64]) -> None:
    assert ascending(keys, within).tolist() == np.lexsort((keys, within)).tolist()


@pytest.mark.parametrize(
    "keys",
    [
        RNG.integers(0, 2**64, 300_000, np.uint64),
        RNG.random(300_000),
        RNG.integers(-(2**62), 2**62, 300_000),
        np.concatenate([RNG.random(300_000), [1e4]]),
    ],
    ids=["draws", "uniform", "signed", "outlier"],
)
def test_what_32_bits_cannot_tell_apart(keys: npt.NDArray[np.generic], monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = module._coarse(keys)
    assert coarse is not None
    assert len(np.unique(coarse)) < len(np.unique(keys)), "or this test tells nothing"
    assert np.array_equal(ascending(keys), np.argsort(keys, kind="stable"))
    monkeypatch.setattr(module, "_FEW", len(keys))
    assert np.array_equal(ascending(keys), np.argsort(keys, kind="stable"))
