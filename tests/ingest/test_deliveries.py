"""What notes which files a crawl was read from, so that none takes the place of another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.ingest import deliveries


@pytest.fixture
def note(tmp_path: Path) -> Path:
    note = deliveries.note_of(Dataset(tmp_path), "shop-1")
    note.parent.mkdir(parents=True)
    return note


def test_a_crawl_lacks_what_is_in_none_of_the_files(note: Path, tmp_path: Path) -> None:
    dataset, files = Dataset(tmp_path), [tmp_path / "a", tmp_path / "b"]
    assert not deliveries.lacks(dataset, "shop-1", [])
    for number, file in enumerate(files):
        file.write_text(str(number))
    note.write_text(json.dumps(deliveries.contents(map(str, files))))
    assert not deliveries.lacks(dataset, "shop-1", map(str, files))
    assert deliveries.lacks(dataset, "shop-1", [str(files[0])])


@pytest.mark.parametrize("body", ["", "{", "null", "5", "{}", "[1]", '[["a"]]'])
def test_a_damaged_note_does_not_let_other_files_in(note: Path, tmp_path: Path, body: str) -> None:
    note.write_text(body)
    with pytest.raises(
        UsageError, match=r"delivered\.json is damaged .*; restore it, or name the crawl by --set crawl_id"
    ):
        deliveries.lacks(Dataset(tmp_path), "shop-1", [])
