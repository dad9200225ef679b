"""A claim is answered by what the results are, not by what is hoped for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from m5tools.study import results
from m5tools.study.answers import Answer, answers
from m5tools.study.plan import Plan
from tests.study.test_page import result


def found(
    plan: Plan, gains: tuple[float, float], noise: float = 0.1, only: Collection[int] = (5, 6)
) -> dict[str, Answer]:
    """Answers where the rule gains so much with either seed, and audio weighs `noise` with it."""
    done = {}
    for mark, cell in plan.runs.items():
        if cell.seed not in only:
            continue
        better = cell.learning.rule == "harmonized"
        done[mark] = result(plan, mark, 0.4 + gains[cell.seed - 5] * better, noise if better else 1.25)
    table, weights = results.long(plan, done), results.weights(plan, done)
    return {answer.says: answer for answer in answers(plan, table, weights)}


@pytest.fixture
def plan(study: Path) -> Plan:
    return Plan.read(study)


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [((0.10, 0.11), "yes"), ((-0.10, -0.11), "no"), ((0.10, -0.09), "not told apart")],
)
def test_an_interval_decides(plan: Plan, gains: tuple[float, float], verdict: str) -> None:
    answer = found(plan, gains)["Harmonized is better"]
    assert answer.verdict == verdict
    assert [figure.of for figure in answer.figures] == [
        "harmonized / rho_q − uniform / uniform, probe",
        "harmonized / rho_q − uniform / uniform, nmi",
    ]


def test_harmless_is_within_its_bound(plan: Plan) -> None:
    assert found(plan, (0.1, 0.11))["No harm"].verdict == "yes"  # 0.1 worse, but 2.0 is allowed
    assert found(plan, (2.5, 2.51))["No harm"].verdict == "no"
    assert found(plan, (0.5, 4.0))["No harm"].verdict == "not told apart"


def test_an_effect_of_one_seed_has_no_interval_and_decides_nothing(plan: Plan) -> None:
    answer = found(plan, (0.1, 0.2))["More so in small"]
    assert answer.verdict == "not told apart"
    assert answer.figures[0].shown == "+0.000, 1 seed"


def test_noise_must_be_last_in_every_run(plan: Plan) -> None:
    answer = found(plan, (0.1, 0.2))["Noise is last"]
    assert [(figure.of, figure.verdict) for figure in answer.figures[:3]] == [
        ("small, harmonized", "yes"), ("large, harmonized", "yes"), ("small, uniform", "no"),
    ]  # fmt: skip
    assert answer.figures[3].shown.startswith("in 2 of 3 runs")
    assert answer.verdict == "2 yes, 1 no"


def test_a_wrong_order_is_named(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(plan, (0.1, 0.2))["The order is right"].verdict == "yes"
    was = results.weights

    def exchanged(*arguments: Any) -> Any:
        table = was(*arguments)
        reliability = table["reliability"].to_numpy().reshape(-1, 5)[:, [4, 1, 2, 3, 0]]
        return table.with_columns(reliability=np.ravel(reliability))

    monkeypatch.setattr(results, "weights", exchanged)
    answer = found(plan, (0.1, 0.2))["The order is right"]
    assert answer.verdict == "no"
    assert "image below audio (2)" in answer.figures[0].shown


def test_a_level_is_above(plan: Plan) -> None:
    assert found(plan, (0.1, 0.2))["Wrong texts are told"].verdict == "yes"


def test_modalities_that_are_alike_have_no_order_to_be_told(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.study.answers.CLEARLY", 9.0)
    answer = found(plan, (0.1, 0.2))["The order is right"]
    assert answer.verdict == "not told apart"
    assert answer.figures[0].shown == "no pair differs clearly, 2 seeds"


def test_runs_that_are_not_there_yet_are_told(study: Path) -> None:
    study.write_text(study.read_text().replace("    seeds: 1\n", ""))
    plan = Plan.read(study)
    answer = found(plan, (0.1, 0.2), only={5})["Noise is last"]
    assert answer.figures[0].shown == "in 1 of 1 seed (2 planned)"
    answer = found(plan, (0.1, 0.2), only=set())["The order is right"]
    assert answer.verdict == "not run"
