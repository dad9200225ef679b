"""Vectors of a frozen model laid over shards: the model's own, of every picture in order, never of what is absent."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from m5tools.dataset import Dataset
from m5tools.embedding import fingerprint
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.errors import UsageError
from m5tools.shards.check import check
from m5tools.shards.config import OverlayConfig, ShardConfig
from m5tools.shards.manifest import OverlayManifest
from m5tools.shards.overlay import Overlay
from m5tools.shards.stage import Shard
from m5tools.vocabulary import Modality

from ..tiny_models import tiny_bert, tiny_clip
from .shop import Shop, product_id
from .test_overlay import folder_of, held, index_of
from .test_stage import Killer, bytes_of

pytest.importorskip("sentence_transformers", reason="needs the extra embed")
CONFIG = ShardConfig(samples_per_shard=7, image_long_side=48, max_images=3, max_frames=2)
Make = Callable[..., Dataset]


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_bert(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture
def dataset(make_dataset: Make, tmp_path: Path) -> Dataset:
    dataset = make_dataset(Shop(tmp_path / "media", 24).tables)
    run_stage(dataset, Shard(CONFIG))
    return dataset


def of_text(model: str) -> OverlayConfig:
    return OverlayConfig(name="texts", model=model)


def of_pictures(model: str) -> OverlayConfig:
    return OverlayConfig(name="looks", model=model, of=Modality.IMAGE)


def column(dataset: Dataset, overlay: str, name: str) -> dict[str, Any]:
    table = index_of(dataset, overlay)
    return dict(zip(table["product_id"].to_pylist(), table[name].to_pylist(), strict=True))


def test_texts_are_title_and_description_as_the_model_reads_them(dataset: Dataset, bert: str) -> None:
    from sentence_transformers import SentenceTransformer

    counts = run_stage(dataset, Overlay(of_text(bert))).counts
    index = index_of(dataset, "texts")
    assert index.schema.field("text_features").type == pa.list_(pa.float16(), 32)
    model = SentenceTransformer(bert, device="cpu")
    for row in index.to_pylist():
        assert (row["text_features"] is not None) == bool(row["present"] >> Modality.TEXT.bit & 1)
    both = product_id(5)
    (told,) = (json.loads(m["json"]) for name, m in held(dataset, index).items() if name == both)
    expected = model.encode(f"{told['title']}\n{told['description']}", normalize_embeddings=True)
    np.testing.assert_allclose(column(dataset, "texts", "text_features")[both], expected, atol=1e-3)
    assert column(dataset, "texts", "text_features")[product_id(7)] is None, "its text is withheld"
    assert counts["items"] == sum(row["text_features"] is not None for row in index.to_pylist())
    assert counts["failed"] == 0


def test_every_picture_of_a_product_in_order(dataset: Dataset, clip: str) -> None:
    from sentence_transformers import SentenceTransformer

    run_stage(dataset, Overlay(of_pictures(clip)))
    index = index_of(dataset, "looks")
    assert index.schema.field("image_features").type == pa.list_(pa.list_(pa.float16(), 8))
    found = column(dataset, "looks", "image_features")
    members = held(dataset, index)
    model = SentenceTransformer(clip, device="cpu")
    for name, vectors in found.items():
        pictures = [Image.open(io.BytesIO(d)) for m, d in members[name].items() if m.startswith("image_")]
        if not pictures:
            assert vectors is None
            continue
        np.testing.assert_allclose(vectors, model.encode(pictures, normalize_embeddings=True), atol=2e-2)
    assert max(len(vectors) for vectors in found.values() if vectors) == 3


def test_a_damaged_picture_is_counted_and_the_others_stay(dataset: Dataset, clip: str) -> None:
    (row,) = (r for r in index_of(dataset).to_pylist() if r["product_id"] == product_id(2))
    first = next(m for m in row["members"] if m["name"] == "image_0.jpg")
    tar = folder_of(dataset) / row["shard"]
    data = bytearray(tar.read_bytes())
    data[first["offset"] + first["length"] // 2] ^= 0xFF
    tar.write_bytes(data)
    counts = run_stage(dataset, Overlay(of_pictures(clip))).counts
    assert counts["failed"] == 1
    assert len(column(dataset, "looks", "image_features")[product_id(2)]) == 2


def test_workers_and_a_kill_change_no_byte(make_dataset: Make, tmp_path: Path, bert: str, clip: str) -> None:
    found = []
    shop = Shop(tmp_path / "media", 24)
    for name in ("whole", "killed"):
        dataset = make_dataset(shop.tables, name=name)
        run_stage(dataset, Shard(CONFIG))
        for config in (of_text(bert), of_pictures(clip)):
            if name == "killed":
                with Pool(0) as pool, pytest.raises(KeyboardInterrupt):
                    LocalEngine(pool, Killer(2)).run(dataset, Overlay(config))
            run_stage(dataset, Overlay(config), workers=2 if name == "killed" and config.of == "image" else 0)
        assert check(folder_of(dataset)).faults == []
        found.append(bytes_of(dataset))
    assert found[0] == found[1]


def test_the_manifest_names_the_model_and_another_one_makes_it_anew(
    dataset: Dataset, bert: str, tmp_path: Path
) -> None:
    run_stage(dataset, Overlay(of_text(bert)))
    place = folder_of(dataset) / "overlays" / "texts"
    first = OverlayManifest.read(place)
    assert first.model == fingerprint(bert)
    assert first.columns == ("text_features",)
    run_stage(dataset, Overlay(of_text(tiny_bert(tmp_path / "other", seed=1))))
    second = OverlayManifest.read(place)
    assert second.model != first.model
    assert second.content != first.content


def test_what_cannot_be_is_refused_before_anything_is_written(dataset: Dataset, bert: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no vectors of image"):
        run_stage(dataset, Overlay(of_pictures(bert)))
    with pytest.raises(UsageError, match="cannot load"):
        run_stage(dataset, Overlay(of_text(str(tmp_path / "nothing"))))
    assert not (folder_of(dataset) / "overlays").exists()
    with pytest.raises(ValueError, match="one of cut, policy, table, model and weights"):
        OverlayConfig(name="both", model=bert, policy="default")
    with pytest.raises(ValueError, match="text"):
        OverlayConfig(name="sounds", model=bert, of="audio")  # type: ignore[arg-type]


def test_new_shards_make_it_stale(dataset: Dataset, bert: str) -> None:
    run_stage(dataset, Overlay(of_text(bert)))
    run_stage(dataset, Shard(CONFIG.model_copy(update={"seed": 1})))
    with pytest.raises(UsageError, match="made for other shards"):
        index_of(dataset, "texts")
    run_stage(dataset, Overlay(of_text(bert)))
    assert index_of(dataset, "texts").num_rows == 24
