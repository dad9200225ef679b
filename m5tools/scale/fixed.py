"""A baseline that learns nothing: hashed TF-IDF of words, colours and edges of pictures, the mean log-mel of sound; in
place of words or looks the vectors of a frozen model, where the run takes some.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Encoded, mean_of
from m5tools.scale.harmony import Harmony
from m5tools.scale.network import Network
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

BUCKETS: Final = 512
"""Places that words are hashed to."""


class FixedFeatures(Network):
    """Vectors of fixed features.

    Text and table are hashed to the same places, pictures and frames are looked at alike, one frozen model sees texts
    and pictures alike; words, looks, sound and each model have columns of their own. What two modalities of a kind
    agree on, their cosine tells.
    """

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__(config)
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("bucket", torch.randint(BUCKETS, (config.vocabulary,), generator=generator))
        self.register_buffer("sign", torch.randint(2, (config.vocabulary,), generator=generator) * 2.0 - 1)
        # There is nothing to train, but an optimiser wants something to hold.
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.nothing = torch.nn.Parameter(torch.zeros(()))

    bucket: Tensor
    sign: Tensor

    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """Nothing is ever hidden; `hidden` is empty."""
        kinds: dict[str, dict[Modality, Tensor]] = {}
        for modality, part in tokens.parts.items():
            name, seen = self._seen(modality, part)
            kinds.setdefault(name, {})[modality] = seen
        widths = [next(iter(kind.values())).shape[1] for kind in kinds.values()]
        out = {}
        for number, kind in enumerate(kinds.values()):
            before, after = sum(widths[:number]), sum(widths[number + 1 :])
            for modality, found in kind.items():
                z = functional.pad(functional.normalize(found, dim=1), (before, after))
                out[modality] = Encoded(found.new_zeros(0, self.config.width), z)
        return {m: out[m] for m in MODALITIES}

    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """Nothing is learned: all losses are 0."""
        zeros = torch.zeros(len(MODALITIES)) + 0.0 * self.nothing
        counts = torch.zeros(len(MODALITIES), dtype=torch.int64)
        return Terms(zeros.expand(5, 5), counts.expand(5, 5), zeros, counts)

    def _seen(self, modality: Modality, part: Part) -> tuple[str, Tensor]:
        """The features of a modality, `[P, D]`, and their kind, by which they can be compared."""
        if modality in self.config.frozen:
            return self.config.frozen[modality].fingerprint, _mean(part.values[part.mask].float(), part)
        match modality:
            case Modality.IMAGE:
                return "looks", self._looks(part, self.config.patch)
            case Modality.VIDEO:
                return "looks", self._looks(part, self.config.frame_pixels)
            case Modality.AUDIO:
                return "sound", self._sound(part)
            case _:
                return "words", self._words(part)

    def _words(self, part: Part) -> Tensor:
        """Signed hashed sums of the words' rarity, `[P, BUCKETS]`."""
        words = part.values.flatten(1)
        # Text places without a word hold 0, which is a word; its mask tells.
        real = part.mask if part.values.ndim == 2 else part.mask[..., None].expand(part.values.shape).flatten(1)
        real = real & (words >= 0)
        known = words.clamp_min(0)
        weight = self.words.rarity[known].sqrt() * self.sign[known] * real
        return torch.zeros(len(words), BUCKETS).scatter_add(1, self.bucket[known], weight)

    def _looks(self, part: Part, side: int) -> Tensor:
        """Shares of 64 colours and strengths of edges in eight directions, the mean over tokens, `[P, 72]`."""
        pixels = part.values[part.mask].view(-1, 3, side, side).float()
        colour = (pixels / 64).floor().clamp(0, 3).long()
        number = (colour[:, 0] * 16 + colour[:, 1] * 4 + colour[:, 2]).flatten(1)
        shares = torch.zeros(len(pixels), 64).scatter_add(1, number, torch.ones(number.shape)) / side**2
        grey = pixels.mean(1)
        down, right = grey[:, 1:, :-1] - grey[:, :-1, :-1], grey[:, :-1, 1:] - grey[:, :-1, :-1]
        direction = ((torch.atan2(down, right) / torch.pi + 1) * 4).floor().clamp(0, 7).long().flatten(1)
        strength = torch.hypot(down, right).flatten(1) / 255
        edges = torch.zeros(len(pixels), 8).scatter_add(1, direction, strength) / strength.shape[1]
        found = torch.cat([functional.normalize(shares.sqrt(), dim=1), functional.normalize(edges, dim=1)], 1)
        return _mean(found, part)

    def _sound(self, part: Part) -> Tensor:
        """The mean and deviation over time of every standardised band, `[P, 2 * slices * mels]`."""
        content = self.content[Modality.AUDIO.value]
        bands = content.standardised(part.values[part.mask])  # type: ignore[operator]
        mean, square = _mean(bands, part), _mean(bands.square(), part)
        return torch.cat([mean, (square - mean.square()).clamp_min(0).sqrt()], 1)


def _mean(found: Tensor, part: Part) -> Tensor:
    """The mean `[P, D]` over the real tokens `[T, D]` of each product."""
    return mean_of(found, part.mask.nonzero()[:, 0], len(part.row))
