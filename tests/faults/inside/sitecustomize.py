"""Faults from inside: Python loads this file first in every process of a command whose PYTHONPATH names its folder.

Nothing of m5tools knows of it. `M5_FAULTS` holds JSON:

- `root`, `log`: changes of files below `root` are points; each adds a byte to `log`, so its length numbers them over
  all processes. The point is the moment before the change.
- `strike`, `victim`: at the point of this number (from 1) `parent`, `worker` (whose point it is) or `both` get SIGKILL;
  with `of` only points of the parent, or of workers, are counted.
- `harm`, `grow`: a file that is removed (with `cut`: loses its last bytes), or gets its first line once more, when the
  command makes its scratch folder, which is after it has looked at what it reads.
- `clock`: seconds that `time.time` is off, once there have been `from` seconds of the process's life; who asks then
  adds a byte to `jumped`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, Final

_CHANGES: Final = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "open"})
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# The parent leads its process group.
_ROLE: Final = "parent" if os.getpid() == os.getpgrp() else "worker"


def _is_point(event: str, arguments: tuple[Any, ...], root: str) -> bool:
    """Whether an audit event is a change below the root; of a link, what is made. Removal inside a tree names no folder but a descriptor."""
    if event not in _CHANGES or (event == "open" and not (arguments[2] or 0) & _WRITES):
        return False
    path = arguments[event == "os.link"]
    inside = not isinstance(path, int) and os.fsdecode(path).startswith(root)
    return inside or (event in ("os.remove", "os.rmdir") and arguments[-1] != -1)


def _strike(victim: str) -> None:
    if victim == "both":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpgrp() if victim == "parent" else os.getpid(), signal.SIGKILL)


def _watch(plan: dict[str, Any]) -> None:
    log = os.open(plan["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    root, strike, counted = plan["root"], plan.get("strike"), plan.get("of", _ROLE) == _ROLE

    def point(event: str, arguments: tuple[Any, ...]) -> None:
        if counted and _is_point(event, arguments, root):
            os.write(log, _ROLE[0].encode())
            if os.lseek(log, 0, os.SEEK_CUR) == strike:
                _strike(plan["victim"])

    sys.addaudithook(point)


def _spoil(plan: dict[str, Any]) -> None:
    """Once, in the parent."""
    done = []

    def point(event: str, arguments: tuple[Any, ...]) -> None:
        if done or event != "os.mkdir" or not os.fsdecode(arguments[0]).endswith("/scratch"):
            return
        done.append(event)
        file = plan.get("harm") or plan["grow"]
        with open(file, "rb") as whole:  # noqa: PTH123 - before anything else is loaded
            data = whole.read()
        if "grow" in plan:
            _write(file, data + data[: data.index(b"\n") + 1])
        elif plan.get("cut"):
            _write(file, data[:-5])
        else:
            os.unlink(file)  # noqa: PTH108

    sys.addaudithook(point)


def _write(file: str, data: bytes) -> None:
    with open(file, "wb") as changed:  # noqa: PTH123
        changed.write(data)


def _shift(seconds: float, after: float, jumped: str) -> None:
    true, begun = time.time, time.monotonic()
    log = os.open(jumped, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def now() -> float:
        if time.monotonic() - begun < after:
            return true()
        os.write(log, _ROLE[0].encode())
        return true() + seconds

    time.time = now


if plan := os.environ.get("M5_FAULTS"):
    _plan: dict[str, Any] = json.loads(plan)
    if "log" in _plan:
        _watch(_plan)
    if _ROLE == "parent" and ("harm" in _plan or "grow" in _plan):
        _spoil(_plan)
    if "clock" in _plan:
        _shift(_plan["clock"], _plan.get("from", 0.0), _plan["jumped"])
