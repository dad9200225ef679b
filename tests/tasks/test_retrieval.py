"""Ranking: the query leaves its gallery, and whoever has no vector finds nothing."""

from __future__ import annotations

import numpy as np
import pytest

from m5tools.tasks import metrics
from m5tools.tasks.retrieval import Task, dense_hits, sparse_hits
from m5tools.tasks.titles import title_vectors


def unit(rows: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_query_never_finds_itself() -> None:
    label = np.array([0, 0, 1, 1, 2, -1, -1])
    task = Task.of(label, np.ones(7, dtype=bool))
    assert task.queries.tolist() == [0, 1, 2, 3]
    assert task.positives.tolist() == [1, 1, 1, 1]
    assert (task.truth.tolist(), task.listed.tolist()) == ([2] * 4, [9] * 4)
    assert task.distractors == 3
    vectors = unit(7)
    vectors[1], vectors[3] = -vectors[0], -vectors[2]  # the only match is the worst one
    found = dense_hits(task, vectors)
    assert found.sum(1).tolist() == [1, 1, 1, 1]
    assert found[:, 5].all()


@pytest.mark.parametrize("by_faiss", [False, True])
def test_hits_equal_a_loop(by_faiss: bool) -> None:
    rng = np.random.default_rng(2)
    label, vectors = rng.integers(0, 12, 60), unit(60)
    task = Task.of(label, rng.random(60) < 0.7)
    found = dense_hits(task, vectors, by_faiss=by_faiss)
    for q, row in zip(task.queries, found, strict=True):
        others = [i for i in range(60) if i != q]
        others.sort(key=lambda i: -float(vectors[q] @ vectors[i]))
        assert row.tolist() == [label[i] == label[q] for i in others[:10]]


def test_queries_outside_the_gallery_find_what_is_in_it() -> None:
    label = np.array([0, 0, 0, 1, 1, 2, -1, 0])
    asking = np.array([1, 0, 0, 1, 0, 1, 0, 0], dtype=bool)
    searched = np.array([0, 1, 1, 0, 1, 0, 1, 0], dtype=bool)  # the last one plays no part
    task = Task.between(label, asking, searched)
    assert task.queries.tolist() == [0, 3]  # nobody answers the only one of label 2
    assert task.positives.tolist() == [2, 1]
    assert task.truth.tolist() == [3, 2]
    assert task.listed.tolist() == [10, 10]
    assert task.distractors == 1
    found = dense_hits(task, unit(8))
    assert found.sum(1).tolist() == [2, 1]
    assert not found[:, 4:].any()  # the gallery has four
    assert task.chance()["recall@1"] == pytest.approx(1 / 4)


def test_without_a_vector_nothing_is_found_and_one_is_never_found() -> None:
    label = np.repeat(np.arange(10), 3)
    vectors = np.repeat(unit(10), 3, axis=0)
    has = np.arange(30) % 3 != 0
    found = dense_hits(Task.of(label, np.ones(30, dtype=bool)), vectors, has)
    assert not found[~has].any()
    assert found[has, 0].all()
    assert found[has].sum(1).tolist() == [1] * 20


def test_titles_are_ranked_and_an_empty_one_finds_nothing() -> None:
    titles = ["Acme red mug 350ml", "MUG  red acme 350ml new", "Bortex blue lamp", "lamp blue Bortex", "", "红色杯子"]
    task = Task.of(np.array([0, 0, 1, 1, 0, 2]), np.ones(6, dtype=bool))
    found = sparse_hits(task, title_vectors(titles))
    assert found[:4, 0].all()
    assert not found[list(task.queries).index(4)].any()


def test_perfect_vectors_score_one_and_chance_is_below() -> None:
    label = np.repeat(np.arange(20), 4)
    task = Task.of(label, np.ones(80, dtype=bool))
    out = metrics.summary(dense_hits(task, np.repeat(unit(20), 4, axis=0)), task.positives)
    assert out["mAP@10"] == out["mAP@1"] == 1
    assert task.chance()["mAP@10"] < 0.1
