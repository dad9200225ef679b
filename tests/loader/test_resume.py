"""Stop anywhere, go on elsewhere: the batches are those of an undisturbed epoch, sample by sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.errors import UsageError
from m5tools.loader.loader import Loader

SIZE = 4
BATCHES = 6


def loaders(folder: Path, world: int, workers: int = 0) -> list[Loader]:
    return [
        Loader(
            folder, global_batch_size=SIZE, seed=5, image_size=8, rank=r, world_size=world, workers=workers, threads=1
        )
        for r in range(world)
    ]


def run(ranks: list[Loader], steps: int | None = None) -> list[list[str]]:
    """The ids of the global batches that ranks in step with each other deliver, at most `steps` of them."""
    delivered = []
    for batches in zip(*ranks, strict=True):
        delivered.append([pid for batch in batches for pid in batch.ids])
        if len(delivered) == steps:
            break
    return delivered


def saved(ranks: list[Loader]) -> dict[str, Any]:
    """The state of any rank, as it comes back from a file."""
    states = [json.dumps(loader.state_dict()) for loader in ranks]
    assert len(set(states)) == 1, "the state is the same on every rank"
    assert len(states[0]) < 160
    return json.loads(states[0])  # type: ignore[no-any-return]


def epochs(folder: Path, count: int) -> list[list[list[str]]]:
    (alone,) = loaders(folder, 1)
    out = []
    for epoch in range(count):
        alone.set_epoch(epoch)
        out.append(run([alone]))
    return out


def test_any_stop_point_on_any_world_continues_on_any_other(folder: Path) -> None:
    first, second = epochs(folder, 2)
    assert [len(b) for b in first] == [SIZE] * BATCHES
    assert first != second
    for world in (1, 2, 4):
        for stop in range(BATCHES + 1):
            ranks = loaders(folder, world)
            done = run(ranks, stop) if stop else []
            state = saved(ranks)
            assert state["step"] == stop
            for other in (1, 2, 4):
                resumed = loaders(folder, other)
                for loader in resumed:
                    loader.load_state_dict(state)
                assert done + run(resumed) == first, (world, stop, other)
                for loader in resumed:
                    loader.set_epoch(1)
                assert run(resumed) == second, "the next epoch is whole"


@pytest.mark.parametrize("world", [1, 2])
def test_worker_processes_change_nothing(folder: Path, world: int) -> None:
    """Batches a worker has prefetched, but the trainer never saw, come again after a restart."""
    first, second = epochs(folder, 2)
    ranks = loaders(folder, world, workers=1)
    done = run(ranks, 2)
    state = saved(ranks)
    assert state["step"] == 2
    for loader in ranks:
        loader.load_state_dict(state)
    assert done + run(ranks) == first
    for loader in ranks:
        loader.set_epoch(1)
    assert run(ranks) == second
    (alone,) = loaders(folder, 1)
    alone.load_state_dict(state)
    assert done + run([alone]) == first


def test_naming_the_restored_epoch_keeps_its_place(folder: Path) -> None:
    (loader,) = loaders(folder, 1)
    loader.set_epoch(1)
    run([loader], 2)
    (resumed,) = loaders(folder, 1)
    resumed.load_state_dict(saved([loader]))
    resumed.set_epoch(1)
    assert run([resumed]) == epochs(folder, 2)[1][2:]


def test_a_new_iteration_without_a_state_starts_over(folder: Path) -> None:
    (loader,) = loaders(folder, 1)
    assert run([loader], 2) == run([loader])[:2]
    assert saved([loader])["step"] == BATCHES
    assert len(loader) == BATCHES


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"filter": pl.col("category") == "Toys"}, "fingerprint was .*same split, cut, filter"),
        ({"modalities": ("text",)}, "fingerprint was"),
        ({"shuffle": False}, "fingerprint was"),
        ({"drop_last": False}, "fingerprint was"),
        ({"split": "test"}, "fingerprint was"),
        ({"seed": 6}, "seed was 5, here it is 6"),
        ({"global_batch_size": 2}, "global_batch_size was 4, here it is 2"),
    ],
)
def test_a_state_of_another_order_is_refused(folder: Path, other: dict[str, Any], message: str) -> None:
    (loader,) = loaders(folder, 1)
    options = {"global_batch_size": SIZE, "seed": 5, **other}
    with pytest.raises(UsageError, match=message):
        Loader(folder, **options).load_state_dict(loader.state_dict())


def test_a_state_of_another_version_is_refused(folder: Path) -> None:
    (loader,) = loaders(folder, 1)
    with pytest.raises(UsageError, match="version 9"):
        loader.load_state_dict({**loader.state_dict(), "version": 9})
