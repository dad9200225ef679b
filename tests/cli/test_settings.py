"""Whatever takes YAML, in a file or in `--set`, tells a mistake in it in one line; nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import M5

DATASET = ("-d", "dataset", "-w", "0")
SOURCE = ("--set", "source=shop", "--set", "files=bad.yaml")
TAKE_A_FILE = (
    ("run", "bad.yaml"),
    ("ingest", *DATASET, "--config", "bad.yaml"),
    ("ingest", *DATASET, *SOURCE, "--set", "mapping=bad.yaml"),
    *((stage, *DATASET, "--config", "bad.yaml") for stage in ("fetch", "split", "shard", "overlay")),
    ("tag", *DATASET, "--set", "policy=bad.yaml"),
    ("cut", *DATASET, "--set", "cut=bad.yaml"),
    ("study", "bad.yaml"),
    ("train", "shards", "--config", "bad.yaml"),
    ("evaluate", "run", "shards", "--config", "bad.yaml"),
    ("synth", "crawl", "--config", "bad.yaml"),
)
TAKE_A_CHANGE = (
    ("run", "demo"),
    ("run", "demo", "--dry-run"),
    ("ingest", *DATASET),
    ("tag", *DATASET),
    ("train", "shards"),
    ("evaluate", "run", "shards"),
)


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a day that there is not, in the folder where the command is given."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.yaml"
    path.write_text("# since when\nsince: 2024-99-99\n")
    return path


@pytest.mark.parametrize("command", TAKE_A_FILE, ids=lambda command: " ".join(command[::3]))
def test_a_day_that_is_none_in_a_file(m5: M5, bad: Path, command: tuple[str, ...]) -> None:
    said = m5(*command)
    told = "m5: bad.yaml:2: not valid YAML: '2024-99-99' is no date; text stands in quotes, without a tag (column 8)\n"
    assert (said.code, said.err) == (2, told)
    assert list(bad.parent.iterdir()) == [bad]


@pytest.mark.parametrize("command", TAKE_A_CHANGE, ids=" ".join)
def test_a_day_that_is_none_in_a_change(m5: M5, bad: Path, command: tuple[str, ...]) -> None:
    said = m5(*command, "--set", "crawl_id=2024-99-99")
    assert said.code == 2
    assert said.err.startswith("m5: --set crawl_id=2024-99-99: not valid YAML: '2024-99-99' is no date; ")
    assert said.err.count("\n") == 1
    assert list(bad.parent.iterdir()) == [bad]


@pytest.mark.parametrize(
    "command", [("compare", "--set", "policy=bad.yaml"), ("tag", "--set", "what_if=bad.yaml")], ids=" ".join
)
def test_a_policy_that_a_dataset_is_judged_by(m5: M5, bad: Path, shop: Path, command: tuple[str, ...]) -> None:
    said = m5(*command, "-d", shop / "dataset", "-w", 0)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "bad.yaml:2: not valid YAML: '2024-99-99' is no date" in said.err
