"""Who lists what: each row's offer, product and variant group, all worked out from its number alone.

Products are numbered twice. The *index* is the place in the crawl; the *slot* is the place in the world, where families
stand side by side: the product at a slot is a first listing, or it re-lists, copies or varies its left neighbour.
A bijection between the two scatters every family over the whole crawl, and no row needs to know another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from m5tools.synth.config import SynthConfig
from m5tools.synth.draws import Bools, Draws, Ints

_VARIANT, _FIRST = 2, -1  # 0 re-lists, 1 copies


@dataclass(frozen=True)
class Listing:
    """A run of products, int64 columns of equal length. `offer`, `instance` and `group` are slots: of the first listing
    of the same offer, of the same product, of its group of variants. `group_has_variants` is bool."""

    index: Ints
    slot: Ints
    offer: Ints
    instance: Ints
    group: Ints
    seller: Ints
    group_has_variants: Bools

    @property
    def option(self) -> Ints:
        """A number of the instance within its group, 0 for the first, distinct among siblings."""
        return self.instance - self.group


def listing(config: SynthConfig, draws: Draws, start: int, stop: int) -> Listing:
    """The products with index `start` to `stop`."""
    index = np.arange(start, stop, dtype=np.int64)
    slot = (index * _step(config, draws)) % config.products
    offer, instance, group = _walk_back(config, draws, slot)
    return Listing(
        index=index,
        slot=slot,
        offer=offer,
        instance=instance,
        group=group,
        # Neighbours of one product never share a seller.
        seller=(draws.below("seller", instance, config.sellers) + offer - instance) % config.sellers,
        group_has_variants=_has_variants(config, draws, group),
    )


def _step(config: SynthConfig, draws: Draws) -> int:
    """The multiplier of the bijection index → slot: coprime to the number of products."""
    step = 1 + int(draws.below("step", np.array([config.products]), config.products)[0])
    while math.gcd(step, config.products) != 1:
        step += 1
    return step


def _kinds(config: SynthConfig, draws: Draws, slot: Ints) -> Ints:
    """How each slot follows its left neighbour. Every `span`-th slot is a first listing, which bounds families."""
    rates = config.duplicates
    scale = rates.span / (rates.span - 1)
    kinds = draws.choice("kind", slot, (rates.offer * scale, rates.product * scale, rates.variant * scale))
    return np.where((slot % rates.span == 0) | (slot >= config.products), _FIRST, kinds)


def _walk_back(config: SynthConfig, draws: Draws, slot: Ints) -> tuple[Ints, Ints, Ints]:
    """First slot of the same offer, of the same product and of the group, looking left through the family."""
    steps = [np.zeros_like(slot) for _ in range(3)]
    walking = [np.ones(len(slot), np.bool_) for _ in range(3)]
    for distance in range(config.duplicates.span):
        kind = _kinds(config, draws, slot - distance)
        # A re-listing continues the offer, a copy the product, a variant the group.
        for level in range(3):
            walking[level] &= (kind != _FIRST) & (kind <= level)
            steps[level] += walking[level]
    return slot - steps[0], slot - steps[1], slot - steps[2]


def _has_variants(config: SynthConfig, draws: Draws, group: Ints) -> Bools:
    found = np.zeros(len(group), np.bool_)
    same = np.ones(len(group), np.bool_)
    for distance in range(1, config.duplicates.span):
        kinds = _kinds(config, draws, group + distance)
        same &= kinds != _FIRST
        found |= same & (kinds == _VARIANT)
    return found
