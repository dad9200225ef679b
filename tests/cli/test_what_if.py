"""`m5 tag --set what_if=POLICY`: what another policy would change; nothing is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import m5tools
from m5tools.cli import what_if
from m5tools.tag.stage import Tag, TagConfig
from m5tools.tag.what_if import what_if as compare

from ..acceptance.line import content
from .conftest import M5

STRICT = """policy: strict
rules:
  - {tag: image.tiny, signals: image, modality: image, why: small, when: [{signal: short_side, below: 5000}]}
"""


def test_it_tells_what_is_gained_and_lost_and_writes_nothing(m5: M5, shop: Path, tmp_path: Path) -> None:
    policy = tmp_path / "strict.yaml"
    policy.write_text(STRICT)
    dataset = m5tools.open(shop / "dataset")
    before = content(shop / "dataset")
    said = m5("tag", "-d", shop / "dataset", "--set", f"what_if={policy}")
    assert said.code == 0, said.err
    assert content(shop / "dataset") == before
    modalities = dataset.read("modalities", policy="default")
    with_image = modalities.filter(modalities["modality"] == "image", modalities["state"] == 0)
    row = next(text for text in said.out.splitlines() if text.strip().startswith("image.tiny"))
    then = int(row.split()[2])
    assert then >= with_image.height, "every picture is below 5,000 pixels"
    gained = re.search(r"\+(\d+) \((\d+) / (\d+) / (\d+) / (\d+)\)", row)
    assert gained is not None
    assert int(gained[1]) == sum(int(gained[i]) for i in range(2, 6)) == then - int(row.split()[1])
    withheld = next(text.split() for text in said.out.splitlines() if text.split()[:1] == ["image"])
    assert int(withheld[2]) == with_image.height


def test_the_policy_that_stands_changes_nothing(shop: Path) -> None:
    dataset = m5tools.open(shop / "dataset")
    changes = compare(dataset, Tag(TagConfig()), "default")
    tags = dataset.tags.select("product_id", "tag").unique().collect()
    assert changes.tags["now"].sum() == changes.tags["then"].sum() == tags.height > 0
    assert changes.tags["gained"].sum() == changes.tags["lost"].sum() == 0
    assert changes.carried["now"].to_list() == changes.carried["then"].to_list()


def test_without_tags_to_compare_with_it_names_those_there_are(m5: M5, shop: Path, tmp_path: Path) -> None:
    policy = tmp_path / "strict.yaml"
    policy.write_text(STRICT)
    said = m5("tag", "-d", shop / "dataset", "--set", "what_if=default", "--set", f"policy={policy}")
    assert said.code == 2
    assert "no tags of the policy 'strict'" in said.err
    assert "there are tags of default" in said.err
    assert said.err.count("\n") == 1


def test_the_setting_is_taken_out_of_the_changes() -> None:
    assert what_if.asked(("policy=a", "tag.what_if=b.yaml")) == ("b.yaml", ("policy=a",))
    assert what_if.asked(("policy=a",)) == (None, ("policy=a",))


def test_a_damaged_cut_is_one_line_that_names_it(m5: M5, shop: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(shop / "dataset", dataset)
    note = dataset / "cuts" / "default" / "cut.json"
    for body in ("{", "[]", "{}", '{"selection": {"policy": "default"}}'):
        note.write_text(body)
        said = m5("tag", "-d", dataset, "--set", "what_if=default")
        assert said.code == 2
        assert f"{note} is damaged" in said.err
        assert f"run: m5 cut --dataset {dataset} --refresh" in said.err
        assert said.err.count("\n") == 1
