"""What a training run tells: its progress, its metrics file and its report."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from m5tools import atomic
from m5tools.errors import UsageError


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it.

    Attributes:
        step, steps: taken, and to take.
        loss: of the last step.
        samples_per_s: products of all ranks a second since training began or went on.
        data_wait: share of that time spent waiting for products, on average over ranks.
        present: share of the last step's products that have a modality.
        weight: what its masked task counts; mean 1.
    """

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
        ranks: how many trained together.
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
    ranks: int
    prepare_s: float
    train_s: float
    samples_per_s: float
    data_wait: float
    checkpoint: str


class MetricsLog:
    """`metrics.jsonl`, one line a step, and TensorBoard's event files where they are wanted.

    What was written after the checkpoint that a run goes on from is cut off.

    Raises:
        UsageError: TensorBoard is wanted and not installed.
    """

    def __init__(self, out: Path, step: int, tensorboard: bool = False) -> None:
        self.path = out / "metrics.jsonl"
        out.mkdir(parents=True, exist_ok=True)
        kept = self.path.read_text().splitlines(keepends=True)[:step] if self.path.exists() else []
        atomic.write_bytes(self.path, "".join(kept).encode())
        self.board = _board(out, step) if tensorboard else None

    def write(self, step: int, values: dict[str, Any]) -> None:
        """The values of one step; inner ones by modality."""
        with atomic.naming(self.path), self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self.board is not None:
            for name, value in values.items():
                inner = value if isinstance(value, dict) else {"": value}
                for key, number in inner.items():
                    self.board.add_scalar(f"{name}/{key}".rstrip("/"), number, step)

    def close(self) -> None:
        """Write out what is still held back."""
        if self.board is not None:
            self.board.close()


def _board(out: Path, step: int) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("tensorboard: true needs TensorBoard; install it with: pip install 'm5tools[train]'")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out), purge_step=step + 1)
