"""What a run of a study is made of: a world, a training and a seed, all of them plain values with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from m5tools.scale.config import TrainConfig
from m5tools.vocabulary import MODALITIES, Modality

VERSION: Final = 2
"""Part of every fingerprint: another version of the generator, the loop or the metrics gives other results."""


class WorldConfig(BaseModel):
    """A world of products.

    Attributes:
        strength: of the signal in each modality; 0 is pure noise.
        wrong: share of a modality's listings that show another product.
        nuisance, noise: of the listing's private factors, and of every token.
        shared_nuisance: modalities whose nuisance is the same factors (a clip and its own sound track).
        missing: rate at which each modality is missing, independently.
        missing_together: rate at which video and audio are missing both, as in M5Product.
        test_missing, test_missing_together: the same for calibration-free splits (queries, gallery, probe); None:
            as in training.
        modalities: those that exist at all.
        classes, class_share: classes, and the share of them that training and calibration products come from.
        train_rows, calibration_rows, probe_rows, queries, distractors: listings of the splits.
        drawn_rows: training listings drawn, of which the first `train_rows` are taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: dict[Modality, float] = {}
    wrong: dict[Modality, float] = {}
    nuisance: float = 0.6
    noise: float = 0.5
    shared_nuisance: tuple[Modality, ...] = ()
    missing: float = Field(default=0.03, ge=0, lt=1)
    missing_together: float = Field(default=0.18, ge=0, le=1)
    test_missing: float | None = Field(default=None, ge=0, lt=1)
    test_missing_together: float | None = Field(default=None, ge=0, le=1)
    modalities: tuple[Modality, ...] = Field(default=MODALITIES, min_length=1)
    classes: int = Field(default=60, ge=2)
    class_share: float = Field(default=1.0, gt=0, le=1)
    train_rows: int = Field(default=4000, ge=2)
    drawn_rows: int = 4000
    calibration_rows: int = Field(default=256, ge=2)
    probe_rows: int = Field(default=1200, ge=2)
    queries: int = Field(default=600, ge=1)
    distractors: int = 1200


def _as_in_training(name: str) -> Any:
    """The default of `m5 train`, which the study has too."""
    return TrainConfig.model_fields[name].default


class Learning(BaseModel):
    """One training; every field but `rule`, `model`, `treatment` and `floor` was settled on the uniform rule.

    Steps, batch, rate and warm-up are the study's own, for its small worlds; the rest is as in `m5 train`.

    Attributes:
        rule: what weighs the losses (:data:`m5tools.study.rules.RULES`).
        model: which network (:data:`m5tools.scale.networks.NETWORKS`).
        treatment: what becomes of missing modalities: `masked`; `zeros`, attended to as if real; `complete`, incomplete
            listings are left out of training.
        floor: of the default rule, where it is another one.
        heads: what the masked tasks read, `joint` or `unimodal` outputs.
        steps, batch_size, lr, warmup, weight_decay, clip: the optimiser's.
        masked_share, fused_share, consensus_share, temperature, masking: as in `m5 train`.
        calibration_every: steps between measurements of the rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = "uniform"
    model: str = "scale"
    treatment: Literal["masked", "zeros", "complete"] = "masked"
    floor: float | None = None
    heads: Literal["joint", "unimodal"] = "joint"
    steps: int = Field(default=400, ge=1)
    batch_size: int = Field(default=128, ge=2)
    lr: float = Field(default=4e-3, gt=0)
    warmup: int = 50
    weight_decay: float = _as_in_training("weight_decay")
    clip: float = _as_in_training("clip")
    masked_share: float = _as_in_training("masked_share")
    fused_share: float = _as_in_training("fused_share")
    consensus_share: float = _as_in_training("consensus_share")
    temperature: float = Field(default=_as_in_training("temperature"), gt=0)
    masking: float = Field(default=_as_in_training("masking"), ge=0, le=1)
    calibration_every: int = Field(default=_as_in_training("calibration_every"), ge=1)


class Cell(BaseModel):
    """One run: everything its result depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    world: WorldConfig
    learning: Learning
    seed: int

    @property
    def fingerprint(self) -> str:
        """Hex digits that tell this run from any other; equal runs of two studies are one."""
        text = json.dumps({"version": VERSION, **self.model_dump(mode="json")}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]
