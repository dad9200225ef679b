"""Measures in words: comparisons hold what a measure is of ("256.0 storage"), people read its unit ("256 GB")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from m5tools import quantities
from m5tools.dedup.policy import ComparePolicy


def in_units(told: str, policy: ComparePolicy) -> str:
    """What was stored of a difference, with the unit that amounts of each kind are counted in.

    Args:
        told: names and values, as comparisons hold them.
        policy: by which the values were read.
    """
    counted = {kind: unit for kinds in (policy.value_units, policy.units) for kind, unit in _counted(kinds)}
    kinds = "|".join(map(re.escape, sorted(counted)))
    return re.sub(
        rf"\b(\d+\.\d+) ({kinds})\b",
        lambda found: f"{found[1].removesuffix('.0')} {quantities.spelled(counted[found[2]])}",
        told,
    )


def _counted(kinds: dict[str, dict[str, float]]) -> Iterator[tuple[str, str]]:
    """Each kind with the first of its units that is one."""
    for kind, units in kinds.items():
        yield from ((kind, unit) for unit in [unit for unit, factor in units.items() if factor == 1][:1])
