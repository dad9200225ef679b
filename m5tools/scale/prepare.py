"""What stands before the first step: the vocabulary, the calibration rows, and where batches come from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from m5tools.errors import UsageError
from m5tools.scale import ranks
from m5tools.scale.batches import InMemory, Source, Streamed, remember
from m5tools.scale.config import TrainConfig
from m5tools.scale.frozen import opened, shaped
from m5tools.scale.source import ProductLoader, Products, read
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens
from m5tools.scale.words import document_counts, texts_of
from m5tools.vocabulary import MODALITIES, Modality

READ_BATCH: Final = 64
"""Products decoded at a time when a split is read once."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of a run, and what the texts of the training split taught of them.

    Attributes:
        tokenizer: as JSON text.
        documents: float32 `[vocabulary]`, products that use each word; None in a run that goes on.
        rows: products of the split.
    """

    tokenizer: str
    documents: Tensor | None
    rows: int


@dataclass(frozen=True)
class Materials:
    """All that a run works with; the same on every rank but for `source`, which gives each its lane.

    Attributes:
        tokenizer, vocabulary: of the run.
        categories: class names of the folder.
        data: fingerprint of the training split, whole and without calibration rows set aside.
        held_out: the calibration rows.
        source: the batches.
        in_memory: whether they come from memory.
        train_rows: products trained on.
    """

    tokenizer: ProductTokenizer
    vocabulary: Vocabulary
    categories: tuple[str, ...]
    data: str
    held_out: Tokens
    source: Source
    in_memory: bool
    train_rows: int


def prepare(config: TrainConfig, products: Products, vocabulary: Vocabulary | None, data: str | None) -> Materials:
    """Read what has to be read before training.

    Args:
        config: of the run.
        products: where splits are opened.
        vocabulary: of a run that goes on; None learns it, or takes that of `config.tokenizer`.
        data: fingerprint of what that run was trained on.

    Raises:
        UsageError: the split is too small, holds other products than before, or lacks the frozen features.
    """
    whole = _whole(products, MODALITIES, shuffle=True)
    if data is not None and data != whole.fingerprint:
        raise UsageError(
            f"{config.shards} no longer holds what {config.out} was trained on; "
            "bring the shards and the cut back, or choose another folder"
        )
    if vocabulary is None:
        vocabulary = ranks.from_first(lambda: _vocabulary(config, products))
    features = opened(config.shards, config.features)
    tokenizer = ProductTokenizer.from_json(shaped(config.shape, features), vocabulary.tokenizer, features)
    rows = vocabulary.rows
    wanted = min(config.calibration_rows, rows // 10)
    too_few = f"{config.shards}: the train split holds fewer than two usable products"
    if rows < 2:
        raise UsageError(too_few)
    # At least two are read, to know how much memory a product takes.
    first = ranks.from_first(lambda: read(whole, tokenizer, max(wanted, 2)))
    if len(first) < 2:
        raise UsageError(too_few)
    held_out = first.select(torch.arange(wanted))
    left = products.open(
        "train",
        MODALITIES,
        batch_size=READ_BATCH * ranks.size(),
        shuffle=False,
        drop_last=False,
        without=held_out.ids,
        rank=ranks.rank(),
        world_size=ranks.size(),
    )
    if left.plan.samples < config.batch_size:
        raise UsageError(
            f"{config.shards}: {left.plan.samples:,} products of the train split are left beside {wanted} for "
            f"calibration, fewer than batch_size {config.batch_size}; lower it"
        )
    order = products.open(
        "train",
        MODALITIES,
        batch_size=config.batch_size,
        shuffle=True,
        drop_last=True,
        without=held_out.ids,
        rank=ranks.rank(),
        world_size=ranks.size(),
    )
    in_memory = first.nbytes / len(first) * rows <= config.memory_mb * 2**20
    source: Source = InMemory(order, remember(left, tokenizer)) if in_memory else Streamed(order, tokenizer)
    return Materials(
        tokenizer, vocabulary, whole.categories, whole.fingerprint, held_out, source, in_memory, left.plan.samples
    )


def _whole(products: Products, modalities: tuple[Modality, ...], shuffle: bool) -> ProductLoader:
    """Every product of the split, once, on this rank alone."""
    return products.open("train", modalities, batch_size=READ_BATCH, shuffle=shuffle, drop_last=False)


def _vocabulary(config: TrainConfig, products: Products) -> Vocabulary:
    """Read the texts (no media) to learn the words, unless they are given, then to count the products that use each."""
    loader = _whole(products, (Modality.TEXT, Modality.TABLE), shuffle=False)

    def texts() -> Iterator[list[str]]:
        for batch in loader:
            yield from itertools.compress(texts_of(batch), batch.valid.tolist())

    if config.tokenizer is None:
        tokenizer = ProductTokenizer.learn(config.shape, itertools.chain.from_iterable(texts()))
    else:
        tokenizer = ProductTokenizer.from_file(config.shape, config.tokenizer)
    documents, rows = document_counts(tokenizer.bpe, texts())
    return Vocabulary(tokenizer.to_json(), documents, rows)
