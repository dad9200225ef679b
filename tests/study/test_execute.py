"""Runs are the same every time, kept when finished, and fail alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from m5tools.errors import StageFailed
from m5tools.scale.missing import complete
from m5tools.scale.networks import NETWORKS
from m5tools.study import execute, learn
from m5tools.study.config import Cell
from m5tools.study.judge import POOLINGS
from m5tools.study.plan import Plan
from m5tools.study.rules import RULES
from m5tools.study.world import World
from m5tools.vocabulary import MODALITIES


def figures(result: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in result.items() if key != "seconds"}, sort_keys=True)


def changed(cell: Cell, **learning: Any) -> Cell:
    return cell.model_copy(update={"learning": cell.learning.model_copy(update=learning)})


def test_the_same_cell_gives_the_same_figures(small: Cell) -> None:
    assert figures(execute.run_cell(small)) == figures(execute.run_cell(small))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_trains_and_is_judged(small: Cell, rule: str) -> None:
    result = execute.run_cell(changed(small, rule=rule))
    assert set(result["scores"]) == set(POOLINGS)
    assert set(result["alone"]) == {m.value for m in MODALITIES}
    values = [v for rates in result["scores"].values() for found in rates.values() for v in found.values()]
    assert all(0 <= v <= 1 for v in values if not np.isnan(v))
    json.dumps(result)


@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_trains_and_is_judged(small: Cell, model: str) -> None:
    result = execute.run_cell(changed(small, model=model))
    assert result["scores"]["uniform"]["0%"]["instance@10"] >= 0
    json.dumps(result)


@pytest.mark.parametrize(
    "learning",
    [{"treatment": "zeros"}, {"treatment": "complete"}, {"heads": "unimodal"}, {"consensus_share": 1.0}],
    ids=lambda one: next(iter(one)) + "-" + str(next(iter(one.values()))),
)
def test_every_option_changes_what_is_learned(small: Cell, learning: dict[str, Any]) -> None:
    assert figures(execute.run_cell(changed(small, **learning))) != figures(execute.run_cell(small))


def test_the_joint_vector_is_judged_where_it_was_trained_to_retrieve(small: Cell) -> None:
    assert "joint" in execute.run_cell(changed(small, fused_share=0.3))["scores"]


@pytest.mark.parametrize("rule", ["harmonized", "log_variance"])
def test_rules_share_world_initialisation_and_order_of_batches(
    small: Cell, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, ...]] = []
    loss = learn._loss

    def watched(cell: Cell, network: Any, rule: Any, tokens: Any, step: int) -> Any:
        shown.append(tokens.ids)
        return loss(cell, network, rule, tokens, step)

    monkeypatch.setattr(learn, "_loss", watched)
    world = World(small.world, small.seed)
    cells = [changed(small, rule=name, lr=1e-12) for name in ("uniform", rule)]
    first, second = (learn.learn(cell, world).network.state_dict() for cell in cells)
    assert all(torch.allclose(first[name], second[name]) for name in first)
    assert len(shown) == 2 * small.learning.steps
    assert shown[: small.learning.steps] == shown[small.learning.steps :]


def test_complete_listings_have_all_that_occurs(small: Cell) -> None:
    tokens = World(small.world.model_copy(update={"missing": 0.3}), 1).train
    kept = complete(tokens)
    assert 0 < len(kept) < len(tokens)
    assert bool(kept.present.all())


def test_finished_runs_are_kept_and_not_run_again(study: Path, tmp_path: Path) -> None:
    plan, told = Plan.read(study, quick=True), []
    failed = execute.execute(plan, tmp_path / "out", lambda done, total, error: told.append((done, total, error)))
    assert failed == {}
    assert told == [(n + 1, len(plan.runs), None) for n in range(len(plan.runs))]
    done = execute.finished(tmp_path / "out", plan)
    assert done.keys() == plan.runs.keys()
    assert execute.cost(plan, done) == 0
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cells").iterdir()}
    victim = min(files)
    victim.unlink()
    again: list[int] = []
    execute.execute(plan, tmp_path / "out", lambda done, total, _: again.append(total))
    assert again == [1]
    assert {p for p, at in files.items() if p.stat().st_mtime_ns != at} == {victim}


def test_cost_is_steps_and_judging(study: Path) -> None:
    plan = Plan.read(study)
    mark, cell = next(iter(plan.runs.items()))
    done = {mark: {"cell": cell.model_dump(mode="json"), "seconds": {"learning": 6.0, "rest": 1.0}}}
    assert execute.cost(plan, done) == pytest.approx((len(plan.runs) - 1) * (6.0 + 1.0))


def test_a_cell_that_fails_costs_itself_alone(study: Path, tmp_path: Path) -> None:
    study.write_text(study.read_text().replace("small: {world: {train_rows: 64}", "small: {learning: {lr: 1.0e+38}"))
    plan = Plan.read(study)
    failed = execute.execute(plan, tmp_path / "out", lambda *_: None)
    small = {mark for (_, cell, _), mark in plan.places.items() if cell.startswith("small")}
    assert failed.keys() == small
    assert all("loss" in error for error in failed.values())
    assert execute.finished(tmp_path / "out", plan).keys() == plan.runs.keys() - small


def test_a_gradient_that_is_no_number_ends_the_run(small: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(StageFailed, match=r"step 1: loss [0-9.]+, gradient norm nan"):
        learn.learn(small, World(small.world, small.seed))


def test_no_more_than_two_processes(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(execute, "_results", lambda left, processes: asked.append(processes) or [])
    execute.execute(Plan.read(study), tmp_path, lambda *_: None, processes=os.cpu_count() or 64)
    execute.execute(Plan.read(study), tmp_path, lambda *_: None, processes=64)
    assert max(asked) <= 2


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_what_a_killed_study_was_running_goes_with_it(study: Path, tmp_path: Path) -> None:
    study.write_text(study.read_text().replace("steps: 3", "steps: 1000000"))
    out = tmp_path / "out"
    program = f"""
from pathlib import Path
from m5tools.study.execute import execute
from m5tools.study.plan import Plan
if __name__ == "__main__":
    execute(Plan.read(Path({str(study)!r})), Path({str(out)!r}), lambda *_: None)
"""
    (tmp_path / "program.py").write_text(program)
    root = Path(__file__).parents[2]
    supervisor = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")], env=os.environ | {"PYTHONPATH": str(root)}
    )
    workers: list[Path] = []
    while len(workers) < 2:
        assert supervisor.poll() is None
        time.sleep(0.1)
        begun = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()
        workers = [
            p for p in map(Path("/proc").joinpath, begun) if b"multiprocessing.spawn" in (p / "cmdline").read_bytes()
        ]
    supervisor.kill()
    supervisor.wait()
    late = time.monotonic() + 60
    while any(p.exists() and "zombie" not in (p / "status").read_text() for p in workers):
        assert time.monotonic() < late, "a run lives on"
        time.sleep(0.1)
