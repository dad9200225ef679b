"""Clustering: k-means finds what is there, and its judges agree with scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from torchmetrics.functional.clustering import normalized_mutual_info_score as torch_nmi

from m5tools.tasks.clustering import k_means, nmi, purity


@pytest.mark.parametrize("seed", range(5))
def test_nmi_and_purity_agree_with_the_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, 12, 300)
    clusters = np.where(rng.random(300) < 0.6, labels % 5, rng.integers(0, 9, 300))
    assert nmi(labels, clusters) == pytest.approx(normalized_mutual_info_score(labels, clusters))
    told = torch_nmi(torch.from_numpy(clusters), torch.from_numpy(labels))
    assert nmi(labels, clusters) == pytest.approx(float(told), abs=1e-5)
    table = contingency_matrix(labels, clusters)
    assert purity(labels, clusters) == pytest.approx(table.max(0).sum() / table.sum())


def test_the_ends_of_the_scale() -> None:
    labels = np.repeat([4, 7, 9], 10)
    assert nmi(labels, labels + 3) == pytest.approx(1)
    assert purity(labels, labels) == 1
    assert nmi(labels, np.zeros(30, int)) == 0
    assert nmi(np.zeros(30, int), np.zeros(30, int)) == 0
    assert purity(labels, np.zeros(30, int)) == pytest.approx(1 / 3)


def test_k_means_finds_separate_heaps_the_same_way_every_time() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 400)
    vectors = (10 * np.eye(6, 8)[labels] + rng.normal(size=(400, 8))).astype(np.float32)
    found = max((k_means(vectors, 6, seed) for seed in range(3)), key=lambda c: nmi(labels, c))
    assert nmi(labels, found) > 0.99
    np.testing.assert_array_equal(k_means(vectors, 6, 1), k_means(vectors, 6, 1))


def test_fewer_different_vectors_than_clusters_are_no_mistake() -> None:
    assert len(k_means(np.zeros((10, 4), np.float32), 5, 0)) == 10
