"""A world of products with known signal: five modalities of known strength, listings with private nuisance.

A product is a class vector (classes in super-groups, frequencies falling as 1/rank) and instance factors. Every
listing of it shows them through each modality's own mixing, mixed with a nuisance that all tokens of that listing and
modality share: a modality of pure noise is thereby easily reconstructed from itself, which is the trap for weights
taken from losses. Text and table tell factors in words, one codebook a place; the media show them in features.

Nothing here resembles a real product: signs and orders may carry over, sizes do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from m5tools.scale.config import MODELS, ScaleConfig
from m5tools.scale.tokens import Part, Tokens
from m5tools.study.config import WorldConfig
from m5tools.vocabulary import MEDIA, MODALITIES, Modality

WORDS: Final = {Modality.TEXT: 24, Modality.TABLE: 48}
"""Words a place of a text, or an attribute of a table, has to choose from: 192 in all of either."""

PLACES: Final = {Modality.TEXT: 8, Modality.TABLE: 4, Modality.IMAGE: 4, Modality.VIDEO: 4, Modality.AUDIO: 4}
"""Tokens of a listing; of a table the values, each after its name."""

STRENGTH: Final = {
    Modality.IMAGE: 0.3, Modality.TEXT: 2.0, Modality.TABLE: 1.8, Modality.VIDEO: 0.15, Modality.AUDIO: 0.0,
}  # fmt: skip
"""Signal of each modality where a configuration says nothing: sound is pure noise."""

WRONG: Final = {Modality.TEXT: 0.1, Modality.IMAGE: 0.05}
"""Share of a modality's listings that show another product, likewise."""

CLASS_FACTORS: Final = 6
INSTANCE_FACTORS: Final = 8
NUISANCE_FACTORS: Final = 4
SUPER_GROUPS: Final = 12
WORD_SPACE: Final = 3
"""Dimensions in which the nearest word is found."""

_NAMES = WORDS[Modality.TEXT] * PLACES[Modality.TEXT] + WORDS[Modality.TABLE] * PLACES[Modality.TABLE]

SHAPE: Final[ScaleConfig] = MODELS["study"].model_copy(
    update={
        "vocabulary": _NAMES + PLACES[Modality.TABLE],
        "text_tokens": PLACES[Modality.TEXT],
        "table_pairs": PLACES[Modality.TABLE],
        "entity_words": 1,
        "grid": 2,
        "patch": 4,
        "frames": PLACES[Modality.VIDEO],
        "frame_pixels": 4,
        "audio_tokens": PLACES[Modality.AUDIO],
        "mels": 12,
        "slices": 4,
    }
)
"""The `study` network for tokens of this world: 28 tokens a listing, 48 features a token of a medium."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Product:
    """Factors of `N` products: `factors` `[N, 14]`, `category` and `number` int64 `[N]`."""

    factors: Floats
    category: Ints
    number: Ints

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: Ints) -> Product:
        """The products `rows`, in that order."""
        return Product(self.factors[rows], self.category[rows], self.number[rows])


class World:
    """Everything a run needs, drawn from one seed.

    The splits are independent of each other's sizes: a training set of 500 is the beginning of one of 4,000, and the
    test is the same for both.

    Attributes:
        calibration, train: listings of different products.
        queries, gallery: row k of the queries and row k of the gallery are two listings of one product; the rest of
            the gallery are distractors.
        probe: further listings of known class, to fit a linear classifier on.
    """

    def __init__(self, config: WorldConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        rng = self._rng(0)
        groups = rng.normal(size=(SUPER_GROUPS, CLASS_FACTORS))
        own = rng.normal(size=(config.classes, CLASS_FACTORS))
        self.class_factors = 0.8 * groups[np.arange(config.classes) % SUPER_GROUPS] + 0.6 * own
        self.mixing = {m: _mixing(rng, m) for m in MODALITIES}
        self.nuisance_mixing = {m: _nuisance_mixing(rng, m) for m in MODALITIES}
        self.codebook = {m: rng.normal(size=(PLACES[m], WORDS[m], WORD_SPACE)) for m in WORDS}
        order = rng.permutation(config.classes)
        self.known = np.sort(order[: max(1, round(config.class_share * config.classes))])

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])

    @cached_property
    def calibration(self) -> Tokens:
        return self._listings(self._rng(1), self._products(self._rng(2), self.config.calibration_rows, self.known))

    @cached_property
    def train(self) -> Tokens:
        rows = self.config.train_rows
        drawn = max(rows, self.config.drawn_rows)
        tokens = self._listings(self._rng(3), self._products(self._rng(4), drawn, self.known))
        return tokens if rows == drawn else tokens.select(torch.arange(rows))

    @cached_property
    def probe(self) -> Tokens:
        return self._listings(self._rng(5), self._products(self._rng(6), self.config.probe_rows, None), tested=True)

    @cached_property
    def queries(self) -> Tokens:
        return self._listings(self._rng(7), self._tested.take(np.arange(self.config.queries)), tested=True)

    @cached_property
    def gallery(self) -> Tokens:
        return self._gallery[0]

    @property
    def strange(self) -> Bools:
        """Which modalities of the gallery's listings show another product, bool `[N, 5]`."""
        return self._gallery[1]

    @cached_property
    def _gallery(self) -> tuple[Tokens, Bools]:
        return self._told(self._rng(8), self._tested, tested=True)

    @cached_property
    def _tested(self) -> Product:
        return self._products(self._rng(9), self.config.queries + self.config.distractors, None)

    @cached_property
    def frequency(self) -> Floats:
        """Share of each class among products, `[classes]`: 1 / rank."""
        share = 1 / np.arange(1, self.config.classes + 1)
        return np.asarray(share / share.sum())

    def _products(self, rng: np.random.Generator, count: int, classes: Ints | None) -> Product:
        known = np.arange(self.config.classes) if classes is None else classes
        share = self.frequency[known] / self.frequency[known].sum()
        category = known[rng.choice(len(known), count, p=share)]
        factors = np.hstack([self.class_factors[category], rng.normal(size=(count, INSTANCE_FACTORS))])
        return Product(factors, category, np.arange(count))

    def _listings(self, rng: np.random.Generator, products: Product, *, tested: bool = False) -> Tokens:
        return self._told(rng, products, tested=tested)[0]

    def _told(self, rng: np.random.Generator, products: Product, *, tested: bool) -> tuple[Tokens, Bools]:
        """One listing of each product, and which of its modalities show another one."""
        config, count = self.config, len(products)
        nuisance = {m: rng.normal(size=(count, NUISANCE_FACTORS)) for m in MODALITIES}
        for follower in config.shared_nuisance[1:]:
            nuisance[follower] = nuisance[config.shared_nuisance[0]]
        values = {}
        wrong = np.zeros((count, len(MODALITIES)), dtype=bool)
        for modality in MODALITIES:
            strange = rng.random(count) < config.wrong.get(modality, WRONG.get(modality, 0.0))
            other = rng.integers(0, count, count)
            wrong[:, modality.bit] = strange
            shown = products.factors[np.where(strange, other, np.arange(count))]
            values[modality] = self._tokens(rng, modality, shown, nuisance[modality])
        present = self._present(rng, count, tested)
        parts = {}
        for modality in MODALITIES:
            row = torch.from_numpy(np.flatnonzero(present[:, modality.bit]))
            kept = torch.from_numpy(values[modality])[row]
            parts[modality] = Part(kept, torch.ones(kept.shape[:2], dtype=torch.bool), row)
        names = tuple(f"{self.seed}-{number}" for number in products.number.tolist())
        labels = torch.from_numpy(products.category), torch.from_numpy(products.number)
        return Tokens(names, parts, *labels), wrong

    def _tokens(
        self, rng: np.random.Generator, modality: Modality, factors: Floats, nuisance: Floats
    ) -> NDArray[np.generic]:
        """Token values as in :class:`Part`, nothing missing."""
        signal = np.einsum("nf,tdf->ntd", factors, self.mixing[modality])
        disturbed = np.einsum("nu,tdu->ntd", nuisance, self.nuisance_mixing[modality])
        shown = self.config.strength.get(modality, STRENGTH[modality]) * signal + self.config.nuisance * disturbed
        shown += self.config.noise * rng.normal(size=shown.shape)
        if modality not in MEDIA:
            book = self.codebook[modality]
            near = np.einsum("ntd,twd->ntw", shown, book) - (book**2).sum(2) / 2
            first = 0 if modality is Modality.TEXT else WORDS[Modality.TEXT] * PLACES[Modality.TEXT]
            words = first + np.arange(PLACES[modality]) * WORDS[modality] + near.argmax(2)
            return np.asarray(words) if modality is Modality.TEXT else _pairs(words)
        if modality is Modality.AUDIO:
            return np.asarray(shown, np.float32)
        return np.asarray((128 + 28 * shown).clip(0, 255).round(), np.uint8)

    def _present(self, rng: np.random.Generator, count: int, tested: bool) -> Bools:
        config = self.config
        alone, both = config.missing, config.missing_together
        if tested and config.test_missing is not None:
            alone = config.test_missing
        if tested and config.test_missing_together is not None:
            both = config.test_missing_together
        present = rng.random((count, len(MODALITIES))) >= alone
        together = rng.random(count) < both
        for modality in (Modality.VIDEO, Modality.AUDIO):
            present[together, modality.bit] = False
        present &= np.array([m in config.modalities for m in MODALITIES])
        # A listing left without anything is none: it keeps one of the modalities it might have.
        chosen = np.array([m.bit for m in config.modalities])[rng.integers(0, len(config.modalities), count)]
        empty = ~present.any(1)
        present[empty, chosen[empty]] = True
        return present


def _mixing(rng: np.random.Generator, modality: Modality) -> Floats:
    """How a modality shows factors, `[tokens, features, factors]`: all class factors, two instance ones not."""
    width = WORD_SPACE if modality in WORDS else SHAPE.features(modality)
    factors = CLASS_FACTORS + INSTANCE_FACTORS
    mixing = rng.normal(size=(PLACES[modality], width, factors)) / np.sqrt(factors)
    unseen = CLASS_FACTORS + rng.permutation(INSTANCE_FACTORS)[:2]
    mixing[:, :, unseen] = 0
    return np.asarray(mixing)


def _nuisance_mixing(rng: np.random.Generator, modality: Modality) -> Floats:
    """How a modality shows its nuisance, `[tokens, features, nuisance]`: the same at every token."""
    width = WORD_SPACE if modality in WORDS else SHAPE.features(modality)
    mixing = rng.normal(size=(1, width, NUISANCE_FACTORS)) / np.sqrt(NUISANCE_FACTORS)
    return np.repeat(mixing, PLACES[modality], axis=0)


def _pairs(words: Ints) -> Ints:
    """Values `[N, 4]` to a table's tokens `[N, 8, 1]`: names at even places, values at odd ones."""
    names = np.broadcast_to(_NAMES + np.arange(words.shape[1]), words.shape)
    return np.stack([names, words], axis=2).reshape(len(words), -1, 1)
