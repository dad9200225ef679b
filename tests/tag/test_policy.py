"""Policies: what is wrong in one is told before anything runs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

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
