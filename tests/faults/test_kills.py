"""SIGKILL of a command, of its workers and of both: the same command again ends with the bytes of an undisturbed run."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from . import kills, soak
from .steps import STAGES
from .undisturbed import Line

QUICK = ("fetch", "survey", "measure")
"""Killed in these: a worker, all, the parent."""


@pytest.mark.parametrize(
    ("stages", "last_changes"),
    [
        pytest.param(QUICK, (-1,), id="three"),
        pytest.param([name for name in STAGES if name not in QUICK], (-2, -3, -4), id="others", marks=pytest.mark.slow),
    ],
)
def test_every_stage_killed_at_a_change_of_a_file_ends_as_undisturbed(
    line: Line, stages: Sequence[str], last_changes: Sequence[int]
) -> None:
    """Few tests of many stages, for processes that share tests would each build the dataset."""
    for name in stages:
        number = STAGES.index(name)
        victim = kills.VICTIMS[number % 3]
        of = "parent" if victim == "parent" else "worker"
        kill = kills.Kill(number, name, victim, "point", of, random.Random(number).random())
        outcome = kills.strike(line.of(name), kill, line.folder)
        assert outcome.is_good, outcome
        assert outcome.survived == (victim == "worker")
    for point in last_changes:
        outcome = kills.strike(line.of("fetch"), _last("fetch", point, line), line.folder)
        assert outcome.is_good, outcome


def _last(name: str, point: int, line: Line) -> kills.Kill:
    """The parent, at one of its last changes: the stage is committed, and tidies up."""
    points = line.of(name).points.count("p")
    return kills.Kill(0, name, "parent", "point", "parent", (points + point + 0.5) / points)


@pytest.mark.slow
def test_every_step_killed_once_by_seed() -> None:
    """The second crawl, compaction, the report and a training, too; `make soak` does many more."""
    outcomes = soak.soak(range(1000, 1025))
    assert [outcome for outcome in outcomes if not outcome.is_good] == []
