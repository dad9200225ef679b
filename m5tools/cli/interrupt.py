"""Ctrl-C that is heard.

Python raises KeyboardInterrupt wherever it happens to be. In a finalizer or in a callback from compiled code it is
printed and forgotten, and the command would work on. So it is raised again until the command has ended.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

AGAIN_S = 10.0
"""Long enough to end workers and to remove what is half written."""


@contextmanager
def insisting(again_s: float = AGAIN_S) -> Iterator[None]:
    """Inside, an interrupt that does not end the block within so many seconds is raised once more.

    Only in the main thread of a process, as all handling of signals. Where interrupts are ignored (a shell's `&`), they
    stay so.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        signal.setitimer(signal.ITIMER_REAL, again_s)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
