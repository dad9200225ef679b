"""What else than chance decides the order of an epoch, as columns over the rows of a view."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import xxhash

from m5tools.errors import UsageError
from m5tools.loader.buckets import Buckets, Lengths
from m5tools.loader.draws import Rows
from m5tools.loader.pool import Pool
from m5tools.loader.view import View
from m5tools.loader.weights import Factors, LongTail, repeat_factors

MIXING = ("random", "stratified")


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of an order; None and False where there is none.

    Attributes:
        factors: float64 `[N]`, how often each row comes in an epoch, on average.
        part: int64 `[N]`, the dataset of each row.
        shares: weight of each dataset.
        stratified: every batch holds the datasets in these shares; else an epoch does.
        shard: int32 `[N]`, the shard of each row.
        block: shards that are shuffled together; else all.
        lengths: float64 `[N]`, for batches of like length.
        window: global batches that are sorted by length together.
        stand_ins: samples kept ready for each slot; they change no order.
    """

    factors: Factors | None = None
    part: Rows | None = None
    shares: tuple[float, ...] = ()
    stratified: bool = False
    shard: npt.NDArray[np.int32] | None = None
    block: int | None = None
    lengths: Lengths | None = None
    window: int = 1
    stand_ins: int = 0

    def digest(self) -> str:
        """Hex digits over all that decides the order."""
        everything = xxhash.xxh3_128()
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "stand_ins":
                continue
            everything.update(f"/{field.name}/".encode())
            everything.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        return everything.hexdigest()


def rules_of(
    pool: Pool, view: View, *, weights: LongTail | str | None, buckets: Buckets | str | None, block: int | None,
    mixing: str, stand_ins: int,
) -> Rules:  # fmt: skip
    """The rules that a loader's options stand for; see :class:`m5tools.loader.loader.Loader`.

    Raises:
        UsageError: an option makes no sense, or names a column that is not there.
    """
    if block is not None and block < 1:
        raise UsageError(f"block is {block}; it must be 1 shard or more (None = all)")
    if mixing not in MIXING:
        raise UsageError(f"mixing '{mixing}' is not known; there are {', '.join(MIXING)}")
    if not isinstance(buckets, Buckets | str | None):
        raise UsageError(f"buckets is {buckets!r}; it is one measure, 'text', or m5.Buckets('text', window=64)")
    buckets = Buckets(buckets) if isinstance(buckets, str) else buckets
    several = len(pool.catalogs) > 1
    return Rules(
        factors=None if weights is None else repeat_factors(pool, weights),
        part=pool.part if several else None,
        shares=pool.shares if several else (),
        stratified=several and mixing == "stratified",
        shard=None if block is None else view.shard,
        block=block,
        lengths=None if buckets is None else buckets.lengths(pool),
        window=1 if buckets is None else buckets.window,
        stand_ins=stand_ins,
    )
