"""A worker process: takes units over a pipe, does them, sends back counts. It knows nothing of other workers."""

from __future__ import annotations

import errno
import gc
import multiprocessing as mp
import multiprocessing.connection
import os
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa

from m5tools.dataset import Dataset, Output
from m5tools.errors import M5Error, number_of, path_of, told_by_the_system
from m5tools.stage import Counts, Stage, Terms, Unit, Work
from m5tools.vocabulary import Reason


@dataclass(frozen=True)
class Task:
    """One unit as it travels to a worker."""

    stage: Stage
    root: str
    round_name: str
    unit: Unit
    scratch: str
    blamed: dict[str, Reason]
    terms: Terms


@dataclass(frozen=True)
class Done:
    """What comes back: counts and files, or the user's message, or the traceback of a bug."""

    counts: Counts
    outputs: list[Output]
    seconds: float
    message: str | None = None
    traceback: str | None = None


def perform(task: Task, journal: Path | None = None) -> Done:
    """Do one unit here and now."""
    started = time.perf_counter()
    work = Work(Dataset(task.root), Path(task.scratch), task.blamed, journal, task.terms)
    try:
        counts = task.stage.process(task.round_name, task.unit, work)
    except M5Error as error:
        return Done({}, [], time.perf_counter() - started, message=str(error))
    except Exception as error:  # noqa: BLE001 - a bug travels to the supervisor as its traceback, which raises it there
        # What names no file may also be what a library puts beside its work.
        told = told_by_the_system(error, f"{task.root} or {tempfile.gettempdir()}") or _gone(error, task.scratch)
        if told is not None:
            return Done({}, [], time.perf_counter() - started, message=told)
        return Done({}, [], time.perf_counter() - started, traceback=traceback.format_exc())
    finally:
        work.close()
    return Done(counts, work.outputs, time.perf_counter() - started)


def _gone(error: BaseException, scratch: str) -> str | None:
    """One line where a file that a unit was to read is there no more."""
    path = path_of(error)
    if number_of(error) not in (errno.ENOENT, errno.ESTALE) or path is None:
        return None
    # Polars leaves out the beginning of a long path.
    ours = path.startswith(scratch) or f"/{Path(scratch).parent.name}/{Path(scratch).name}/" in path
    remedy = "run the same command with --refresh" if ours else "put it back, or name what is there now"
    return f"{path}: removed while it was needed; {remedy}"


def main(tasks: Connection, journal: str, threads: int) -> None:
    """Serve units until the pipe closes; die at once when the supervisor does."""
    pa.set_cpu_count(threads)
    # Units make very many small objects without cycles: looking for some every 700 costs a twelfth of an ingest.
    gc.set_threshold(100_000, 50, 50)
    die_with_parent()
    kind = ""
    while True:
        try:
            task: Task | None = tasks.recv()
        except (EOFError, KeyboardInterrupt):
            return
        if task is None:
            return
        if task.round_name != kind:
            # What one unit needed must not add to what the next of another kind needs; one of its kind takes it again.
            pa.default_memory_pool().release_unused()
        kind = task.round_name
        tasks.send(perform(task, Path(journal)))


def die_with_parent() -> None:
    """Let this process end at once when the one that began it does, however that ended.

    A killed supervisor cannot say goodbye; without it a worker's result has no taker.
    """
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = mp.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
