"""Policies: what is wrong in one is told before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from m5tools.errors import UsageError
from m5tools.tag.policy import Policy, Rule, load

RULE = {"tag": "image.blank", "signals": "image", "modality": "image", "why": "flat"}


def test_the_shipped_policy_has_a_dozen_tags() -> None:
    policy = load("default")
    assert len(policy.rules) >= 12
    assert {rule.modality.value for rule in policy.rules} == {"image", "text", "table", "video", "audio"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"when": [{"signal": "format", "below": 1}]}, "no number 'format'"),
        ({"when": [{"signal": "sharpnes", "below": 1}]}, "no number 'sharpnes'"),
        ({"when": [{"signal": "sharpness"}]}, "exactly one of"),
        ({"when": [{"signal": "sharpness", "below": 1, "above": 2}]}, "exactly one of"),
        ({"when": [{"signal": "sharpness", "below": float("nan")}]}, "finite number"),
        ({"when": []}, "at least 1 item"),
        ({"tag": "Blank", "when": [{"signal": "sharpness", "below": 1}]}, "match pattern"),
    ],
)
def test_rules_that_make_no_sense_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Rule.model_validate(RULE | change)


def test_rules_of_one_tag_judge_the_same_thing() -> None:
    rule = RULE | {"when": [{"signal": "sharpness", "below": 1}]}
    assert len(Policy.model_validate({"policy": "p", "rules": [rule, rule]}).rules) == 2
    with pytest.raises(ValidationError, match=r"the rules for image\.blank differ"):
        Policy.model_validate({"policy": "p", "rules": [rule, rule | {"modality": "video"}]})


def written(folder: Path, rule: str, own: str = "") -> Path:
    file = folder / "mine.yaml"
    file.write_text(f"policy: mine\n{own}rules:\n  - tag: image.tiny\n    signals: image\n    modality: image\n    why: x\n"
                    f"    when:\n      - {{signal: short_side, below: 9}}\n{rule}")  # fmt: skip
    return file


RULE_TEXT = """  - tag: {tag}
    signals: image
    modality: image
    why: y
    when:
      - {{signal: relief, below: 6}}
      - {{signal: {signal}, below: 6}}
"""


@pytest.mark.parametrize(
    ("tag", "signal", "line", "message"),
    [
        ("image.blnk", "relief", 9, "did you mean image.blank"),
        ("image.blank", "sharpnes", 15, "signals/image has no number 'sharpnes'; did you mean sharpness"),
        ("image.blank", "shared_title", 15, "did you mean shared_titles"),
        ("image.blank", "zzz", 15, "there are width, height"),
        ("picture.blank", "relief", 9, "match pattern"),
    ],
)
def test_a_slip_of_the_pen_is_one_line_with_file_line_and_near_names(
    tmp_path: Path, tag: str, signal: str, line: int, message: str
) -> None:
    file = written(tmp_path, RULE_TEXT.format(tag=tag, signal=signal))
    with pytest.raises(UsageError) as refused:
        load(str(file))
    said = str(refused.value)
    assert said.startswith(f"{file}:{line}: rules.1")
    assert message in said
    assert "\n" not in said


def test_a_tag_of_ones_own_is_declared_with_its_meaning(tmp_path: Path) -> None:
    rule = RULE_TEXT.format(tag="image.watermark", signal="relief")
    with pytest.raises(UsageError, match=r"own_tags"):
        load(str(written(tmp_path, rule)))
    policy = load(str(written(tmp_path, rule, "own_tags: {image.watermark: the shop's mark lies over it}\n")))
    assert policy.tags == ("image.tiny", "image.watermark")
    with pytest.raises(
        UsageError, match=r"mine\.yaml:2: own_tags\.image\.watermrk: no rule makes this tag; did you mean"
    ):
        load(str(written(tmp_path, rule, "own_tags: {image.watermark: x, image.watermrk: y}\n")))
