"""Batches that cross from real worker processes: nothing is overwritten while someone holds it, and memory is reused."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from m5tools.loader import lending
from m5tools.loader.batch import Batch
from m5tools.loader.loader import Loader
from m5tools.vocabulary import MODALITIES

MOST = 3 * (2 + 1 + 2)
"""Pictures, frames and sounds of batches that were ready, in the trainer's hands, and on their way; 20 were delivered."""
SIZES = {"global_batch_size": 5, "image_size": 160, "seed": 3, "stand_ins": False, "max_bad_share": 1.0}


def same(one: Batch, other: Batch) -> bool:
    assert one.ids == other.ids
    parts = [(one.part(m), other.part(m)) for m in MODALITIES]
    return all(
        torch.equal(a, b)
        for x, y in parts
        for a, b in ((x.data, y.data), (x.offsets, y.offsets), (x.row, y.row))
    )  # fmt: skip


@pytest.fixture
def received() -> dict[tuple[int, int], object]:
    """What this process knows of buffers; those of other tests are none of ours."""
    gc.collect()
    lending._received.clear()
    return lending._received  # type: ignore[return-value]


@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_batches_that_are_kept_stay_as_they_are(folder: Path, context: str) -> None:
    wanted = list(Loader(folder, **SIZES))  # type: ignore[arg-type]
    loader = Loader(folder, workers=2, **SIZES)  # type: ignore[arg-type]
    loader._batches.multiprocessing_context = context
    kept = [batch for _ in range(3) for batch in loader]
    assert len(kept) == 15
    for i, batch in enumerate(kept):
        assert same(batch, wanted[i % 5])


def test_memory_is_used_again_once_the_trainer_lets_go(folder: Path, received: dict[tuple[int, int], object]) -> None:
    loader = Loader(folder, workers=1, **SIZES)  # type: ignore[arg-type]
    for _ in range(4):
        for batch in loader:
            pictures = len(batch.image)
            view = batch.image.data[:1]
            del batch
            assert (view.sum() > 0) == (pictures > 0), "a part keeps the whole"
    assert 0 < len(received) <= MOST


def test_damage_lends_nothing_for_ever(folder: Path, received: dict[tuple[int, int], object]) -> None:
    """A batch without what was unreadable in it still goes back."""
    tar = folder / "train-000001.tar"
    body = bytearray(tar.read_bytes())
    body[::701] = bytes(255 - b for b in body[::701])
    tar.write_bytes(body)
    loader = Loader(folder, workers=1, **SIZES)  # type: ignore[arg-type]
    wanted = list(Loader(folder, **SIZES))  # type: ignore[arg-type]
    assert not all(batch.valid.all() for batch in wanted)
    for _ in range(4):
        for batch, other in zip(loader, wanted, strict=True):
            assert same(batch, other)
    assert 0 < len(received) <= MOST


def test_only_what_was_lent_has_a_ticket() -> None:
    assert lending.ticket(torch.zeros(9)) is None
    assert lending.ticket(torch.zeros(0)) is None


def test_a_buffer_is_free_when_its_worker_drops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "get_worker_info", lambda: True)
    monkeypatch.setattr(lending, "_buffers", [])
    assert lending.ticket(lending.empty((3, 5), torch.int16)) is None, "too small to be worth it"
    first = lending.empty((300, 500), torch.int16)
    second = lending.empty((300, 500), torch.int16)
    assert first.data_ptr() != second.data_ptr()
    address = first.data_ptr()
    del first
    assert lending.empty((200, 500), torch.uint8).data_ptr() == address
    larger = lending.empty((3 << 20,), torch.uint8)
    larger[:] = 7
    assert len(lending._buffers) == 2, "the free one grows"
    ticket = lending.ticket(larger)
    assert ticket is not None
    del larger
    assert not lending._buffers[0].is_free(), "it is with the trainer now"


def test_only_the_trainer_gives_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process forked from it lets go of what it inherited without setting it free."""
    monkeypatch.setattr(lending, "get_worker_info", lambda: True)
    monkeypatch.setattr(lending, "_buffers", [])
    lent = lending.empty((1 << 20,), torch.uint8)
    lent[:] = 7
    (buffer,) = lending._buffers
    ticket = lending.ticket(lent)
    assert ticket is not None
    here = SimpleNamespace(detach=lambda: os.dup(buffer.descriptor))
    batch = replace(ticket, descriptor=here).redeem()
    assert torch.equal(batch, lent)
    del lent
    child = os.fork()
    if not child:
        del batch
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not buffer.is_free()
    del batch
    assert buffer.is_free()


def test_freed_memory_of_a_worker_is_used_again_without_page_faults() -> None:
    """In a process of its own, for this one shall stay as it is."""
    program = """
import resource, sys
import numpy as np
from m5tools.loader.lending import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        several = [np.ones(600_000, np.uint8) for _ in range(10)]
        del several
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", program, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "returned")
    )
    assert kept < 100
    assert returned > 10_000 or sys.platform != "linux"
