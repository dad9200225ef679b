"""Other ways to treat what is missing, to compare with masks: as zeros that are attended to, or not at all."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import torch

from m5tools.scale.perception import QUIETEST
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

NOTHING: Final[dict[Modality, float]] = {
    Modality.IMAGE: 0,
    Modality.TEXT: -1,
    Modality.TABLE: -1,
    Modality.VIDEO: 0,
    Modality.AUDIO: math.log(QUIETEST),
}
"""What a token of an empty payload holds: black pictures, no word, silence."""


def zero_filled(tokens: Tokens, frozen: Collection[Modality] = ()) -> Tokens:
    """Every absent modality as tokens of nothing, as many as there is room for, marked as real (a frozen vector as 0).

    This is how M5Product treats them: attended to, contrasted and reconstructed. A product that has nothing at all
    stays so.
    """
    some = tokens.present.any(1)
    parts = {}
    for column, modality in enumerate(MODALITIES):
        part = tokens.parts[modality]
        lacking = torch.nonzero(some & ~tokens.present[:, column]).flatten()
        row, order = torch.cat([part.row, lacking]).sort()
        value = 0.0 if modality in frozen else NOTHING[modality]
        nothing = part.values.new_full((len(lacking), *part.values.shape[1:]), value)
        real = torch.ones(len(lacking), part.mask.shape[1], dtype=torch.bool)
        parts[modality] = Part(torch.cat([part.values, nothing])[order], torch.cat([part.mask, real])[order], row)
    return Tokens(tokens.ids, parts, tokens.category, tokens.cluster)


def complete(tokens: Tokens) -> Tokens:
    """The products that have every modality that any of them has."""
    occurs = tokens.present.any(0)
    return tokens.select(torch.nonzero(tokens.present[:, occurs].all(1)).flatten())
