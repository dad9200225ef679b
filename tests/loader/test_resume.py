"""Stop anywhere, go on elsewhere: the batches are those of an undisturbed epoch, sample by sample, seeds too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.errors import UsageError
from m5tools.loader.buckets import Buckets
from m5tools.loader.loader import Loader
from m5tools.loader.pool import Part
from m5tools.loader.weights import LongTail

SIZE = 8
WORLDS = (1, 2, 4, 8)
TOYS = pl.col("category") == "Toys"
EVERY_RULE: dict[str, Any] = {
    "weights": LongTail(threshold=0.9, cap=3.0),
    "buckets": Buckets("pixels", window=2),
    "mixing": "stratified",
}

Step = list[tuple[str, int]]
"""The samples and augmentation seeds of one global batch, sorted: which rank has which is not told."""


def mixture(folder: Path) -> list[Part]:
    """Two datasets; the smaller one more than its size."""
    return [Part(folder, 1.0, filter=TOYS), Part(folder, 1.0, filter=TOYS.not_() | pl.col("category").is_null())]


def loaders(folder: Path, world: int, workers: int = 0, rules: bool = True) -> list[Loader]:
    source = mixture(folder) if rules else folder
    options = {"global_batch_size": SIZE, "seed": 5, "image_size": 8, "modalities": ("text", "image"), "threads": 1}
    options |= {"world_size": world, "workers": workers, **(EVERY_RULE if rules else {})}
    return [Loader(source, rank=rank, **options) for rank in range(world)]  # type: ignore[arg-type]


def run(ranks: list[Loader], steps: int | None = None) -> list[Step]:
    """The global batches that ranks in step with each other deliver, at most `steps` of them."""
    if steps == 0:
        return []
    delivered: list[Step] = []
    for batches in zip(*ranks, strict=True):
        assert len({len(batch) for batch in batches}) == 1
        delivered.append(sorted(pair for b in batches for pair in zip(b.ids, b.seeds.tolist(), strict=True)))
        if len(delivered) == steps:
            break
    return delivered


def start(ranks: list[Loader], epoch: int = 0) -> None:
    for loader in ranks:
        loader.set_epoch(epoch + 1)  # leaves a restored place
        loader.set_epoch(epoch)


def saved(ranks: list[Loader]) -> dict[str, Any]:
    """The state of any rank, as it comes back from a file."""
    states = [json.dumps(loader.state_dict()) for loader in ranks]
    assert len(set(states)) == 1, "the state is the same on every rank"
    assert len(states[0]) < 160
    return json.loads(states[0])  # type: ignore[no-any-return]


def epochs(folder: Path, count: int, rules: bool = True) -> list[list[Step]]:
    out = []
    alone = loaders(folder, 1, rules=rules)
    for epoch in range(count):
        start(alone, epoch)
        out.append(run(alone))
        assert len(out[-1]) == len(alone[0])
    return out


@pytest.mark.parametrize("rules", [False, True], ids=["plain", "every rule"])
def test_any_stop_point_on_any_world_continues_on_any_other(folder: Path, rules: bool) -> None:
    first, second = epochs(folder, 2, rules)
    assert len(first) >= 3
    assert first != second
    every = [loaders(folder, world, rules=rules) for world in WORLDS]
    for ranks in every:
        for stop in range(len(first) + 1):
            start(ranks)
            done = run(ranks, stop)
            state = saved(ranks)
            assert state["step"] == stop
            for resumed in every:
                for loader in resumed:
                    loader.load_state_dict(state)
                assert done + run(resumed) == first, (len(ranks), stop, len(resumed))
    for ranks in every:
        start(ranks, 1)
        assert run(ranks) == second, "the next epoch is whole"


def stops_with_workers(folder: Path, world: int, workers: int) -> None:
    """Batches a worker has prefetched, but the trainer never saw, come again after a restart."""
    first, second = epochs(folder, 2)
    ranks, others = loaders(folder, world, workers), loaders(folder, 2)
    for stop in range(len(first) + 1):
        start(ranks)
        done = run(ranks, stop)
        state = saved(ranks)
        assert state["step"] == stop
        for resumed in (ranks, others):
            for loader in resumed:
                loader.load_state_dict(state)
            assert done + run(resumed) == first, stop
    start(ranks, 1)
    assert run(ranks) == second


@pytest.mark.parametrize(("world", "workers"), [(1, 2), (2, 1)])
def test_worker_processes_change_nothing(folder: Path, world: int, workers: int) -> None:
    stops_with_workers(folder, world, workers)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "workers"), [(1, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)])
def test_worker_processes_change_nothing_on_more_ranks(folder: Path, world: int, workers: int) -> None:
    stops_with_workers(folder, world, workers)


def test_naming_the_restored_epoch_keeps_its_place(folder: Path) -> None:
    first, second = epochs(folder, 2)
    (loader,), (resumed,) = loaders(folder, 1), loaders(folder, 1)
    loader.set_epoch(1)
    run([loader], 2)
    resumed.load_state_dict(saved([loader]))
    resumed.set_epoch(1)
    assert run([resumed]) == second[2:]
    resumed.load_state_dict(saved([loader]))
    resumed.set_epoch(0)
    assert run([resumed]) == first


def test_a_new_iteration_without_a_state_starts_over(folder: Path) -> None:
    (loader,) = loaders(folder, 1)
    assert run([loader], 2) == run([loader])[:2]
    assert saved([loader])["step"] == len(loader)


@pytest.mark.parametrize("by", ["epoch", "state", "iteration"])
def test_an_iteration_that_was_left_counts_no_more_batches(folder: Path, by: str) -> None:
    (loader,), (undisturbed,) = loaders(folder, 1), epochs(folder, 1)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    match by:
        case "epoch":
            loader.set_epoch(1)
        case "state":
            loader.load_state_dict(state)
        case _:
            next(iter(loader))
    now = loader.state_dict()
    with pytest.raises(UsageError, match="was ended by another one"):
        next(batches)
    assert loader.state_dict() == now
    loader.load_state_dict(state)
    assert run([loader]) == undisturbed[1:]


def test_the_next_epoch_may_be_named_with_the_last_batch(folder: Path) -> None:
    (loader,), (_, second) = loaders(folder, 1), epochs(folder, 2)
    for number, _ in enumerate(loader, 1):
        if number == len(loader):
            loader.set_epoch(1)
    assert run([loader]) == second


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"filter": TOYS.not_()}, "fingerprint was .*same split, cut, overlays, filter"),
        ({"modalities": ("text",)}, "fingerprint was"),
        ({"shuffle": False}, "fingerprint was"),
        ({"block": 2}, "fingerprint was"),
        ({"drop_last": False}, "fingerprint was"),
        ({"split": "test"}, "fingerprint was"),
        ({"weights": LongTail(0.5)}, "fingerprint was"),
        ({"buckets": "text"}, "fingerprint was"),
        ({"seed": 6}, "seed was 5, here it is 6"),
        ({"global_batch_size": 2}, "global_batch_size was 4, here it is 2"),
    ],
)
def test_a_state_of_another_order_is_refused(folder: Path, other: dict[str, Any], message: str) -> None:
    loader = Loader(folder, global_batch_size=4, seed=5)
    options = {"global_batch_size": 4, "seed": 5, **other}
    with pytest.raises(UsageError, match=message):
        Loader(folder, **options).load_state_dict(loader.state_dict())


def test_what_changes_no_order_may_be_chosen_anew(folder: Path) -> None:
    state = Loader(folder, global_batch_size=4).state_dict()
    Loader(folder, global_batch_size=4, stand_ins=False, image_size=16, world_size=2, rank=1).load_state_dict(state)


def test_a_state_of_another_version_is_refused(folder: Path) -> None:
    loader = Loader(folder, global_batch_size=4)
    with pytest.raises(UsageError, match="version 9"):
        loader.load_state_dict({**loader.state_dict(), "version": 9})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1}, r"the step of this loader state is -1, no whole number of 0 … \d+; "),
        ({"step": 10**6}, "the step of this loader state is 1000000, "),
        ({"step": "1"}, "the step of this loader state is '1', "),
        ({"step": 1.5}, "the step of this loader state is 1.5, "),
        ({"step": None}, "the step of this loader state is None, "),
        ({"step": True}, "the step of this loader state is True, "),
        ({"epoch": -1}, "the epoch of this loader state is -1, "),
        ({"epoch": 2**70}, "the epoch of this loader state is 1180591620717411303424, "),
        ({"epoch": "x" * 99}, "the epoch of this loader state is 'xxx"),
    ],
)
@pytest.mark.parametrize("rules", [{}, {"weights": LongTail(0.5)}])
def test_a_place_that_no_loader_was_at_is_refused(
    folder: Path, change: dict[str, Any], message: str, rules: dict[str, Any]
) -> None:
    loader = Loader(folder, global_batch_size=4, **rules)
    with pytest.raises(UsageError, match=message) as refused:
        loader.load_state_dict({**loader.state_dict(), **change})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("field", ["epoch", "step"])
def test_a_state_without_its_place_is_refused(folder: Path, field: str) -> None:
    loader = Loader(folder, global_batch_size=4)
    state = loader.state_dict()
    del state[field]
    with pytest.raises(UsageError, match=f"this loader state has no {field}; continue from another"):
        loader.load_state_dict(state)


@pytest.mark.parametrize("state", [[], None, "x", 5])
def test_what_is_no_dict_is_no_state(folder: Path, state: Any) -> None:
    with pytest.raises(UsageError, match=f"a loader state is a dict, not {type(state).__name__}; "):
        Loader(folder, global_batch_size=4).load_state_dict(state)


def test_the_end_and_the_last_epoch_that_can_be_named_are_places(folder: Path) -> None:
    loader = Loader(folder, global_batch_size=4, weights=LongTail(0.5))
    loader.load_state_dict({**loader.state_dict(), "step": len(loader)})
    assert not list(loader)
    loader.load_state_dict({**loader.state_dict(), "epoch": 2**63 - 1, "step": 1})
    assert len(list(loader)) == len(loader) - 1
