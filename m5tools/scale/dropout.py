"""Dropout whose mask costs a quarter of the random numbers and a quarter of the memory."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_STEPS: Final = 1 << 16


class Dropout(nn.Module):
    """Zeroes each number with probability `p` in training, as `nn.Dropout` does, and scales up the others.

    A random number of 64 bits decides on four of them, so `p` is met to 1/65,536; the mask is kept as booleans, where
    PyTorch draws one number each and keeps a float.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        dropped = round(self.p * _STEPS)
        if not (self.training and dropped):
            return x
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return functional.dropout(x, self.p)
        out: Tensor = _Dropped.apply(x, dropped)  # type: ignore[no-untyped-call]
        return out


class _Dropped(torch.autograd.Function):
    """`dropped` of 65,536 are zeroed, at least 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dropped: int) -> Tensor:
        count = x.numel()
        drawn = torch.empty((count + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        # Of all 65,536 the last one that is dropped is still a number of 16 bits, the first one kept is none.
        kept = (drawn.view(torch.int16)[:count] > dropped - 1 - _STEPS // 2).view(x.shape)
        ctx.save_for_backward(kept)
        ctx.scale = _STEPS / max(_STEPS - dropped, 1)
        return kept.to(x.dtype).mul_(ctx.scale).mul_(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return kept.to(gradient.dtype).mul_(ctx.scale).mul_(gradient), None
