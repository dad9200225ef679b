"""Frozen features in the place of tokens: the overlay's own vectors, absent where it has none, through a whole run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import torch

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.scale.checkpoint import load
from m5tools.scale.config import MODELS, FrozenModel, TrainConfig
from m5tools.scale.embedding_files import write_embeddings
from m5tools.scale.fixed import BUCKETS, FixedFeatures
from m5tools.scale.frozen import Features, opened, shaped
from m5tools.scale.harmony import Uniform
from m5tools.scale.networks import NETWORKS
from m5tools.scale.source import Shards
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens
from m5tools.scale.train import train
from m5tools.shards.config import OverlayConfig
from m5tools.shards.overlay import Overlay
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.evaluate import evaluate
from m5tools.vocabulary import MODALITIES, Modality

from ..loader.conftest import dataset, original  # noqa: F401 - fixtures
from ..shards.shop import product_id
from ..shards.test_overlay import index_of
from ..tiny_models import tiny_bert, tiny_clip
from .masks import masks_of
from .test_tokens import tokenizer_of, with_garbage
from .world import World, make_batch

NAMES = {Modality.TEXT: "words", Modality.IMAGE: "looks"}
IMAGE, TEXT = Modality.IMAGE, Modality.TEXT


def made_up(listings: list, modality: Modality, lacking: tuple[str, ...] = (), most: int = 1) -> Features:  # type: ignore[type-arg]
    """Vectors of 6 numbers of the listings that have a modality, up to `most` of each, drawn from their ids."""
    rng = np.random.default_rng(5)
    rows = [
        rng.normal(size=(1 + k % most, 6)).astype(np.float16).tolist()
        if x.present[modality.bit] and x.id not in lacking
        else None
        for k, x in enumerate(listings)
    ]
    if modality is TEXT:
        column = pa.array([row and row[0] for row in rows], pa.list_(pa.float16(), 6))
    else:
        column = pa.array(rows, pa.list_(pa.list_(pa.float16(), 6)))
    table = pa.table({"product_id": [x.id for x in listings], "features": column})
    return Features(FrozenModel(size=6, fingerprint=f"of {modality}"), [table.slice(0, 11), table.slice(11)])


@pytest.fixture
def tokenizer(world: World) -> ProductTokenizer:
    listings = world.splits["train"]
    features = {TEXT: made_up(listings, TEXT, (listings[3].id,)), IMAGE: made_up(listings, IMAGE, most=3)}
    shape = shaped(MODELS["study"].model_copy(update={"pictures": 2}), features)
    return ProductTokenizer.from_json(shape, tokenizer_of(make_batch(listings)).to_json(), features)


def test_tokens_are_vectors_in_order_and_only_where_there_are_some(world: World, tokenizer: ProductTokenizer) -> None:
    listings = world.splits["train"]
    tokens = tokenizer(make_batch(listings))
    lacking = torch.tensor([x.id == listings[3].id for x in listings])
    expected = torch.tensor([x.present for x in listings])
    expected[:, TEXT.bit] &= ~lacking
    assert torch.equal(tokens.present, expected)
    rng = np.random.default_rng(5)
    pictures = {x.id: v for k, x in enumerate(listings) if x.present[0] for v in [rng.normal(size=(1 + k % 3, 6))]}
    part = tokens.parts[IMAGE]
    assert part.values.shape[1:] == (2, 6), "two pictures of a product are kept in this shape, and one token each"
    for row, values, mask in zip(part.row.tolist(), part.values, part.mask, strict=True):
        wanted = pictures[listings[row].id][:2].astype(np.float16)
        np.testing.assert_array_equal(values[mask].numpy(), wanted)
    assert tokens.parts[TEXT].values.shape[1:] == (1, 6)


def test_what_a_narrower_cut_withholds_has_no_token(world: World, tokenizer: ProductTokenizer) -> None:
    listings = world.splits["train"][:20]
    batch = make_batch(listings, tuple(m for m in MODALITIES if m is not TEXT))
    assert not tokenizer(batch).present[:, TEXT.bit].any()
    batch = make_batch(listings)
    stranger = replace(batch, ids=("f" * 32, *batch.ids[1:]))
    assert not tokenizer(stranger).present[0, :2].any(), "of a product that the overlay does not know"


def test_an_absent_modality_as_zeros_is_a_vector_of_zeros(world: World, tokenizer: ProductTokenizer) -> None:
    shape = tokenizer.config.model_copy(update={"missing": "zeros"})
    tokens = ProductTokenizer(shape, tokenizer.bpe, tokenizer.features)(make_batch(world.splits["train"]))
    assert tokens.present.all()
    absent = torch.tensor([not x.present[TEXT.bit] for x in world.splits["train"]])
    assert absent.any()
    assert (tokens.parts[TEXT].values[absent] == 0).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_them(name: str, world: World, tokenizer: ProductTokenizer) -> None:
    """Garbage under the mask changes no bit, every parameter has a gradient, the loss falls."""
    batch = make_batch(world.splits["train"])
    tokens = tokenizer(batch)
    torch.manual_seed(0)
    network = NETWORKS[name](tokenizer.config)
    network.measure_features(tokens)
    with torch.no_grad():
        network.eval()
        clean, dirty = (network.vectors(network.encode(t), t) for t in (tokens, tokenizer(with_garbage(batch))))
    assert torch.equal(clean, dirty)
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = Uniform().objective(network(tokens, masks_of(tokens, 0.3, seed=1), 0.1), 1.0).loss
        loss.backward()
        trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
        assert [n for n, p in trained.items() if p.grad is None or not torch.isfinite(p.grad).all()] == []
        optimiser.step()
        losses.append(float(loss.detach()))
    assert name == "fixed_features" or losses[-1] < losses[0]


def test_the_masked_task_tells_the_hidden_vector(world: World, tokenizer: ProductTokenizer) -> None:
    tokens = tokenizer(make_batch(world.splits["train"]))
    torch.manual_seed(0)
    network = NETWORKS["scale"](tokenizer.config)
    network.measure_features(tokens)
    masks = masks_of(tokens, 0.3, seed=1)
    with torch.no_grad():
        for parameter in network.heads.to_features["text"].parameters():  # type: ignore[union-attr]
            parameter.zero_()
        terms = network(tokens, masks, 0.1)
    part = tokens.parts[TEXT]
    target = network.content["text"].standardised(part.values[masks[TEXT]])  # type: ignore[operator]
    assert terms.masked[TEXT.bit].item() == pytest.approx(float(target.square().mean()), rel=1e-5)
    assert terms.masked_tokens[TEXT.bit] == masks[TEXT].sum()


def test_fixed_features_compare_what_one_model_saw(world: World) -> None:
    listings = world.splits["train"]
    texts, pictures = made_up(listings, TEXT), made_up(listings, IMAGE)
    pictures.model = texts.model
    batch, learned = make_batch(listings), tokenizer_of(make_batch(listings)).to_json()
    found = {}
    for both in (False, True):
        features = {TEXT: texts, IMAGE: pictures} if both else {TEXT: texts}
        tokenizer = ProductTokenizer.from_json(shaped(MODELS["study"], features), learned, features)
        tokens = tokenizer(batch)
        network = FixedFeatures(tokenizer.config)
        network.measure_features(tokens)
        z = network.vectors(network.encode(tokens), tokens)
        rows = torch.nonzero(tokens.present[:, :3].all(1)).flatten()
        own = tokens.select(rows).parts[TEXT].values[:, 0].float()
        cosines = torch.nn.functional.normalize(own) @ torch.nn.functional.normalize(own).T
        torch.testing.assert_close(z[rows, TEXT.bit] @ z[rows, TEXT.bit].T, cosines, atol=1e-3, rtol=0)
        found[both] = (z[rows, TEXT.bit] * z[rows, IMAGE.bit]).sum(1)
        assert (z[rows, TEXT.bit] * z[rows, Modality.TABLE.bit]).sum(1).abs().max() == 0
        assert z.shape[2] == BUCKETS + 6 + 72 + network.config.mels * network.config.slices * 2
    assert found[False].abs().max() == 0
    assert found[True].abs().max() > 0.1


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Modality, str]:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    folder = tmp_path_factory.mktemp("models")
    return {TEXT: tiny_bert(folder / "bert"), IMAGE: tiny_clip(folder / "clip")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs the overlays leaves a copy of the dataset for the others."""
    return tmp_path_factory.mktemp("frozen") / "dataset"


@pytest.fixture
def overlaid(kept: Path, dataset: Dataset, models: dict[Modality, str]) -> Dataset:  # noqa: F811 - a fixture
    if not kept.exists():
        for modality, model in models.items():
            run_stage(dataset, Overlay(OverlayConfig(name=NAMES[modality], model=model, of=modality)))
        shutil.copytree(dataset.root, kept)
    shutil.rmtree(dataset.root)
    return Dataset(shutil.copytree(kept, dataset.root))


def settings(dataset: Dataset, out: Path, **changes: object) -> TrainConfig:  # noqa: F811 - no fixture
    how = {"features": NAMES, "steps": 4, "batch_size": 8, "calibration_rows": 4, "image_size": 16}
    return TrainConfig(shards=str(dataset.root / "shards" / "default"), out=out, **{**how, **changes})  # type: ignore[arg-type]


def whole(dataset: Dataset, tokenizer: ProductTokenizer) -> Tokens:  # noqa: F811 - no fixture
    shards = Shards(str(dataset.root / "shards" / "default"), None, tokenizer.config, 16, 0)
    (batch,) = shards.open("train", MODALITIES, batch_size=25, shuffle=False, drop_last=False)
    return tokenizer(batch)


def test_tokens_of_shards_are_what_the_overlay_holds(overlaid: Dataset, tmp_path: Path) -> None:
    train(settings(overlaid, tmp_path / "run"))
    trained = load(tmp_path / "run").at(str(overlaid.root / "shards" / "default"))
    tokens = whole(overlaid, trained.tokenizer)
    index = {row["product_id"]: row for row in index_of(overlaid, *sorted(NAMES.values())).to_pylist()}
    for modality, column in ((TEXT, "text_features"), (IMAGE, "image_features")):
        part = tokens.parts[modality]
        told = {tokens.ids[row]: values for row, values in zip(part.row.tolist(), part.values[:, 0], strict=True)}
        assert told.keys() == {i for i in tokens.ids if index[i][column] is not None}
        for name, values in told.items():
            expected = index[name][column] if modality is TEXT else index[name][column][0]
            np.testing.assert_array_equal(values.numpy(), np.array(expected, np.float16))
    assert product_id(7) not in {tokens.ids[row] for row in tokens.parts[TEXT].row.tolist()}, "its text is withheld"


@pytest.mark.parametrize("memory_mb", [1024, 0])
def test_a_run_goes_on_to_the_bit_from_memory_or_decoded_anew(
    overlaid: Dataset, tmp_path: Path, memory_mb: int
) -> None:
    train(settings(overlaid, tmp_path / "once"))
    train(settings(overlaid, tmp_path / "twice", checkpoint_every=2, keep_checkpoints=9, memory_mb=memory_mb))
    shutil.rmtree(tmp_path / "twice" / "checkpoints" / "step-00000004")
    train(settings(overlaid, tmp_path / "twice", memory_mb=memory_mb))
    once, twice = (load(tmp_path / name).model.state_dict() for name in ("once", "twice"))
    assert [name for name in once if not torch.equal(once[name], twice[name])] == []


def test_embedding_and_evaluation_read_them_and_say_what_is_missing(
    overlaid: Dataset, models: dict[Modality, str], tmp_path: Path
) -> None:
    folder = overlaid.root / "shards" / "default"
    train(settings(overlaid, tmp_path / "run"))
    trained = load(tmp_path / "run")
    made = write_embeddings(trained, str(folder), ("test",), tmp_path / "vectors", lambda *_: None)
    rows = pl.read_parquet(tmp_path / "vectors" / "test-00000.parquet")
    held = index_of(overlaid, "words").filter(pa.compute.field("split") == "test")
    assert rows.filter(pl.col("modality") == "text").height == len(held["text_features"].drop_null())
    assert made.model
    quick = EvaluateConfig(
        roles=False, fine_tune_epochs=1, bootstraps=0, cluster_runs=0, combinations=False, removed=(0.5,)
    )
    assert "text" in evaluate(tmp_path / "run", str(folder), quick).coarse.systems
    with pytest.raises(UsageError, match="not opened"):
        whole(overlaid, trained.tokenizer)

    other = OverlayConfig(name="words", model=tiny_bert(tmp_path / "other", seed=1))
    run_stage(overlaid, Overlay(other))
    with pytest.raises(UsageError, match="of another model"):
        evaluate(tmp_path / "run", str(folder), quick)
    shutil.rmtree(folder / "overlays" / "words")
    for read in (
        lambda: write_embeddings(trained, str(folder), ("test",), tmp_path / "again", lambda *_: None),
        lambda: evaluate(tmp_path / "run", str(folder), quick),
        lambda: train(settings(overlaid, tmp_path / "new")),
    ):
        with pytest.raises(UsageError, match=r"no frozen features of text.*--set name=words --set of=text"):
            read()


def test_an_overlay_of_something_else_is_refused(overlaid: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'looks' of .* brings image_features, not the text_features of a model"):
        train(settings(overlaid, tmp_path / "run", features={TEXT: "looks"}))
    ids = [product_id(i) for i in range(4)]
    pl.DataFrame({"product_id": ids, "text_features": [0.5] * 4}).write_parquet(tmp_path / "mine.parquet")
    run_stage(overlaid, Overlay(OverlayConfig(name="mine", table=str(tmp_path / "mine.parquet"))))
    with pytest.raises(UsageError, match="brings text_features, not the text_features of a model"):
        opened(str(overlaid.root / "shards" / "default"), {TEXT: "mine"})


def test_only_texts_and_pictures_can_be_frozen(tmp_path: Path) -> None:
    assert TrainConfig.model_validate({"shards": "s", "out": tmp_path, "features": {"text": "t"}}).features == {
        TEXT: "t"
    }
    with pytest.raises(ValueError, match="features"):
        TrainConfig.model_validate({"shards": "s", "out": tmp_path, "features": {"audio": "t"}})
