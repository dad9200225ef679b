"""The unimodal encoders: each modality's own transformer, and its vector in the shared space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.layers import Layers
from m5tools.scale.tokens import Part
from m5tools.vocabulary import Modality


class Content(nn.Module):
    """What a token of picture, frame or sound, or a frozen vector, is: its features, standardised and projected to the
    width.

    The mean and deviation of every feature are measured once, on the calibration rows, and kept in buffers: the
    masked tasks need targets of unit variance for their losses to be comparable.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.project = nn.Linear(features, width)

    def measure(self, values: Tensor) -> None:
        """Set mean and deviation from tokens `[T, F]`; fewer than two tokens leave them as they are."""
        if len(values) > 1:
            self.mean.copy_(values.float().mean(0))
            # A feature that hardly varies among a few rows must not become the loudest one elsewhere.
            floor = 0.25 * float(values.float().std()) + 1e-3
            self.deviation.copy_(values.float().std(0).clamp_min(floor))

    def standardised(self, values: Tensor) -> Tensor:
        """Features of mean 0 and about unit variance, cut at 5 deviations, `[..., F]`."""
        return ((values.float() - self.mean) / self.deviation).clamp(-5, 5)

    def forward(self, values: Tensor) -> Tensor:
        projected: Tensor = self.project(self.standardised(values))
        return projected


class Words(nn.Embedding):
    """Word vectors, shared by text and table: a word is the same word in a title and in a value.

    The paper starts from BERT. Here a word starts as a random direction whose length grows with the word's rarity in
    the training texts, so that the mean over a text starts as a random projection of its TF-IDF vector.
    """

    rarity: Tensor

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__(config.vocabulary, config.width)
        nn.init.normal_(self.weight, std=config.width**-0.5)
        self.register_buffer("rarity", torch.ones(config.vocabulary))

    def measure(self, documents: Tensor, total: int) -> None:
        """Set rarity from the number of texts each word occurs in, `[vocabulary]`, out of `total`."""
        squared = (((1 + total) / (1 + documents)).log() + 1).square()
        self.rarity.copy_(squared / squared.mean())

    def forward(self, values: Tensor) -> Tensor:
        """Text words `[T]`, or bags of words `[T, W]`, to `[T, width]`; -1 is no word and adds nothing."""
        known = values.clamp_min(0)
        weight = self.rarity[known] * (values >= 0)
        weighed = super().forward(known) * weight[..., None]
        return weighed if values.ndim == 1 else weighed.sum(1)


class Place(nn.Module):
    """Where a token is. In a table: which pair, and whether it names or tells (role), as two learned vectors."""

    def __init__(self, config: ScaleConfig, modality: Modality) -> None:
        super().__init__()
        self.in_pairs = modality is Modality.TABLE
        self.first = nn.Embedding(config.table_pairs if self.in_pairs else config.tokens(modality), config.width)
        self.role = nn.Embedding(2, config.width) if self.in_pairs else None
        for table in (self.first, self.role):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)

    def forward(self, place: Tensor) -> Tensor:
        """Vectors of the places `[T]`, `[T, width]`."""
        if self.role is None:
            position: Tensor = self.first(place)
            return position
        pair_and_role: Tensor = self.first(place // 2) + self.role(place % 2)
        return pair_and_role


@dataclass(frozen=True)
class Encoded:
    """One modality of the `P` products that have it.

    Attributes:
        hidden: its `T` real tokens, `[T, width]`, in the order of the part's mask read row by row.
        z: `[P, embedding]`, unit length.
    """

    hidden: Tensor
    z: Tensor


class Encoder(nn.Module):
    """One modality's transformer over a class token and the modality's own tokens."""

    def __init__(self, config: ScaleConfig, modality: Modality) -> None:
        super().__init__()
        self.place = Place(config, modality)
        self.whole = nn.Parameter(torch.randn(config.width) * 0.02)
        self.hidden_token = nn.Parameter(torch.randn(config.width) * 0.02)
        self.layers = Layers(config, config.encoder_layers, config.hidden(modality))
        self.norm = nn.LayerNorm(config.width)
        self.to_shared = nn.Linear(config.width, config.embedding)
        # The same start for all modalities: what text and table say in the same words agrees from the first step.
        nn.init.eye_(self.to_shared.weight)

    def forward(self, content: Tensor, part: Part, masked: Tensor | None) -> Encoded:
        """`content` of the real tokens `[T, width]`; those in `masked` (bool `[P, L]`) become one learned vector."""
        owner, place = part.mask.nonzero(as_tuple=True)
        if masked is not None:
            content = torch.where(masked[part.mask][:, None], self.hidden_token, content)
        products = len(part.row)
        # Class tokens first, then everything in the order of the products.
        owner = torch.cat([torch.arange(products), owner])
        order = torch.argsort(owner, stable=True)
        count = part.mask.sum(1) + 1
        tokens = torch.cat([self.whole.expand(products, -1), content + self.place(place)])
        hidden = self.layers(tokens.index_select(0, order), count)
        # A class token alone learns clearly more slowly than the mean over it and the tokens.
        pooled = mean_of(hidden, owner[order], products)
        own = hidden.index_select(0, torch.argsort(order)[products:])
        return Encoded(own, functional.normalize(self.to_shared(self.norm(pooled)).float(), dim=-1))


def mean_of(tokens: Tensor, owner: Tensor, owners: int) -> Tensor:
    """Mean `[owners, width]` of the tokens `[T, width]` of each owner (int64 `[T]`); zero where it has none."""
    total = tokens.new_zeros(owners, tokens.shape[1]).index_add(0, owner, tokens)
    return total / torch.bincount(owner, minlength=owners).clamp_min(1)[:, None]
