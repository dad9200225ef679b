"""The process that workers are forked from: it loads the stages once for all of them.

Started before the command reads its settings, it loads on one core what the command loads on another.
"""

from __future__ import annotations

import multiprocessing as mp
import multiprocessing.forkserver as forkserver
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

METHOD: Final = "forkserver" if "forkserver" in mp.get_all_start_methods() else "spawn"
LOADED: Final = ("m5tools.engine.worker", "m5tools.pipeline")


def threads_each(workers: int) -> int:
    """The threads that each of some worker processes may use."""
    return max(1, (os.cpu_count() or 1) // max(1, workers))


def start(workers: int | None) -> None:
    """Start the server unless it runs; where there is none (Windows), or without workers, nothing happens.

    Args:
        workers: number of worker processes; None: one a core.
    """
    count = workers if workers is not None else os.cpu_count() or 1
    if not count or METHOD != "forkserver":
        return
    mp.get_context(METHOD).set_forkserver_preload(list(LOADED))
    with _set("POLARS_MAX_THREADS", str(threads_each(count))):
        # Polars reads it once, when it is loaded; the server loads it for all workers.
        forkserver.ensure_running()


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """An environment variable for processes that are started inside."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
