"""The outer structure of JSON, followed through its bytes without parsing them.

Only quotes, backslashes, brackets and commas count. They are found by a byte table and NumPy, a block at a time, so
that a file of any size is followed in constant memory, at hundreds of megabytes a second.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

_QUOTE, _OPEN, _CLOSE, _COMMA, _BACKSLASH = 1, 2, 3, 4, 5
_KINDS: Final = dict(zip(b'"{[}],\\', (_QUOTE, _OPEN, _OPEN, _CLOSE, _CLOSE, _COMMA, _BACKSLASH), strict=True))
_TABLE: Final = bytes(_KINDS.get(byte, 0) for byte in range(256))
_STEP: Final = np.array([0, 0, 1, -1, 0, 0], np.int8)


class Marks(NamedTuple):
    """The brackets and commas of the outermost level, in order.

    Attributes:
        places: where in the block.
        depths: how many brackets are open behind each.
    """

    places: list[int]
    depths: list[int]


class Structure:
    """Where in the structure the bytes fed so far end.

    Args:
        depth: brackets that are open at the beginning.

    Attributes:
        depth: brackets that are open now.
        inside: whether the end lies in a string.
    """

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth
        self.inside = False
        self._escaped = False

    def feed(self, block: bytes) -> Marks:
        """Go on by a block: brackets that open or close the outermost level, and the commas in it.

        A bracket that closes nothing counts as one that closes the outermost level.
        """
        kinds, places = self._told(block)
        quotes = kinds == _QUOTE
        inside = np.logical_xor.accumulate(quotes) ^ self.inside
        if len(inside):
            self.inside = bool(inside[-1])
        outside = ~(inside | quotes)
        kinds, places = kinds[outside], places[outside]
        depths = self.depth + np.cumsum(_STEP[kinds], dtype=np.int64)
        if len(depths):
            lowest = np.minimum.accumulate(depths)
            if lowest[-1] < 0:
                depths -= np.minimum(lowest, 0)
            self.depth = int(depths[-1])
        outer = (depths <= 1) & ((depths == 1) & (kinds != _CLOSE) | (depths == 0))
        return Marks(places[outer].tolist(), depths[outer].tolist())

    def _told(self, block: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Kind and place of every byte that counts; quotes and backslashes behind a backslash do not."""
        table = np.frombuffer(block.translate(_TABLE), np.uint8)
        places = np.flatnonzero(table.view(np.bool_))
        kinds = table[places]
        if self._escaped and len(places) and places[0] == 0:
            places, kinds = places[1:], kinds[1:]
        if block:
            self._escaped = False
        slashes = np.flatnonzero(kinds == _BACKSLASH)
        if not len(slashes):
            return kinds, places
        # Of a run of backslashes the first, third … escape what follows.
        where = places[slashes]
        order = np.arange(len(where))
        begins = np.concatenate([[True], np.diff(where) != 1])
        escaping = slashes[(order - np.maximum.accumulate(np.where(begins, order, 0))) % 2 == 0]
        self._escaped = int(places[escaping[-1]]) == len(block) - 1
        kept = np.ones(len(kinds), np.bool_)
        kept[slashes] = False
        behind = escaping[escaping < len(kinds) - 1]
        kept[behind[places[behind + 1] == places[behind] + 1] + 1] = False
        return kinds[kept], places[kept]
