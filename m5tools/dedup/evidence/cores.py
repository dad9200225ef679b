"""Parts of a column worked on at once: NumPy lets go of the interpreter while it goes over one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

Part = TypeVar("Part")
Made = TypeVar("Made")


def on_cores(work: Callable[[Part], Made], parts: Iterable[Part]) -> list[Made]:
    """What `work` makes of each part, in their order, on as many threads as Arrow may use.

    That is one a core in a process of its own, and its share of the cores in a worker of a stage.
    """
    threads = pa.cpu_count()
    if threads == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))
