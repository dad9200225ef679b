"""Two sides in turn, and what theirs took by what ours took, in processor time."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable

RUNS = 5


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of this process and of those that it waited for."""
    before = _used()
    work()
    return _used() - before


def _used() -> float:
    told = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in told)


def ratio(ours: Callable[[], object], theirs: Callable[[], object], runs: int = RUNS) -> float:
    """Theirs by ours, the median of runs in turn; the first, with what is loaded once, does not count."""
    pairs = [(spent(ours), spent(theirs)) for _ in range(runs + 1)]
    found = [other / mine for mine, other in pairs[1:]]
    print(f"theirs / ours: {statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})")  # shown where it fails
    return statistics.median(found)
