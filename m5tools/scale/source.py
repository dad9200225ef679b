"""Where training batches come from: tokens kept in memory when they fit, else decoded anew every epoch.

Both are endless, deterministic, and restored from a small state. The rows set aside for calibration are the first
products of the epoch order; their other offers (same cluster) leave training with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.loader.loader import Loader
from m5tools.scale.config import ScaleConfig
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import Modality


class ProductLoader(Protocol):
    """What training needs of :class:`m5tools.loader.loader.Loader`."""

    @property
    def categories(self) -> tuple[str, ...]: ...

    @property
    def fingerprint(self) -> str: ...

    def __iter__(self) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...

    def set_epoch(self, epoch: int) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


class Products(Protocol):
    """Something that opens a loader on one split, such as :class:`Shards`."""

    def open(
        self, split: str, modalities: Sequence[Modality], *, batch_size: int, shuffle: bool, drop_last: bool
    ) -> ProductLoader: ...


@dataclass(frozen=True)
class Shards:
    """A shard folder, decoded at the sizes one network takes; unreadable samples are listed in the run's folder."""

    uri: str
    cut: str | None
    shape: ScaleConfig
    image_size: int
    seed: int
    run: Path | None = None

    def open(
        self, split: str, modalities: Sequence[Modality], *, batch_size: int, shuffle: bool, drop_last: bool
    ) -> ProductLoader:
        """A loader that delivers these modalities and reports the others as withheld."""
        return Loader(
            self.uri,
            split=split,
            cut=self.cut,
            modalities=tuple(modalities),
            global_batch_size=batch_size,
            seed=self.seed,
            run=self.run,
            shuffle=shuffle,
            drop_last=drop_last,
            image_size=self.image_size,
            max_images=self.shape.pictures,
            max_frames=self.shape.frames,
            max_audio_seconds=float(self.shape.audio_tokens),
        )


class Source(Protocol):
    """An endless sequence of training batches that can be continued elsewhere."""

    def __iter__(self) -> Iterator[Tokens]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


def usable(tokens: Tokens, batch: Batch) -> Tokens:
    """Without padding, unreadable rows and products that have no token at all."""
    return tokens.select(torch.nonzero(batch.valid & tokens.present.any(1)).flatten())


def read(loader: ProductLoader, tokenizer: ProductTokenizer, rows: int | None = None) -> Tokens:
    """Tokens of the loader's current epoch, or of the first `rows` products of it."""
    several: list[Tokens] = []
    count = 0
    for batch in loader:
        several.append(usable(tokenizer(batch), batch))
        count += len(several[-1])
        if rows is not None and count >= rows:
            break
    tokens = Tokens.join(several)
    return tokens if rows is None else tokens.select(torch.arange(min(rows, len(tokens))))


@dataclass(frozen=True)
class HeldOut:
    """The calibration rows, and what must not be trained on because of them."""

    tokens: Tokens

    def allowed(self, tokens: Tokens) -> Tokens:
        """Those of `tokens` that are neither held-out rows nor offers of a held-out product."""
        ids = set(self.tokens.ids)
        known = torch.tensor([name in ids for name in tokens.ids], dtype=torch.bool)
        clusters = self.tokens.cluster[self.tokens.cluster >= 0]
        return tokens.select(torch.nonzero(~(known | torch.isin(tokens.cluster, clusters))).flatten())


class InMemory:
    """Batches from tokens held in memory, in a new order every epoch; the incomplete last batch is dropped."""

    def __init__(self, tokens: Tokens, batch_size: int, seed: int) -> None:
        self.tokens = tokens
        self.size = min(batch_size, len(tokens))
        self.seed = seed
        self.taken = 0

    def __iter__(self) -> Iterator[Tokens]:
        while True:
            epoch, number = divmod(self.taken, len(self.tokens) // self.size)
            order = self._order(epoch)[number * self.size : (number + 1) * self.size]
            self.taken += 1
            yield self.tokens.select(order)

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.taken = state["taken"]

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.tokens), generator=generator)


class Streamed:
    """Batches as the loader decodes them; a batch is smaller by the held-out products in it."""

    def __init__(self, loader: ProductLoader, tokenizer: ProductTokenizer, held_out: HeldOut) -> None:
        self.loader = loader
        self.tokenizer = tokenizer
        self.held_out = held_out
        self.epoch = 0
        self.restored = False

    def __iter__(self) -> Iterator[Tokens]:
        while True:
            if not self.restored:
                self.loader.set_epoch(self.epoch)
            whole, found = not self.restored, False
            self.restored = False
            for batch in self.loader:
                tokens = self.held_out.allowed(usable(self.tokenizer(batch), batch))
                if len(tokens) >= 2:
                    found = True
                    yield tokens
            if whole and not found:
                raise UsageError("no product of the train split is left to train on beside the calibration rows")
            self.epoch += 1

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "loader": self.loader.state_dict()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.epoch = state["epoch"]
        self.loader.set_epoch(self.epoch)
        self.loader.load_state_dict(state["loader"])
        self.restored = True
