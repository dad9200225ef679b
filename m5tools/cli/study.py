"""`m5 study` on the terminal: the matrix and its cost first, then the runs, then where the page is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from m5tools import atomic
from m5tools.errors import StageFailed
from m5tools.study import page
from m5tools.study.execute import PROCESSES, cost, execute, finished
from m5tools.study.plan import Plan
from m5tools.study.setting import setting

LINES = 20  # how often a study without a terminal tells how far it has come


def run_study(file: Path, out: Path, quick: bool, plan_only: bool, page_only: bool, processes: int) -> None:
    """Print the plan, run what is not done yet, write the page; `page_only`: of the runs that are there.

    Raises:
        UsageError: the file is not a study.
        StageFailed: some runs failed; the page names them.
    """
    plan = Plan.read(file, quick=quick)
    console = Console()
    command = f"m5 study {file}" + (" --quick" if quick else "")
    if page_only:
        _write(console, plan, out, command, None)
        return
    atomic.sweep(out / "cells")
    done = finished(out, plan)
    _print_matrix(console, plan)
    seconds = cost(plan, done)
    console.print(
        f"{len(plan.runs):,} runs, {len(done):,} of them done; the rest takes about {seconds / 60:,.0f} processor "
        f"minutes, {seconds / 60 / processes:,.0f} minutes on {processes} free cores"
    )
    if plan_only:
        return
    failed = _shown(plan, out, len(plan.runs) - len(done), processes)
    _write(console, plan, out, command, failed)
    if failed:
        first = next(iter(failed.values()))
        raise StageFailed(
            f"{len(failed)} of {len(plan.runs)} runs failed, such as: {first}; the same command tries again"
        )


def _write(console: Console, plan: Plan, out: Path, command: str, failed: dict[str, str] | None) -> None:
    done = finished(out, plan)
    written = page.write(plan, done, failed, out, setting(command, out, done))
    told = "" if len(done) == len(plan.runs) else f" (of {len(done):,} of {len(plan.runs):,} runs)"
    console.print(f"tables and plots{told}: {written}", soft_wrap=True)


def _print_matrix(console: Console, plan: Plan) -> None:
    table = Table("question", "cells", "seeds", "runs", "of its own", box=None)
    seen: set[str] = set()
    for name, question in plan.study.questions.items():
        marks = {mark for (asked, _, _), mark in plan.places.items() if asked == name}
        seeds = len({seed for asked, _, seed in plan.places if asked == name})
        table.add_row(name, str(len(question.named())), str(seeds), str(len(marks)), str(len(marks - seen)))
        seen |= marks
    console.print(table)


def _shown(plan: Plan, out: Path, left: int, processes: int) -> dict[str, str]:
    """Run under a progress bar; without a terminal, with a line now and then."""
    console = Console(stderr=True)
    columns = (TextColumn("running"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=left)

        def tell(done: int, total: int, error: str | None) -> None:
            bar.update(task, completed=done)
            if error is not None:
                console.print(f"a run failed: {error}", highlight=False)
            if bar.disable and (done == total or done % max(1, total // LINES) == 0):
                console.print(f"running: {done:,}/{total:,}", highlight=False)

        return execute(plan, out, tell, processes)


__all__ = ["PROCESSES", "run_study"]
