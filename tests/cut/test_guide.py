"""The examples of the guides are read as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from m5tools.cut import load as load_cut
from m5tools.tag.policy import load as load_policy
from m5tools.vocabulary import Modality

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


def example(guide: str, folder: Path) -> str:
    """The YAML of a guide, as a file."""
    (block,) = re.findall(r"```yaml[^\n]*\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)
    file = folder / f"{guide}.yaml"
    file.write_text(block)
    return str(file)


def test_the_cut_of_the_guide(tmp_path: Path) -> None:
    selection = load_cut(example("cut.md", tmp_path))
    assert selection.require == (Modality.TEXT, Modality.IMAGE)
    assert selection.categories.cap == 5000


def test_the_tags_of_the_guides_cut_are_known(tmp_path: Path) -> None:
    selection = load_cut(example("cut.md", tmp_path))
    assert {*selection.withhold, *selection.leave_out} <= set(load_policy("default").tags)


def test_the_policy_of_the_guide(tmp_path: Path) -> None:
    assert load_policy(example("tag.md", tmp_path)).tags == ("image.tiny", "image.watermarked")
