"""A small curated crawl that several whole-system tests read and none changes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import line


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """Where runs keep temporary files, also those a kill leaves; its path is short, as those of sockets must be."""
    with tempfile.TemporaryDirectory(prefix="m5-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a delivery of some sixty products."""
    return line.simulate(tmp_path_factory.mktemp("crawl") / "synth", products=60, seed=3)


@pytest.fixture(scope="session")
def dataset(crawl: Path, tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Path:
    """What `m5 run demo` makes of it with two workers."""
    folder = tmp_path_factory.mktemp("curated") / "dataset"
    line.complete(line.command(crawl, folder), scratch)
    return folder
