"""What is counted over all products once they are gathered: words, facts, crowded identifiers, options of groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from m5tools.dedup.crowds import CROWDS, Crowds, crowds_among
from m5tools.dedup.evidence.usual import NAMED, VALUED, Usual, often
from m5tools.dedup.evidence.varying import varying_options
from m5tools.dedup.evidence.vocabulary import COUNTS, merged, summed
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.gathering import Ground, options_of_groups
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.sought import COUNTED
from m5tools.generations import Generations
from m5tools.stage import Counts, Work

_VARYING: Final = "varying"


@dataclass(frozen=True)
class OverAll:
    """What a comparison reads of these.

    Attributes:
        varying: options in which the products of item groups differ.
        crowds: identifiers that too many products bear.
    """

    varying: pl.DataFrame
    crowds: Crowds

    @classmethod
    def of(cls, gathered: Gathered) -> OverAll:
        """Those of a run, once they are counted."""
        return cls(pl.read_parquet(gathered.files(_VARYING), glob=False), Crowds.of(gathered))


def usual_of(gathered: Gathered, policy: ComparePolicy) -> Usual:
    """Facts that tell little, for many say so: those of a run, once they are counted."""
    facts, names = (pl.read_parquet(gathered.files(kind), glob=False) for kind in (VALUED, NAMED))
    return Usual.told(facts, names, gathered.offsets()[-1], policy.table)


def count(work: Work, gathered: Gathered, grown: Generations, policy: ComparePolicy) -> Counts:
    """Count, and write what is stored of it.

    Args:
        work: the unit's work; the table `word_counts` is written.
        gathered: where from and where to.
        grown: the generations of that table.
        policy: how many products are too many.
    """
    gathered.number()
    before, found = grown.read(Ground.of(work.scratch).base), []
    for kind in COUNTED:
        new = summed(pl.read_parquet(file, glob=False) for file in gathered.files(f"{kind}_counted"))
        found.append(new.select(pl.lit(kind).alias("kind"), *COUNTS))
        every = merged([before.filter(kind=kind).select(*COUNTS), new])
        gathered.write(kind, "all", often(every, policy.table) if kind == VALUED else every)
    work.write("word_counts", grown.part(0), pl.concat(found))
    gathered.write(CROWDS, "all", crowds_among(gathered.parts("sought"), policy))
    gathered.write(_VARYING, "all", varying_options(options_of_groups(work, gathered)))
    return {}
