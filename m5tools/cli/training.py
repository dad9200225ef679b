"""`m5 train` and `m5 bench-loader` on the terminal."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from m5tools.cli.learning_settings import read_settings
from m5tools.loader import bench
from m5tools.scale.config import TrainConfig
from m5tools.scale.train import Progress as Step
from m5tools.scale.train import TrainReport, train

SECONDS = 0.5  # between two pictures of the modalities
LINES = 10  # how often a run without a terminal tells how far it has come


def run_training(shards: str, out: Path, config: Path | None, changes: tuple[str, ...]) -> None:
    """Train and print what came of it.

    Raises:
        UsageError: a setting is wrong or unknown.
    """
    report = shown_training(read_settings(TrainConfig, config, changes, {"shards": shards, "out": out}))
    if first():
        print_training(report)


def first() -> bool:
    """Whether this process speaks for those that torchrun started together."""
    return os.environ.get("RANK", "0") == "0"


def shown_training(settings: TrainConfig) -> TrainReport:
    """Train under a progress bar; without a terminal, with a line now and then."""
    console = Console(stderr=True, quiet=not first())
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, TextColumn("{task.description}"))
    task = bar.add_task("", total=settings.steps)
    shown: list[RenderableType] = [bar]
    seen = 0.0
    with Live(Group(bar), console=console, transient=True, auto_refresh=console.is_terminal) as live:

        def step(now: Step) -> None:
            nonlocal seen
            told = f"loss {now.loss:.3f}  {now.samples_per_s:,.0f} products/s  waiting for data {now.data_wait:.0%}"
            if console.is_terminal:
                bar.update(task, completed=now.step, description=told)
                if time.monotonic() - seen > SECONDS:
                    seen = time.monotonic()
                    shown[1:] = [_modalities(now)]
                    live.update(Group(*shown))
            elif now.step % max(1, settings.steps // LINES) == 0:
                held = ", ".join(f"{m} {share:.0%} × {now.weight[m]:.2f}" for m, share in now.present.items())
                console.print(
                    f"training: {now.step:,}/{settings.steps:,}, {told} ({held})", highlight=False, soft_wrap=True
                )

        return train(settings, step)


def _modalities(now: Step) -> Table:
    """How much of each modality the last batch held, and what its task weighs."""
    table = Table("", *now.present, box=None)
    table.add_row("present", *(f"{share:.0%}" for share in now.present.values()))
    table.add_row("weight", *(f"{now.weight[m]:.2f}" for m in now.present))
    return table


def print_training(report: TrainReport) -> None:
    """Sizes, speed and the weights the rule settled on."""
    console = Console()
    console.print(
        f"{report.step} steps on {report.train_rows:,} products ({report.parameters:,} parameters) in "
        f"{report.train_s:.0f} s, {report.samples_per_s:,.0f} products/s, waiting for data {report.data_wait:.0%}"
        f"{f', {report.ranks} ranks' * (report.ranks > 1)}; stopped: {report.stopped}"
    )
    table = Table("modality", "weight", "reliability", "masked loss", box=None)
    for modality, weight in report.weight.items():
        masked = report.masked.get(modality)
        shown = "–" if masked is None else f"{masked:.3f}"
        table.add_row(modality, f"{weight:.2f}", f"{report.reliability[modality]:.2f}", shown)
    console.print(table)
    console.print(f"checkpoint: {report.checkpoint}")


def run_loader_bench(
    shards: str, batches: int, workers: int, threads: int | None, as_json: bool, options: dict[str, Any]
) -> None:
    """Measure the loader and print a line a stage.

    Raises:
        UsageError: the folder or an option makes no sense.
    """
    rates = bench.measure(shards, batches=batches, workers=workers, threads=threads, **options)
    if as_json:
        print(json.dumps(rates.to_dict(), indent=1))
        return
    console = Console()
    console.print(
        f"{rates.samples:,} samples in {rates.batches} batches, {rates.bytes_a_sample / 1000:.1f} kB each, "
        f"{rates.bad:,} unreadable; {rates.workers} workers × {rates.threads} threads, "
        f"{rates.processors} processors, load {rates.load:.1f}"
    )
    table = Table("stage", "samples/s", "processor µs a sample", box=None)
    for stage in rates.stages:
        used = "–" if stage.processor_us is None else f"{stage.processor_us:,.1f}"
        table.add_row(stage.name, f"{stage.samples_per_s:,.0f}", used)
    console.print(table)
    console.print(f"the whole reaches {rates.share:.0%} of the ceiling, which is decoding alone in as many threads")
