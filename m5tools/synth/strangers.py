"""Products that exist only where a modality is noise: what a wrong title tells, a wrong table lists, a file shows.

A stranger belongs to one offer and one modality, so two wrong modalities of a product do not agree with each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from m5tools.synth import words
from m5tools.synth.draws import Ints
from m5tools.synth.listing import Listing
from m5tools.synth.mess import Mess
from m5tools.synth.world import BRANDS, Facts, World
from m5tools.vocabulary import Modality

_SERIES: Final = 1 << 40  # keys of one modality's strangers, above those of all products


def told(world: World, rows: Listing, facts: Facts, mess: Mess, modality: Modality) -> Facts:
    """The facts a modality tells: the product's own, or a stranger's with another brand, model, colour and material."""
    wrong = np.flatnonzero(mess.noisy[:, modality.bit])
    if not wrong.size:
        return facts
    key = _keys(rows.offer, modality)[wrong]
    stranger = world.facts(key, key, np.zeros_like(key))

    def swapped(true: Ints, drawn: Ints) -> Ints:
        changed = true.copy()
        changed[wrong] = drawn
        return changed

    def other(true: Ints, drawn: Ints, bound: int) -> Ints:
        return swapped(true, np.where(drawn == true[wrong], (drawn + 1) % bound, drawn))

    return replace(
        facts,
        category=swapped(facts.category, stranger.category),
        brand=other(facts.brand, stranger.brand, BRANDS),
        series=swapped(facts.series, stranger.series),
        model_number=other(facts.model_number, stranger.model_number, 1000),
        colour=other(facts.colour, stranger.colour, len(words.COLOURS)),
        magnitude=swapped(facts.magnitude, stranger.magnitude),
        material=other(facts.material, stranger.material, len(words.MATERIALS)),
        weight=swapped(facts.weight, stranger.weight),
        origin=swapped(facts.origin, stranger.origin),
        extra_names=tuple(map(swapped, facts.extra_names, stranger.extra_names)),
        extra_values=tuple(map(swapped, facts.extra_values, stranger.extra_values)),
        sheets=tuple(map(swapped, facts.sheets, stranger.sheets)),
        sheet_values=tuple(map(swapped, facts.sheet_values, stranger.sheet_values)),
        features=tuple(map(swapped, facts.features, stranger.features)),
    )


def shown(rows: Listing, mess: Mess, modality: Modality) -> Listing:
    """Whom the files of a modality show: the product itself, or a stranger without relatives."""
    key, wrong = _keys(rows.offer, modality), mess.noisy[:, modality.bit]

    def swapped(true: Ints) -> Ints:
        return np.where(wrong, key, true)

    return replace(rows, offer=swapped(rows.offer), instance=swapped(rows.instance), group=swapped(rows.group))


def _keys(offer: Ints, modality: Modality) -> Ints:
    return offer + (modality.bit + 1) * _SERIES
