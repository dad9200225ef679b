"""The world that pages run in."""

from __future__ import annotations

import pytest

from .world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> World:
    """One for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    return World((base if worker_id == "master" else base.parent) / "docs-world")
