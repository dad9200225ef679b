"""The products of pairs, side by side: rows taken from the parts that hold them, a part of the dataset at a time.

Pairs come in the order of their second row, so each part is opened once for many of them, and what is mapped of it is
let go before the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.common import Shared, shared, spread
from m5tools.dedup.evidence.shingle_sets import F64, I32, U32, U64
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.laid import USUAL, Laid

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LAID, SPELT, TOLD, WEIGHED = "laid", "spelt", "told", "weighed"
"""Scratch tables: products as numbers, their words and letters, themselves as texts, and what words and facts tell."""
RECALLED: Final = "recalled-"
"""Before the names of the first and the third where they hold old products as well."""
_PAIRS_AT_ONCE: Final = 4_096


@dataclass(frozen=True)
class Met:
    """What is known of both products of m pairs.

    Attributes:
        keys: uint64 [m, k] of either side, see :data:`m5tools.dedup.laid.KEYS`.
        figures: float64 [m, j] of either side, see :data:`m5tools.dedup.laid.FIGURES`.
        lengths: float64 [m, 4] of either side, see :func:`m5tools.dedup.evidence.likeness.lengths`.
        values: int32 [m] of either side, how many values its table has under names that are no option.
        shared: tokens, by the name of the sets.
    """

    keys: tuple[U64, U64]
    figures: tuple[F64, F64]
    lengths: tuple[F64, F64]
    values: tuple[I32, I32]
    shared: dict[str, Shared]


class Sides:
    """The products that the pairs of a run of partitions are of.

    Args:
        gathered: where they lie.
        homes: the partitions, which hold the first product of each pair.
        recalled: whether parts hold old products as well.
    """

    def __init__(self, gathered: Gathered, homes: range, recalled: bool) -> None:
        self._gathered = gathered
        self.homes = homes
        self._before = RECALLED if recalled else ""
        self._first = np.array(gathered.offsets())
        self._spread: dict[str, csr_array] = {}

    def met(self, a: U32, b: U32, sets: Sequence[str]) -> Iterator[Met]:
        """What is known of pairs, and which tokens they share; some pairs at a time, so that it stays in the cache, and
        something of no pairs at all.

        Args:
            a: rows of the home partitions.
            b: rows, ascending.
            sets: names of sets.
        """
        for part, here, there, tokens in self._side_by_side(a, b, sets):
            keys, figures, lengths, values = (
                (own.take(here, axis=0), other.take(there, axis=0))
                for own, other in zip(self._tables(self._own), self._tables(part), strict=True)
            )
            yield Met(keys, figures, lengths, values, tokens)

    def common(self, a: U32, b: U32, sets: Sequence[str]) -> Iterator[dict[str, Shared]]:
        """Of :meth:`met` which tokens pairs share; nothing else is read of them."""
        return (tokens for *_, tokens in self._side_by_side(a, b, sets))

    def _side_by_side(self, a: U32, b: U32, sets: Sequence[str]) -> Iterator[tuple[Laid, Any, Any, dict[str, Shared]]]:
        """Some pairs at a time: the part that holds their second products, where both lie, what they share."""
        here = self._own.places(a - self._first[self.homes.start])
        for piece, number in self._pieces(b):
            part = self._laid(range(number, number + 1))
            there = part.places(b[piece] - self._first[number])
            mine, others = here[piece], {name: part.sets(name) for name in sets}
            for i in range(0, max(len(there), 1), _PAIRS_AT_ONCE):
                one, other = mine[i : i + _PAIRS_AT_ONCE], there[i : i + _PAIRS_AT_ONCE]
                tokens = {name: shared(self._spread_out(name)[one], held[other]) for name, held in others.items()}
                yield part, one, other, tokens

    def _spread_out(self, name: str) -> csr_array:
        if name not in self._spread:
            self._spread[name] = spread(self._own.sets(name))
        return self._spread[name]

    def at_home(self, rows: U32, columns: Sequence[str]) -> pl.DataFrame:
        """What products of the home partitions say: some of :data:`m5tools.dedup.laid.SAID`."""
        return _taken(self._said, rows, columns)

    def anywhere(self, rows: U32, columns: Sequence[str]) -> pl.DataFrame:
        """What products say whose rows ascend: some of :data:`m5tools.dedup.laid.SAID`, and `USUAL` beside their facts.

        Of each part the rows are taken as they lie: to have all of its texts as Polars' views takes milliseconds, and
        thousands of parts are opened.
        """
        found = []
        for piece, number in self._pieces(rows):
            part, own = self._gathered.mapped(self._before + TOLD, number), rows[piece]
            if USUAL in columns:
                part = part.append_column(USUAL, self._gathered.mapped(WEIGHED, number)[USUAL])
            places = np.searchsorted(part["row"].to_numpy(), own - self._first[number].astype(np.uint32))
            said = pl.DataFrame(pl.from_arrow(part.select(columns).take(pa.array(places))))
            found.append(said.with_columns(pl.Series("row", own)))
        return pl.concat(found)

    def _pieces(self, rows: U32) -> list[tuple[slice, int]]:
        """Which of ascending rows lie in which partition; of no rows at all, that none lie in the first at home."""
        bounds = np.searchsorted(rows, self._first)
        some = [(slice(bounds[i], bounds[i + 1]), int(i)) for i in np.flatnonzero(np.diff(bounds))]
        return some or [(slice(0), self.homes.start)]

    def _told(self, number: int) -> pl.DataFrame:
        part = self._gathered.kept(self._before + TOLD, number)
        return part.with_columns(pl.col("row") + pl.lit(self._first[number], pl.UInt32))

    @cached_property
    def _said(self) -> pl.DataFrame:
        return pl.concat([self._told(home) for home in self.homes])

    @cached_property
    def _own(self) -> Laid:
        return self._laid(self.homes)

    def _laid(self, numbers: range) -> Laid:
        """Products of neighbouring partitions, their rows counted from the first of these."""
        laid, weighed = (
            [self._gathered.mapped(name, number) for number in numbers] for name in (self._before + LAID, WEIGHED)
        )
        if len(numbers) == 1:
            return Laid(laid[0], weighed[0])
        starts = self._first[numbers.start : numbers.stop] - self._first[numbers.start]
        rows = (part["row"].to_numpy() + start for part, start in zip(laid, starts.astype(np.uint32), strict=True))
        numbered = [part.set_column(0, "row", pa.array(own)) for part, own in zip(laid, rows, strict=True)]
        return Laid(pa.concat_tables(numbered).combine_chunks(), pa.concat_tables(weighed).combine_chunks())

    @staticmethod
    def _tables(part: Laid) -> tuple[Any, Any, Any, Any]:
        return part.keys, part.figures, part.lengths, part.values


def _taken(part: pl.DataFrame, rows: U32, columns: Sequence[str]) -> pl.DataFrame:
    """What some rows of a part say, each of which is there."""
    places = np.searchsorted(part["row"].to_numpy(), rows)
    return part.select(pl.col(columns).gather(places)).with_columns(pl.Series("row", rows))
