"""The true world behind the listings: categories with their long tail, and the facts of every product in it.

Facts are a pure function of two keys. The *group* (what all sizes and colours share) fixes category, brand, model,
language and material; the *instance* (one concrete product) differs from its siblings in one option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from m5tools.synth import profile_m5product, words
from m5tools.synth.columns import glue, number, pick, table, wordings
from m5tools.synth.config import SynthConfig
from m5tools.synth.draws import Draws, Ints
from m5tools.synth.profile_m5product import FEATURES, FEATURES_TOLD, SHEET, SHEET_VALUES, SHEETS

EXTRAS: Final = 3
MEASURE_KINDS: Final = tuple(words.MEASURES)
MAGNITUDES: Final = 8
VALUES_PER_ASPECT: Final = 8
BRANDS: Final = len(words.BRAND_STARTS) * len(words.BRAND_ENDS)
_BRANDS_PER_CATEGORY = 16
_LANGUAGES = len(words.LANGUAGES)


@dataclass(frozen=True)
class Facts:
    """What is true of a batch of products: one int64 per product in every field, codes into the tables of `World`."""

    category: Ints
    language: Ints
    brand: Ints
    series: Ints
    model_number: Ints
    colour: Ints
    magnitude: Ints
    material: Ints
    weight: Ints
    origin: Ints
    extra_names: tuple[Ints, ...]
    extra_values: tuple[Ints, ...]
    sheets: tuple[Ints, ...]
    sheet_values: tuple[Ints, ...]
    features: tuple[Ints, ...]
    cents: Ints
    gtin: Ints


class World:
    """Categories, their shares, and the word tables everything is written with."""

    def __init__(self, config: SynthConfig) -> None:
        self.config = config
        self.draws = Draws(config.seed)
        self.of_release_length = config.profile == "m5product"
        count = config.categories
        ranks = np.arange(1, count + 1, dtype=np.float64)
        if config.profile == "m5product":
            weights = profile_m5product.label_counts(count)
        else:
            weights = ranks**-config.tail_exponent
        self._edges = np.cumsum(weights / weights.sum())
        self._edges[-1] = 1.0
        numbers = range(count)
        prefixes = _modifier_prefixes()
        self.noun = np.array([c % len(words.NOUNS) for c in numbers], np.int64)
        self.prefix = np.array([c // len(words.NOUNS) for c in numbers], np.int64)
        self.measure = np.array([MEASURE_KINDS.index(words.NOUNS[n][1]) for n in self.noun], np.int64)
        self.leaves: tuple[str, ...] = tuple(
            f"{prefixes[p]} {words.NOUNS[n][2].split('|')[0]}".strip().capitalize()
            for n, p in zip(self.noun, self.prefix, strict=True)
        )
        self.leaf_table = table(self.leaves)
        self.departments = table(words.NOUNS[n][0] for n in self.noun)
        self.prefixes = table(prefixes)
        self.nouns = wordings((n[2 + language] for n in words.NOUNS for language in range(_LANGUAGES)), 2)
        self.vague = wordings(words.VAGUE_NOUNS, 2)
        self.brands = table(start + end for start in words.BRAND_STARTS for end in words.BRAND_ENDS)
        letters = "ABCDEFGHKLMNPRSTVWXZ"
        self.series = table(a + b for a in letters for b in ("", *letters[:9]))
        self.colours = wordings((colour[language] for colour in words.COLOURS for language in range(_LANGUAGES)), 2)
        self.materials = wordings((m[language] for m in words.MATERIALS for language in range(_LANGUAGES)), 2)
        self.measures = wordings((size for kind in MEASURE_KINDS for size in words.MEASURES[kind]), 3)
        self.features = table(feature[language] for feature in FEATURES for language in range(_LANGUAGES))
        self.extra_names = table(_extra_names(config.attribute_names))
        self.extra_values = table(value for _, values in words.ASPECTS for value in values)

    def facts(self, group: Ints, instance: Ints, option: Ints) -> Facts:
        """The facts of products.

        Args:
            group, instance: keys, int64, one per product.
            option: number of the instance within its group (0 for the first), less than 8.
        """
        draws = self.draws
        category = np.searchsorted(self._edges, draws.unit("category", group), side="right").astype(np.int64)
        names = self.config.attribute_names
        first = draws.below("attribute-first", category, names)
        stride = 1 + draws.below("attribute-stride", category, (names - 1) // EXTRAS)
        extra_names = tuple((first + j * stride) % names for j in range(EXTRAS))
        aspect = len(words.ASPECTS)
        extra_values = tuple(
            (name % aspect) * VALUES_PER_ASPECT + draws.below(f"extra-{j}", instance, VALUES_PER_ASPECT)
            for j, name in enumerate(extra_names)
        )
        by_colour = draws.below("option-axis", group, 2)
        rare_brand = (_BRANDS_PER_CATEGORY * draws.unit("brand", group) ** 1.7).astype(np.int64)
        sheets, sheet_values, features = self._of_release_length(category, group)
        return Facts(
            category=category,
            language=draws.choice("language", group, words.LANGUAGE_SHARES[1:]) + 1,
            brand=(draws.below("category-brands", category, BRANDS) + rare_brand) % BRANDS,
            series=draws.below("series", group, len(self.series) - 1),
            model_number=100 + draws.below("model", group, 900),
            colour=(draws.below("colour", group, len(words.COLOURS)) + by_colour * option) % len(words.COLOURS),
            magnitude=(draws.below("magnitude", group, MAGNITUDES) + (1 - by_colour) * option) % MAGNITUDES,
            material=draws.below("material", group, len(words.MATERIALS)),
            weight=draws.below("weight", group, MAGNITUDES),
            origin=draws.below("origin", group, len(words.ORIGINS)),
            extra_names=extra_names,
            extra_values=extra_values,
            sheets=sheets,
            sheet_values=sheet_values,
            features=features,
            cents=(399 * 80 ** draws.unit("price", group)).astype(np.int64),
            gtin=_gtin_13(400_000_000_000 + draws.below("gtin-high", instance, 90_000) * 1_000_000
                          + draws.below("gtin-low", instance, 1_000_000)),
        )  # fmt: skip

    def _of_release_length(self, category: Ints, group: Ints) -> tuple[tuple[Ints, ...], ...]:
        """Sheets, their values, features: what only long tables and titles tell, and all sizes and colours alike."""
        if not self.of_release_length:
            return (), (), ()
        draws, count, many = self.draws, self.config.attribute_names // SHEET, len(FEATURES)
        sheet = draws.below("sheet-first", category, count)
        sheet_step = 1 + draws.below("sheet-stride", category, (count - 1) // SHEETS)
        feature = draws.below("feature-first", group, many)
        feature_step = 1 + draws.below("feature-stride", group, (many - 1) // FEATURES_TOLD)
        return (
            tuple((sheet + j * sheet_step) % count for j in range(SHEETS)),
            tuple(draws.below(f"sheet-{j}", group, SHEET_VALUES) for j in range(SHEETS)),
            tuple((feature + j * feature_step) % many for j in range(FEATURES_TOLD)),
        )

    def model(self, facts: Facts) -> pl.Series:
        """Model codes such as `KD240`."""
        return glue(pick(self.series, facts.series), number(facts.model_number))

    def measure_code(self, facts: Facts, form: Ints) -> Ints:
        """Index into `measures` of each product's main measure, written in one of three forms."""
        return (self.measure[facts.category] * MAGNITUDES + facts.magnitude) * 3 + form


def translated(code: Ints, language: Ints, wording: Ints) -> Ints:
    """Index into a table of `code` × language × two wordings."""
    return (code * _LANGUAGES + language) * 2 + wording


def _modifier_prefixes() -> list[str]:
    names = words.MODIFIERS
    return ["", *names, *(f"{a} {b}" for a in names for b in names if a != b)]


def _extra_names(count: int) -> list[str]:
    """`count` names; aspect varies fastest, so name i has aspect i modulo the number of aspects."""
    every = [
        f"{place} {part} {aspect}".strip().capitalize()
        for place in words.PLACES
        for part in words.PARTS
        for aspect, _ in words.ASPECTS
    ]
    return every[:count]


def _gtin_13(first_twelve: Ints) -> Ints:
    """Twelve digits and the check digit of GS1 General Specifications, section 7.9: weights 1 and 3 from the left."""
    total = np.zeros_like(first_twelve)
    for place in range(12):
        digit = first_twelve // 10**place % 10
        total += digit * (3 if place % 2 == 0 else 1)
    return first_twelve * 10 + (-total) % 10
