"""The same units as tasks of a Ray cluster. Storage does the passing: of a unit only its counts travel.

A lost worker or node costs the units that were on it, which are sent again. Ray's own retries are off: it would not
say how often it tried.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m5tools import atomic
from m5tools.engine.pool import ITEM_LIMIT_S, MOST_DEATHS
from m5tools.engine.ray_node import packages
from m5tools.errors import M5Error, StageFailed, UsageError

# Read when Ray is loaded. Of what it says of its own (the last lines of a dead node's log) none is for the terminal.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray.exceptions import (
        NodeDiedError,
        ObjectLostError,
        OutOfMemoryError,
        RayError,
        RayTaskError,
        WorkerCrashedError,
    )
except ImportError as error:
    raise UsageError("--engine ray needs Ray; install it with: pip install 'm5tools[ray]'") from error

if TYPE_CHECKING:
    from m5tools.engine.worker import Done, Task

STORE_BYTES = 100 << 20  # of a Ray that is started here: nothing is kept in it, and Ray takes no less than 75 MB
NO_NODE_S = 600.0
ENDING_S = 10.0
ANSWER_S = 10.0
_LOST = (WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError)


class RayPool:
    """Units over the nodes of a Ray cluster.

    Args:
        address: of the cluster, of which this machine must be a node; without it what `RAY_ADDRESS` says, else a Ray is
            started on this machine and ended with the pool.
        workers: units at once over the whole cluster, also more than it has CPUs (one that can grow, then does); by
            default as many as it has CPUs at the moment.
        item_limit_s: seconds one item may take before its process is replaced.

    Attributes:
        tell: called with a line for the user where units had to be done again.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str | None, workers: int | None, item_limit_s: float = ITEM_LIMIT_S) -> None:
        self._workers = workers
        self._item_limit_s = item_limit_s
        self.tell: Callable[[str], None] = lambda _: None
        self._flying: dict[ray.ObjectRef[Any], Task] = {}
        self._packages = packages()
        self._cpus_seen = time.monotonic()
        _connect(address or os.environ.get("RAY_ADDRESS") or "local", workers)
        self._perform = ray.remote(num_cpus=1, max_retries=0)(_by_value())

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, tasks: Iterable[Task], stop: Callable[[], bool], beat: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Task, Done]]:
        """Do tasks and yield each as it finishes; no new one is begun once `stop()` is true. `beat` is called about
        every second.

        Raises:
            UsageError: a node has other packages or does not see the folders.
            StageFailed: a unit keeps killing its worker, or the cluster has had no CPU for ten minutes.
        """
        self._drop_abandoned()
        waiting = deque(tasks)
        if not waiting:
            return
        first = waiting[0]
        losses: Counter[str] = Counter()
        try:
            with _token(Path(first.root)) as token:
                yield from self._run(waiting, losses, token, stop, beat)
        except RayTaskError:  # a bug
            raise
        except RayError as error:
            raise StageFailed(
                f"Ray is lost: {_line(error)}; the same command goes on where this one stopped"
            ) from error
        if lost := losses.total():
            what = f"{first.stage.entry}: {first.round_name}"
            self.tell(f"{what} lost {lost:,} of its Ray workers; their units were done again")

    def _run(
        self,
        waiting: deque[Task],
        losses: Counter[str],
        token: Path,
        stop: Callable[[], bool],
        beat: Callable[[], None],
    ) -> Iterator[tuple[Task, Done]]:
        while True:
            width = self._width()
            while waiting and len(self._flying) < width and not stop():
                task = waiting.popleft()
                self._flying[self._send(task, token)] = task
            if not self._flying:
                return
            ready, _ = ray.wait([*self._flying], timeout=1.0)
            beat()
            for ref in ready:
                task = self._flying.pop(ref)
                try:
                    answer = ray.get(ref)
                except _LOST as error:
                    _count(losses, task, error)
                    waiting.appendleft(task)
                    continue
                if isinstance(answer, str):
                    raise UsageError(answer)
                if isinstance(answer, M5Error):
                    raise answer
                yield task, answer

    def under_way(self) -> tuple[int, int]:
        """Of units under way nothing is told: what they say stays on their nodes."""
        return 0, 0

    def close(self) -> None:
        """End the tasks and leave the cluster; a Ray that was started here ends with it."""
        # The connection may be what is lost.
        with suppress(RayError):
            self._drop_abandoned()
        ray.shutdown()

    def _drop_abandoned(self) -> None:
        """End tasks of a run that was broken off, and see them end: they write where the next run does."""
        for ref in self._flying:
            ray.cancel(ref, force=True)
        if self._flying:
            ray.wait([*self._flying], num_returns=len(self._flying), timeout=ENDING_S)
        self._flying.clear()

    def _width(self) -> int:
        """How many units may be under way: more would only wait in Ray, begun without need when time is over."""
        cpus = int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
        if cpus:
            self._cpus_seen = time.monotonic()
        elif time.monotonic() - self._cpus_seen > NO_NODE_S:
            raise StageFailed("the Ray cluster has no CPU left; the same command goes on where this one stopped")
        return self._workers or max(1, cpus)

    def _send(self, task: Task, token: Path) -> ray.ObjectRef[Any]:
        until = task.terms.deadline
        if until is not None:
            until += time.time() - time.monotonic()
        named = self._perform.options(name=f"{task.stage.name} {task.round_name} {task.unit.key}")
        body = pickle.dumps(task)
        sent: ray.ObjectRef[Any] = named.remote(self._packages, _folder(), str(token), until, self._item_limit_s, body)
        return sent


def _connect(address: str, workers: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        cpus = workers or os.cpu_count() or 1
        try:
            ray.init(address, num_cpus=cpus, object_store_memory=STORE_BYTES, include_dashboard=False, **quiet)
        except Exception as error:  # what Ray raises has often no class of its own
            raise UsageError(f"Ray cannot be started here: {_line(error)}; RAY_TMPDIR names another folder") from error
        return
    if "://" in address:
        raise UsageError(f"Ray at {address}: name a cluster by HOST:PORT or 'auto', on a machine that is a node of it")
    try:
        _answers(address)
        ray.init(address, **quiet)
    except Exception as error:
        raise UsageError(f"no Ray cluster at {address} of which this machine is a node: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _answers(address: str) -> None:
    """Find out in seconds what Ray finds out in minutes.

    Raises:
        OSError, ValueError: nobody is there.
    """
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # tries, of 40 s, where it is no Ray that answers
    host, colon, port = address.rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()


def _by_value() -> Callable[..., Done | M5Error | str]:
    """What Ray runs. Made inside a function, it travels as it is, and can tell where there is no m5tools to load."""

    def unit(*arguments: Any) -> Done | M5Error | str:
        try:
            from m5tools.engine.ray_node import perform
            from m5tools.errors import M5Error
        except ImportError as error:
            import socket

            return f"Ray node {socket.gethostname()} cannot load m5tools ({error}); install the same one on every node"
        try:
            return perform(*arguments)
        except M5Error as error:
            return error

    return unit


def _folder() -> str:
    """Where relative paths of the settings start from."""
    return str(Path.cwd())


@contextmanager
def _token(root: Path) -> Iterator[Path]:
    """A file in the dataset folder by which a node tells that it sees the same one."""
    name = f"{atomic.TEMPORARY}{os.getpid()}@{socket.gethostname()}@ray-{secrets.token_hex(8)}"
    token = root.absolute() / name
    token.touch()
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


def _count(losses: Counter[str], task: Task, error: RayError) -> None:
    losses[task.unit.key] += 1
    if losses[task.unit.key] >= MOST_DEATHS:
        said = str(error).strip().splitlines()[0]
        raise StageFailed(
            f"unit '{task.unit.key}' of '{task.stage.name}' lost its Ray worker {MOST_DEATHS} times ({said}); if "
            "memory is short, run with fewer --workers; the same command goes on where this one stopped"
        ) from error
