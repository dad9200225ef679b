"""Commands that make something out of nothing: the simulator, and the demo built on it."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m5tools.cli.options import LogJsonOption, WorkersOption
from m5tools.errors import StageFailed, UsageError

if TYPE_CHECKING:
    from m5tools.tasks.report import Evaluation
    from m5tools.truth import Score

FEWEST_QUERIES = 30
"""With fewer, one query more or less found decides which system is ahead."""


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write; must be new or an earlier simulation.")],
    products: Annotated[int | None, typer.Option("--products", "-n", help="How many products (2,000).")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed gives the same bytes (0).")] = None,
    no_media: Annotated[bool, typer.Option("--no-media", help="Records only.")] = False,
    profile: Annotated[
        str | None, typer.Option("--profile", help="default, or m5product for the paper's tail.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="A YAML file with every knob; the options above win over it.")
    ] = None,
    workers: WorkersOption = None,
) -> None:
    """Simulate a messy crawl whose truth is known."""
    from m5tools import documents
    from m5tools.synth import SynthConfig, synthesize

    given = {"products": products, "seed": seed, "profile": profile, "media": False if no_media else None}
    flags = {name: value for name, value in given.items() if value is not None}
    documents.settings(flags, SynthConfig, None, "--")  # a wrong flag is no mistake of the file
    body = documents.read_object(config) if config is not None else {}
    settings = documents.settings(body | flags, SynthConfig, config, "--")
    with _bar("simulating") as tick:
        report = synthesize(out, settings, workers=_workers(workers), progress=tick)
    rejects = sum(report.rejects.values())
    typer.echo(f"{out}: {report.rows:,} rows = {report.products:,} products + {rejects:,} rows to reject, ", nl=False)
    typer.echo(f"{report.media_files:,} media files ({report.media_bytes / 1e6:.1f} MB); truth in {out}/truth.parquet")


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything the demo makes.")] = Path("demo"),
    products: Annotated[int, typer.Option("--products", "-n", min=200, help="Products in the crawl.")] = 2_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the crawl.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on.")] = False,
    workers: WorkersOption = None,
    log_json: LogJsonOption = False,
) -> None:
    """The whole line on a simulated crawl: curation against the truth, report, trained model."""
    from m5tools import demo as line
    from m5tools.cli import session

    started = time.monotonic()
    ours = (out / "crawl" / "synth.json").is_file()
    if not ours and out.exists() and (out.is_file() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty and was not made by the demo; name another folder with --out")
    if fresh:
        for made in ("crawl", "dataset", "run"):
            shutil.rmtree(out / made, ignore_errors=True)
    with _bar("simulating") as tick:
        crawl = line.simulate(out, products, seed, _workers(workers), tick)
    rejects = sum(crawl.rejects.values())
    typer.echo(f"crawl: {crawl.rows:,} rows, {crawl.media_files:,} media files, {rejects:,} rows that must be rejected")
    with session.engine(workers=_workers(workers), log_json=log_json) as engine:
        curated = line.curate(out, engine)
    _print_scores(curated.scores)
    typer.echo(f"report: {curated.report}")
    if not line.can_train():
        typer.echo("training: skipped, PyTorch is not installed; for it: pip install 'm5tools[train]'")
        typer.echo(f"done in {time.monotonic() - started:.0f} s")
        return
    from m5tools.cli.evaluation import print_evaluation
    from m5tools.cli.training import print_training, shown_training

    shutil.rmtree(out / "run", ignore_errors=True)
    trained, judged = line.learn(curated, out / "run", shown_training)
    print_training(trained)
    print_evaluation(judged)
    _verdict(judged)
    typer.echo(f"done in {time.monotonic() - started:.0f} s")


def _print_scores(scores: dict[str, list[Score]]) -> None:
    from rich.console import Console
    from rich.table import Table

    for group, found in scores.items():
        table = Table(group, "planted", "found", "precision", "recall", box=None)
        for score in found:
            shares = ("–" if math.isnan(share) else f"{share:.3f}" for share in (score.precision, score.recall))
            table.add_row(score.name, f"{score.planted:,}", f"{score.found:,}", *shares)
        Console().print(table)


def _verdict(judged: Evaluation) -> None:
    """One line: the fused product vector against text alone and chance.

    Raises:
        StageFailed: it does not beat both, though there were enough products to ask for.
    """
    fine = judged.fine
    if not fine.queries:
        typer.echo("finding the same product: nothing to judge, no unseen product has another offer; simulate more")
        return
    fused = fine.systems["fused"].metrics["mAP@10"]
    rivals = {"chance": fine.chance["mAP@10"]}
    for name, words in (("text", "text of the same model"), ("tfidf_title", "title TF-IDF")):
        if name in fine.systems:
            rivals[words] = fine.systems[name].metrics["mAP@10"]
    shown = ", ".join(f"{name} {value:.3f}" for name, value in rivals.items())
    line = f"finding the same product: fused mAP@10 {fused:.3f}; {shown}"
    if fine.queries < FEWEST_QUERIES:
        line += f" (by {fine.queries} queries, too few to tell)"
    elif fused <= max(rivals.values()):
        raise StageFailed(f"{line}: the fused vector does not beat text alone and chance")
    typer.echo(line)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _workers(workers: int | None) -> int:
    return workers if workers else os.cpu_count() or 1
