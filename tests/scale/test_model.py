"""The network: sizes, and indifference to what is absent and to who else is in the batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from m5tools.scale.config import MODELS
from m5tools.scale.harmony import Uniform
from m5tools.scale.masked import draw_masks
from m5tools.scale.model import Scale
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

from .test_tokens import tokenizer_of, with_garbage
from .world import World, make_batch


@pytest.fixture(scope="module")
def model() -> Scale:
    torch.manual_seed(0)
    network = Scale(MODELS["study"])
    for block in [*network.fusion.layers.blocks, *(b for e in network.encoders.values() for b in e.layers.blocks)]:
        # Layers start as the identity; here attention must be at work.
        torch.nn.init.normal_(block.attended.weight, std=0.1)
        torch.nn.init.normal_(block.feed.down.weight, std=0.1)
    return network.eval()


def vectors(model: Scale, tokens: Tokens) -> torch.Tensor:
    with torch.no_grad():
        return model.vectors(model.encode(tokens), tokens)


def losses(model: Scale, tokens: Tokens) -> torch.Tensor:
    with torch.no_grad():
        terms = model(tokens, draw_masks(tokens, 0.3, torch.Generator().manual_seed(1)), 0.1)
    return torch.cat([terms.pair.flatten(), terms.masked])


@pytest.mark.parametrize(("name", "least", "most"), [("study", 1e5, 5e5), ("compact", 3e6, 6e6)])
def test_sizes(name: str, least: float, most: float) -> None:
    assert least < Scale(MODELS[name]).parameter_count <= most


def test_garbage_under_the_mask_changes_no_bit(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"])
    tokenizer = tokenizer_of(batch)
    clean, dirty = tokenizer(batch), tokenizer(with_garbage(batch))
    assert torch.equal(vectors(model, clean), vectors(model, dirty))
    assert torch.equal(losses(model, clean), losses(model, dirty))


def test_padding_tokens_change_no_bit(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"][:24])
    clean = tokenizer_of(batch)(batch)

    def littered(part: Part) -> Part:
        mask = part.mask.view(*part.mask.shape, *[1] * (part.values.ndim - 2))
        return replace(part, values=torch.where(mask, part.values, torch.full_like(part.values, 77)))

    dirty = replace(clean, parts={m: littered(p) for m, p in clean.parts.items()})
    assert torch.equal(vectors(model, clean), vectors(model, dirty))
    assert torch.equal(losses(model, clean), losses(model, dirty))


def test_companions_in_the_batch_do_not_matter(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"][:24])
    tokens = tokenizer_of(batch)(batch)
    few = torch.tensor([3, 7, 11])
    torch.testing.assert_close(vectors(model, tokens.select(few)), vectors(model, tokens)[few], atol=1e-5, rtol=1e-5)
    # The joint part too: hide nothing but compare its outputs product by product.
    with torch.no_grad():
        joint = model.joint(model.encode(tokens), tokens).hidden
        alone = tokens.select(few)
        joint_alone = model.joint(model.encode(alone), alone).hidden
    for modality in MODALITIES:
        part = tokens.parts[modality]
        owner = part.row.repeat_interleave(part.mask.sum(1))
        wanted = torch.cat([joint[modality][owner == row] for row in few.tolist()])
        torch.testing.assert_close(joint_alone[modality], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_encoder_is_touched_although_a_modality_is_missing(world: World, modality: Modality) -> None:
    listings = world.splits["train"][:12]
    tokenizer = tokenizer_of(make_batch(listings))
    tokens = tokenizer(make_batch(listings, tuple(m for m in MODALITIES if m is not modality)))
    tokens = tokens.select(torch.nonzero(tokens.present.any(1)).flatten())
    network = Scale(tokenizer.config)
    terms = network(tokens, draw_masks(tokens, 0.3, torch.Generator().manual_seed(0)), 0.1)
    loss = Uniform().objective(terms, 1.0).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    assert terms.masked[modality.bit] == 0


def test_masked_tasks_look_across_modalities(world: World, model: Scale) -> None:
    """Eq. 1: hidden tokens of one modality are predicted from the tokens of the others."""
    batch = make_batch([x for x in world.splits["train"] if all(x.present)][:8])
    tokens = tokenizer_of(batch)(batch)
    other = replace(tokens.parts[Modality.TABLE], values=tokens.parts[Modality.TABLE].values.roll(1, 0))
    changed = replace(tokens, parts={**tokens.parts, Modality.TABLE: other})
    masks = {m: (p.mask if m is Modality.TEXT else torch.zeros_like(p.mask)) for m, p in tokens.parts.items()}
    with torch.no_grad():
        assert model(tokens, masks, 0.1).masked[1] != model(changed, masks, 0.1).masked[1]
