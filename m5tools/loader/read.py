"""Members by stored offset: few large reads instead of many small ones, every byte checked before it is used."""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xxhash

from m5tools.loader.view import View
from m5tools.vocabulary import Reason

GAP: Final = 256 * 1024
LARGEST: Final = 16 * 1024 * 1024
OPEN_FILES: Final = 128


class Files:
    """Open tars, the longest unused closed first; a copy sent to another process opens its own.

    A forked process may use what it inherits: reads name their place, so no position is shared.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self._names = names
        self._open: OrderedDict[int, int] = OrderedDict()
        # Not __del__: at the end of a program the names it would use may be gone.
        self.close = weakref.finalize(self, _close, self._open)

    def __reduce__(self) -> tuple[type[Files], tuple[Path, tuple[str, ...]]]:
        return Files, (self._folder, self._names)

    def pread(self, shard: int, start: int, length: int) -> bytes:
        """Bytes of a tar; fewer than asked for where it ends before.

        Raises:
            OSError: it cannot be opened or read.
        """
        return os.pread(self._descriptor(shard), length, start)

    def _descriptor(self, shard: int) -> int:
        if shard not in self._open:
            if len(self._open) >= OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
            self._open[shard] = os.open(self._folder / self._names[shard], os.O_RDONLY)
        self._open.move_to_end(shard)
        return self._open[shard]


def _close(descriptors: OrderedDict[int, int]) -> None:
    while descriptors:
        os.close(descriptors.popitem()[1])


@dataclass(frozen=True)
class Payload:
    """One member as it was read.

    Attributes:
        place: which of the wanted members, 0 … K − 1.
        data: its bytes, where they are what the index says.
        reason: NONE, or why there are none to use.
    """

    place: int
    data: memoryview
    reason: Reason


def read(view: View, files: Files, shard: npt.NDArray[np.int32], number: npt.NDArray[np.int64]) -> Iterator[Payload]:
    """Read members, in the order in which they lie on disk.

    Args:
        view: where everything lies.
        files: the open tars.
        shard: int32 `[K]`, the tar of each wanted member.
        number: int64 `[K]`, which of the view's members it is.
    """
    offset, length = view.offset[number], view.length[number]
    order = np.lexsort((offset, shard))
    for span in _spans(shard[order], offset[order], length[order]):
        mine = order[span].tolist()
        start = int(offset[mine[0]])
        end = int((offset[mine] + length[mine]).max())
        try:
            data = memoryview(files.pread(int(shard[mine[0]]), start, end - start))
        except OSError:
            yield from (Payload(i, memoryview(b""), Reason.MISSING_FILE) for i in mine)
            continue
        for i in mine:
            begin = int(offset[i]) - start
            part = data[begin : begin + int(length[i])]
            yield Payload(i, part, _verdict(part, int(length[i]), view.checksum[number[i]]))


def _spans(shard: npt.NDArray[Any], offset: npt.NDArray[Any], length: npt.NDArray[Any]) -> Iterator[slice]:
    """Runs of sorted members that one read fetches: same tar, small gaps, bounded size."""
    first = 0
    for i in range(1, len(shard) + 1):
        ends = i == len(shard) or shard[i] != shard[first]
        ends = ends or offset[i] - (offset[i - 1] + length[i - 1]) > GAP
        if ends or offset[i] + length[i] - offset[first] > LARGEST:
            yield slice(first, i)
            first = i


def _verdict(data: memoryview, length: int, checksum: np.uint64) -> Reason:
    """Checked at every read: xxh3 takes microseconds where decoding takes hundreds."""
    if len(data) < length:
        return Reason.TRUNCATED
    return Reason.NONE if xxhash.xxh3_64_intdigest(data) == int(checksum) else Reason.UNDECODABLE
