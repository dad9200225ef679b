"""From shared options to a running engine."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from m5tools.errors import UsageError

if TYPE_CHECKING:
    from m5tools.engine.local import LocalEngine
    from m5tools.engine.pool import Pool
    from m5tools.engine.ray import RayPool

_ADDRESS = "ray.address"
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


def ray_address(changes: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    """The cluster that `--set ray.address=` names, and the other changes."""
    found, others = None, []
    for change in changes:
        key, _, value = change.partition("=")
        if key.strip() == _ADDRESS:
            found = value
        else:
            others.append(change)
    return found, tuple(others)


@contextmanager
def engine(
    *,
    workers: int | None,
    engine: str = "local",
    address: str | None = None,
    rank: int = 0,
    world_size: int = 1,
    refresh: bool = False,
    until: str | None = None,
    max_failed_share: float = 1.0,
    log_json: bool = False,
) -> Iterator[LocalEngine]:
    """The engine that the options ask for, closed when done.

    Raises:
        UsageError: an option makes no sense, or there is no Ray where it is asked for.
    """
    if engine not in ("local", "ray"):
        raise UsageError(f"--engine {engine}: there are 'local' and 'ray'")
    if engine == "local" and address is not None:
        raise UsageError(f"--set {_ADDRESS}={address} is for --engine ray")
    if engine == "ray" and workers == 0:
        raise UsageError("--workers 0 is work in this process; leave --engine ray away")
    if rank >= world_size:
        raise UsageError(f"--rank {rank} must be below --world-size {world_size}")
    deadline = time.monotonic() + seconds(until) if until else None
    with _pool(engine, workers, address) as pool:
        from m5tools.engine.local import LocalEngine
        from m5tools.engine.progress import listener

        told = listener(log_json)
        if engine == "ray":
            cast("RayPool", pool).tell = told.note
        try:
            yield LocalEngine(pool, told, rank, world_size, deadline, refresh, max_failed_share)
        finally:
            told.close()


def _pool(engine: str, workers: int | None, address: str | None) -> Pool | RayPool:
    if engine == "ray":
        from m5tools.engine.ray import RayPool

        return RayPool(address, workers)
    from m5tools.engine.pool import Pool

    return Pool(workers if workers is not None else os.cpu_count() or 1)
