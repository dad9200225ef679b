"""Vectors as Parquet: complete, the same however often a run was stopped, and readable by everyone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.scale import embedding_files
from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import embed, fingerprint
from m5tools.scale.embedding_files import EmbeddingFiles, default_folder, write_embeddings
from m5tools.scale.train import train
from m5tools.vocabulary import MODALITIES

from .world import World

SPLITS = ("train", "test")


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("run")
    train(TrainConfig(shards="world", out=out, steps=3, batch_size=16), products=world)
    return load(out)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_files, "BATCH", 8)
    monkeypatch.setattr(embedding_files, "BATCHES", 3)


def write(trained: Trained, world: World, folder: Path, splits: tuple[str, ...] = SPLITS) -> EmbeddingFiles:
    return write_embeddings(trained, "world", splits, folder, lambda what, done, total: None, products=world)


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_every_product_and_present_modality_has_a_row(trained: Trained, world: World, tmp_path: Path) -> None:
    made = write(trained, world, tmp_path)
    rows = pl.scan_parquet(tmp_path / "*.parquet").collect()
    wanted = embed(trained, world.open("train", MODALITIES, batch_size=64, shuffle=False, drop_last=False))
    mine = rows.filter(pl.col("product_id").is_in(wanted.ids))
    for column, name in enumerate((*(m.value for m in MODALITIES), "fused")):
        part = mine.filter(pl.col("modality") == name)
        fused = name == "fused"
        there = np.ones(len(wanted), bool) if fused else wanted.present[:, column]
        assert part["product_id"].to_list() == [i for i, here in zip(wanted.ids, there, strict=True) if here]
        vectors = wanted.fused if fused else wanted.z[there, column]
        np.testing.assert_allclose(part["vector"].to_numpy(), vectors, atol=1e-5)
        if fused:
            assert part["share"].null_count() == part["mismatch"].null_count() == part.height
        else:
            np.testing.assert_allclose(part["share"].to_numpy(), wanted.share[there, column], atol=1e-5)
            np.testing.assert_allclose(part["mismatch"].to_numpy(), 1 - wanted.match[there, column], atol=1e-5)
    assert rows["model"].unique().to_list() == [fingerprint(trained)]
    assert rows.height == made.vectors
    assert made.products == sum(len(world.splits[split]) for split in SPLITS)
    assert [*made.files] == sorted(made.files, key=lambda name: (not name.startswith("train"), name))
    assert made.state is None


def test_vectors_are_lists_of_a_fixed_size_in_single_precision(trained: Trained, world: World, tmp_path: Path) -> None:
    write(trained, world, tmp_path, ("test",))
    read = pq.read_table(tmp_path / "test-00000.parquet")
    assert read.schema.field("vector").type == pa.list_(pa.float32(), 64)
    np.testing.assert_allclose(np.linalg.norm(np.stack(read["vector"].to_numpy()), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    trained: Trained, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    write(trained, world, tmp_path / "whole")
    write_part, written = embedding_files._write, []

    def until(path: Path, rows: pa.Table) -> None:
        if len(written) == parts:
            raise KeyboardInterrupt
        written.append(path)
        write_part(path, rows)

    monkeypatch.setattr(embedding_files, "_write", until)
    with pytest.raises(KeyboardInterrupt):
        write(trained, world, tmp_path / "stopped")
    monkeypatch.setattr(embedding_files, "_write", write_part)
    kept = {path: path.stat().st_mtime_ns for path in written}
    write(trained, world, tmp_path / "stopped")
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in written} == kept
    write(trained, world, tmp_path / "stopped")  # and nothing is left to do
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_a_part_without_its_entry_is_written_again(trained: Trained, world: World, tmp_path: Path) -> None:
    write(trained, world, tmp_path / "whole", ("test",))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "test-00000.parquet").write_bytes(b"half a file")
    write(trained, world, tmp_path / "torn", ("test",))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")


def test_another_network_or_other_products_are_not_mixed_in(trained: Trained, world: World, tmp_path: Path) -> None:
    write(trained, world, tmp_path, ("test",))
    with pytest.raises(UsageError, match=r"vectors of --split test, not of val, .*; give these another --name"):
        write(trained, world, tmp_path, ("val",))
    with torch.no_grad():
        first = next(trained.model.parameters())
        first += 1
        try:
            with pytest.raises(UsageError, match="vectors of another network"):
                write(trained, world, tmp_path, ("test",))
        finally:
            first -= 1
    (tmp_path / "embeddings.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        write(trained, world, tmp_path, ("test",))


def test_who_has_no_vector_is_named(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(12, seed=5)
    listings = world.splits["train"]
    bare = listings[1]
    listings[1] = type(bare)(**{**vars(bare), "present": (False,) * 5})
    unreadable = listings[4].id
    opened = world.open

    def damaged(*args: object, **kwargs: object) -> object:
        loader = opened(*args, **kwargs)  # type: ignore[arg-type]
        batches = loader.__class__.__iter__

        class Damaged(loader.__class__):  # type: ignore[name-defined,misc]
            def __iter__(self):  # type: ignore[no-untyped-def]
                for batch in batches(self):
                    batch.valid[[i for i, name in enumerate(batch.ids) if name == unreadable]] = False
                    yield batch

        loader.__class__ = Damaged
        return loader

    monkeypatch.setattr(world, "open", damaged)
    made = write(trained, world, tmp_path, ("train",))
    assert made.left_out == {"unreadable": [unreadable], "no tokens": [bare.id]}
    assert made.products == len(listings) - 2
    assert json.loads((tmp_path / "embeddings.json").read_text())["left_out"] == made.left_out


def test_they_are_a_table_of_the_dataset(trained: Trained, world: World, tmp_path: Path) -> None:
    shards = tmp_path / "shop" / "shards" / "small"
    shards.mkdir(parents=True)
    with pytest.raises(UsageError, match="lies in no dataset; say where the vectors go with --out"):
        default_folder(shards, None)
    (tmp_path / "shop" / "dataset.json").write_text("{}")
    folder = default_folder(shards, None)
    assert folder == tmp_path / "shop" / "embeddings" / "small"
    assert default_folder(shards, "study").name == "study"
    with pytest.raises(UsageError, match="cannot be a folder name"):
        default_folder(shards, "../x")
    made = write(trained, world, folder, ("test",))
    table = Dataset(tmp_path / "shop").scan("embeddings", embeddings="small").collect()
    assert table.height == made.vectors


def test_a_split_named_twice_is_written_once(trained: Trained, world: World, tmp_path: Path) -> None:
    made = write(trained, world, tmp_path, ("val", "val"))
    assert made.state is None
    assert made.products == len(world.splits["val"])


def test_modalities_without_vectors_of_their_own_have_no_rows(world: World, tmp_path: Path) -> None:
    train(
        TrainConfig(
            shards="world", out=tmp_path / "run", steps=2, batch_size=16, network="concatenation", harmony="uniform"
        ),
        products=world,
    )
    made = write(load(tmp_path / "run"), world, tmp_path / "vectors")
    rows = pl.scan_parquet(tmp_path / "vectors" / "*.parquet").collect()
    assert rows["modality"].unique().to_list() == ["fused"]
    assert rows["product_id"].n_unique() == rows.height == made.products


def test_a_part_that_is_gone_is_told(trained: Trained, world: World, tmp_path: Path) -> None:
    made = write(trained, world, tmp_path)
    part = tmp_path / next(iter(made.files))
    part.unlink()
    with pytest.raises(UsageError, match=f"{part} is missing; restore it, or remove {tmp_path} and run 'm5 embed'"):
        write(trained, world, tmp_path)


def test_a_place_in_a_split_that_is_not_asked_for_is_damage(trained: Trained, world: World, tmp_path: Path) -> None:
    made = write(trained, world, tmp_path)
    manifest = made.model_copy(update={"state": ("val", {})})
    (tmp_path / "embeddings.json").write_text(manifest.model_dump_json())
    with pytest.raises(UsageError, match=r"embeddings\.json is damaged"):
        write(trained, world, tmp_path)
