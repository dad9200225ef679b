"""What a training run tells: its progress, its metrics file and its report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    samples_per_s: float
    data_wait: float
    present: dict[str, float]
    weight: dict[str, float]


class TrainReport(BaseModel):
    """What a run did.

    Attributes:
        step, stopped: steps taken in all, and why it ended: `steps` or `time limit`.
        loss, contrast, masked: the last step's total, weighted contrast, and unweighted masked loss a modality.
        weight, pair_weight, reliability: what the rule settled on; weights have mean 1.
        train_rows, calibration_rows, parameters, in_memory: sizes.
        prepare_s, train_s, samples_per_s, data_wait: seconds before the first step and of the loop; products a
            second of the loop; share of the loop spent waiting for products.
        checkpoint: path of the last checkpoint.
    """

    step: int
    stopped: str
    loss: float
    contrast: float
    masked: dict[str, float]
    weight: dict[str, float]
    pair_weight: dict[str, float]
    reliability: dict[str, float]
    train_rows: int
    calibration_rows: int
    parameters: int
    in_memory: bool
    prepare_s: float
    train_s: float
    samples_per_s: float
    data_wait: float
    checkpoint: str


class MetricsLog:
    """`metrics.jsonl`: one line a step; lines after the checkpoint a run continues from are cut off."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = path.read_text().splitlines(keepends=True)[:step] if path.exists() else []
        path.write_text("".join(kept))

    def write(self, values: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(values) + "\n")
