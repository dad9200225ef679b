"""One small world for the whole folder, and one thread: on tensors this small a second one only waits."""

from __future__ import annotations

import pytest
import torch

from .world import World

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world() -> World:
    return World(60, seed=3)
