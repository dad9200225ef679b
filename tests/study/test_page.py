"""The page says what the results say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.study import page, results
from m5tools.study.plan import Plan
from m5tools.study.setting import Setting
from m5tools.study.views import Contrast
from m5tools.vocabulary import MODALITIES

SETTING = Setting("m5 study x", "a machine", "Python 3", "2026-01-01 00:00 to 2026-01-02 00:00")


def result(plan: Plan, mark: str, value: float, noise_weight: float) -> dict[str, Any]:
    """What a run would have written, every score `value`; audio is noise."""
    metrics = ("instance@1", "instance@10", "class@1", "class@10", "probe", "nmi")
    masked = [1.2, 1.3, 1.1, 1.0, noise_weight]
    return {
        "cell": plan.runs[mark].model_dump(mode="json"),
        "seconds": {"learning": 30.0, "rest": 6.0},
        "scores": {p: {r: dict.fromkeys(metrics, value) for r in ("0%", "40%")} for p in ("uniform", "rho", "rho_q")},
        "alone": {m.value: {"probe": 0.1 * w, "instance@10": w / 9} for m, w in zip(MODALITIES, masked, strict=True)},
        "mismatch": {"text": 0.9},
        "share": [0.25, 0.3, 0.25, 0.2, 0.0],
        "weights": {"masked": masked, "pair": (np.outer(masked, masked) * (1 - np.eye(5))).tolist()},
        "reliability": masked,
        "agreement": np.zeros((5, 5)).tolist(),
        "strength": np.zeros((5, 5)).tolist(),
        "strength_train": np.ones((5, 5)).tolist(),
        "parameters": 9,
    }


@pytest.fixture
def plan(study: Path) -> Plan:
    return Plan.read(study)


@pytest.fixture
def done(plan: Plan) -> dict[str, dict[str, Any]]:
    """Harmonized is better by 0.1 with seed 5, by 0.2 with seed 6."""
    found = {}
    for mark, cell in plan.runs.items():
        better = cell.learning.rule == "harmonized"
        value = 0.4 + (0.1 * (cell.seed - 4) if better else 0)
        found[mark] = result(plan, mark, value, noise_weight=0.1 if better else 1.25)
    return found


def test_differences_are_paired_by_seed(plan: Plan, done: dict[str, dict[str, Any]]) -> None:
    table = results.long(plan, done)
    pair = Contrast.difference("harmonized/rho_q", "uniform/uniform")
    found = results.summed(table, "rules", pair, "probe")
    assert found is not None
    assert found.values == pytest.approx((0.1, 0.2))
    assert found.mean == pytest.approx(0.15)
    lost = {mark: one for mark, one in done.items() if mark != plan.places["rules", "uniform", 5]}
    found = results.summed(results.long(plan, lost), "rules", pair, "probe")
    assert found is not None
    assert found.values == pytest.approx((0.2,))


def test_noise_is_told_where_it_comes_last_and_where_not(plan: Plan, done: dict[str, dict[str, Any]]) -> None:
    found = {
        row["cell"]: row
        for row in results.noise_last(results.weights(plan, done)).to_dicts()
        if row["question"] == "rules"
    }
    assert found["harmonized"]["places"] == "audio"
    assert (found["harmonized"]["masked_last"], found["harmonized"]["seeds"]) == (2, 2)
    assert found["uniform"]["masked_last"] == 0
    assert found["harmonized"]["masked"] == pytest.approx(0.1)


def test_the_order_of_reliability_is_compared_with_what_each_achieves(
    plan: Plan, done: dict[str, dict[str, Any]]
) -> None:
    found = results.order(results.weights(plan, done), results.long(plan, done), "probe")
    assert len(found) == len(plan.places)
    assert found["spearman"].to_list() == pytest.approx([1.0] * len(found))


def test_the_page_holds_levels_differences_noise_and_failures(
    plan: Plan, done: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    lost = plan.places["sizes", "small, uniform", 5]
    written = page.write(plan, {m: o for m, o in done.items() if m != lost}, {lost: "loss nan"}, tmp_path, SETTING)
    text = written.read_text()
    assert written.name == "small.md"
    assert "5 of 6 finished, 1 failed" in text
    assert "ended 2026-01-01" in text
    assert "- sizes / small, uniform, seed 5: loss nan" in text
    assert "| harmonized / rho_q | 0.550 ± 0.071 |" in text
    assert "+0.150" in text
    assert "+0.100 +0.200" in text
    assert "| rules: harmonized | harmonized | audio | 2 of 2 | 2 of 2 | 2 of 2 |" in text
    for name in ("rules_differences.svg", "sizes.svg"):
        assert f"]({name})" in text
        assert (tmp_path / name).read_text().startswith("<svg")
    assert set(pl.read_parquet(tmp_path / "results.parquet")["question"]) == {"rules", "sizes"}
    assert len(pl.read_parquet(tmp_path / "differences.parquet"))


def test_the_same_results_give_the_same_bytes(plan: Plan, done: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    for folder in ("a", "b"):
        page.write(plan, done, {}, tmp_path / folder, SETTING)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_nothing_finished_is_a_page_that_says_so(plan: Plan, tmp_path: Path) -> None:
    text = page.write(plan, {}, {}, tmp_path, SETTING).read_text()
    assert "0 of 6 finished, 0 failed" in text
    assert "- rules: uniform (2); harmonized (2)" in text
    assert "| Harmonized is better | **not run** |" in text
    assert "](sizes.svg)" not in text


def test_a_run_in_which_nothing_agrees_counts_too(plan: Plan, done: dict[str, dict[str, Any]]) -> None:
    mark = plan.places["rules", "uniform", 5]
    none = {**done, mark: {**done[mark], "reliability": [0.0] * 5}}
    seeds = {(r["question"], r["cell"]): r["seeds"] for r in results.noise_last(results.weights(plan, none)).to_dicts()}
    assert seeds["rules", "uniform"] == 2


@pytest.mark.parametrize("network", ["late_fusion", "concatenation", "text_alone"])
def test_networks_that_contrast_no_modalities_say_nothing_of_noise(
    plan: Plan, done: dict[str, dict[str, Any]], network: str
) -> None:
    weights = results.weights(plan, done)
    another = pl.when(pl.col("cell") == "uniform").then(pl.lit(network)).otherwise("network").alias("network")
    told = results.noise_last(weights.with_columns(another))["cell"].to_list()
    assert "uniform" not in told
    assert "harmonized" in told


def test_figures_that_are_no_number_are_told_and_not_averaged(
    plan: Plan, done: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    mark = plan.places["rules", "harmonized", 5]
    bad = result(plan, mark, float("nan"), 0.1)
    text = page.write(plan, {**done, mark: bad}, {}, tmp_path, SETTING).read_text()
    assert "- rules / harmonized: probe (1 seeds)" in text
    assert "+0.200, 1 of 2 seeds" in text
