"""Dropout drops what it promises, and its gradient knows what was dropped."""

from __future__ import annotations

import pytest
import torch

from m5tools.scale.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("shape", [(1000, 301), (7,)])
def test_the_share_is_that_of_p_and_the_rest_is_scaled_up(p: float, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, requires_grad=True)
    out = Dropout(p)(x)
    kept = out != 0
    torch.testing.assert_close(out[kept], x[kept] / (1 - p), rtol=1e-4, atol=0)
    if x.numel() > 1000:
        deviation = (p * (1 - p) / x.numel()) ** 0.5
        assert abs(float((~kept).double().mean()) - p) < 4 * deviation
        # Four numbers share a draw: neighbours must be dropped independently all the same.
        flat = (~kept).flatten().double()
        for apart in (1, 2, 3, 4):
            together = float((flat[apart:] * flat[:-apart]).mean())
            assert abs(together - p * p) < 5 * p * p**0.5 / x.numel() ** 0.5
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad != 0, kept)
    torch.testing.assert_close(x.grad[kept], torch.full_like(x.grad[kept], 1 / (1 - p)), rtol=1e-4, atol=0)


def test_nothing_is_dropped_in_evaluation_or_at_rate_nought() -> None:
    x = torch.randn(50)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_a_seed_decides() -> None:
    x = torch.ones(999)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(Dropout(0.3)(x))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_half_precision_and_nothing_at_all() -> None:
    assert Dropout(0.1)(torch.ones(8, 5, dtype=torch.bfloat16)).dtype is torch.bfloat16
    assert Dropout(0.1)(torch.ones(0, 5)).shape == (0, 5)


@pytest.mark.parametrize(("p", "left"), [(1.0, 0.0), (1 - 1e-6, 0.0), (1e-6, 1.0)])
def test_at_its_ends_all_or_nothing_is_dropped(p: float, left: float) -> None:
    x = torch.ones(1001, requires_grad=True)
    out = Dropout(p)(x)
    out.sum().backward()
    assert torch.equal(out, torch.full_like(out, left))
    assert torch.equal(x.grad, out)
