"""One run of a stage at a time on a dataset: a lock file kept alive by its holder's heartbeat.

The ranks of one array share a lock (each has its own file under the same run); two different runs exclude each other,
also where they are of two entries of one stage: a crawl that settles must not see another one half written.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from m5tools import atomic
from m5tools.errors import UsageError

BEAT_S = 2.0
DEAD_AFTER_S = 30.0


@contextmanager
def held(folder: Path, run: str, rank: int) -> Iterator[None]:
    """Hold the lock of one stage for one rank of one run.

    Args:
        folder: where the stage's locks lie.
        run: name of the run; ranks of the same run do not exclude each other.
        rank: this process's rank.

    Raises:
        UsageError: another living run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A dot in front: no entry's folder, which lies beside it, can have such a name.
    mine = folder / f".lock-{rank}"
    with (folder / ".guard").open("w") as guard:
        # Of two that start at the same moment the second must see the lock of the first.
        fcntl.flock(guard, fcntl.LOCK_EX)
        atomic.sweep(folder)
        _refuse_others(folder, mine, run)
        atomic.write_json(mine, {"pid": os.getpid(), "host": socket.gethostname(), "run": run})
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(mine, over), daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        mine.unlink(missing_ok=True)


def _refuse_others(folder: Path, mine: Path, run: str) -> None:
    for other in sorted(folder.glob(".lock-*")):
        owner = _owner(other)
        if owner is None or (owner["run"] == run and other != mine):
            continue
        if _alive(other, owner):
            raise UsageError(
                f"another run (process {owner['pid']} on {owner['host']}) is working on this stage; "
                f"wait for it, or remove {other} if you are sure it is gone"
            )


def _beat(file: Path, over: threading.Event) -> None:
    """Touch the lock every few seconds, however long the holder is busy with one thing."""
    while not over.wait(BEAT_S):
        with suppress(FileNotFoundError):
            os.utime(file)


def _owner(file: Path) -> dict[str, Any] | None:
    try:
        owner: dict[str, Any] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return owner


def _alive(file: Path, owner: dict[str, Any]) -> bool:
    """Whether a holder still lives: by its process on this host, by its heartbeat elsewhere."""
    if owner["host"] == socket.gethostname():
        if owner["pid"] == os.getpid():
            return False
        if not atomic.is_running(owner["pid"]):
            return False
    try:
        return time.time() - file.stat().st_mtime < DEAD_AFTER_S
    except FileNotFoundError:
        return False
