"""Worker processes under a supervisor: a killed or hung worker is replaced and its unit tried again.

`ProcessPoolExecutor` breaks for good when one of its workers is killed; here that costs one retry. What a worker was
busy with stands in its journal file. An item that takes a worker down twice is blamed: the next try is told to record
a failure for it instead of touching it a third time.
"""

from __future__ import annotations

import multiprocessing as mp
import multiprocessing.connection
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from m5tools.engine.begin import begin
from m5tools.errors import StageFailed
from m5tools.journal import Journal
from m5tools.shared_folder import remove, shared_folder
from m5tools.vocabulary import Reason

if TYPE_CHECKING:
    from m5tools.engine.worker import Done, Task

EARLY = 2  # workers that load while the command still reads its settings; more only once there is work for them
MOST_DEATHS = 4
# Arrow's memory that is free goes back to the system after so long, by default after 10 ms: it came back with every
# batch, page by page and cleared. Between kinds of work the worker gives it back itself.
MEMORY_KEPT_MS = 10_000
ITEM_LIMIT_S = 60.0


class Workers(Protocol):
    """What an engine asks of those who do its units, wherever they are."""

    def run(
        self, tasks: Iterable[Task], stop: Callable[[], bool], beat: Callable[[], None] = ...
    ) -> Iterator[tuple[Task, Done]]: ...
    def under_way(self) -> tuple[int, int]: ...


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    journal: Path
    task: Task | None = None
    noted: tuple[int, float] = (0, 0.0)
    """When its journal was written last, and when that was first seen: clocks jump, and a file server has its own."""

    @property
    def item(self) -> str:
        return Journal.read(self.journal)


class Pool:
    """A fixed number of worker processes; 0 means: here, in this process.

    Args:
        workers: number of processes.
        item_limit_s: seconds one item may take before its worker is replaced.
        threads: for the libraries in each process; by default the processes share this machine's cores.
    """

    def __init__(self, workers: int, item_limit_s: float = ITEM_LIMIT_S, threads: int | None = None) -> None:
        self._count = workers
        self._item_limit_s = item_limit_s
        self._workers: list[_Worker] = []
        # Polars starts threads when it is loaded, and a process forked while one of them holds a lock waits for ever.
        self._context = mp.get_context("spawn")
        self._threads = threads or max(1, (os.cpu_count() or 1) // max(1, workers))
        self._journals = shared_folder(self, "m5-journal-")
        self._born = 0
        for _ in range(min(workers, EARLY)):
            self._workers.append(self._start())

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, tasks: Iterable[Task], stop: Callable[[], bool], beat: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Task, Done]]:
        """Do tasks and yield each as it finishes; no new one is begun once `stop()` is true. `beat` is called about
        every second while workers are busy.

        Raises:
            StageFailed: a unit keeps killing its worker and no single item can be blamed, or not any more.
        """
        self._drop_abandoned()
        waiting = deque(tasks)
        if self._count == 0:
            from m5tools.engine.worker import perform

            while waiting and not stop():
                here = waiting.popleft()
                yield here, perform(here)
            return
        deaths: Counter[str] = Counter()
        suspicions: Counter[tuple[str, str]] = Counter()
        while True:
            if not stop():
                self._hand_out(waiting)
            busy = [w for w in self._workers if w.task is not None]
            if not busy:
                return
            ready = set(mp.connection.wait([x for w in busy for x in (w.pipe, w.process.sentinel)], timeout=1.0))
            beat()
            for worker in busy:
                task = worker.task
                assert task is not None
                done = self._result(worker) if worker.pipe in ready else None
                if done is not None:
                    worker.task = None
                    yield task, done
                elif worker.process.sentinel in ready or worker.pipe in ready:
                    waiting.appendleft(self._after_death(worker, task, deaths, suspicions, Reason.DECODER_CRASH))
                elif self._hangs(worker):
                    worker.process.kill()
                    waiting.appendleft(self._after_death(worker, task, deaths, suspicions, Reason.TIMEOUT))

    def _drop_abandoned(self) -> None:
        """End workers still busy for a run that was broken off: their results are no one's."""
        for worker in [w for w in self._workers if w.task is not None]:
            worker.process.kill()
            self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()

    def close(self) -> None:
        """End all workers and wait for them."""
        for worker in self._workers:
            # Between units a worker holds nothing, and one that is still loading would only be waited for.
            worker.process.kill()
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()
        remove(self._journals)

    def under_way(self) -> tuple[int, int]:
        """Parts done of the units that workers are at and that tell of their parts, and how many these have in all."""
        told = [Journal.progress(w.journal) for w in self._workers if w.task is not None]
        return sum(done for done, _ in told), sum(of for _, of in told)

    def pids(self) -> list[int]:
        """Process ids of the living workers."""
        return [w.process.pid for w in self._workers if w.process.pid is not None]

    def _hand_out(self, waiting: deque[Task]) -> None:
        while len(self._workers) < min(self._count, len(waiting) + sum(w.task is not None for w in self._workers)):
            self._workers.append(self._start())
        for worker in self._workers:
            if worker.task is None and waiting:
                worker.task = waiting.popleft()
                Journal.clear(worker.journal)
                try:
                    worker.pipe.send(worker.task)
                except (BrokenPipeError, ConnectionResetError):
                    # Killed while idle: its sentinel tells the loop, which counts the death and retries.
                    continue

    def _start(self) -> _Worker:
        self._born += 1
        journal = self._journals / f"worker-{self._born}"
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=begin, args=(theirs, str(journal), self._threads, os.getpid()), daemon=True
        )
        # Read once, when the libraries are loaded. Threads of OpenBLAS wait for work by spinning, which takes the cores
        # from the other workers.
        threads = str(self._threads)
        with (
            _set("POLARS_MAX_THREADS", threads),
            _set("OPENBLAS_NUM_THREADS", threads),
            _set("MIMALLOC_PURGE_DELAY", str(MEMORY_KEPT_MS)),
        ):
            process.start()
        theirs.close()
        return _Worker(process, ours, journal)

    @staticmethod
    def _result(worker: _Worker) -> Done | None:
        try:
            done: Done = worker.pipe.recv()
        except (EOFError, OSError):
            # Killed before or in the middle of its answer.
            return None
        return done

    def _hangs(self, worker: _Worker) -> bool:
        written, now = worker.journal.stat().st_mtime_ns, time.monotonic()
        if written != worker.noted[0]:
            worker.noted = written, now
        return now - worker.noted[1] > self._item_limit_s and bool(worker.item)

    def _after_death(
        self,
        worker: _Worker,
        task: Task,
        deaths: Counter[str],
        suspicions: Counter[tuple[str, str]],
        reason: Reason,
    ) -> Task:
        """The task to try again, told whom to blame."""
        self._remove(worker)
        key, item = task.unit.key, worker.item
        if item and item not in task.blamed:
            suspicions[key, item] += 1
            blamed = {**task.blamed, item: reason} if suspicions[key, item] == 2 else task.blamed
            return replace(task, blamed=blamed)
        deaths[key] += 1
        if deaths[key] >= MOST_DEATHS:
            code = worker.process.exitcode
            raise StageFailed(
                f"unit '{key}' of '{task.stage.name}' ended its worker {deaths[key]} times (last exit code {code}); "
                "if that is -9 or -6, memory may be short: run with fewer --workers"
            )
        return task


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
