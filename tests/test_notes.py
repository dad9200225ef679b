"""Notes are what they should be, or one line names the file and what to do."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from m5tools import notes
from m5tools.dataset import Dataset
from m5tools.errors import UsageError


@dataclass(frozen=True)
class Told:
    name: str
    shares: tuple[float, ...] = ()


def test_what_a_note_says_with_keys_that_nobody_reads(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    shares = [random.Random(7).random() * 10.0**power for power in range(-200, 200)]
    file.write_text(json.dumps({"name": "ä", "shares": shares, "later": {"x": 1}}), encoding="utf-8")
    assert notes.read(file, Told, "restore it") == Told("ä", tuple(shares))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"{}", b'{"name": 5}', b'{"name": "\xff"}', b'{"name": "a", "shares": 1}', b"[" * 9999],
)  # fmt: skip
def test_a_damaged_note_is_one_line_with_its_remedy(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "note.json"
    file.write_bytes(body)
    with pytest.raises(UsageError) as refused:
        notes.read(file, Told, "restore it")
    assert str(refused.value).startswith(f"{file} is damaged (")
    assert str(refused.value).endswith("); restore it")
    assert "\n" not in str(refused.value)


def test_the_remedy_is_the_command_that_made_it(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset({"products": []})
    with dataset.changing() as manifest:
        settings = {"policy": "mine.yaml"}
        manifest["stages"]["tag/mine"] = {**manifest["stages"]["ingest/c1"], "stage": "tag", "settings": settings}
    gone = dataset.root / "policy.json"
    made = f"m5 tag --dataset {dataset.place} --set policy=mine.yaml --refresh"
    with pytest.raises(UsageError, match=f"{gone} is gone; restore it, or run: {made}$"):
        notes.read_of(dataset, "tag/mine", gone, Told)
    with pytest.raises(UsageError, match=f"or run: m5 cut --dataset {dataset.place} --refresh$"):
        notes.read_of(dataset, "cut/mine", gone, Told)
