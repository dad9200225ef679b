"""Metrics against cases worked by hand, scikit-learn and torchmetrics, the released evaluator's definition, and chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torchmetrics.functional import retrieval as reference

from m5tools.tasks import metrics


def hits(*ranks: int) -> np.ndarray:
    row = np.zeros((1, 10), dtype=bool)
    row[0, [r - 1 for r in ranks]] = True
    return row


def drawn(runs: int, gallery: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Relevance of random rankings `[runs, gallery]`, at least one right answer each, and how many there are."""
    rng = np.random.default_rng(seed)
    relevant = rng.random((runs, gallery)) < rng.uniform(0.05, 0.7, (runs, 1))
    relevant[:, -1] |= ~relevant.any(1)
    return relevant, relevant.sum(1)


@pytest.mark.parametrize(
    ("found", "positives", "k", "usual", "released"),
    [
        (hits(1), 1, 10, 1.0, 1.0),
        (hits(2), 1, 10, 0.5, 0.5),
        (hits(3), 1, 10, 1 / 3, 0.0),  # the release cuts k to two: the one right answer, and the query
        (hits(2), 2, 10, 0.25, 0.5),  # one of two found, at rank 2
        (hits(1), 5, 5, 0.2, 1.0),  # the release forgives the four that were missed
        (hits(1, 3), 2, 5, (1 + 2 / 3) / 2, (1 + 2 / 3) / 2),
        (hits(1, 3), 4, 5, (1 + 2 / 3) / 4, (1 + 2 / 3) / 2),
        (hits(), 3, 10, 0.0, 0.0),
        (hits(*range(1, 11)), 50, 10, 1.0, 1.0),
        (hits(10), 50, 10, 0.01, 0.0),  # the released list has nine places left without the query
    ],
)
def test_average_precision(found: np.ndarray, positives: int, k: int, usual: float, released: float) -> None:
    count = np.array([positives])
    assert metrics.average_precision(found, count, k)[0] == pytest.approx(usual)
    assert metrics.average_precision_released(found, count + 1, np.array([9]), k)[0] == pytest.approx(released)


def test_precision_and_recall() -> None:
    found, count = hits(1, 4, 7), np.array([4])
    assert metrics.precision(found, 5)[0] == pytest.approx(2 / 5)
    assert metrics.precision_released(found, count, np.array([9]), 5)[0] == pytest.approx(2 / 4)
    assert metrics.recall(found, count, 10)[0] == pytest.approx(3 / 4)


@pytest.mark.parametrize("query_in_gallery", [True, False])
def test_the_released_definition_on_lists_of_ids(query_in_gallery: bool) -> None:
    """The evaluator as the research describes it, on ids: rank ten, drop the query, cut k, divide by what was found."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        label = rng.integers(0, 4, 30)  # item 0 asks; the last five have labels but lie in no gallery
        gallery = [*range(25)] if query_in_gallery else [*range(1, 25)]
        if not (label[1:25] == label[0]).any():
            continue
        ranked = [0] * query_in_gallery + [int(i) for i in rng.permutation(range(1, 25))]
        right = {i for i in range(30) if label[i] == label[0]}
        listed = [i for i in ranked[:10] if i != 0]
        found = np.array([[label[i] == label[0] for i in [j for j in ranked if j != 0][:10]]])
        positives = np.array([sum(i in right for i in gallery if i != 0)])
        truth, places = np.array([len(right)]), np.array([len(listed)])
        for k in metrics.KS:
            cut = min(k, len(right), len(listed))
            gain = met = 0.0
            for place, item in enumerate(listed[:cut], 1):
                if item in right:
                    met += 1
                    gain += met / place
            wanted = {"mAP": gain / met if met else 0.0, "Prec": met / cut}
            told = metrics.summary(found, positives, truth, places)
            assert told[f"mAP_released@{k}"] == pytest.approx(wanted["mAP"])
            assert told[f"Prec_released@{k}"] == pytest.approx(wanted["Prec"])


def test_over_a_whole_gallery_average_precision_is_that_of_scikit_learn() -> None:
    relevant, count = drawn(60, 40, seed=1)
    scores = -np.arange(40.0)
    wanted = [average_precision_score(row, scores) for row in relevant]
    np.testing.assert_allclose(metrics.average_precision(relevant, count, 40), wanted)


@pytest.mark.parametrize("k", metrics.KS)
def test_precision_recall_and_the_release_without_its_cuts_are_those_of_torchmetrics(k: int) -> None:
    relevant, count = drawn(60, 40, seed=2)
    scores = torch.arange(40.0, 0.0, -1.0)

    def told(metric: object, **options: object) -> list[float]:
        return [float(metric(scores, torch.from_numpy(row), top_k=k, **options)) for row in relevant]  # type: ignore[operator]

    np.testing.assert_allclose(metrics.precision(relevant, k), told(reference.retrieval_precision), rtol=1e-6)
    np.testing.assert_allclose(metrics.recall(relevant, count, k), told(reference.retrieval_recall), rtol=1e-6)
    # Torchmetrics divides AP@k by the hits found as well; what it lacks is the cut of k to the right answers.
    uncut = np.full(len(relevant), 1_000)
    released = metrics.average_precision_released(relevant, uncut, uncut, k)
    np.testing.assert_allclose(released, told(reference.retrieval_average_precision), rtol=1e-6)


def test_at_one_all_agree() -> None:
    rng = np.random.default_rng(0)
    found, count = rng.random((200, 10)) < 0.4, rng.integers(10, 20, 200)
    out = metrics.summary(found, count)
    assert out["mAP@1"] == out["Prec@1"] == out["mAP_released@1"] == out["Prec_released@1"]


@pytest.mark.parametrize(("positives", "gallery"), [(1, 20), (3, 20), (12, 30), (2, 6)])
def test_chance_is_the_mean_over_random_rankings(positives: int, gallery: int) -> None:
    rng = np.random.default_rng(1)
    runs = 20_000
    relevant = rng.permuted(np.tile(np.arange(gallery) < positives, (runs, 1)), axis=1)
    first = np.zeros((runs, 10), dtype=bool)
    first[:, : min(gallery, 10)] = relevant[:, :10]
    count = np.full(runs, positives)
    measured, expected = metrics.summary(first, count), metrics.chance(count, gallery)
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, abs=0.01), name
