"""One run of a stage at a time on a dataset: a lock file kept alive by its holder's heartbeat.

The ranks of one array share a lock (each has its own file under the same run, and sees from the others' how it stands
with them: :mod:`m5tools.engine.ranks`); two different runs exclude each other,
also where they are of two entries of one stage: a crawl that settles must not see another one half written.

Clocks of machines differ, so the time of a heartbeat says nothing to another machine. Whoever wants a lock that is held
there looks at it until it has changed, which its holder sees to every few seconds, or until it has not for long enough.
So it is with a lock that is damaged and tells nothing of its holder.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m5tools import atomic
from m5tools.engine.ranks import Ranks, Sign, sign_of
from m5tools.errors import UsageError
from m5tools.recorded import is_lock

BEAT_S = 2.0
DEAD_AFTER_S = 30.0
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
    watch = _Watch()
    while (refusal := _take(ranks, mine, watch)) is not None:
        if refusal.certain and time.monotonic() >= patience:
            raise UsageError(refusal.line)
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


@dataclass(frozen=True)
class _Refusal:
    """Why a lock cannot be had.

    Attributes:
        line: the holder, in words.
        certain: its holder is known to live; else it is to be looked at again.
    """

    line: str
    certain: bool


@dataclass
class _Watch:
    """Locks as this process first saw them, with when that was by its own clock."""

    _seen: dict[Path, tuple[Sign, float]] = field(default_factory=dict)

    def beats(self, file: Path) -> bool | None:
        """Whether a holder touches its lock; None before it can be told."""
        sign, now = sign_of(file), time.monotonic()
        if sign is None:
            return False
        first, since = self._seen.setdefault(file, (sign, now))
        if sign != first:
            return True
        return None if now - since < DEAD_AFTER_S else False


def _take(ranks: Ranks, mine: Path, watch: _Watch) -> _Refusal | None:
    """Write this rank's lock; where another living run holds one, say so instead."""
    with (ranks.folder / ".guard").open("w") as guard:
        # Of two that start at the same moment the second must see the lock of the first.
        fcntl.flock(guard, fcntl.LOCK_EX)
        atomic.sweep(ranks.folder)
        refusal = _refusal(ranks.folder, mine, ranks.holder, watch)
        if refusal is None:
            atomic.write_json(mine, {"pid": os.getpid(), "host": socket.gethostname(), **ranks.begin()})
    return refusal


def _refusal(folder: Path, mine: Path, run: str, watch: _Watch) -> _Refusal | None:
    doubtful = None
    for other in sorted(folder.glob(".lock-*")):
        owner = _owner(other)
        if owner is None or (owner.get("run") == run and other != mine):
            continue
        lives = _alive(other, owner, watch)
        if lives is False:
            continue
        who = f"process {owner['pid']} on {owner['host']}" if owner else "its lock is damaged and does not tell which"
        line = (
            f"another run ({who}) is working on this stage; wait for it, or remove {other} if you are sure it is gone"
        )
        if lives:
            return _Refusal(line, certain=True)
        doubtful = _Refusal(line, certain=False)
    return doubtful


def _beat(file: Path, over: threading.Event, ranks: Ranks) -> None:
    """Touch the lock every few seconds, however long the holder is busy; see whether it is ours still."""
    while not over.wait(BEAT_S):
        owner = _owner(file)
        if owner and (owner["pid"], owner["host"]) != (os.getpid(), socket.gethostname()):
            ranks.robbed = True
            return
        with suppress(OSError):  # a file server that fails once must not make this rank look dead
            os.utime(file)


def _owner(file: Path) -> dict[str, Any] | None:
    """What a lock tells of its holder: nothing where it is damaged; None where there is no lock."""
    try:
        owner: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        return {}
    return owner if is_lock(owner) else {}


def _alive(file: Path, owner: dict[str, Any], watch: _Watch) -> bool | None:
    """Whether a holder still lives: by its process on this host, by its heartbeat elsewhere; None = not known yet."""
    if owner.get("host") == socket.gethostname():
        if owner["pid"] == os.getpid() or not atomic.is_running(owner["pid"]):
            return False
        sign = sign_of(file)
        # On one clock, unless it jumped; an older heartbeat may be that of a process that stood still, or whose number
        # is another's by now.
        if sign is not None and 0 <= time.time() - sign[0] / 1e9 < DEAD_AFTER_S:
            return True
    return watch.beats(file)
