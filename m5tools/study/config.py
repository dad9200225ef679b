"""What a run of a study is made of: a world, a training and a seed, all of them plain values with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from m5tools.vocabulary import MODALITIES, Modality

VERSION: Final = 1
"""Part of every fingerprint; another version of the generator, the loop or the metrics is another result."""

STRENGTH: Final[dict[Modality, float]] = {
    Modality.IMAGE: 0.3, Modality.TEXT: 1.0, Modality.TABLE: 0.9, Modality.VIDEO: 0.12, Modality.AUDIO: 0.0,
}  # fmt: skip
WRONG: Final[dict[Modality, float]] = {Modality.TEXT: 0.1, Modality.IMAGE: 0.05}


class WorldConfig(BaseModel):
    """A world of products.

    Attributes:
        strength: of the signal in each modality; 0 is pure noise.
        wrong: share of a modality's listings that show another product.
        nuisance, noise: of the listing's private factors, and of every token.
        shared_nuisance: modalities whose nuisance is the same factors (a clip and its own sound track).
        missing: rate at which each modality is missing, independently.
        missing_together: rate at which video and audio are missing both, as in M5Product.
        modalities: those that exist at all.
        classes, class_share: classes, and the share of them that training and calibration products come from.
        train_rows, calibration_rows, probe_rows, queries, distractors: listings of the splits.
        drawn_rows: training listings drawn, of which the first `train_rows` are taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: dict[Modality, float] = STRENGTH
    wrong: dict[Modality, float] = WRONG
    nuisance: float = 1.0
    noise: float = 1.0
    shared_nuisance: tuple[Modality, ...] = ()
    missing: float = Field(default=0.03, ge=0, le=1)
    missing_together: float = Field(default=0.18, ge=0, le=1)
    modalities: tuple[Modality, ...] = Field(default=MODALITIES, min_length=1)
    classes: int = Field(default=60, ge=2)
    class_share: float = Field(default=1.0, gt=0, le=1)
    train_rows: int = Field(default=4000, ge=2)
    drawn_rows: int = 4000
    calibration_rows: int = Field(default=256, ge=2)
    probe_rows: int = 1200
    queries: int = 600
    distractors: int = 1200
