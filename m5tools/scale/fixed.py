"""A baseline that learns nothing: hashed TF-IDF of words, colours and edges of pictures, the mean log-mel of sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.errors import UsageError
from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Encoded, mean_of
from m5tools.scale.harmony import Harmony
from m5tools.scale.network import Network
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

BUCKETS: Final = 512
"""Places that words are hashed to."""

ReadTexts = Callable[[Sequence[list[int]]], Tensor]
"""Word numbers of each text → vectors `[P, D]`."""


class FixedFeatures(Network):
    """Vectors of fixed features.

    Text and table are hashed to the same places, pictures and frames are looked at alike, and words, looks and sound
    have columns of their own: what two modalities of a kind agree on, their cosine tells.

    Args:
        config: shape of the tokens.
        text_model: reads texts in place of the hashed words (:func:`sentence_model`).
    """

    def __init__(self, config: ScaleConfig, text_model: ReadTexts | None = None) -> None:
        super().__init__(config)
        self.text_model = text_model
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
        parts = tokens.parts
        words = {m: self._words(parts[m]) for m in (Modality.TEXT, Modality.TABLE)}
        if self.text_model is not None:
            words[Modality.TEXT] = self.text_model(_numbers(parts[Modality.TEXT]))
            words[Modality.TABLE] = self.text_model(_numbers(parts[Modality.TABLE]))
        looks = {
            m: self._looks(parts[m], side)
            for m, side in ((Modality.IMAGE, self.config.patch), (Modality.VIDEO, self.config.frame_pixels))
        }
        kinds = [words, looks, {Modality.AUDIO: self._sound(parts[Modality.AUDIO])}]
        widths = [next(iter(kind.values())).shape[1] for kind in kinds]
        out = {}
        for number, kind in enumerate(kinds):
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
        return mean_of(found, part.mask.nonzero()[:, 0], len(part.row))

    def _sound(self, part: Part) -> Tensor:
        """The mean and deviation over time of every standardised band, `[P, 2 * slices * mels]`."""
        content = self.content[Modality.AUDIO.value]
        bands = content.standardised(part.values[part.mask])  # type: ignore[operator]
        owner = part.mask.nonzero()[:, 0]
        mean = mean_of(bands, owner, len(part.row))
        square = mean_of(bands.square(), owner, len(part.row))
        return torch.cat([mean, (square - mean.square()).clamp_min(0).sqrt()], 1)


def sentence_model(path: str, decode: Callable[[list[int]], str]) -> ReadTexts:
    """Vectors of texts by a sentence-transformers model in a local folder; nothing is ever downloaded.

    Args:
        path: of the folder.
        decode: word numbers to the text that they were cut from.

    Raises:
        UsageError: sentence-transformers is not installed, or the folder holds no such model.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise UsageError("a text model needs the package sentence-transformers: pip install it") from error
    try:
        model = SentenceTransformer(path, device="cpu", local_files_only=True)
    except Exception as error:  # whatever the library makes of a folder that is none
        raise UsageError(f"{path} is no folder of a sentence-transformers model ({error})") from error

    def read(numbers: Sequence[list[int]]) -> Tensor:
        texts = [decode(own) for own in numbers]
        if not texts:
            return torch.zeros(0, int(model.get_sentence_embedding_dimension() or 0))
        found: Tensor = model.encode(texts, convert_to_tensor=True, show_progress_bar=False)
        return found.float()

    return read


def _numbers(part: Part) -> list[list[int]]:
    """Word numbers of each product's text or table, in order."""
    real = part.mask if part.values.ndim == 2 else part.mask[..., None].expand(part.values.shape)
    return [
        own[here & (own >= 0)].tolist() for own, here in zip(part.values.flatten(1), real.flatten(1), strict=True)
    ]  # fmt: skip
