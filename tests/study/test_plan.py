"""A study's file: what it asks for, each run once, and mistakes told before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools import resources
from m5tools.errors import UsageError
from m5tools.study.config import Cell
from m5tools.study.plan import Plan
from m5tools.study.views import View

CLAIMS = resources.folder("pipelines") / "studies" / "claims.yaml"


def test_a_run_that_two_questions_ask_for_is_run_once(study: Path) -> None:
    plan = Plan.read(study)
    # Two rules by two seeds, and of the sizes the small ones alone: the large are the rules' first seed.
    assert len(plan.places) == 4 + 4
    assert len(plan.runs) == 4 + 2
    assert plan.places["sizes", "large, harmonized", 5] == plan.places["rules", "harmonized", 5]


def test_crossed_cells_have_what_both_say(study: Path) -> None:
    plan = Plan.read(study)
    cell = plan.runs[plan.places["sizes", "small, harmonized", 5]]
    assert (cell.world.train_rows, cell.learning.rule, cell.learning.steps) == (64, "harmonized", 3)


def test_quick_is_on_top_of_everything(study: Path) -> None:
    plan = Plan.read(study, quick=True)
    assert {cell.learning.steps for cell in plan.runs.values()} == {1}
    assert {cell.seed for cell in plan.runs.values()} == {5}


def test_a_fingerprint_is_of_everything_a_result_depends_on(small: Cell) -> None:
    others = [
        small.model_copy(update={"seed": 4}),
        small.model_copy(update={"learning": small.learning.model_copy(update={"rule": "harmonized"})}),
        small.model_copy(update={"world": small.world.model_copy(update={"missing": 0.5})}),
    ]
    assert len({cell.fingerprint for cell in (small, *others)}) == 4
    assert Cell.model_validate(small.model_dump(mode="json")).fingerprint == small.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rule: harmonized", "rule: harmonised", "no rule 'harmonised'"),
        ("steps: 3", "model: scales", "no model 'scales'"),
        ("[harmonized/rho_q, uniform/uniform]", "[harmonized/rho_q, unifrom/uniform]", "no cell 'unifrom'"),
        ("[harmonized/rho_q, uniform/uniform]", "[harmonized/best, uniform/uniform]", "no pooling 'best'"),
        ("[harmonized/rho_q, uniform/uniform]]", "[harmonised/rho_q, uniform/uniform]]", "claims: rules: no cell"),
        ("@40%, uniform", "@45%, uniform", "nothing is judged with 45% taken away"),
        ('large, uniform/rho_q": 1', 'large, uniform/rho_q": 2', "'rule by size' must add up to 0"),
        ("effects: [rule by size]", "effects: [size by rule]", "no effect 'size by rule'"),
        ("question: sizes\n    effects", "question: size\n    effects", "no question 'size'; did you mean sizes"),
        ("    within: 2.0\n", "", "does not say what decides it"),
        ("train_rows: 64", "train_row: 64", "train_row"),
        ("asks: How many?", "ask: How many?", "is not a known key"),
    ],
)
def test_a_mistake_is_told_with_its_place(study: Path, old: str, new: str, told: str) -> None:
    study.write_text(study.read_text().replace(old, new))
    with pytest.raises(UsageError, match=told) as caught:
        Plan.read(study)
    assert str(study) in str(caught.value)


def test_a_view_is_read_from_its_name() -> None:
    assert View.of("20 %, masks/rho_q@40%") == View(cell="20 %, masks", pooling="rho_q", removal="40%")
    assert str(View.of("a/uniform")) == "a / uniform"


def test_the_shipped_study_keeps_to_its_budget() -> None:
    plan = Plan.read(CLAIMS)
    share = sum(cell.learning.steps for cell in plan.runs.values()) / 400
    assert 250 < share < 430, "about 400 runs of half a minute are two hours on two cores"
    seeds = {name: {s for q, _, s in plan.places if q == name} for name in plan.study.questions}
    assert len(seeds["rules"]) >= 8
    assert min(map(len, seeds.values())) >= 3
    assert {claim.question for claim in plan.study.claims} <= set(plan.study.questions)
    assert len(Plan.read(CLAIMS, quick=True).runs) < 120
