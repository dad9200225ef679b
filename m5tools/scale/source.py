"""How training and evaluation open products, and what a delivered batch is worth to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import torch

from m5tools.loader.batch import Batch
from m5tools.loader.loader import Loader
from m5tools.loader.plan import Plan
from m5tools.scale.config import ScaleConfig
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import Modality


class ProductLoader(Protocol):
    """What training needs of :class:`m5tools.loader.loader.Loader`."""

    plan: Plan

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
        self,
        split: str,
        modalities: Sequence[Modality],
        *,
        batch_size: int,
        shuffle: bool,
        drop_last: bool,
        without: Sequence[str] = (),
        rank: int = 0,
        world_size: int = 1,
    ) -> ProductLoader:
        """A loader that delivers these modalities and reports the others as withheld.

        Args:
            split: train, val or test.
            modalities: those to deliver.
            batch_size: products a step, over all ranks.
            shuffle, drop_last: as for the loader.
            without: ids of products that stay away, and with them their other offers (same cluster).
            rank, world_size: this process among those that share every batch.
        """
        ...


@dataclass(frozen=True)
class Shards:
    """A shard folder, decoded at the sizes one network takes; unreadable samples are listed in the run's folder."""

    uri: str
    cut: str | None
    shape: ScaleConfig
    image_size: int
    seed: int
    run: Path | None = None
    workers: int = 0
    max_bad_share: float = 0.05

    def open(
        self,
        split: str,
        modalities: Sequence[Modality],
        *,
        batch_size: int,
        shuffle: bool,
        drop_last: bool,
        without: Sequence[str] = (),
        rank: int = 0,
        world_size: int = 1,
    ) -> ProductLoader:
        """See :meth:`Products.open`."""
        return Loader(
            self.uri,
            split=split,
            cut=self.cut,
            modalities=tuple(modalities),
            filter=_neither(without) if without else None,
            global_batch_size=batch_size,
            seed=self.seed,
            run=self.run,
            shuffle=shuffle,
            drop_last=drop_last,
            image_size=self.image_size,
            max_images=self.shape.pictures,
            max_frames=self.shape.frames,
            max_audio_seconds=float(self.shape.audio_tokens),
            # Only what goes through the epochs is worth processes of its own.
            workers=self.workers if drop_last else 0,
            max_bad_share=self.max_bad_share,
            rank=rank,
            world_size=world_size,
        )


def _neither(without: Sequence[str]) -> pl.Expr:
    """Neither these products nor others of their clusters."""
    named = pl.col("product_id").is_in(list(without))
    return ~(named | (pl.col("cluster").is_not_null() & named.any().over("cluster")))


def usable_rows(tokens: Tokens, batch: Batch) -> torch.Tensor:
    """Rows of a batch, int64, without padding, unreadable ones and products that have no token at all."""
    return torch.nonzero(batch.valid & tokens.present.any(1)).flatten()


def usable(tokens: Tokens, batch: Batch) -> Tokens:
    """Without padding, unreadable rows and products that have no token at all."""
    return tokens.select(usable_rows(tokens, batch))


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
