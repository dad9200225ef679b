"""The bytes of tars: by `pread` from open files, by ranged requests from object stores, or from the node's own copy.

Of a remote shard either the wanted ranges are asked for, or the whole of it is fetched once into the node cache
(:func:`kept_whole` decides). Descriptors and clients are opened by the process that uses them.
"""

from __future__ import annotations

import errno
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from m5tools.loader.cache import NodeCache
from m5tools.loader.crew import Crew
from m5tools.store import Store, is_remote

OPEN_FILES: Final = 128
CONNECTIONS: Final = 16
WHOLE_FROM: Final = 0.3
"""Share of a shard from which on it is cheaper to fetch all of it than the wanted ranges (loader_peers §6.4)."""


def kept_whole(wanted: npt.NDArray[np.int64], size: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.bool_]:
    """Which remote shards to fetch whole: those wanted for the most part, if all of these fit into the cache together.

    An epoch comes back to every shard again and again: shards that drive each other out would be fetched for a sample
    each.

    Args:
        wanted: int64 `[S]`, bytes that the view delivers of each shard.
        size: int64 `[S]`, bytes of each.
        limit: bytes of the cache.
    """
    mostly = wanted >= WHOLE_FROM * size
    return mostly if size[mostly].sum() <= limit else np.zeros(len(size), bool)


class Files:
    """Tars by number; the open file unused for longest is closed first.

    A copy sent to another process opens its own. A forked process may use what it inherits: reads name their place, so
    no position is shared.

    Args:
        places: path or URI of each tar.
        whole: bool `[S]`, which remote ones are kept on this node; None = none.
        cache: where.
    """

    def __init__(
        self, places: Sequence[str], whole: npt.NDArray[np.bool_] | None = None, cache: NodeCache | None = None
    ) -> None:
        self._places = tuple(places)
        self._whole = whole
        self._cache = cache
        self._open: OrderedDict[int, int] = OrderedDict()
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()
        self._stores = {p.partition("://")[0]: p for p in self._places if is_remote(p)}
        self._clients = {protocol: Store(place) for protocol, place in self._stores.items()}
        self.crew = Crew(CONNECTIONS + 1) if self._stores else None
        # Not __del__: at the end of a program the names it would use may be gone.
        self.close = weakref.finalize(self, _close, self._open)

    def __reduce__(self) -> tuple[type[Files], tuple[Any, ...]]:
        return Files, (self._places, self._whole, self._cache)

    def pread(self, shard: int, start: int, length: int) -> bytes:
        """Bytes of a tar; fewer than asked for where it ends before.

        Raises:
            OSError: it cannot be opened or read.
        """
        remote = is_remote(self._places[shard])
        if remote and not (self._cache and self._whole is not None and self._whole[shard]):
            return self._ranged(shard, start, length)
        with self._lock:
            descriptor = self._open.get(shard)
            if descriptor is not None:
                self._open.move_to_end(shard)
                return os.pread(descriptor, length, start)
        try:
            descriptor = self._descriptor(shard)
        except FileNotFoundError:
            raise
        except OSError:
            if remote:  # this node may have no room, where the store still answers
                return self._ranged(shard, start, length)
            raise
        return self._kept(shard, descriptor, start, length)

    def again(self, shard: int, start: int, length: int) -> bytes:
        """The same from where it comes from, not from what is open or kept here, which may be stale or spoiled.

        Raises:
            OSError: it cannot be opened or read.
        """
        with self._lock:
            descriptor = self._open.pop(shard, None)
            if descriptor is not None:
                os.close(descriptor)
            if self._cache and shard in self._names:
                self._cache.drop(self._names.pop(shard))
        return (
            self._ranged(shard, start, length) if is_remote(self._places[shard]) else self.pread(shard, start, length)
        )

    def _ranged(self, shard: int, start: int, length: int) -> bytes:
        place = self._places[shard]
        return self._clients[place.partition("://")[0]].read_range(place, start, length)

    def _descriptor(self, shard: int) -> int:
        while True:
            try:
                remote = is_remote(self._places[shard])
                return self._fetched(shard) if remote else os.open(self._places[shard], os.O_RDONLY)
            except OSError as error:
                if error.errno != errno.EMFILE or not self._let_go():
                    raise

    def _let_go(self) -> bool:
        """Close half of what is open: this process may have no more files open; False where nothing is."""
        with self._lock:
            half = -(-len(self._open) // 2)
            for _ in range(half):
                os.close(self._open.popitem(last=False)[1])
        return half > 0

    def _fetched(self, shard: int) -> int:
        assert self._cache is not None
        place = self._places[shard]
        store = self._clients[place.partition("://")[0]]
        self._names[shard] = name = f"{place}@{store.version(place)}"
        return self._cache.open(name, store.size(place), lambda start, length: store.read_range(place, start, length))

    def _kept(self, shard: int, descriptor: int, start: int, length: int) -> bytes:
        """Read, and keep the descriptor for later, unless another thread was first."""
        with self._lock:
            if shard in self._open:
                os.close(descriptor)
            else:
                if len(self._open) >= OPEN_FILES:
                    os.close(self._open.popitem(last=False)[1])
                self._open[shard] = descriptor
            return os.pread(self._open[shard], length, start)


def places(folder: str | Path, names: Sequence[str]) -> tuple[str, ...]:
    """Path or URI of each tar."""
    from m5tools.store import within

    return tuple(within(folder, name) for name in names)


def _close(descriptors: OrderedDict[int, int]) -> None:
    while descriptors:
        os.close(descriptors.popitem()[1])
