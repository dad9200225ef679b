"""Sequences of unequal length attend within themselves, however they are grouped."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from m5tools.scale import layers
from m5tools.scale.config import MODELS
from m5tools.scale.layers import FeedForward, Layers, groups

SHAPE = MODELS["study"]
COUNT = torch.tensor([3, 0, 40, 17, 40, 1, 38])


def stack() -> Layers:
    torch.manual_seed(0)
    made = Layers(SHAPE, 2, 128)
    for block in made.blocks:
        torch.nn.init.normal_(block.attended.weight, std=0.1)
        torch.nn.init.normal_(block.feed.down.weight, std=0.1)
    return made


def test_groups_hold_every_sequence_once_and_like_lengths_together() -> None:
    found = groups(COUNT)
    assert sorted(torch.cat(found).tolist()) == [0, 2, 3, 4, 5, 6]
    assert found[0].tolist() == [2, 4, 6]
    assert [COUNT[rows].tolist() for rows in found[1:]] == [[17, 3, 1]]


def test_a_sequence_in_company_comes_out_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stack()
    flat = torch.randn(int(COUNT.sum()), SHAPE.width)
    together = made(flat, COUNT)
    alone = torch.cat([made(own, torch.tensor([len(own)])) for own in flat.split(COUNT.tolist()) if len(own)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    monkeypatch.setattr(layers, "SHORTER", 0.0)
    assert len(groups(COUNT)) == 1
    torch.testing.assert_close(made(flat, COUNT), together, atol=1e-5, rtol=1e-5)


def test_sequences_of_one_length_need_no_mask_and_no_reordering() -> None:
    layout = layers.Layout.of(torch.tensor([5, 5, 5]))
    assert layout.order is None
    assert [group.mask for group in layout.groups] == [None]


def test_without_any_token_every_block_is_called_once_and_has_gradients() -> None:
    made, calls = stack(), []
    for block in made.blocks:
        block.register_forward_hook(lambda *_: calls.append(1))
    made(torch.zeros(0, SHAPE.width), torch.zeros(3, dtype=torch.int64)).sum().backward()
    assert len(calls) == len(made.blocks)
    assert all(p.grad is not None for p in made.parameters())


@pytest.mark.parametrize("shape", [(7, 8), (3, 5, 8), (0, 8)])
def test_what_feed_forward_does_not_keep_is_computed_again_to_the_bit(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    made = FeedForward(8, 16)
    gradients = []
    for forward in (made, lambda x: made.down(functional.gelu(made.up(x)))):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
        made.zero_grad()
        forward(x).square().sum().backward()
        gradients.append([x.grad, *(p.grad.clone() for p in made.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
