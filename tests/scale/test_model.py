"""The network: sizes, and indifference to what is absent and to who else is in the batch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from m5tools.scale.config import MODELS
from m5tools.scale.fusion import Joint
from m5tools.scale.harmony import Harmonized, Uniform
from m5tools.scale.model import Scale
from m5tools.scale.terms import Scaling
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality

from .masks import masks_of
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


def joint(model: Scale, tokens: Tokens) -> Joint:
    with torch.no_grad():
        return model.joint(model.encode(tokens), tokens)


def losses(model: Scale, tokens: Tokens) -> torch.Tensor:
    """Every number a step could learn from."""
    with torch.no_grad():
        terms = model(tokens, masks_of(tokens, 0.3, seed=1), 0.1, Harmonized())
    kinds = (terms.pair, terms.masked, terms.z, terms.joint, terms.share, terms.fused)
    return torch.cat([kind.flatten() for kind in kinds])


def same_to_the_bit(model: Scale, clean: Tokens, dirty: Tokens) -> bool:
    a, b = joint(model, clean), joint(model, dirty)
    return (
        torch.equal(vectors(model, clean), vectors(model, dirty))
        and torch.equal(losses(model, clean), losses(model, dirty))
        and torch.equal(a.vector, b.vector)
        and all(torch.equal(a.hidden[m], b.hidden[m]) for m in MODALITIES)
    )


@pytest.mark.parametrize(("name", "least", "most"), [("study", 1e5, 5e5), ("compact", 3e6, 6e6)])
def test_sizes(name: str, least: float, most: float) -> None:
    assert least < Scale(MODELS[name]).parameter_count <= most


def test_garbage_under_the_mask_changes_no_bit(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"])
    tokenizer = tokenizer_of(batch)
    assert not batch.present.all(0).any(), "every modality must be missing somewhere"
    assert same_to_the_bit(model, tokenizer(batch), tokenizer(with_garbage(batch)))


def test_padding_tokens_change_no_bit(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"][:24])
    clean = tokenizer_of(batch)(batch)

    def littered(part: Part) -> Part:
        mask = part.mask.view(*part.mask.shape, *[1] * (part.values.ndim - 2))
        return replace(part, values=torch.where(mask, part.values, torch.full_like(part.values, 77)))

    dirty = replace(clean, parts={m: littered(p) for m, p in clean.parts.items()})
    assert same_to_the_bit(model, clean, dirty)


@pytest.mark.parametrize("modality", MODALITIES)
def test_an_absent_modality_is_as_one_that_was_never_there(world: World, model: Scale, modality: Modality) -> None:
    """Payload of one modality under the mask, of half the products, against products that never had it."""
    listings = world.splits["train"][:24]
    whole = make_batch(listings)
    tokenizer = tokenizer_of(whole)
    hidden = replace(whole, present=whole.present.clone())
    hidden.present[::2, modality.bit] = False
    has = hidden.present.tolist()
    bare = [replace(x, present=tuple(own)) for x, own in zip(listings, has, strict=True)]
    tokens = tokenizer(hidden)
    some = torch.nonzero(tokens.present.any(1)).flatten()
    assert same_to_the_bit(model, tokens.select(some), tokenizer(make_batch(bare)).select(some))


def test_companions_in_the_batch_do_not_matter(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"][:24])
    tokens = tokenizer_of(batch)(batch)
    few = torch.tensor([3, 7, 11])
    torch.testing.assert_close(vectors(model, tokens.select(few)), vectors(model, tokens)[few], atol=1e-5, rtol=1e-5)
    everyone, alone = joint(model, tokens), joint(model, tokens.select(few))
    torch.testing.assert_close(alone.vector, everyone.vector[few], atol=1e-5, rtol=1e-5)
    for modality in MODALITIES:
        part = tokens.parts[modality]
        owner = part.row.repeat_interleave(part.mask.sum(1))
        wanted = torch.cat([everyone.hidden[modality][owner == row] for row in few.tolist()])
        torch.testing.assert_close(alone.hidden[modality], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_encoder_is_touched_although_a_modality_is_missing(world: World, modality: Modality) -> None:
    listings = world.splits["train"][:12]
    tokenizer = tokenizer_of(make_batch(listings))
    tokens = tokenizer(make_batch(listings, tuple(m for m in MODALITIES if m is not modality)))
    tokens = tokens.select(torch.nonzero(tokens.present.any(1)).flatten())
    network = Scale(tokenizer.config)
    terms = network(tokens, masks_of(tokens, 0.3), 0.1)
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


def test_unimodal_heads_are_the_released_form(world: World, model: Scale) -> None:
    """They do not look across modalities, and the co-transformer learns nothing from them."""
    torch.manual_seed(0)
    network = Scale(model.config.model_copy(update={"masked_heads": "unimodal"}))
    batch = make_batch([x for x in world.splits["train"] if all(x.present)][:8])
    tokens = tokenizer_of(batch)(batch)
    masks = masks_of(tokens, 0.3, seed=1)
    other = replace(tokens.parts[Modality.TABLE], values=tokens.parts[Modality.TABLE].values.roll(1, 0))
    changed = replace(tokens, parts={**tokens.parts, Modality.TABLE: other})
    terms = network(tokens, masks, 0.1)
    assert terms.masked[1] == network(changed, masks, 0.1).masked[1]
    terms.masked.sum().backward()
    assert not any(p.grad.any() for p in network.fusion.parameters() if p.grad is not None)
    assert any(p.grad is not None and p.grad.any() for p in network.encoders["text"].layers.parameters())


def test_scaling_multiplies_what_heads_predict(world: World, model: Scale) -> None:
    batch = make_batch(world.splits["train"][:16])
    tokens = tokenizer_of(batch)(batch)
    masks = masks_of(tokens, 0.3, seed=1)
    scaling = Scaling(torch.ones(16, 5, 5), torch.ones(16, 5))
    scaling.masked[:, Modality.AUDIO.bit] = 0
    with torch.no_grad():
        hidden = joint(model, tokens).hidden
        loss, _ = model.heads(hidden, tokens, masks, model.words, model.content, scaling)
        plain, _ = model.heads(hidden, tokens, masks, model.words, model.content)
    part = tokens.parts[Modality.AUDIO]
    target = model.content["audio"].standardised(part.values[masks[Modality.AUDIO]])
    torch.testing.assert_close(loss[4], target.square().mean())
    assert torch.equal(loss[:4], plain[:4])


def test_the_joint_vector_learns_to_find_its_product(world: World) -> None:
    batch = make_batch(world.splits["train"][:32])
    tokenizer = tokenizer_of(batch)
    tokens = tokenizer(batch)
    torch.manual_seed(0)
    network = Scale(tokenizer.config)
    network.measure_features(tokens)
    optimiser = torch.optim.AdamW(network.fusion.parameters(), lr=4e-3)
    nothing = {m: torch.zeros_like(part.mask) for m, part in tokens.parts.items()}
    found = []
    for _ in range(30):
        fused = network(tokens, nothing, 0.1, Uniform()).fused
        optimiser.zero_grad()
        fused.backward()
        optimiser.step()
        found.append(float(fused.detach()))
    assert found[-1] < 0.3 * found[0]


def test_modality_dropout_hides_from_the_joint_vector_alone_and_never_all(world: World) -> None:
    batch = make_batch(world.splits["train"][:24])
    tokenizer = tokenizer_of(batch)
    tokens = tokenizer(batch)
    network = Scale(tokenizer.config.model_copy(update={"modality_dropout": 0.9}))
    shown = network._shown(tokens.present)
    assert (shown.sum(1) >= 1).all()
    assert shown.sum() < 0.5 * tokens.present.sum()
    assert not (shown & ~tokens.present).any()
    masks = masks_of(tokens, 0.3, seed=1)
    training = network(tokens, masks, 0.1)
    torch.testing.assert_close(training.z, network.eval()(tokens, masks, 0.1).z)
    assert torch.equal(network._shown(tokens.present), tokens.present)
    assert torch.isfinite(training.masked).all()
    assert training.masked_tokens.sum() < sum(mask.sum() for mask in masks.values())


@pytest.mark.slow
def test_the_paper_configuration_takes_a_real_step_in_bounded_memory(world: World) -> None:
    """In a process of its own, whose address space cannot grow beyond the bound."""
    out = subprocess.run([sys.executable, "-c", PAPER_STEP], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr[-2000:]
    before, after, parameters = json.loads(out.stdout)
    assert after < before
    assert 200e6 < parameters < 260e6


PAPER_STEP = """
import json, resource
import torch
from tests.scale.test_tokens import tokenizer_of
from tests.scale.masks import masks_of
from tests.scale.world import World, make_batch
from m5tools.scale.config import MODELS
from m5tools.scale.harmony import Harmonized
from m5tools.scale.model import Scale
from m5tools.scale.tokenizer import ProductTokenizer

torch.set_num_threads(1)
torch.manual_seed(0)
resource.setrlimit(resource.RLIMIT_DATA, (5 << 30, 5 << 30))
batch = make_batch(World(20, seed=1).splits["train"][:4])
shape = MODELS["paper"].model_copy(update={"dropout": 0.0})
tokens = ProductTokenizer.from_json(shape, tokenizer_of(batch).to_json())(batch)
network = Scale(shape)
network.measure_features(tokens)
masks = masks_of(tokens, 0.15)
optimiser = torch.optim.SGD(network.parameters(), lr=1e-2)
rule = Harmonized()
losses = []
for _ in range(2):
    loss = rule.objective(network(tokens, masks, 0.1, rule), 0.3, 0.1).loss
    losses.append(float(loss.detach()))
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
print(json.dumps([*losses, network.parameter_count]))
"""
