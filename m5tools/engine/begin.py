"""Where a worker process begins: light, so that whoever starts workers need not load what they load."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def begin(tasks: Connection, journal: str, threads: int, parent: int) -> None:
    """Load the worker and let it serve.

    Args:
        tasks, journal, threads: for :func:`m5tools.engine.worker.main`.
        parent: process id of the supervisor, without which a worker has nothing to live for.
    """
    # An interrupt reaches all processes of a terminal; what becomes of the workers, the supervisor decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # The worker's own watch over the supervisor needs the interpreter, which a decoder that hangs may never return.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    _silence_libraries()
    from m5tools.engine.worker import main

    main(tasks, journal, threads)


def _silence_libraries() -> None:
    """Keep C libraries (libmpg123) off the terminal: what a decoder says arrives as a reason. Python may speak."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
