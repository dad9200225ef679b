"""What a dry run says a pipeline would cost."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from m5tools.cli.estimate import size_of
from m5tools.ingest.stage import Ingest, IngestConfig


def records(rows: int) -> str:
    return "".join(
        json.dumps({"id": str(i), "title": f"Lamp {i:04d}", "images": ["a.png", "b.png"], "videos": ["c.mp4"]}) + "\n"
        for i in range(rows)
    )


def stage(file: Path, **more: object) -> Ingest:
    return Ingest(IngestConfig.model_validate({"source": "s", "mapping": "synth", "files": str(file), **more}))


@pytest.mark.parametrize("rows", [7, 2_000])
def test_rows_and_media_are_close_to_what_there_is(tmp_path: Path, rows: int) -> None:
    file = tmp_path / "crawl.jsonl"
    file.write_text(records(rows))
    size = size_of(stage(file))
    assert size.rows == pytest.approx(rows, rel=0.05)
    assert size.images == pytest.approx(2 * rows, rel=0.05)
    assert size.videos == pytest.approx(rows, rel=0.05)
    assert not size.remote


def test_a_limit_bounds_the_estimate(tmp_path: Path) -> None:
    file = tmp_path / "crawl.jsonl"
    file.write_text(records(500))
    assert size_of(stage(file, limit=20)).rows == 20


def test_a_zip_is_judged_by_what_it_holds_not_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "crawl.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("crawl.jsonl", records(2_000))
    assert size_of(stage(file)).rows == pytest.approx(2_000, rel=0.05)
