"""Vectors of products: one a modality, and the fused one, as NumPy arrays, batch by batch or all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from m5tools.loader.batch import Batch
from m5tools.scale.checkpoint import Trained
from m5tools.scale.model import Scale
from m5tools.scale.source import ProductLoader, usable
from m5tools.scale.tokens import Tokens


@dataclass(frozen=True)
class Fused:
    """Product vectors of `N` products.

    Attributes:
        fused: float32 `[N, d]`, unit length; zero for a product without any modality.
        share: float32 `[N, 5]`, what each modality contributed to it.
        match: float32 `[N, 5]`, probability that a present modality belongs to its product.
    """

    fused: NDArray[np.float32]
    share: NDArray[np.float32]
    match: NDArray[np.float32]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of `N` products, in loader order; unreadable rows and products without any token are left out.

    Attributes:
        ids: product ids.
        z: float32 `[N, 5, d]`, unit length, zero where absent.
        fused: float32 `[N, d]`, the product's own vector: unit length, zero where nothing is `present`.
        present: bool `[N, 5]`, what is there and has a vector: a network of one modality reads no other.
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
def joint_tokens(trained: Trained, tokens: Tokens) -> NDArray[np.float32] | None:
    """Vectors `[N, d]` of the joint co-transformer for the products of :func:`embed_tokens`, in its order.

    None where they were not trained to retrieve (`TrainConfig.fused_share`), or the network has none.
    """
    model = trained.model.eval()
    if not (trained.config.fused_share and isinstance(model, Scale)):
        return None
    vectors: NDArray[np.float32] = model.joint(model.encode(tokens), tokens).vector.numpy()
    return vectors


def embed_batch(trained: Trained, batch: Batch) -> Embeddings:
    """Embed one batch, nothing hidden. Vectors do not depend on the batch a product is in (to 1e-5)."""
    return embed_tokens(trained, usable(trained.tokenizer(batch), batch))


@torch.no_grad()
def embed_tokens(trained: Trained, tokens: Tokens) -> Embeddings:
    """Embed products of which the tokens are known."""
    trained.model.eval()
    z = trained.model.vectors(trained.model.encode(tokens), tokens).numpy()
    present = trained.model.known(tokens.present).numpy()
    pooled = fuse(trained, z, present)
    category, cluster = tokens.category.numpy(), tokens.cluster.numpy()
    return Embeddings(tokens.ids, z, pooled.fused, present, pooled.share, pooled.match, category, cluster)


def embedded(trained: Trained, loader: ProductLoader) -> Iterator[Embeddings]:
    """Embed one epoch of a loader, one set of vectors a batch."""
    return (embed_batch(trained, batch) for batch in loader)


def embed(trained: Trained, loader: ProductLoader) -> Embeddings:
    """Embed one epoch of a loader into memory."""
    return Embeddings.join(list(embedded(trained, loader)))


@torch.no_grad()
def fuse(trained: Trained, z: NDArray[np.float32], present: NDArray[np.bool_]) -> Fused:
    """Product vectors by the rule the network was trained with.

    Where a modality's vector does not depend on which others are present (`trained.model.apart`), what a product is
    without some of them needs no second pass through the network: it is the same `z` under another mask.

    Args:
        z: `[N, 5, d]`, unit length where a modality is present.
        present: bool `[N, 5]`; what is masked contributes nothing.
    """
    pooled = trained.harmony.pool(torch.from_numpy(z), torch.from_numpy(present))
    return Fused(pooled.fused.numpy(), pooled.share.numpy(), pooled.match.numpy())


def fingerprint(trained: Trained) -> str:
    """What a network is: 32 hex digits over its weights, its rule's measurements, its shape and its vocabulary.

    Places, times and the form of the checkpoint do not enter.
    """
    digest = hashlib.sha256()
    said = [
        trained.config.network,
        trained.config.harmony,
        trained.tokenizer.config.model_dump_json(),
        trained.tokenizer.to_json(),
    ]
    for text in said:
        digest.update(f"{len(text)}\0{text}".encode())
    state: dict[str, Any] = {**trained.model.state_dict(prefix="model."), **trained.harmony.state_dict(prefix="rule.")}
    for name in sorted(state):
        values = state[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{values.dtype}\0{tuple(values.shape)}\0".encode())
        digest.update(values.view(torch.uint8).numpy().tobytes() if values.ndim else str(values.item()).encode())
    return digest.hexdigest()[:32]
