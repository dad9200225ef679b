"""The training loop: one process on a CPU, seeds explicit, continued exactly where it stopped.

The order of products and the hidden tokens are pure functions of (seed, step); with dropout 0 a run that was
interrupted and continued ends bit by bit like one that was not.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from m5tools.errors import StageFailed, UsageError
from m5tools.scale import checkpoint
from m5tools.scale.config import MODELS, TrainConfig
from m5tools.scale.harmony import RULES, Harmony, sums
from m5tools.scale.masked import draw_masks
from m5tools.scale.model import Scale
from m5tools.scale.records import MetricsLog, Progress, TrainReport
from m5tools.scale.source import HeldOut, InMemory, ProductLoader, Products, Shards, Source, Streamed, read
from m5tools.scale.terms import Terms
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens
from m5tools.scale.words import document_counts, texts_of
from m5tools.vocabulary import MODALITIES, Modality

__all__ = ["Progress", "TrainConfig", "TrainReport", "schedule", "train"]

READ_BATCH = 64
"""Products decoded at a time when a split is read once."""


def train(
    config: TrainConfig,
    progress: Callable[[Progress], None] | None = None,
    products: Products | None = None,
) -> TrainReport:
    """Train, or continue the run in `config.out` where its checkpoint stands.

    Args:
        progress: called after every step.
        products: where splits are opened; by default the shard folder `config.shards`.

    Raises:
        UsageError: the split is too small, or `config.out` holds a run with another configuration or on other shards.
        StageFailed: the loss is no longer a number.
    """
    began = time.monotonic()
    with torch.random.fork_rng(devices=[]), _threads(config.threads):
        torch.manual_seed(config.seed)
        shape = MODELS[config.model]
        shards = products or Shards(config.shards, config.cut, shape, config.image_size, config.seed, config.out)
        return _Run(config, shards, began).finish(progress)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Run:
    """The state of one run in memory."""

    def __init__(self, config: TrainConfig, products: Products, began: float) -> None:
        self.config, self.products, self.began = config, products, began
        self.path = config.out / "checkpoint.pt"
        saved = checkpoint.read(self.path) if self.path.exists() else None
        if saved is not None:
            _same_run(config, saved, self.path)
        self.shape = MODELS[config.model]
        self.tokenizer, self.rows = self._vocabulary(saved)
        self.held_out, self.source = self._split()
        self.model = Scale(self.tokenizer.config)
        self.harmony: Harmony = RULES[config.harmony]()
        if saved is None:
            self.model.measure_features(self.held_out.tokens)
            self.model.words.measure(self.documents, self.rows)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        self.step = 0
        self.last: dict[str, Any] = {}
        if saved is not None:
            self._restore(saved)

    def _open(
        self, modalities: tuple[Modality, ...], batch_size: int, drop_last: bool, shuffle: bool = True
    ) -> ProductLoader:
        return self.products.open("train", modalities, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)

    def _vocabulary(self, saved: dict[str, Any] | None) -> tuple[ProductTokenizer, int]:
        """The vocabulary of the training split, and the number of its products.

        Reads the texts twice (no media): once to learn the words, once to count the products that use each.
        """
        loader = self._open((Modality.TEXT, Modality.TABLE), 8 * READ_BATCH, drop_last=False, shuffle=False)
        self.categories = loader.categories
        self.data = self._open(MODALITIES, READ_BATCH, drop_last=False).fingerprint
        if saved is not None and saved["data"] != self.data:
            raise UsageError(
                f"{self.config.shards} no longer holds what {self.path} was trained on; "
                "bring the shards and the cut back, or choose another folder"
            )
        if saved is not None:
            return ProductTokenizer.from_json(self.shape, saved["tokenizer"]), saved["rows"]

        def products() -> Iterator[list[str]]:
            for batch in loader:
                yield from itertools.compress(texts_of(batch), batch.valid.tolist())

        tokenizer = ProductTokenizer.learn(self.shape, itertools.chain.from_iterable(products()))
        self.documents, rows = document_counts(tokenizer.bpe, products())
        return tokenizer, rows

    def _split(self) -> tuple[HeldOut, Source]:
        """Set the calibration rows aside; keep the rest in memory if it fits."""
        wanted = min(self.config.calibration_rows, self.rows // 10)
        loader = self._open(MODALITIES, READ_BATCH, drop_last=False)
        first = read(loader, self.tokenizer, max(wanted, 2)) if self.rows else None
        if first is None or len(first) < 2:
            raise UsageError(f"{self.config.shards}: the train split holds fewer than two usable products")
        held_out = HeldOut(first.select(torch.arange(wanted)))
        self.in_memory = first.nbytes / len(first) * self.rows <= self.config.memory_mb * 2**20
        if not self.in_memory:
            batches = self._open(MODALITIES, self.config.batch_size, drop_last=True)
            return held_out, Streamed(batches, self.tokenizer, held_out)
        tokens = held_out.allowed(read(self._open(MODALITIES, READ_BATCH, drop_last=False), self.tokenizer))
        if len(tokens) < 2:
            raise UsageError(f"{self.config.shards}: fewer than two products to train on")
        return held_out, InMemory(tokens, self.config.batch_size, self.config.seed)

    def finish(self, progress: Callable[[Progress], None] | None) -> TrainReport:
        """Run the remaining steps."""
        config = self.config
        ready = time.monotonic()
        waited, rows, stopped = 0.0, 0, "steps"
        log = MetricsLog(config.out / "metrics.jsonl", self.step)
        batches = iter(self.source)
        while self.step < config.steps:
            asked = time.monotonic()
            tokens = next(batches)
            waited += time.monotonic() - asked
            rows += len(tokens)
            self.last = self._take(tokens)
            taken = time.monotonic() - ready
            speed = {"samples_per_s": rows / taken, "data_wait": waited / taken}
            log.write({"step": self.step, **self.last, **speed})
            if config.time_limit_s is not None and time.monotonic() - self.began > config.time_limit_s:
                stopped = "time limit"
            ends = stopped != "steps" or self.step == config.steps
            if ends or self.step % config.checkpoint_every == 0:
                self._save()
            if progress is not None:
                progress(self._progress(tokens, **speed))
            if ends:
                break
        taken = max(time.monotonic() - ready, 1e-9)
        return self._report(stopped, ready - self.began, taken, rows / taken, waited / taken)

    def _take(self, tokens: Tokens) -> dict[str, Any]:
        """One optimiser step."""
        config = self.config
        if self.step % config.calibration_every == 0 and len(self.held_out.tokens) >= 2:
            self._calibrate()
        for group in self.optimiser.param_groups:
            group["lr"] = config.lr * schedule(self.step, config.steps, config.warmup)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        self.model.train()
        masks = draw_masks(tokens, config.masking, generator)
        terms: Terms = self.model(tokens, masks, config.temperature, self.harmony)
        objective = self.harmony.objective(terms, config.masked_share, config.fused_share)
        loss = objective.loss
        value = float(loss.detach())
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            raise StageFailed(
                f"step {self.step + 1}: loss {value}, gradient norm {float(norm)}; the last checkpoint is "
                f"unharmed. Lower lr (now {config.lr}) and train into another folder"
            )
        self.optimiser.step()
        self.step += 1
        return {
            "loss": value,
            "contrast": float(objective.contrast.detach()),
            "masked": _named(terms.masked),
            "weight": _named(objective.weights.masked),
            "gradient_norm": float(norm),
        }

    @torch.no_grad()
    def _calibrate(self) -> None:
        self.model.eval()
        tokens = self.held_out.tokens
        z = self.model.vectors(self.model.encode(tokens), tokens)
        self.harmony.observe(sums(z, tokens.present))

    def _progress(self, tokens: Tokens, samples_per_s: float, data_wait: float) -> Progress:
        present = _named(tokens.present.float().mean(0))
        weight = self.last["weight"]
        return Progress(self.step, self.config.steps, self.last["loss"], samples_per_s, data_wait, present, weight)

    def _save(self) -> None:
        checkpoint.save(
            self.path,
            {
                "config": self.config.model_dump(mode="json"),
                "shape": self.shape.model_dump(mode="json"),
                "tokenizer": self.tokenizer.to_json(),
                "categories": list(self.categories),
                "rows": self.rows,
                "data": self.data,
                "step": self.step,
                "last": self.last,
                "model": self.model.state_dict(),
                "harmony": self.harmony.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "source": self.source.state_dict(),
                "rng": torch.get_rng_state(),
            },
        )

    def _restore(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        self.harmony.load_state_dict(saved["harmony"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.source.load_state_dict(saved["source"])
        self.step, self.last = saved["step"], saved["last"]
        torch.set_rng_state(saved["rng"])

    def _report(
        self, stopped: str, prepare_s: float, train_s: float, samples_per_s: float, data_wait: float
    ) -> TrainReport:
        weights = self.harmony.weights()
        return TrainReport(
            step=self.step,
            stopped=stopped,
            loss=self.last["loss"],
            contrast=self.last["contrast"],
            masked=self.last["masked"],
            weight=_named(weights.masked),
            pair_weight={
                f"{a}-{b}": float(weights.pair[i, j])
                for i, a in enumerate(MODALITIES)
                for j, b in enumerate(MODALITIES)
                if i < j
            },
            reliability=_named(self.harmony.reliability),
            train_rows=len(self.source.tokens) if isinstance(self.source, InMemory) else self.rows,
            calibration_rows=len(self.held_out.tokens),
            parameters=self.model.parameter_count,
            in_memory=self.in_memory,
            prepare_s=prepare_s,
            train_s=train_s,
            samples_per_s=samples_per_s,
            data_wait=data_wait,
            checkpoint=str(self.path),
        )


def schedule(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at a step: linear warm-up, then linear decay to 2 %."""
    warmup = min(warmup, steps // 4)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 1 - 0.98 * (step - warmup) / max(steps - warmup, 1)


def _same_run(config: TrainConfig, saved: dict[str, Any], path: Path) -> None:
    """Refuse to continue a run with other settings; places and the clock are no settings."""
    before = TrainConfig.model_validate(saved["config"])
    free = {name: getattr(config, name) for name in ("shards", "cut", "out", "time_limit_s", "checkpoint_every")}
    changed = [k for k, v in before.model_copy(update=free) if v != getattr(config, k)]
    if changed:
        raise UsageError(f"{path} was trained with another {', '.join(changed)}; choose another folder")


def _named(values: Tensor) -> dict[str, float]:
    return {m.value: float(v) for m, v in zip(MODALITIES, values.tolist(), strict=True)}
