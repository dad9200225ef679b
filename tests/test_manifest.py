"""`dataset.json` edited by hand: what could not be gone by is refused where it is read, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.freshness import edited

ENTRY = {
    "stage": "tag", "version": 1, "config": {"policy": "mine.yaml"}, "run": "r", "inputs": {}, "fingerprint": "f",
    "counts": {}, "writes": ["tags"],
}  # fmt: skip
SAID = {"content": "0", "unread": ["about"]}

Edited = Callable[..., Dataset]


@pytest.fixture
def dataset_with(tmp_path: Path) -> Edited:
    """A dataset of one entry, which is changed."""

    def build(name: str = "tag/mine", **changes: Any) -> Dataset:
        body = {"format": 1, "partitions": 0, "crawls": [], "stages": {name: ENTRY | changes}}
        (tmp_path / "dataset.json").write_text(json.dumps(body))
        return Dataset(tmp_path)

    return build


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"documents": {}},
        {"documents": {"policy": SAID}},
        {"documents": {"policy": SAID | {"later": 5}}, "later": 5},
        {"config": {"policy": None, "later": 5}},
    ],
)
def test_what_is_right_or_of_another_release_is_read(dataset_with: Edited, changes: dict[str, Any]) -> None:
    stages = dataset_with(**changes).manifest()["stages"]
    assert stages == {"tag/mine": ENTRY | changes}
    assert edited(stages, stages) == []


@pytest.mark.parametrize(
    "changes",
    [
        *({"documents": {"policy": said}} for said in ({}, 5, None, [SAID], {"content": "0"}, {"unread": []})),
        *({"documents": {"policy": SAID | odd}} for odd in ({"content": 5}, {"unread": 5}, {"unread": [5]})),
        {"documents": {"colour": SAID}},
        {"documents": {"policy": SAID}, "config": {}},
        {"documents": {"policy": SAID}, "config": {"policy": None}},
        {"config": {"policy": 5}},
        {"config": {"cut": {}}},
    ],
)
def test_what_cannot_be_gone_by_is_refused_with_the_entry(dataset_with: Edited, changes: dict[str, Any]) -> None:
    dataset = dataset_with(**changes)
    with pytest.raises(UsageError, match=r"dataset\.json is damaged \(.*'tag/mine'.*\); restore it"):
        dataset.manifest()


def test_an_entry_of_a_stage_that_there_is_not(dataset_with: Edited) -> None:
    dataset = dataset_with("gild/mine", stage="gild")
    with pytest.raises(
        UsageError, match=r"dataset\.json: .* no stage that made 'gild/mine'; update m5tools, or restore"
    ):
        dataset.manifest()
