"""Threads that stay: started once in each process that uses them, not once a batch."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")
_END: Any = object()


MOST: Final = 8


def fair_threads(workers: int) -> int:
    """Decoding threads for each worker: the processors that this process may use, shared with the other ranks here.

    Few processes with several threads each: decoders let go of Python's lock, and every process costs memory and a
    hand-off (loader_peers §6.5). torchrun tells how many ranks there are in `LOCAL_WORLD_SIZE`.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(MOST, max(1, processors // ranks // max(1, workers)))


class Crew:
    """So many threads, the calling one among them; a copy sent to another process, or forked, starts its own.

    Args:
        threads: how many work at a time.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pid = 0
        self._pool: ThreadPoolExecutor | None = None

    def __reduce__(self) -> tuple[type[Crew], tuple[int]]:
        return Crew, (self.threads,)

    @property
    def pool(self) -> ThreadPoolExecutor:
        """The other threads."""
        if self._pool is None or self._pid != os.getpid():
            self._pool, self._pid = ThreadPoolExecutor(max(1, self.threads - 1)), os.getpid()
        return self._pool

    def each(self, function: Callable[[T], None], items: Iterator[T]) -> None:
        """Call a function for each item; a thread that is done takes the next one, so no more items wait than threads.

        Raises:
            Exception: what the function or the iterator raised first; items behind it may be left out.
        """
        if self.threads <= 1:
            for item in items:
                function(item)
            return
        taking = threading.Lock()

        def work() -> None:
            while True:
                with taking:
                    item = next(items, _END)
                if item is _END:
                    return
                function(item)

        others = [self.pool.submit(work) for _ in range(self.threads - 1)]
        try:
            work()
        finally:
            for other in others:
                other.result()
