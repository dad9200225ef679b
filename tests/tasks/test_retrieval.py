"""Ranking: the query leaves its gallery, and whoever has no vector finds nothing."""

from __future__ import annotations

import numpy as np

from m5tools.tasks import metrics
from m5tools.tasks.retrieval import Task, dense_hits, sparse_hits, title_vectors


def unit(rows: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_query_never_finds_itself() -> None:
    label = np.array([0, 0, 1, 1, 2, -1, -1])
    task = Task.of(label, np.ones(7, dtype=bool))
    assert task.queries.tolist() == [0, 1, 2, 3]
    assert task.positives.tolist() == [1, 1, 1, 1]
    vectors = unit(7)
    vectors[1], vectors[3] = -vectors[0], -vectors[2]  # the only match is the worst one
    found = dense_hits(task, vectors)
    assert found.sum(1).tolist() == [1, 1, 1, 1]
    assert found[:, 5].all()


def test_hits_equal_a_loop() -> None:
    rng = np.random.default_rng(2)
    label, vectors = rng.integers(0, 12, 60), unit(60)
    task = Task.of(label, rng.random(60) < 0.7)
    found = dense_hits(task, vectors)
    for q, row in zip(task.queries, found, strict=True):
        others = [i for i in range(60) if i != q]
        others.sort(key=lambda i: -float(vectors[q] @ vectors[i]))
        assert row.tolist() == [label[i] == label[q] for i in others[:10]]


def test_without_a_vector_nothing_is_found_and_one_is_never_found_first() -> None:
    label = np.repeat(np.arange(10), 3)
    vectors = np.repeat(unit(10), 3, axis=0)
    has = np.arange(30) % 3 != 0
    found = dense_hits(Task.of(label, np.ones(30, dtype=bool)), vectors, has)
    assert not found[~has].any()
    assert found[has, 0].all()
    assert found[has].sum(1).tolist() == [1] * 20


def test_titles_with_shared_words_are_near() -> None:
    titles = [
        "Acme red mug 350ml",
        "MUG  red acme 350ml new",
        "Bortex blue lamp",
        "lamp blue Bortex",
        "",
        "红色杯子 350ml",
    ]
    vectors = title_vectors(titles)
    np.testing.assert_allclose(np.asarray(vectors.multiply(vectors).sum(1)).ravel(), [1, 1, 1, 1, 0, 1], atol=1e-9)
    task = Task.of(np.array([0, 0, 1, 1, 0, 2]), np.ones(6, dtype=bool))
    found = sparse_hits(task, vectors)
    assert found[:4, 0].all()
    assert not found[list(task.queries).index(4)].any()


def test_the_title_baseline_is_the_same_every_time() -> None:
    titles = [f"mug {i} ml" for i in range(30)]
    assert (title_vectors(titles) != title_vectors(titles)).nnz == 0


def test_perfect_vectors_score_one_and_chance_is_below() -> None:
    label = np.repeat(np.arange(20), 4)
    task = Task.of(label, np.ones(80, dtype=bool))
    out = metrics.summary(dense_hits(task, np.repeat(unit(20), 4, axis=0)), task.positives)
    assert out["mAP@10"] == out["mAP@1"] == 1
    assert task.chance()["mAP@10"] < 0.1
