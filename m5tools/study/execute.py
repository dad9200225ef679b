"""Run the cells of a study: at most two processes of one thread each, a file a finished cell, nothing done twice."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import torch
from threadpoolctl import threadpool_limits

from m5tools import atomic
from m5tools.engine.worker import die_with_parent
from m5tools.errors import M5Error, StageFailed
from m5tools.study.config import Cell
from m5tools.study.judge import judge
from m5tools.study.learn import learn
from m5tools.study.plan import Plan
from m5tools.study.world import World

PROCESSES: Final = 2

TRIAL_STEPS: Final = 12
"""Steps of the short run from which the cost is told before anything is finished."""


def finished(folder: Path, plan: Plan) -> dict[str, dict[str, Any]]:
    """Results that are there, by fingerprint."""
    return {
        mark: json.loads(path.read_text())
        for mark in plan.runs
        if (path := folder / "cells" / f"{mark}.json").is_file()
    }


def run_cell(cell: Cell) -> dict[str, Any]:
    """Train and judge one cell: its settings, its figures, and the processor seconds of either part."""
    torch.set_num_threads(1)
    began = time.process_time()
    # NumPy's threads are not PyTorch's; those of two processes would only wait for each other.
    with threadpool_limits(1):
        world = World(cell.world, cell.seed)
        learned = learn(cell, world)
        figures = judge(cell, world, learned)
    seconds = {"learning": learned.seconds, "rest": time.process_time() - began - learned.seconds}
    return {"cell": cell.model_dump(mode="json"), "seconds": seconds, **figures}


def cost(plan: Plan, done: dict[str, dict[str, Any]]) -> float:
    """Processor seconds that the runs not yet done will take, from those that are or from a short one.

    A run costs its share of the steps measured, plus its judging.
    """
    left = [cell for mark, cell in plan.runs.items() if mark not in done]
    if not left:
        return 0.0
    measured = list(done.values()) or [run_cell(_trial(left[0]))]
    steps = sum(one["cell"]["learning"]["steps"] for one in measured)
    a_step = sum(one["seconds"]["learning"] for one in measured) / steps
    rest = sum(one["seconds"]["rest"] for one in measured) / len(measured)
    return float(sum(cell.learning.steps * a_step + rest for cell in left))


def _trial(cell: Cell) -> Cell:
    steps = min(TRIAL_STEPS, cell.learning.steps)
    return cell.model_copy(update={"learning": cell.learning.model_copy(update={"steps": steps})})


def execute(
    plan: Plan, folder: Path, tell: Callable[[int, int, str | None], None], processes: int = PROCESSES
) -> dict[str, str]:
    """Run what is not done yet.

    Args:
        tell: called after every cell with the number done, of how many, and what went wrong with it, if anything.

    Returns:
        Errors by fingerprint; such a cell has no file and is tried again next time.
    """
    left = {mark: cell for mark, cell in plan.runs.items() if not (folder / "cells" / f"{mark}.json").is_file()}
    failed: dict[str, str] = {}
    for done, (mark, result) in enumerate(_results(left, min(processes, PROCESSES)), 1):
        error = result if isinstance(result, str) else None
        if error is None:
            atomic.write_json(folder / "cells" / f"{mark}.json", result)
        else:
            failed[mark] = error
        tell(done, len(left), error)
    return failed


def _results(left: dict[str, Cell], processes: int) -> Iterable[tuple[str, dict[str, Any] | str]]:
    """Result or error of every cell, as they come."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=die_with_parent) as pool:
        # No more than are worked on: after an interrupt nothing is left in the queue.
        waiting, running = list(left.items())[::-1], dict[Future[dict[str, Any] | str], str]()
        while waiting or running:
            while waiting and len(running) < processes:
                mark, cell = waiting.pop()
                running[pool.submit(_guarded, cell)] = mark
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield running.pop(future), future.result()


def _guarded(cell: Cell) -> dict[str, Any] | str:
    """The result, or in words why there is none: one cell that fails costs itself alone."""
    try:
        return run_cell(cell)
    except (M5Error, ArithmeticError, RuntimeError, ValueError) as error:
        kind = "" if isinstance(error, StageFailed) else f"{type(error).__name__}: "
        return f"{kind}{(str(error).splitlines() or ['no reason given'])[0][:200]}"
