"""The title baseline."""

from __future__ import annotations

import numpy as np
import pytest

from m5tools.tasks import titles
from m5tools.tasks.titles import title_vectors

SAID = ["Acme red mug 350ml", "MUG  red acme 350ml new", "Bortex blue lamp", "lamp blue Bortex", "", "红色杯子 350ml"]


def test_rows_have_length_one_but_for_empty_titles() -> None:
    vectors = title_vectors(SAID)
    np.testing.assert_allclose(np.asarray(vectors.multiply(vectors).sum(1)).ravel(), [1, 1, 1, 1, 0, 1], atol=1e-9)


def test_shared_words_are_near_whatever_case_and_order() -> None:
    vectors = title_vectors(SAID)
    near = (vectors @ vectors.T).toarray()
    assert near[0, 1] > 0.4 > near[0, 2]
    assert near[2, 3] > 0.4


def test_rare_grams_weigh_more() -> None:
    vectors = title_vectors(["mug zap", "mug", "mug", "zap"])
    near = (vectors @ vectors.T).toarray()
    assert near[0, 3] > near[0, 1] > 0.1


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = title_vectors(SAID)
    monkeypatch.setattr(titles, "_AT_ONCE", 2)
    assert (title_vectors(SAID) != whole).nnz == 0


def test_no_titles() -> None:
    assert title_vectors([]).shape == (0, 2**20)
