"""The processes that train together, as torchrun starts them, and what they tell each other.

Every rank computes the loss of the whole global batch: vectors are gathered and sums added up by collectives whose
backward pass is their true adjoint. So the mean of the ranks' gradients, which DDP and FSDP take, is the gradient of
one process on the same global batch, for whatever is computed of it. Vectors are few numbers; that every rank compares
all of them costs little, and there is one way of computing each loss.

A process that was not started by torchrun is a world of one; nothing here does anything then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from m5tools.errors import UsageError

T = TypeVar("T")


def size() -> int:
    """How many ranks there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this one."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Meet the other ranks (gloo on CPUs, NCCL on GPUs), and yield the device of this one.

    A process group that stands already, of a caller who has one, is used as it is.

    Raises:
        UsageError: there is no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device: cuda, but PyTorch finds no GPU here; set device: cpu")
    place = torch.device(device, int(os.environ.get("LOCAL_RANK", "0"))) if device == "cuda" else torch.device("cpu")
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if dist.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield place
        return
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        dist.destroy_process_group()


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        mine = torch.zeros(size(), dtype=torch.int64, device=rows.device)
        mine[rank()] = len(rows)
        counts: list[int] = total(mine).tolist()
        ctx.first, ctx.count = sum(counts[: rank()]), len(rows)
        sent = rows.new_zeros(max(counts), *rows.shape[1:])
        sent[: len(rows)] = rows
        parts = [torch.empty_like(sent) for _ in counts]
        dist.all_gather(parts, sent)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed[ctx.first : ctx.first + ctx.count]


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return total(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return total(gradient)


def gathered(rows: Tensor) -> Tensor:
    """The rows of all ranks, in the order of the ranks: `[b, …]` → `[B, …]`; ranks may hold unlike numbers of them.

    Differentiable. Booleans stay booleans.
    """
    if size() == 1:
        return rows
    if rows.dtype is torch.bool:
        return gathered(rows.to(torch.uint8)).bool()
    out: Tensor = _Gathered.apply(rows)  # type: ignore[no-untyped-call]
    return out


def summed(values: Tensor) -> Tensor:
    """The sum over all ranks, differentiable."""
    if size() == 1:
        return values
    out: Tensor = _Summed.apply(values)  # type: ignore[no-untyped-call]
    return out


def total(count: Tensor) -> Tensor:
    """The sum over all ranks, without a gradient."""
    if size() == 1:
        return count
    out = count.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(out)
    return out


def from_first(make: Callable[[], T]) -> T:
    """What the first rank makes, on every rank; an error of it is raised on every rank."""
    if size() == 1:
        return make()
    told: list[Any] = [None, None]
    failure: Exception | None = None
    if rank() == 0:
        try:
            told[0] = make()
        except Exception as error:  # noqa: BLE001 - whatever it is: the others wait for an answer
            failure, told[1] = error, error
    dist.broadcast_object_list(told)
    if failure is not None:
        raise failure
    if told[1] is not None:
        raise told[1]
    value: T = told[0]
    return value


def of_each(value: T) -> list[T]:
    """What every rank has, in the order of the ranks."""
    if size() == 1:
        return [value]
    told: list[Any] = [None] * size()
    dist.all_gather_object(told, value)
    return told


def same_buffers(module: nn.Module) -> None:
    """Give every rank the buffers of the first."""
    if size() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def wait() -> None:
    """Until all ranks are here."""
    if size() > 1:
        dist.barrier()
