"""Memory for batches that a worker process lends to the trainer and gets back: large tensors cross without a copy.

PyTorch makes new shared memory for every tensor that crosses, and the system zeroes each page of it anew: for pictures
of 224 pixels a sixth of the work. Here a worker keeps its buffers. A buffer is lent with a batch; when the trainer
lets go of the last tensor in it, its first byte says so, and the worker fills it again.

Buffers have no name that could be left behind: their descriptors cross once, as PyTorch's do, and the memory is gone
with the processes. Where the system has no such memory (`memfd_create`: Linux), tensors cross as PyTorch sends them.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from dataclasses import dataclass
from math import prod
from multiprocessing.reduction import DupFd
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

SMALL: Final = 64 * 1024
"""Bytes up to which a tensor goes inside the message to another process: shared memory costs system calls for each."""
HEAD: Final = mmap.PAGESIZE
FREE, LENT = 0, 1
_STEP: Final = 2**20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


class Buffer:
    """Shared memory that grows as needed.

    Attributes:
        number: tells the buffers of a process apart.
        descriptor: of the memory.
        sent: the trainer has the descriptor.
        away: it is with the trainer, who alone can free it.
        address: where the array that was lent last begins.
    """

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.descriptor = os.memfd_create(f"m5-batch-{number}")
        self.sent = False
        self.away = False
        self.address = 0
        self._times = 0
        self._memory = self._grown(size)

    def __len__(self) -> int:
        return len(self._memory)

    def is_free(self) -> bool:
        return self._memory[0] == FREE

    def lend(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """An array in it, which is its only use until the trainer has let go of it."""
        size = HEAD + prod(shape) * dtype.itemsize
        if size > len(self._memory):
            self._memory = self._grown(size)
        self._times += 1  # first: what was lent before may be dropped just now, which must not set this free
        self.away = False
        self._memory[0] = LENT
        array: npt.NDArray[Any] = np.ndarray(shape, dtype, self._memory, HEAD)
        self.address = array.ctypes.data
        weakref.finalize(array, self._dropped, self._memory, self._times).atexit = False
        return array

    def _dropped(self, memory: mmap.mmap, times: int) -> None:
        """The worker itself has no more use for it: free, unless it is with the trainer, or lent anew since."""
        if not self.away and times == self._times and _owner == os.getpid():
            memory[0] = FREE

    def _grown(self, size: int) -> mmap.mmap:
        size = -(-size * 9 // 8 // _STEP) * _STEP
        os.truncate(self.descriptor, size)
        return mmap.mmap(self.descriptor, size)


@dataclass(frozen=True)
class Ticket:
    """What crosses instead of a tensor.

    Attributes:
        process, number: whose buffer, and which.
        descriptor: the first time, how to get at it; afterwards it is known.
        shape, dtype: of the tensor in it.
    """

    process: int
    number: int
    descriptor: Any
    shape: tuple[int, ...]
    dtype: str

    def redeem(self) -> Tensor:
        """The tensor; when nothing refers to it any more, the buffer is free."""
        if self.descriptor is not None:
            _forget_the_dead()
            _received[self.process, self.number] = _Received(self.descriptor.detach())
        memory = _received[self.process, self.number].memory(HEAD + prod(self.shape) * np.dtype(self.dtype).itemsize)
        array: npt.NDArray[Any] = np.ndarray(self.shape, self.dtype, memory, HEAD)
        weakref.finalize(array, _give_back, memory, os.getpid()).atexit = False
        return torch.from_numpy(array)


class _Received:
    """A buffer as the trainer sees it, mapped once as long as it does not grow."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, 0)

    def memory(self, size: int) -> mmap.mmap:
        if len(self._memory) < size:
            self._memory = mmap.mmap(self.descriptor, 0)
        return self._memory


_buffers: list[Buffer] = []
_owner = 0
_received: dict[tuple[int, int], _Received] = {}


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor to fill; in a worker process, in memory that it lends."""
    size = prod(shape) * dtype.itemsize
    if size <= SMALL or get_worker_info() is None or not hasattr(os, "memfd_create"):
        return torch.empty(shape, dtype=dtype)
    global _owner
    if _owner != os.getpid():  # forked: the buffers are another's
        _buffers.clear()
        _owner = os.getpid()
        keep_freed_memory()
    free = sorted((b for b in _buffers if b.is_free()), key=len)
    buffer = next((b for b in free if len(b) >= HEAD + size), free[-1] if free else None)
    if buffer is None:
        buffer = Buffer(len(_buffers), HEAD + size)
        _buffers.append(buffer)
    return torch.from_numpy(buffer.lend(shape, torch.empty(0, dtype=dtype).numpy().dtype))


def keep_freed_memory() -> None:
    """Let the C library of this process keep what decoders free, up to 128 MiB.

    By default glibc returns the memory of a large picture to the system as it is freed, and the next one pays a page
    fault for every 4 KiB: a tenth of the work at 224 pixels (docs/evidence/loader.md). Other libraries stay untouched.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
    mallopt(_M_TRIM_THRESHOLD, 128 * 2**20)


def ticket(tensor: Tensor) -> Ticket | None:
    """What to send instead of a tensor that :func:`empty` made; None for every other."""
    if _owner != os.getpid() or not tensor.numel() or not tensor.is_contiguous():
        return None
    buffer = next((b for b in _buffers if b.address == tensor.data_ptr()), None)
    if buffer is None:
        return None
    descriptor = None if buffer.sent else DupFd(buffer.descriptor)
    buffer.sent = buffer.away = True
    return Ticket(_owner, buffer.number, descriptor, tuple(tensor.shape), str(tensor.numpy().dtype))


def _give_back(memory: mmap.mmap, trainer: int) -> None:
    if os.getpid() == trainer:  # a process that was forked lets go of what it inherited, which is none of its own
        memory[0] = FREE


def _forget_the_dead() -> None:
    """Let go of buffers whose process has ended."""
    for key in list(_received):
        try:
            os.kill(key[0], 0)
        except OSError:  # gone, or the number is another user's now
            os.close(_received.pop(key).descriptor)
