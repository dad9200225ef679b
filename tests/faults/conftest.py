"""The small dataset that is disturbed, and what its steps leave while nobody disturbs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .steps import world
from .undisturbed import Line


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    """The stages on the first crawl; the folder's path is short, as those of sockets must be."""
    with (
        tempfile.TemporaryDirectory(prefix="m5-", ignore_cleanup_errors=True) as short,
        world(Path(short) / "w") as here,
    ):
        yield Line(here.first, Path(short) / "line")
