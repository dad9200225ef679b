"""`m5 evaluate` and `m5 embed` on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from m5tools.cli.learning_settings import read_settings
from m5tools.scale.checkpoint import load, run_of
from m5tools.scale.embedding_files import default_folder, write_embeddings
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.evaluate import evaluate
from m5tools.tasks.gathered import Tick
from m5tools.tasks.page import Sheet, sheets, write
from m5tools.tasks.report import Evaluation

LINES = 4  # how often a run without a terminal tells how far something has come


def run_evaluation(
    checkpoint: Path, shards: str, split: str | None, out: Path | None, config: Path | None, changes: tuple[str, ...]
) -> None:
    """Judge a model, print the figures, write them and their page.

    Raises:
        UsageError: a setting is wrong, or there is nothing to judge.
    """
    fixed = {} if split is None else {"splits": tuple(split.split(","))}
    settings = read_settings(EvaluateConfig, config, changes, fixed)
    with shown_progress() as tick:
        found = evaluate(checkpoint, shards, settings, tick=tick)
    print_evaluation(found)
    figures, page = write(found, out or run_of(checkpoint))
    Console().print(f"figures: {figures}\npage, with bands and combinations: {page}", soft_wrap=True)


def print_evaluation(found: Evaluation) -> None:
    """The tables that tell the most; the page has all."""
    console = Console()
    for sheet in sheets(found):
        if not sheet.rows:
            console.print(f"{sheet.title}: nothing to judge")
        elif sheet.brief:
            console.print(sheet.title, style="bold", highlight=False)
            console.print(_table(sheet), "")


def _table(sheet: Sheet) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(sheet.head):
        # An interval cut short would be a wrong one: a narrow terminal wraps the page, not the cell.
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*row)
    return table


@contextmanager
def shown_progress() -> Iterator[Tick]:
    """A bar for each thing that is done; without a terminal, a line now and then."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:

        def tick(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)
            if bar.disable and done and done % max(1, total // LINES) == 0:
                console.print(f"{what}: {done:,}/{total:,}", highlight=False)

        yield tick


def run_embedding(checkpoint: Path, shards: str, splits: str, out: Path | None, name: str | None) -> None:
    """Write the vectors of all products of some splits.

    Raises:
        UsageError: there is no place for them, or it holds those of another network.
    """
    folder = out if out is not None else default_folder(shards, name)
    with shown_progress() as tick:
        made = write_embeddings(load(checkpoint), shards, splits.split(","), folder, tick)
    lost = sum(map(len, made.left_out.values()))
    told = f"{made.products:,} products, {made.vectors:,} vectors of {made.size} numbers in {len(made.files)} files"
    Console().print(f"{folder}: {told}; {lost:,} products left out; network {made.model}", soft_wrap=True)
