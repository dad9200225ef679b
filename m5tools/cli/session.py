"""From shared options to a running engine."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from m5tools.errors import NotBuiltYet, UsageError

if TYPE_CHECKING:
    from m5tools.engine.local import LocalEngine

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> float:
    """`90s`, `30m`, `6h`, `1d` as seconds.

    Raises:
        UsageError: not of that form.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if match is None:
        raise UsageError(f"--until {text}: write a number and s, m, h or d, such as 30m")
    return float(match[1]) * _SECONDS[match[2]]


@contextmanager
def engine(
    *,
    workers: int | None,
    engine: str = "local",
    rank: int = 0,
    world_size: int = 1,
    refresh: bool = False,
    until: str | None = None,
    max_failed_share: float = 1.0,
    log_json: bool = False,
) -> Iterator[LocalEngine]:
    """The engine that the options ask for, closed when done.

    Raises:
        NotBuiltYet: the Ray engine was asked for.
        UsageError: an option makes no sense.
    """
    if engine == "ray":
        raise NotBuiltYet("the Ray engine comes with a later release; leave --engine away for the local one")
    if engine != "local":
        raise UsageError(f"--engine {engine}: there is only 'local'")
    if rank >= world_size:
        raise UsageError(f"--rank {rank} must be below --world-size {world_size}")
    deadline = time.monotonic() + seconds(until) if until else None
    from m5tools.engine.pool import Pool

    with Pool(workers if workers is not None else os.cpu_count() or 1) as pool:
        from m5tools.engine.local import LocalEngine
        from m5tools.engine.progress import listener

        told = listener(log_json)
        try:
            yield LocalEngine(pool, told, rank, world_size, deadline, refresh, max_failed_share)
        finally:
            told.close()
