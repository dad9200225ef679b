"""Vectors of a split: one a modality, and the fused one, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from m5tools.scale.checkpoint import Trained
from m5tools.scale.source import ProductLoader, usable


@dataclass(frozen=True)
class Embeddings:
    """Vectors of `N` products, in loader order; unreadable rows and products without any token are left out.

    Attributes:
        ids: product ids.
        z: float32 `[N, 5, d]`, unit length, zero where absent.
        fused: float32 `[N, d]`, unit length: the product's own vector.
        present: bool `[N, 5]`.
        share: float32 `[N, 5]`, what each modality contributed to `fused`.
        match: float32 `[N, 5]`, probability that a present modality belongs to its product.
        category: int64 `[N]`, -1 when unknown.
        cluster: int64 `[N]`, -1 when unknown.
    """

    ids: tuple[str, ...]
    z: NDArray[np.float32]
    fused: NDArray[np.float32]
    present: NDArray[np.bool_]
    share: NDArray[np.float32]
    match: NDArray[np.float32]
    category: NDArray[np.int64]
    cluster: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @staticmethod
    def join(several: list[Embeddings]) -> Embeddings:
        """Several sets, one after the other."""
        names = ("z", "fused", "present", "share", "match", "category", "cluster")
        arrays = {name: np.concatenate([getattr(e, name) for e in several]) for name in names}
        return Embeddings(tuple(i for e in several for i in e.ids), **arrays)


@torch.no_grad()
def embed(trained: Trained, loader: ProductLoader) -> Embeddings:
    """Embed one epoch of a loader, nothing hidden. Vectors do not depend on the batch a product is in (to 1e-5)."""
    trained.model.eval()
    several = []
    for batch in loader:
        tokens = usable(trained.tokenizer(batch), batch)
        present = tokens.present
        z = trained.model.vectors(trained.model.encode(tokens), tokens)
        pooled = trained.harmony.pool(z, present)
        several.append(
            Embeddings(
                tokens.ids,
                z.numpy(),
                pooled.fused.numpy(),
                present.numpy(),
                pooled.share.numpy(),
                pooled.match.numpy(),
                tokens.category.numpy(),
                tokens.cluster.numpy(),
            )
        )
    return Embeddings.join(several)
