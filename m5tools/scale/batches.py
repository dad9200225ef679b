"""The endless sequence of training batches: from tokens kept in memory, or decoded anew every epoch.

Both deliver the loader's own order: global batch k holds the same products on any number of ranks and either way, and
the place in it is the loader's state. So a run goes on with another number of ranks, or with less memory, as if nothing
had happened.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor

from m5tools.loader.draws import Rows
from m5tools.loader.slots import PADDING
from m5tools.scale import ranks
from m5tools.scale.source import ProductLoader, usable_rows
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens

AHEAD: Final = 2
"""Batches made ready while one is learned from."""


@dataclass(frozen=True)
class Portion:
    """What one rank learns from in one step.

    Attributes:
        tokens: of `b` products.
        seeds: int64 `[b]`, a number for each place of the global order.
    """

    tokens: Tokens
    seeds: Tensor


class Source(Protocol):
    """Batches without end. Its state counts those handed out, and is one more Stateful of a checkpoint."""

    def __iter__(self) -> Iterator[Portion]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


@dataclass(frozen=True)
class Memory:
    """The tokens of a split.

    Attributes:
        tokens: of its usable products.
        place: int64 `[N]`, where in `tokens` a row of the loader's view is, -1 where it has none.
        bad: unreadable rows, which stand-ins replace.
    """

    tokens: Tokens
    place: Tensor
    bad: frozenset[int]


def remember(loader: ProductLoader, tokenizer: ProductTokenizer) -> Memory:
    """Read a split once, each rank its lane, and give all of it to every rank.

    Args:
        loader: neither shuffled nor cut at the last batch.
    """
    lane = loader.plan.epoch(0).lane(ranks.rank(), ranks.size())
    several: list[Tokens] = []
    rows: list[Rows] = []
    bad: set[int] = set()
    for batch, slots in zip(loader, lane, strict=True):
        tokens = tokenizer(batch)
        kept = usable_rows(tokens, batch)
        several.append(tokens.select(kept))
        rows.append(slots.rows[kept.numpy()])
        bad.update(slots.rows[~batch.valid.numpy() & (slots.rows != PADDING)].tolist())
    told = ranks.of_each((Tokens.join(several), np.concatenate(rows), bad))
    row = torch.from_numpy(np.concatenate([found for _, found, _ in told]))
    place = torch.full((loader.plan.samples,), -1)
    place[row] = torch.arange(len(row))
    return Memory(Tokens.join([found for found, _, _ in told]), place, frozenset().union(*(b for _, _, b in told)))


class InMemory:
    """The order of a loader, which decodes nothing, over tokens in memory."""

    def __init__(self, loader: ProductLoader, memory: Memory) -> None:
        self.loader, self.memory = loader, memory
        self.epoch = self.step = 0

    def __iter__(self) -> Iterator[Portion]:
        while True:
            epoch = self.loader.plan.epoch(self.epoch)
            for slots in epoch.lane(ranks.rank(), ranks.size(), self.step):
                place = self.memory.place[torch.from_numpy(slots.without(self.memory.bad))]
                seeds = torch.from_numpy(slots.seeds)
                self.step += 1
                yield Portion(self.memory.tokens.select(place[place >= 0]), seeds[place >= 0])
            self.epoch, self.step = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        return {**self.loader.state_dict(), "epoch": self.epoch, "step": self.step}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.loader.load_state_dict(state)
        self.epoch, self.step = state["epoch"], state["step"]


class Streamed:
    """Batches as the loader decodes them, some ahead of the one that is learned from."""

    def __init__(self, loader: ProductLoader, tokenizer: ProductTokenizer) -> None:
        self.loader, self.tokenizer = loader, tokenizer
        self.state = loader.state_dict()

    def __iter__(self) -> Iterator[Portion]:
        for portion, state in ahead(self._made()):
            self.state = state
            yield portion

    def _made(self) -> Generator[tuple[Portion, dict[str, Any]]]:
        epoch = self.state["epoch"]
        self.loader.load_state_dict(self.state)
        while True:
            self.loader.set_epoch(epoch)
            for batch in self.loader:
                tokens = self.tokenizer(batch)
                kept = usable_rows(tokens, batch)
                yield Portion(tokens.select(kept), batch.seeds[kept]), self.loader.state_dict()
            epoch += 1

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.loader.load_state_dict(state)
        self.state = self.loader.state_dict()


def ahead(items: Generator[Any]) -> Iterator[Any]:
    """The same items, made by a thread while the last one is used; what it raises is raised here.

    Decoding and most of making tokens let go of Python's lock, as the arithmetic of training does.
    """
    made: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(AHEAD)
    ended = threading.Event()

    def put(item: Any, error: BaseException | None = None) -> None:
        while not ended.is_set():
            try:
                made.put((item, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item)
                if ended.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are used
            put(None, error)
        finally:
            items.close()

    thread = threading.Thread(target=work, name="m5-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        ended.set()
        thread.join()
