"""The fixture of this folder: run both stages over a small shop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage

from .shop import Found, Listing, tables_of


@pytest.fixture
def find(make_dataset: Callable[..., Dataset]) -> Callable[..., Found]:
    """Run `compare` and `dedup` over listings; `hubs` gives files that so many titles of the corpus share."""

    def run(
        listings: Iterable[Listing], partitions: int = 2, name: str = "dataset", hubs: dict[bytes, int] | None = None
    ) -> Found:
        every = list(listings)
        dataset = make_dataset(tables_of(every, hubs), partitions, name)
        counts = run_stage(dataset, Compare(CompareConfig())).counts | run_stage(dataset, Dedup(DedupConfig())).counts
        return Found(dataset, {e.product_id: e.name for e in every}, counts)

    return run
