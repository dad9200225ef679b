"""One run of a stage at a time on a dataset: a lock file kept alive by its holder's heartbeat.

The ranks of one array share a lock (each has its own file under the same run, and sees from the others' how it stands
with them: :mod:`m5tools.engine.ranks`); two different runs exclude each other,
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
from m5tools.engine.ranks import Ranks
from m5tools.errors import UsageError

BEAT_S = 2.0
DEAD_AFTER_S = 30.0
# A holder elsewhere whose clock is not ours is looked at for so long before it is taken for dead.
WATCH_S = 3 * BEAT_S
# Ranks go from one entry of a stage to the next; the first to see that one is done must let the others see it too.
RELEASED_AFTER_S = 30.0


@contextmanager
def held(ranks: Ranks) -> Iterator[None]:
    """Hold the lock of one stage for one rank of one run; an error inside ends the other ranks too.

    Args:
        ranks: the run, this process's rank and the others; ranks of the same run do not exclude each other.

    Raises:
        UsageError: another living run holds it.
    """
    ranks.folder.mkdir(parents=True, exist_ok=True)
    mine = ranks.lock(ranks.rank)
    patience = time.monotonic() + (RELEASED_AFTER_S if ranks.world_size > 1 else 0.0)
    while (refusal := _take(ranks, mine)) is not None:
        if time.monotonic() >= patience:
            raise UsageError(refusal)
        time.sleep(BEAT_S / 10)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(mine, over, ranks), daemon=True)
    beating.start()
    try:
        with ranks.telling(begun=True):
            yield
    finally:
        over.set()
        beating.join()
        if not ranks.mute and not ranks.robbed:
            mine.unlink(missing_ok=True)


def _take(ranks: Ranks, mine: Path) -> str | None:
    """Write this rank's lock; where another living run holds one, say so instead."""
    with (ranks.folder / ".guard").open("w") as guard:
        # Of two that start at the same moment the second must see the lock of the first.
        fcntl.flock(guard, fcntl.LOCK_EX)
        atomic.sweep(ranks.folder)
        refusal = _refusal(ranks.folder, mine, ranks.holder)
        if refusal is None:
            atomic.write_json(mine, {"pid": os.getpid(), "host": socket.gethostname(), **ranks.begin()})
    return refusal


def _refusal(folder: Path, mine: Path, run: str) -> str | None:
    for other in sorted(folder.glob(".lock-*")):
        owner = _owner(other)
        if owner is None or (owner["run"] == run and other != mine):
            continue
        if _alive(other, owner):
            return (
                f"another run (process {owner['pid']} on {owner['host']}) is working on this stage; "
                f"wait for it, or remove {other} if you are sure it is gone"
            )
    return None


def _beat(file: Path, over: threading.Event, ranks: Ranks) -> None:
    """Touch the lock every few seconds, however long the holder is busy; see whether it is ours still."""
    while not over.wait(BEAT_S):
        owner = _owner(file)
        if owner is not None and (owner["pid"], owner["host"]) != (os.getpid(), socket.gethostname()):
            ranks.robbed = True
            return
        with suppress(OSError):  # a file server that fails once must not make this rank look dead
            os.utime(file)


def _owner(file: Path) -> dict[str, Any] | None:
    try:
        owner: dict[str, Any] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return owner


def _alive(file: Path, owner: dict[str, Any]) -> bool:
    """Whether a holder still lives: by its process on this host, by its heartbeat elsewhere.

    A heartbeat that our clock puts into the past or the future proves nothing, for clocks differ and jump: then it is
    watched for some beats.
    """
    if owner["host"] == socket.gethostname() and (owner["pid"] == os.getpid() or not atomic.is_running(owner["pid"])):
        return False
    try:
        beat = file.stat().st_mtime
        if 0 <= time.time() - beat < DEAD_AFTER_S:
            return True
        until = time.monotonic() + WATCH_S
        while time.monotonic() < until:
            time.sleep(BEAT_S / 10)
            if file.stat().st_mtime != beat:
                return True
    except FileNotFoundError:
        pass
    return False
