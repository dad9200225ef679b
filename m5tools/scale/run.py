"""The state of one training run in memory, its loop, and how it goes on from a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from m5tools.errors import UsageError
from m5tools.scale import checkpoint, ranks
from m5tools.scale.batches import Portion
from m5tools.scale.config import FREE, TrainConfig
from m5tools.scale.harmony import RULES
from m5tools.scale.learner import Learner, Trainer, named
from m5tools.scale.networks import NETWORKS, check
from m5tools.scale.prepare import Vocabulary, prepare
from m5tools.scale.records import MetricsLog, Progress, TrainReport
from m5tools.scale.source import Products
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.vocabulary import MODALITIES


class Run:
    """One run: new, or as the newest checkpoint in `config.out` left it.

    Args:
        config: of the run.
        products: where splits are opened.
        device: of this rank.
        began: on the monotonic clock.

    Raises:
        UsageError: the split is too small, or the folder holds a run with another configuration or on other shards.
    """

    def __init__(self, config: TrainConfig, products: Products, device: torch.device, began: float) -> None:
        self.config, self.began = config, began
        self.harmony = RULES[config.harmony]()
        check(config.network, self.harmony, config.fused_share, config.consensus_share, config.shape, ranks.size())
        self.path = ranks.from_first(lambda: _found(config))
        if not products.open("train", MODALITIES, batch_size=1, shuffle=False, drop_last=False).plan.samples:
            raise UsageError(f"{config.shards}: the train split holds no product; there is nothing to train on")
        saved = checkpoint.describe(self.path) if self.path is not None else None
        known = None
        if saved is not None:
            known = Vocabulary(saved["tokenizer"], None, saved["rows"])
        self.materials = prepare(config, products, known, saved["data"] if saved is not None else None)
        self.model = NETWORKS[config.network](self.materials.tokenizer.config)
        self.parameters = self.model.parameter_count
        documents = self.materials.vocabulary.documents
        if documents is not None:
            self.model.measure_features(self.materials.held_out)
            self.model.words.measure(documents, self.materials.vocabulary.rows)
        learner = Learner(self.model, self.harmony, config)
        self.trainer = Trainer(learner, config, self.materials.held_out, device)
        self.step, self.last = 0, {}  # type: tuple[int, dict[str, Any]]
        if saved is not None and self.path is not None:
            checkpoint.restore(self.path, self._state())
            self.step, self.last = saved["step"], saved["last"]

    def finish(self, progress: Callable[[Progress], None] | None) -> TrainReport:
        """Run the remaining steps.

        Raises:
            StageFailed: the loss is no number.
            TooManyBad: more products are unreadable than `max_bad_share`.
        """
        config = self.config
        ready = time.monotonic()
        waited, rows, taken, stopped = 0.0, 0, 1e-9, "steps"
        log = MetricsLog(config.out, self.step, config.tensorboard) if ranks.rank() == 0 else None
        batches = iter(self.materials.source)
        while self.step < config.steps and stopped == "steps":
            asked = time.monotonic()
            portion = next(batches)
            here = time.monotonic() - asked
            self.last = self.trainer.take(self.step, portion)
            self.step += 1
            late = config.time_limit_s is not None and time.monotonic() - self.began > config.time_limit_s
            told = _everywhere(portion, here, late, self.trainer.device)
            waited, rows, taken = waited + told.waited, rows + told.rows, time.monotonic() - ready
            stopped = "time limit" if told.late else stopped
            if log is not None:
                speed = {"samples_per_s": rows / taken, "data_wait": waited / taken}
                log.write(self.step, {**self.last, "present": told.present, **speed})
            if stopped != "steps" or self.step == config.steps or self.step % config.checkpoint_every == 0:
                self._save()
            if progress is not None:
                loss, weight = self.last["loss"], self.last["weight"]
                now = Progress(self.step, config.steps, loss, rows / taken, waited / taken, told.present, weight)
                progress(now)
        if log is not None:
            log.close()
        return self._report(stopped, ready - self.began, taken, rows / taken, waited / taken)

    def _state(self) -> dict[str, Any]:
        return {**self.trainer.tensors(), "source": self.materials.source}

    def _save(self) -> None:
        about = {
            "config": self.config.model_dump(mode="json"),
            "shape": self.materials.tokenizer.config.model_dump(mode="json"),
            "categories": list(self.materials.categories),
            "rows": self.materials.vocabulary.rows,
            "data": self.materials.data,
            "last": self.last,
        }
        tokenizer = self.materials.tokenizer.to_json()
        keep = self.config.keep_checkpoints
        self.path = checkpoint.save(self.config.out, self.step, about, tokenizer, self._state(), keep)

    def _report(
        self, stopped: str, prepare_s: float, train_s: float, samples_per_s: float, data_wait: float
    ) -> TrainReport:
        weights = self.trainer.learner.weights()
        return TrainReport(
            step=self.step,
            stopped=stopped,
            loss=self.last["loss"],
            contrast=self.last["contrast"],
            masked=self.last["masked"],
            weight=named(weights.masked),
            pair_weight={
                f"{a}-{b}": float(weights.pair[i, j])
                for i, a in enumerate(MODALITIES)
                for j, b in enumerate(MODALITIES)
                if i < j
            },
            reliability=named(self.harmony.reliability),
            train_rows=self.materials.train_rows,
            calibration_rows=len(self.materials.held_out),
            parameters=self.parameters,
            in_memory=self.materials.in_memory,
            ranks=ranks.size(),
            prepare_s=prepare_s,
            train_s=train_s,
            samples_per_s=samples_per_s,
            data_wait=data_wait,
            checkpoint=str(self.path),
        )


@dataclass(frozen=True)
class _Told:
    """One step over all ranks: products, seconds a rank waited for them, whether time is up, presence."""

    rows: int
    waited: float
    late: bool
    present: dict[str, float]


def _everywhere(portion: Portion, waited: float, late: bool, device: torch.device) -> _Told:
    here = portion.tokens.present.sum(0).tolist()
    numbers = torch.tensor([len(portion.tokens), waited, late, *here], dtype=torch.float64, device=device)
    rows, seconds, hurried, *present = ranks.total(numbers).tolist()
    shares = {m.value: count / max(rows, 1) for m, count in zip(MODALITIES, present, strict=True)}
    return _Told(int(rows), seconds / ranks.size(), hurried > 0, shares)


def _found(config: TrainConfig) -> Path | None:
    """The checkpoint to go on from.

    Raises:
        UsageError: it was trained with other settings. Places, speed and the clock are no settings, nor is where a
            tokenizer lies, but what it is.
    """
    checkpoint.tidy(config.out)
    path = checkpoint.newest(config.out)
    if path is not None:
        saved = checkpoint.describe(path)
        before = TrainConfig.model_validate(saved["config"]).model_dump(mode="json")
        now = config.model_dump(mode="json")
        if config.tokenizer is not None and before["tokenizer"] is not None:
            now["tokenizer"] = ProductTokenizer.from_file(config.shape, config.tokenizer).to_json()
            # Through the library once more, for another version of it may write the same otherwise.
            before["tokenizer"] = ProductTokenizer.from_json(config.shape, saved["tokenizer"]).to_json()
        changed = [name for name in now if name not in FREE and before[name] != now[name]]
        if changed:
            raise UsageError(f"{path} was trained with another {', '.join(changed)}; choose another folder")
    return path
