"""The nearest of a gallery: equal to a full sort, whoever proposes candidates and however the work is cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from m5tools.tasks import search
from m5tools.tasks.search import Dense, Sparse, nearest


def unit(rows: int, size: int = 24, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def sorted_whole(vectors: np.ndarray, queries: np.ndarray, gallery: np.ndarray, places: int) -> np.ndarray:
    scores = (vectors[queries].astype(np.float64) @ vectors[gallery].astype(np.float64).T).round(6)
    scores[queries[:, None] == gallery] = -np.inf
    return gallery[np.argsort(-scores, axis=1, kind="stable")[:, :places]]


@pytest.fixture(params=["numpy", "faiss"])
def by_faiss(request: pytest.FixtureRequest) -> bool:
    return request.param == "faiss"


def test_it_equals_a_full_sort_however_the_work_is_cut(by_faiss: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, rng = unit(700), np.random.default_rng(1)
    queries, gallery = rng.permutation(700)[:90], np.sort(rng.permutation(700)[:600])
    wanted = sorted_whole(vectors, queries, gallery, 10)
    np.testing.assert_array_equal(nearest(Dense(vectors, by_faiss), queries, gallery), wanted)
    monkeypatch.setattr(search, "_QUERIES", 7)
    monkeypatch.setattr(search, "_GALLERY", 50)
    monkeypatch.setattr(search, "_CELLS", 1000)
    np.testing.assert_array_equal(nearest(Dense(vectors, by_faiss), queries, gallery), wanted)


def test_ties_fall_in_the_order_of_the_gallery(by_faiss: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_GALLERY", 64)
    vectors = np.concatenate([np.repeat(unit(3), 200, axis=0), unit(50, seed=9)])  # more alike than first candidates
    gallery = np.random.default_rng(2).permutation(len(vectors))
    queries = np.array([0, 250, 599, 620])
    np.testing.assert_array_equal(
        nearest(Dense(vectors, by_faiss), queries, gallery), sorted_whole(vectors, queries, gallery, 10)
    )


def test_what_differs_behind_the_sixth_digit_is_a_tie(by_faiss: bool) -> None:
    rng = np.random.default_rng(4)
    alike = unit(1, size=24) + rng.normal(scale=3e-8, size=(400, 24)).astype(np.float32)
    vectors = np.concatenate([alike, unit(50, seed=9)]).astype(np.float32)
    gallery, queries = rng.permutation(len(vectors)), np.arange(20)
    assert len(np.unique((vectors[:1] @ vectors[:400].T).round(7))) > 1  # single precision tells them apart
    np.testing.assert_array_equal(
        nearest(Dense(vectors, by_faiss), queries, gallery), sorted_whole(vectors, queries, gallery, 10)
    )


def test_a_small_gallery_leaves_places_open(by_faiss: bool) -> None:
    vectors = unit(5)
    found = nearest(Dense(vectors, by_faiss), np.array([0, 4]), np.array([0, 1, 2]))
    assert (found[0, 2:] == -1).all()
    assert set(found[0, :2].tolist()) == {1, 2}
    assert (found[1, 3:] == -1).all()
    assert not (nearest(Dense(vectors, by_faiss), np.array([0]), np.zeros(0, np.int64)) >= 0).any()


def test_a_mapped_file_is_searched_like_an_array(by_faiss: bool, tmp_path) -> None:  # type: ignore[no-untyped-def]
    vectors = unit(300)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    rows = np.arange(300)
    np.testing.assert_array_equal(
        nearest(Dense(mapped, by_faiss), rows, rows), nearest(Dense(vectors, by_faiss), rows, rows)
    )


def test_sparse_rows_are_searched_like_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_GALLERY", 40)
    rng = np.random.default_rng(3)
    dense = (rng.random((150, 30)) * (rng.random((150, 30)) < 0.2)).astype(np.float32)
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-6)
    rows = np.arange(150)
    found = nearest(Sparse(sparse.csr_matrix(dense.astype(np.float64))), rows, rows)
    np.testing.assert_array_equal(found, sorted_whole(dense, rows, rows, 10))
