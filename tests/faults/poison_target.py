"""What a target of damaged files is, and how a damaged file of a kind is made."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import poison_seeds as seeds
from .poison_mutate import mutated

Feed = Callable[[bytes, Path], str]
Make = Callable[[random.Random], bytes]


@dataclass(frozen=True)
class Target:
    """One reader, decoder or index reader.

    Attributes:
        kind: "reader", "decoder", "shards", "dataset" or "settings".
        make: an input, by draws.
        feed: gives it to the target in a folder that is empty before; returns the outcome.
        share: of all inputs of a soak, in parts.
    """

    kind: str
    make: Make
    feed: Feed
    share: int


def damaged(kind: str) -> Make:
    """Damage to a whole file of a kind."""

    def make(draws: random.Random) -> bytes:
        whole = seeds.whole(kind)
        return mutated(whole_file(kind, draws), draws, whole)

    return make


def whole_file(kind: str, draws: random.Random) -> bytes:
    """A whole file; half of them are such as the target wants."""
    return draws.choice(seeds.made(kind) if draws.random() < 0.5 else seeds.whole(kind))
