"""The pairs of a run of neighbouring partitions, laid side by side.

A pair belongs to the partition of its first product. What is read of second products lies in all others, so a run opens
these once for the pairs of many; but it holds the comparisons of no more pairs than fit, however many are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.abreast import Sides
from m5tools.dedup.comparison import comparisons
from m5tools.dedup.counting import OverAll
from m5tools.dedup.evidence import vectors
from m5tools.dedup.evidence.resemblance import RESEMBLANCE, resemblance
from m5tools.dedup.evidence.shown import FILES, in_common
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.gathering import Ground
from m5tools.dedup.lexicon import vocabularies_of
from m5tools.dedup.policy import ComparePolicy
from m5tools.generations import Generations
from m5tools.joins.bands import union
from m5tools.partitions import part_name
from m5tools.stage import Counts, Work

NEAREST: Final = "nearest-"
"""Before the names of parts of the scratch table `pairs` that hold what products of a partition picked."""
OFFERED: Final = "offered"
"""The scratch table of how many pairs there were to pick from."""
_PAIRS_AT_ONCE = 2**17
"""Pairs that are laid side by side at once: what is read for them is a kilobyte or two of each product."""
_PAIRS_HELD = 2**20
"""Pairs whose comparisons, of up to a kilobyte each, are held at once; those of one partition are, if there are more.
For all of them the other partitions are opened once."""


def compare_run(work: Work, gathered: Gathered, homes: range, grown: Generations, policy: ComparePolicy) -> Counts:
    """Compare the pairs whose first products are of some partitions.

    Args:
        work: the unit's work; the table `comparisons` is written.
        gathered: where pairs and products lie.
        homes: the partitions.
        grown: the generations of that table.
        policy: how values are read.
    """
    offsets = gathered.offsets()
    first, beyond = offsets[homes.start], offsets[homes.stop]
    near = {f"{NEAREST}{part_name(i)}" for i in range(homes.start)}
    # The first row of a pair that was found for a product is this one's or an earlier one's.
    nearest = [name for name in gathered.names("pairs") if name.startswith(NEAREST) and name not in near]
    proven = union(proven_of(gathered, homes))
    pairs = union([proven, *gathered.between("pairs", "a", first, beyond, nearest)])
    offered = sum(gathered.kept(OFFERED, home)["pairs"].item() for home in homes)
    shown = in_common(gathered.between("pairs", "a", first, beyond, FILES))
    over_all = OverAll.of(gathered)
    ends = np.searchsorted(pairs["a"].to_numpy(), np.array(offsets[homes.start : homes.stop + 1], np.uint32)).tolist()
    recalled = Ground.of(work.scratch).base is not None
    for some in _runs_within(np.diff(ends).tolist(), _PAIRS_HELD):
        sides = Sides(gathered, homes[some.start : some.stop], recalled)
        own = pairs[ends[some.start] : ends[some.stop]].sort("b", "a")
        # Nothing of one run is kept while the next is compared.
        for home, rows in _by_home(_told(gathered, own, sides, shown, over_all, policy), sides.homes, offsets):
            work.write("comparisons", grown.part(home), rows)
    return {"pairs": pairs.height, "pairs_not_followed": offered - (pairs.height - proven.height)}


def proven_of(gathered: Gathered, homes: range) -> list[pl.DataFrame]:
    """Pairs of one identifier, text, table, file or vector whose first row is in some partitions."""
    first, beyond = (gathered.offsets()[i] for i in (homes.start, homes.stop))
    names = [name for name in gathered.names("pairs") if not name.startswith(NEAREST)]
    return gathered.between("pairs", "a", first, beyond, names)


def _runs_within(sizes: Sequence[int], most: int) -> list[range]:
    """Neighbours whose sizes make no more than so much together, or a single one."""
    found, held = [range(0)], 0
    for place, size in enumerate(sizes):
        if found[-1] and held + size > most:
            found.append(range(place, place))
            held = 0
        found[-1], held = range(found[-1].start, place + 1), held + size
    return found


def _by_home(told: list[pl.DataFrame], homes: range, offsets: Sequence[int]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Comparison vectors by the partition of their first products, sorted."""
    for home in homes:
        of_home = pl.col("a").is_between(offsets[home], offsets[home + 1], closed="left")
        yield home, pl.concat(block.filter(of_home) for block in told).sort("a", "b").drop("a", "b")


def _told(
    gathered: Gathered,
    pairs: pl.DataFrame,
    sides: Sides,
    shown: pl.DataFrame,
    over_all: OverAll,
    policy: ComparePolicy,
) -> list[pl.DataFrame]:
    """The comparison vectors of pairs in order of their second rows, some at a time: what they take of products is in
    memory for these alone."""
    found = []
    for i in range(0, max(pairs.height, 1), _PAIRS_AT_ONCE):
        some = pairs.slice(i, _PAIRS_AT_ONCE)
        rows = pl.concat([some["a"], some["b"]]).unique().sort()
        common = shown.join(some, on=["a", "b"], how="semi")
        common = _with_resemblance(common, some, rows, gathered)
        if policy.embedding:
            asked = gathered.scan("vectors").filter(pl.col("row").is_in(rows.implode())).collect()
            cosines = vectors.similarity(asked, some["a"], some["b"])
        else:
            cosines = vectors.no_similarity(some.height)
        known = some.with_columns(cosines)
        found.append(comparisons(known, sides, common, over_all, vocabularies_of(gathered), policy))
    return found


def _with_resemblance(shown: pl.DataFrame, pairs: pl.DataFrame, rows: pl.Series, gathered: Gathered) -> pl.DataFrame:
    """What pairs show in common, and how near the pictures of the others are."""
    if not gathered.names("looks"):
        return shown.join(pl.DataFrame(schema=RESEMBLANCE), on=["a", "b"], how="left")
    pictures = gathered.take("looks", rows)
    return shown.join(resemblance(pairs, pictures), on=["a", "b"], how="full", coalesce=True).sort("a", "b")
