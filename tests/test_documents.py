"""A mistake in a YAML file is told with its file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools import documents
from m5tools import pipeline as pipelines
from m5tools.cut import Selection
from m5tools.errors import UsageError
from m5tools.pipeline import Pipeline

PIPELINE = """dataset: out
stages:
  - stage: ingest
    sources:
      - source: shop
        mapping: synth
        fils: [crawl.jsonl]
  - stage: tag
    policy: default
"""


def test_a_misspelt_key_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(PIPELINE)
    with pytest.raises(UsageError) as raised:
        documents.load(path, Pipeline)
    assert f"{path}:7: " in str(raised.value)
    assert "fils: is not a known key" in str(raised.value)


def test_a_wrong_value_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("cut: mine\nat_least: 9\n")
    with pytest.raises(UsageError, match=rf"{path}:2: at_least: .*less than or equal to 5 \(it is 9\)"):
        documents.load(path, Selection)


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("cut: mine\nrequire: [text\nabout: x\n")
    with pytest.raises(UsageError, match=rf"{path}:3: not valid YAML"):
        documents.load(path, Selection)


def test_yaml_never_builds_objects(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("cut: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(UsageError, match="not valid YAML"):
        documents.load(path, Selection)


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean 'default'"):
        documents.locate("cut", "pipelines/cuts", "defualt")
    with pytest.raises(UsageError, match=r"no cut file nowhere\.yaml"):
        documents.locate("cut", "pipelines/cuts", "nowhere.yaml")


def test_settings_are_an_object_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("# nothing yet\n")
    assert documents.read_object(path) == {}
    path.write_text("- cut\n")
    with pytest.raises(UsageError, match=rf"{path}:1: must be an object"):
        documents.read_object(path)


def test_settings_are_named_by_line_or_by_flag(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("cut: mine\nat_least: 9\n")
    body = documents.read_object(path)
    with pytest.raises(UsageError, match=rf"{path}:2: at_least: "):
        documents.settings(body, Selection, path, "--set ")
    with pytest.raises(UsageError, match=r"^--set at_least: "):
        documents.settings(body, Selection, None, "--set ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dataset: a\nstages: []\ndataset: b\n", r"p\.yaml:3: not valid YAML: 'dataset' is given twice"),
        ("[" * 5_000, "nested too deeply"),
    ],
)
def test_what_yaml_lets_pass_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UsageError, match=complaint):
        documents.read(tmp_path / "p.yaml")


def test_any_name_that_is_not_shipped_is_answered() -> None:
    with pytest.raises(UsageError, match="no policy 'xxx"):
        documents.locate("policy", "pipelines/policies", "x" * 300)


@pytest.mark.parametrize("change", ["ingest.sources.².source=a", "tag.policy=x"])
def test_changes_that_fit_nowhere_are_refused(tmp_path: Path, change: str) -> None:
    (tmp_path / "p.yaml").write_text(PIPELINE)
    with pytest.raises(UsageError, match=r"no place in a list|no stage 'tag'"):
        pipelines.load(str(tmp_path / "p.yaml"), ("stages=1", change) if "tag" in change else (change,))


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]\n", "a0: &a0 [1, 2, 3]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))],
    ids=["endless", "bomb"],
)  # fmt: skip
def test_aliases_without_end_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match="its aliases make it endless"):
        documents.read(tmp_path / "a.yaml")


def test_an_alias_used_twice_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a [1, 2]\nb: *a\nc: *a\n")
    assert documents.read(tmp_path / "a.yaml") == {"a": [1, 2], "b": [1, 2], "c": [1, 2]}


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "document: is empty"), ("- a\n- b\n", "should be keys with values")]
)
def test_a_file_that_is_no_document_at_all(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=complaint):
        documents.load(path, Selection)
