"""The vectors of all judged products: in memory where they are few, in mapped files where they are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.scale.checkpoint import Trained
from m5tools.scale.embed import embed_tokens, fuse, joint_tokens
from m5tools.scale.source import ProductLoader, Products, usable
from m5tools.vocabulary import MODALITIES, Modality

BATCH: Final = 64
"""Products embedded at a time."""

IN_MEMORY: Final = 64 * 2**20
"""Bytes of an array above which it is a file."""

_AT_ONCE: Final = 8_192

Tick = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Scratch:
    """Where large arrays go.

    Attributes:
        folder: of the files; they stay until the folder is removed.
        in_memory: bytes up to which an array needs none.
    """

    folder: Path
    in_memory: int = IN_MEMORY

    def array(self, *shape: int) -> NDArray[np.float32]:
        """A float32 array of zeros."""
        if 4 * int(np.prod(shape)) <= self.in_memory:
            return np.zeros(shape, np.float32)
        number = len(list(self.folder.glob("*.npy")))
        mapped: Any = np.lib.format.open_memmap(
            self.folder / f"{number:03d}.npy", mode="w+", dtype=np.float32, shape=shape
        )
        return np.asarray(mapped)


@dataclass(frozen=True)
class Gathered:
    """Products of several splits, one split after the other.

    Attributes:
        ids: product ids.
        titles: first string of each present text, else "".
        split: number of the split of each, int64 `[N]`.
        z: float32 `[5, N, d]`, unit length where present, else zero.
        fused: float32 `[N, d]`.
        joint: float32 `[N, d]`, of the joint co-transformer; None where it was not trained to retrieve.
        present: bool `[N, 5]`.
        category, cluster: int64 `[N]`, -1 when unknown.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    split: NDArray[np.int64]
    z: NDArray[np.float32]
    fused: NDArray[np.float32]
    joint: NDArray[np.float32] | None
    present: NDArray[np.bool_]
    category: NDArray[np.int64]
    cluster: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, modality: Modality) -> NDArray[np.float32]:
        """Vectors of one modality, `[N, d]`."""
        return np.asarray(self.z[modality.bit])

    def fuse_under(self, trained: Trained, mask: NDArray[np.bool_], into: NDArray[np.float32]) -> None:
        """Write the product vectors of what a mask `[n, 5]` leaves of the first n products to `into` `[N, d]`."""
        for start in range(0, len(mask), _AT_ONCE):
            here = slice(start, min(start + _AT_ONCE, len(mask)))
            z = np.ascontiguousarray(self.z[:, here].transpose(1, 0, 2))
            into[here] = fuse(trained, z, mask[here]).fused


def gather(trained: Trained, products: Products, splits: Sequence[str], scratch: Scratch, tick: Tick) -> Gathered:
    """Embed whole splits.

    Raises:
        UsageError: a split holds no usable product.
    """
    loaders = [opened(products, split) for split in splits]
    most = BATCH * sum(len(loader) for loader in loaders)
    z = fused = np.zeros((0, 0), np.float32)
    joint: NDArray[np.float32] | None = None
    ids: list[str] = []
    titles: list[str] = []
    columns: dict[str, list[NDArray[Any]]] = {"split": [], "present": [], "category": [], "cluster": []}
    for number, (split, loader) in enumerate(zip(splits, loaders, strict=True)):
        before = len(ids)
        for done, batch in enumerate(loader, 1):
            tokens = usable(trained.tokenizer(batch), batch)
            found = embed_tokens(trained, tokens)
            if not len(z):
                size = found.fused.shape[1]
                z, fused = scratch.array(len(MODALITIES), most, size), scratch.array(most, size)
            here = slice(len(ids), len(ids) + len(found))
            z[:, here], fused[here] = found.z.transpose(1, 0, 2), found.fused
            own = joint_tokens(trained, tokens)
            if own is not None:
                joint = scratch.array(most, own.shape[1]) if joint is None else joint
                joint[here] = own
            ids += found.ids
            told = _first_strings(batch)
            titles += [told.get(name, "") for name in found.ids]
            columns["split"].append(np.full(len(found), number))
            for name in ("present", "category", "cluster"):
                columns[name].append(getattr(found, name))
            tick(f"embedding {split}", done, len(loader))
        if len(ids) == before:
            raise UsageError(f"the {split} split holds no usable product")
    arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
    joint = None if joint is None else joint[: len(ids)]
    return Gathered(tuple(ids), tuple(titles), z=z[:, : len(ids)], fused=fused[: len(ids)], joint=joint, **arrays)


def gather_under(
    trained: Trained, products: Products, splits: Sequence[str], mask: NDArray[np.bool_], into: NDArray[np.float32]
) -> None:
    """Write the product vectors of what a mask `[n, 5]` leaves of the n products of whole splits to `into` `[N, d]`.

    A pass through the network, for those whose vectors of one modality depend on the others.
    """
    start = 0
    for split in splits:
        for batch in opened(products, split):
            tokens = usable(trained.tokenizer(batch), batch)
            here = slice(start, start + len(tokens))
            into[here] = embed_tokens(trained, tokens.only(torch.from_numpy(mask[here]))).fused
            start = here.stop
    assert start == len(mask)


def opened(products: Products, split: str, *, shuffle: bool = False) -> ProductLoader:
    """A loader on a split that delivers every product once."""
    return products.open(split, MODALITIES, batch_size=BATCH, shuffle=shuffle, drop_last=False)


def _first_strings(batch: Batch) -> dict[str, str]:
    here = (batch.valid & batch.present[:, Modality.TEXT.bit]).tolist()
    strings = batch.strings(Modality.TEXT)
    return {name: own[0] for name, known, own in zip(batch.ids, here, strings, strict=True) if known and own}
