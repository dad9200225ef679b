"""The networks SCALE is measured against: one interface, trained and embedded like SCALE."""

from __future__ import annotations

import pytest
import torch

from m5tools.scale.coattention import CoBlock
from m5tools.scale.config import MODELS
from m5tools.scale.fixed import FixedFeatures
from m5tools.scale.harmony import Uniform
from m5tools.scale.layers import Block
from m5tools.scale.network import Network
from m5tools.scale.networks import NETWORKS
from m5tools.scale.tokens import Tokens
from m5tools.scale.words import document_counts, texts_of
from m5tools.vocabulary import MODALITIES, Modality

from .masks import masks_of
from .test_tokens import tokenizer_of, with_garbage
from .world import World, make_batch

BASELINES = [name for name in NETWORKS if name != "scale"]


@pytest.fixture(scope="module")
def tokens(world: World) -> Tokens:
    batch = make_batch(world.splits["train"][:40])
    return tokenizer_of(batch)(batch)


def at_work(name: str) -> Network:
    """A network whose attention is at work: layers start as the identity, through which nothing could leak."""
    torch.manual_seed(0)
    network = NETWORKS[name](MODELS["study"]).eval()
    for module in network.modules():
        if isinstance(module, Block | CoBlock):
            torch.nn.init.normal_(module.attended.weight, std=0.1)
            torch.nn.init.normal_(module.feed.down.weight, std=0.1)
    return network


@pytest.mark.parametrize("name", BASELINES)
def test_vectors_are_unit_where_present_and_independent_of_companions(name: str, tokens: Tokens) -> None:
    network = at_work(name)
    network.measure_features(tokens)
    few = torch.tensor([3, 7, 11])
    with torch.no_grad():
        z = network.vectors(network.encode(tokens), tokens)
        alone = network.vectors(network.encode(tokens.select(few)), tokens.select(few))
    known = tokens.present.clone()
    if name.endswith("_alone"):
        known &= torch.tensor([name == f"{m.value}_alone" for m in MODALITIES])
    torch.testing.assert_close(z.norm(dim=2), known.float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(alone, z[few], atol=1e-5, rtol=1e-5)
    pooled = Uniform().pool(z, tokens.present).fused
    torch.testing.assert_close(pooled.norm(dim=1), known.any(1).float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", BASELINES)
def test_garbage_under_the_mask_changes_no_bit(name: str, world: World) -> None:
    batch = make_batch(world.splits["train"][:30])
    tokenizer = tokenizer_of(batch)
    network = at_work(name)
    tokens = [tokenizer(batch), tokenizer(with_garbage(batch))]
    with torch.no_grad():
        clean, dirty = (network.vectors(network.encode(one), one) for one in tokens)
    assert torch.equal(clean, dirty)
    gradients = []
    for one in tokens:
        network.zero_grad()
        Uniform().objective(network(one, masks_of(one, 0.3, seed=1), 0.1), 1.0).loss.backward()
        gradients.append({n: p.grad for n, p in network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(gradients[0][n], gradients[1][n]) for n in gradients[0])


@pytest.mark.parametrize("absent", [None, Modality.VIDEO, Modality.TEXT])
@pytest.mark.parametrize("name", BASELINES)
def test_every_parameter_has_a_gradient_although_a_modality_is_missing(
    name: str, absent: Modality | None, world: World
) -> None:
    listings = world.splits["train"][:12]
    tokenizer = tokenizer_of(make_batch(listings))
    tokens = tokenizer(make_batch(listings, tuple(m for m in MODALITIES if m is not absent)))
    tokens = tokens.select(torch.nonzero(tokens.present.any(1)).flatten())
    torch.manual_seed(0)
    network = NETWORKS[name](tokenizer.config)
    loss = Uniform().objective(network(tokens, masks_of(tokens, 0.3, seed=1), 0.1), 1.0).loss
    loss.backward()
    assert torch.isfinite(loss)
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    assert [n for n, p in trained.items() if p.grad is None or not torch.isfinite(p.grad).all()] == []


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "fixed_features"])
def test_a_few_steps_lower_the_loss(name: str, tokens: Tokens) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](MODELS["study"])
    network.measure_features(tokens)
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = Uniform().objective(network(tokens, masks_of(tokens, 0.3, seed=1), 0.1), 1.0).loss
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_under_autocast_vectors_and_losses_stay_float32(name: str, tokens: Tokens) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](MODELS["study"])
    with torch.autocast("cpu", torch.bfloat16):
        terms = network(tokens, masks_of(tokens, 0.3, seed=1), 0.1)
        z = network.vectors(network.encode(tokens), tokens)
    Uniform().objective(terms, 1.0).loss.backward()
    assert {t.dtype for t in (z, terms.pair, terms.joint, terms.fused)} == {torch.float32}
    plain = network(tokens, masks_of(tokens, 0.3, seed=1), 0.1)
    torch.testing.assert_close(terms.pair, plain.pair, atol=0.05, rtol=0.05)


def test_fixed_features_find_the_same_words_and_looks(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokenizer = tokenizer_of(batch)
    tokens = tokenizer(batch)
    network = FixedFeatures(tokenizer.config)
    network.measure_features(tokens)
    network.words.measure(*document_counts(tokenizer.bpe, texts_of(batch)))
    z = network.vectors(network.encode(tokens), tokens)
    for modality in (Modality.TEXT, Modality.IMAGE, Modality.VIDEO):
        rows = torch.nonzero(tokens.present[:, modality.bit]).flatten()
        near = z[rows, modality.bit] @ z[rows, modality.bit].T
        same = tokens.cluster[rows][:, None] == tokens.cluster[rows]
        other = ~same
        same.fill_diagonal_(False)
        assert near[same].mean() > near[other].mean() + 0.1, modality
