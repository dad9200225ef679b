"""Members by stored offset: few large reads instead of many small ones, every byte checked before it is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xxhash

from m5tools.loader.files import CONNECTIONS, Files
from m5tools.loader.view import View
from m5tools.vocabulary import Reason

GAP: Final = 256 * 1024
LOCAL_GAP: Final = 32 * 1024
LARGEST: Final = 16 * 1024 * 1024


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


@dataclass(frozen=True)
class _Span:
    """A run of members that one read fetches.

    Attributes:
        shard: the tar.
        start, end: its bytes.
        members: which of the wanted ones lie in it.
    """

    shard: int
    start: int
    end: int
    members: list[int]


def read(view: View, files: Files, shard: npt.NDArray[np.int32], number: npt.NDArray[np.int64]) -> Iterator[Payload]:
    """Read members, in the order in which they lie on disk.

    Args:
        view: where everything lies.
        files: the tars.
        shard: int32 `[K]`, the own tar of each wanted member's sample; an overlay's member lies in another.
        number: int64 `[K]`, which of the view's members it is.
    """
    offset, length, checksum = view.offset[number], view.length[number], view.checksum[number]
    spans = _spans(view.tars(shard, number), offset, length, LOCAL_GAP if files.crew is None else GAP)
    for span, data in _fetched(files, spans):
        for i in span.members:
            start, size = int(offset[i]), int(length[i])
            if isinstance(data, Reason):
                yield Payload(i, memoryview(b""), data)
                continue
            part = data[start - span.start : start - span.start + size]
            reason = _verdict(part, size, int(checksum[i]))
            if reason is not Reason.NONE:
                part, reason = _second_look(files, span.shard, start, size, int(checksum[i]))
            yield Payload(i, part, reason)


def _fetched(files: Files, spans: Iterator[_Span]) -> Iterator[tuple[_Span, memoryview | Reason]]:
    """Spans with their bytes; from an object store several are under way at a time."""
    if files.crew is None:
        yield from ((span, _bytes(files, span)) for span in spans)
        return
    waiting: deque[tuple[_Span, Future[memoryview | Reason]]] = deque()
    for span in spans:
        waiting.append((span, files.crew.pool.submit(_bytes, files, span)))
        if len(waiting) >= CONNECTIONS:
            first, future = waiting.popleft()
            yield first, future.result()
    yield from ((span, future.result()) for span, future in waiting)


def _bytes(files: Files, span: _Span) -> memoryview | Reason:
    try:
        return memoryview(files.pread(span.shard, span.start, span.end - span.start))
    except OSError as error:
        return _reason(error)


def _second_look(files: Files, shard: int, start: int, size: int, checksum: int) -> tuple[memoryview, Reason]:
    """A member that is not what the index says, once more by itself: the fault may lie in the way it came."""
    try:
        part = memoryview(files.again(shard, start, size))
    except OSError as error:
        return memoryview(b""), _reason(error)
    return part, _verdict(part, size, checksum)


def _reason(error: OSError) -> Reason:
    return Reason.MISSING_FILE if isinstance(error, FileNotFoundError) else Reason.CONNECTION_ERROR


def _spans(shard: npt.NDArray[Any], offset: npt.NDArray[Any], length: npt.NDArray[Any], gap: int) -> Iterator[_Span]:
    """Runs of members in the order of the tars: same tar, small gaps, bounded size."""
    order = np.lexsort((offset, shard))
    members: list[int] = []
    now = start = end = -1
    for i, tar, first, size in zip(
        order.tolist(), shard[order].tolist(), offset[order].tolist(), length[order].tolist(), strict=True
    ):
        if members and (tar != now or first - end > gap or first + size - start > LARGEST):
            yield _Span(now, start, end, members)
            members = []
        if not members:
            now, start, end = tar, first, first
        members.append(i)
        end = max(end, first + size)
    if members:
        yield _Span(now, start, end, members)


def _verdict(data: memoryview, length: int, checksum: int) -> Reason:
    """Checked at every read: xxh3 takes microseconds where decoding takes hundreds."""
    if len(data) < length:
        return Reason.TRUNCATED
    return Reason.NONE if xxhash.xxh3_64_intdigest(data) == checksum else Reason.UNDECODABLE
