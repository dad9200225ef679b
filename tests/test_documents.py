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
        ("fields: {title: 2024-99-99}\n", r"p\.yaml:1: not valid YAML: '2024-99-99' is no date; .* \(column 17\)"),
        ("a: b\nseed: 0x_\n", r"p\.yaml:2: not valid YAML: '0x_' is no integer; .* \(column 7\)"),
        (
            'a: b\nfields: {title: "\\ud800"}',
            r"p\.yaml:2: not valid YAML: \\ud800 is half a character; .* \(column 17\)",
        ),
        ("a: b\nc: \0", r"p\.yaml:2: not valid YAML: the character U\+0000 may not stand in it \(column 4\)"),
        ("a: 1\n---\na: 2", r"p\.yaml:2: not valid YAML: expected a single document in the stream, but found another"),
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


ENDLESS, TOO_LARGE, TOO_DEEP = "its aliases make it endless", "larger than 200,000 keys and values", "nested too deeply"


def grown(first: str, each: str, times: int) -> str:
    """A line that names the one before, so many times: `each` is written with `{}` for the name."""
    return "".join([f"a0: &a0 {first}\n", *(f"a{i}: &a{i} {each.format(f'*a{i - 1}')}\n" for i in range(1, times))])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &a [*a]\n", ENDLESS),
        ("a: &a {<<: *a}\n", ENDLESS),
        ("a: &a {b: [{*a : c}]}\n", ENDLESS),
        (grown("[1, 2, 3]", "[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]", 9), TOO_LARGE),
        (grown("{k: v}", "{{<<: [{0}, {0}]}}", 30), TOO_LARGE),
        (grown("{k: v}", "{{{0} : {0}, a: {0}}}", 30), TOO_LARGE),
        (f"a: &a {'x' * 100_000}\nb: [{'*a,' * 2_500}]", TOO_LARGE),
        (grown("[1]", "[{0}]", 2_000), TOO_DEEP),
    ],
    ids=["list", "merge", "key", "bomb", "bomb of merges", "bomb of keys", "bomb of a long text", "chain"],
)
def test_aliases_and_merges_without_bounds_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match=rf"a\.yaml:\d+: cannot be read: .*{complaint}"):
        documents.read(tmp_path / "a.yaml")


def test_an_alias_used_twice_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a [1, 2]\nb: *a\nc: *a\n")
    assert documents.read(tmp_path / "a.yaml") == {"a": [1, 2], "b": [1, 2], "c": [1, 2]}


def test_what_a_merge_gives_may_be_said_otherwise(tmp_path: Path) -> None:
    """Also where what is merged stands deeper than who merges it, and so is read later."""
    (tmp_path / "a.yaml").write_text("top: {deep: {b: &b {<<: {x: 0, y: 0}, x: 2}}}\nc: {<<: *b}\n")
    merged = {"x": 2, "y": 0}
    assert documents.read(tmp_path / "a.yaml") == {"top": {"deep": {"b": merged}}, "c": merged}
    (tmp_path / "a.yaml").write_text("c:\n  <<: {x: 0, x: 1}\n")
    with pytest.raises(UsageError, match=r"a\.yaml:2: not valid YAML: 'x' is given twice"):
        documents.read(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "document: is empty"), ("- a\n- b\n", "should be keys with values")]
)
def test_a_file_that_is_no_document_at_all(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=complaint):
        documents.load(path, Selection)
