"""Real processes under torchrun over gloo: they learn as one process on the same global batches would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ..loader.conftest import torchrun
from .saved import checkpoints, tensors
from .together import do

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"steps": 6, "batch_size": 16, "warmup": 2, "calibration_every": 2, "checkpoint_every": 3}
FIRST = {**SMALL, "time_limit_s": 0.0}  # one step
STREAMED = {"memory_mb": 0}
SHARDED = {"sharding": "shards"}
WAYS = ({"sharding": "copies"}, SHARDED)
TAUGHT = ("paper", "log_variance")
"""Rules with trained parameters."""
OTHERS: dict[str, dict[str, Any]] = {
    "released": {"harmony": "released"},
    "pairwise": {"network": "pairwise_contrast", "harmony": "uniform"},
}
"""What else may be trained on several ranks."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs: on one rank, on two, and begun on so many and ended on others."""
    out = tmp_path_factory.mktemp("runs")

    def path(name: str) -> str:
        return str(out / name)

    do(
        [
            ("gradients", path("one"), {}),
            ("trains", path("one"), SMALL),
            *(("trains", path(rule), SMALL | {"harmony": rule}) for rule in TAUGHT),
            *(("trains", path(name), SMALL | settings) for name, settings in OTHERS.items()),
            ("trains", path("one-two"), FIRST),
            ("trains", path("one-two-streamed"), FIRST | STREAMED),
        ]
    )
    jobs = [
        ("gradients", path("two"), {}),
        ("gradients", path("two-sharded"), SHARDED),
        ("trains", path("two"), SMALL),
        ("trains", path("one-two"), SMALL),
        ("trains", path("one-two-streamed"), SMALL | STREAMED),
        ("trains", path("two-one"), FIRST),
        ("trains", path("two-one-streamed"), FIRST | STREAMED),
        ("trains", path("sharded-one"), FIRST | SHARDED),
        ("trains", path("copies-sharded"), FIRST),
        ("trains", path("copies-sharded"), SMALL | SHARDED),
        *(
            ("trains", path(f"{rule}-{way['sharding']}"), SMALL | way | {"harmony": rule})
            for way in WAYS
            for rule in TAUGHT
        ),
        *(("trains", path(f"{name}-two"), SMALL | settings) for name, settings in OTHERS.items()),
    ]
    torchrun(2, Path(__file__).with_name("together.py"), json.dumps(jobs))
    for name, settings in (("two-one", {}), ("two-one-streamed", STREAMED), ("sharded-one", {})):
        assert [saved.name for saved in checkpoints(out / name)] == ["step-00000001"]
        do([("trains", path(name), SMALL | settings)])
    return out


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest distance of two tensors of one name, relative to their length."""
    assert a.keys() == b.keys()
    return max(float((a[k] - b[k]).double().norm() / a[k].double().norm().clamp_min(1e-9)) for k in a)


@pytest.mark.parametrize("name", ["two", "two-sharded"])
def test_two_ranks_have_the_gradient_of_one_also_where_a_rank_holds_no_video(out: Path, name: str) -> None:
    alone = torch.load(out / "one/gradients-0.pt")
    for rank in (0, 1):
        assert apart(alone, torch.load(out / f"{name}/gradients-{rank}.pt")) < 1e-4
    assert all(float(gradient.norm()) > 0 for gradient in alone.values()), "every parameter takes part"


@pytest.mark.parametrize(
    "name", ["two", "one-two", "one-two-streamed", "two-one", "two-one-streamed", "sharded-one", "copies-sharded"]
)
def test_a_run_ends_alike_on_whatever_ranks_it_goes_on(out: Path, name: str) -> None:
    assert apart(tensors(out / "one"), tensors(out / name)) < 1e-4
    told = [[json.loads(line) for line in (out / n / "metrics.jsonl").open()] for n in ("one", name)]
    assert [line["step"] for line in told[1]] == list(range(1, 7))
    assert [line["loss"] for line in told[0]] == pytest.approx([line["loss"] for line in told[1]], rel=1e-4)
    assert [line["present"] for line in told[0]] == [line["present"] for line in told[1]]


def test_ranks_share_every_batch_and_hold_one_rule(out: Path) -> None:
    alone = json.loads((out / "one/told-0.json").read_text())
    ranks = [json.loads((out / f"two/told-{rank}.json").read_text()) for rank in (0, 1)]
    for step, mine, other in zip(alone["steps"], *(r["steps"] for r in ranks), strict=True):
        assert sorted(step[0]) == sorted(mine[0] + other[0])
        assert len(mine[0]) == len(other[0])
        assert mine[1] == other[1], "the rule's buffers, to the last bit"
    assert [r["report"]["ranks"] for r in ranks] == [2, 2]
    assert ranks[0]["report"]["loss"] == ranks[1]["report"]["loss"] == pytest.approx(alone["report"]["loss"], rel=1e-4)


@pytest.mark.parametrize("name", OTHERS)
def test_other_rules_and_networks_learn_alike_on_two_ranks(out: Path, name: str) -> None:
    assert apart(tensors(out / name), tensors(out / f"{name}-two")) < 1e-4


@pytest.mark.parametrize("sharding", ["copies", "shards"])
@pytest.mark.parametrize("rule", TAUGHT)
def test_what_a_rule_trains_is_trained_alike_and_told_on_two_ranks(out: Path, rule: str, sharding: str) -> None:
    alone, two = tensors(out / rule), tensors(out / f"{rule}-{sharding}")
    mine = [name for name in alone if name.startswith("harmony.") and ("score" in name or "variance" in name)]
    assert mine
    assert all(float(alone[name].norm()) > 0 for name in mine)
    assert apart(alone, two) < 1e-4
    told = [json.loads((out / n / "told-0.json").read_text())["report"] for n in (rule, f"{rule}-{sharding}")]
    assert told[0]["weight"] == pytest.approx(told[1]["weight"], rel=1e-3, abs=1e-6)
    assert told[0]["pair_weight"] == pytest.approx(told[1]["pair_weight"], rel=1e-3, abs=1e-6)
