"""`m5 study` prints its matrix and cost first, goes on where it stopped, and writes a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools import resources

from ..study.conftest import STUDY
from .conftest import M5


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(STUDY)
    return path


def test_the_plan_tells_what_it_costs_and_runs_nothing(m5: M5, study: Path, tmp_path: Path) -> None:
    said = m5("study", str(study), "--out", str(tmp_path / "out"), "--plan")
    assert said.code == 0
    assert "rules" in said.out
    assert "6 runs, 0 of them done" in said.out
    assert "processor" in said.out
    assert not (tmp_path / "out").exists()


def test_a_study_is_run_once_and_then_only_written_again(m5: M5, study: Path, tmp_path: Path) -> None:
    arguments = ("study", str(study), "--quick", "--out", str(tmp_path / "out"))
    first, second = m5(*arguments), m5(*arguments)
    assert first.code == second.code == 0
    assert "4 runs, 0 of them done" in first.out
    assert "4 runs, 4 of them done" in second.out
    assert "Does it matter?" in (tmp_path / "out" / "small.md").read_text()


def test_the_page_of_what_is_there_runs_nothing(m5: M5, study: Path, tmp_path: Path) -> None:
    said = m5("study", str(study), "--out", str(tmp_path / "out"), "--page")
    assert said.code == 0
    assert "tables and plots (of 0 of 6 runs)" in said.out
    assert "**Not run yet**" in (tmp_path / "out" / "small.md").read_text()
    assert not (tmp_path / "out" / "cells").exists()


def test_a_file_that_is_not_there_is_told(m5: M5, tmp_path: Path) -> None:
    said = m5("study", str(tmp_path / "none.yaml"))
    assert said.code == 2
    assert "none.yaml" in said.err


@pytest.mark.slow
def test_the_short_form_of_the_shipped_study_answers_every_question(m5: M5, tmp_path: Path) -> None:
    file = resources.folder("pipelines") / "studies" / "claims.yaml"
    said = m5("study", str(file), "--quick", "--out", str(tmp_path / "out"))
    assert said.code == 0, said.err
    page = (tmp_path / "out" / "scale_claims.md").read_text()
    assert ", 0 failed;" in page
    assert "## rules" in page
    assert "## Where noise comes" in page
