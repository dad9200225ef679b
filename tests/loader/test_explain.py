from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.errors import UsageError
from m5tools.loader.explain import NO_CLASS, explain
from m5tools.loader.loader import Loader
from m5tools.loader.weights import LongTail
from m5tools.vocabulary import MODALITIES, Modality, Reason, State


@pytest.mark.parametrize("options", [{}, {"weights": LongTail(0.9, 3.0)}, {"drop_last": False}, {"max_images": 1}])
def test_an_epoch_is_what_was_said_of_it(folder: Path, options: dict[str, object]) -> None:
    ranks = [Loader(folder, global_batch_size=4, rank=r, world_size=2, **options) for r in range(2)]  # type: ignore[arg-type]
    told = explain(ranks[0], world_size=2)
    steps = list(zip(*ranks, strict=True))
    batches = [batch for step in steps for batch in step]
    ids = [pid for batch in batches for pid in batch.ids if pid]
    assert told.batches == len(steps) == len(ranks[0])
    assert (told.delivered, told.distinct) == (len(ids), len(set(ids)))
    assert told.samples == 25
    for modality in MODALITIES:
        held = told.held[modality.value]
        has = [batch.present[:, modality.bit] for batch in batches]
        assert held.samples == sum(int(h.sum()) for h in has)
        assert held.lanes_without == pytest.approx(np.mean([not h.any() for h in has]))
        assert held.samples + sum(held.why_not.values()) == len(ids)
    named = {name: count for name, count in told.categories.items() if name != NO_CLASS}
    for number, name in enumerate(ranks[0].categories):
        assert named[name] == sum(int((batch.category == number).sum()) for batch in batches)
    assert list(told.categories.values()) == sorted(told.categories.values(), reverse=True)
    failed = sum(int((b.state[:, 0] == State.FAILED).sum()) for b in batches)
    assert told.held["image"].why_not.get(f"failed: {Reason.TRUNCATED.word}", 0) == failed


def test_bytes_are_those_of_what_is_asked_for(folder: Path) -> None:
    every = explain(Loader(folder, global_batch_size=25), 1)
    assert every.read_bytes < every.shard_bytes, "three pictures of a product lie there, two are delivered"
    assert every.left_over == 0
    whole = explain(Loader(folder, global_batch_size=25, max_images=3, max_frames=9), 1)
    assert every.read_bytes < whole.read_bytes <= whole.shard_bytes
    words = explain(Loader(folder, global_batch_size=25, modalities=(Modality.TEXT,)), 1)
    assert words.read_bytes < every.read_bytes / 2
    assert words.held["image"].why_not == {"withheld: policy": 25}


def test_filter_block_and_world(folder: Path) -> None:
    toys = explain(Loader(folder, filter=pl.col("category") == "Toys", global_batch_size=4, block=1), 4)
    assert (toys.samples, toys.batches, toys.left_over) == (6, 1, 2)
    assert toys.mixing_width < 6
    assert {name: n for name, n in toys.categories.items() if n} == {"Toys": 4}
    assert 1 <= toys.balance.mean <= toys.balance.worst
    with pytest.raises(UsageError, match="multiple of 3"):
        explain(Loader(folder, global_batch_size=4), 3)
