"""Ranks that share a dataset's folder do the line together."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import line


@pytest.mark.slow
def test_two_ranks_write_what_one_process_writes(crawl: Path, dataset: Path, tmp_path: Path) -> None:
    """Every file, `dataset.json` included, but for the report, which tells where its dataset lies."""
    shared = tmp_path / "dataset"
    begun = []
    for rank in range(2):
        own = tmp_path / str(rank)
        own.mkdir()
        arguments = [*line.command(crawl, shared, workers=1), "--rank", str(rank), "--world-size", "2"]
        begun.append((line.start(arguments, own), own / "log"))
    for process, log in begun:
        try:
            process.wait(timeout=600)
        finally:
            process.kill()
        assert process.returncode == 0, log.read_text()
    differing = line.differences(line.content(dataset), line.content(shared))
    assert {name for name in differing if not name.startswith("reports/")} == set()
