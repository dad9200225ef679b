"""What is judged, on which products, and how surely."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, lt=1)]


class EvaluateConfig(BaseModel):
    """One evaluation.

    Attributes:
        splits: searched splits, none of them trained on.
        roles: take who asks and who answers from the roles that `m5 split` gave, where the shards hold them for these
            splits; else, or without, everyone asks and everyone answers.
        distractors: add the train split to the gallery: as wrong answers of the fine task (its offers never ask).
        combinations: judge all 31 combinations of modalities, by masking.
        removed: shares of modalities that are lost at test time, each judged on what is left.
        fine_tune_epochs: passes of a linear head and the network over the train split; 0 = linear probes alone.
        fine_tune_rate: AdamW's rate for the network, ten times that for the head; None = the rate it was trained with.
        cluster_runs: k-means runs, each from other first centres; 0 = no clustering.
        bootstraps: draws of products for the intervals; 0 = none.
        seed: of the draws, the removals, the dropout of fine-tuning and the first centres.
        threads: of the arithmetic; another number changes the last bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    splits: tuple[str, ...] = Field(default=("test",), min_length=1)
    roles: bool = True
    distractors: bool = False
    combinations: bool = True
    removed: tuple[Share, ...] = (0.2, 0.4, 0.6)
    fine_tune_epochs: int = Field(default=3, ge=0)
    fine_tune_rate: float | None = Field(default=None, gt=0)
    cluster_runs: int = Field(default=5, ge=0)
    bootstraps: int = Field(default=1_000, ge=0)
    seed: int = 0
    threads: int = Field(default=1, ge=1)
