"""`m5 train` and `m5 bench-loader` on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from m5tools import documents, pipeline
from m5tools.loader import bench
from m5tools.scale.config import TrainConfig
from m5tools.scale.train import Progress as Step
from m5tools.scale.train import TrainReport, train

LINES = 10  # how often a run without a terminal tells how far it has come


def run_training(shards: Path, out: Path, config: Path | None, changes: tuple[str, ...]) -> None:
    """Train and print what came of it.

    Raises:
        UsageError: a setting is wrong.
    """
    body = documents.read_object(config) if config is not None else {}
    for change in changes:
        key, value = pipeline.split_change(change)
        pipeline.assign(body, key.split("."), value, change)
    body |= {"shards": str(shards), "out": out}
    print_training(shown_training(documents.settings(body, TrainConfig, config, "--set ")))


def shown_training(settings: TrainConfig) -> TrainReport:
    """Train under a progress bar; without a terminal, with a line now and then."""
    text = TextColumn(
        "loss {task.fields[loss]:.3f}  {task.fields[rate]:.0f} products/s  waiting {task.fields[wait]:.0%}"
    )
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), text)
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=settings.steps, loss=0.0, rate=0.0, wait=0.0)

        def step(now: Step) -> None:
            bar.update(task, completed=now.step, loss=now.loss, rate=now.samples_per_s, wait=now.data_wait)
            if bar.disable and now.step % max(1, settings.steps // LINES) == 0:
                line = f"training: {now.step:,}/{settings.steps:,}, loss {now.loss:.3f}"
                console.print(f"{line}, {now.samples_per_s:.0f} products/s", highlight=False)

        return train(settings, step)


def print_training(report: TrainReport) -> None:
    """Sizes, speed and the weights the rule settled on."""
    console = Console()
    console.print(
        f"{report.step} steps on {report.train_rows:,} products ({report.parameters:,} parameters) in "
        f"{report.train_s:.0f} s, {report.samples_per_s:,.0f} products/s; stopped: {report.stopped}"
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
