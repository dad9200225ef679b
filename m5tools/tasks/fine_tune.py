"""A few epochs of a linear head and the network under it on the categories of the training split (M5Product).

The network starts from the checkpoint; a copy is trained, the rule that weighs modalities stays as it was measured.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.checkpoint import Trained
from m5tools.scale.source import ProductLoader, Products, usable
from m5tools.scale.tokens import Tokens
from m5tools.tasks.gathered import Tick, opened

HEAD_RATE = 10
"""The head starts from nothing, so it learns so many times as fast as the network."""
WEIGHT_DECAY = 0.01
CLIP = 1.0


@dataclass(frozen=True)
class FineTuned:
    """What came of it.

    Attributes:
        trained: the network after it, with the same rule and vocabulary.
        weight, bias: of the head, float32 `[C, d]` and `[C]`.
        classes: int64 `[C]`, class numbers it can answer.
        steps: optimiser steps taken.
    """

    trained: Trained
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    classes: NDArray[np.int64]
    steps: int

    def predict(self, fused: NDArray[np.float32]) -> NDArray[np.int64]:
        """Class numbers `[N]` of product vectors of :attr:`trained`, `[N, d]`."""
        chosen: NDArray[np.int64] = self.classes[(fused @ self.weight.T + self.bias).argmax(1)]
        return chosen


def fine_tune(
    trained: Trained,
    products: Products,
    classes: NDArray[np.int64],
    size: int,
    *,
    epochs: int,
    rate: float,
    seed: int,
    tick: Tick,
) -> FineTuned:
    """Train on the train split, rates falling linearly to zero.

    Args:
        trained: where it starts; it is left as it is.
        products: where the split is opened.
        classes: int64 `[C]`, ascending: those to learn; products of others are passed over.
        size: numbers in a product's vector.
        epochs: passes over the split.
        rate: AdamW's rate for the network.
        seed: of the dropout; the order of products is that of `products`.
        tick: told after each batch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, harmony = copy.deepcopy(trained.model).train(), copy.deepcopy(trained.harmony).requires_grad_(False)
        tuned = replace(trained, model=model, harmony=harmony)
        head, scale = nn.Linear(size, len(classes)), size**0.5  # so that the head's inputs have variance 1
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        rates = (rate, HEAD_RATE * rate)
        groups = [
            {"params": list(part.parameters()), "lr": own} for part, own in zip((model, head), rates, strict=True)
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
        loader, number, steps = opened(products, "train", shuffle=True), torch.from_numpy(classes), 0
        total = epochs * len(loader)
        for done, tokens in enumerate(_passes(trained, loader, epochs)):
            for group, own in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = own * (1 - done / total)
            place = torch.searchsorted(number, tokens.category).clamp(max=len(number) - 1)
            known = number[place] == tokens.category
            if known.any():
                few = tokens.select(torch.nonzero(known).flatten())
                loss = functional.cross_entropy(head(scale * _fused(tuned, few)), place[known])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_([*model.parameters(), *head.parameters()], CLIP)
                optimiser.step()
                steps += 1
            tick("fine-tuning", done + 1, total)
    model.eval()
    weight, bias = ((head.weight * scale).detach().numpy(), head.bias.detach().numpy())
    return FineTuned(tuned, weight, bias, classes, steps)


def _passes(trained: Trained, loader: ProductLoader, epochs: int) -> Iterator[Tokens]:
    for epoch in range(epochs):
        loader.set_epoch(epoch)
        for batch in loader:
            yield usable(trained.tokenizer(batch), batch)


def _fused(tuned: Trained, tokens: Tokens) -> Tensor:
    z = tuned.model.vectors(tuned.model.encode(tokens), tokens)
    fused: Tensor = tuned.harmony.pool(z, tokens.present).fused
    return fused
