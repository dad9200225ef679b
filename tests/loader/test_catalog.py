from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.compute as pc
import pytest

from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.loader.catalog import Catalog
from m5tools.loader.view import RECORD
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

from ..shards.shop import KINDS, product_id


def ids(catalog: Catalog) -> set[str]:
    return set(catalog.index["product_id"].to_pylist())


def test_view_says_what_the_index_says(dataset: Dataset, folder: Path) -> None:
    view = Catalog.open(folder, "train").view(MODALITIES)
    index = dataset.read("shard_index").filter(split="train")
    assert len(view) == 25
    for i, row in enumerate(index.iter_rows(named=True)):
        mine = slice(view.first[i], view.first[i + 1])
        assert view.ids[i].as_py() == row["product_id"]
        assert view.shards[view.shard[i]] == row["shard"]
        assert view.present[i].tolist() == [bool(row["present"] >> k & 1) for k in range(5)]
        assert view.state[i].tolist() == row["state"]
        assert view.reason[i].tolist() == row["reason"]
        assert view.offset[mine].tolist() == [m["offset"] for m in row["members"]]
        assert view.checksum[mine].tolist() == [m["xxh3"] for m in row["members"]]
        kinds = [RECORD if m["modality"] is None else Modality(m["modality"]).bit for m in row["members"]]
        assert view.kind[mine].tolist() == kinds


def test_classes_and_clusters_have_the_same_number_in_every_split(dataset: Dataset, folder: Path) -> None:
    index = dataset.read("shard_index")
    clusters = sorted(set(index["cluster"].drop_nulls()))
    for split in ("train", "test"):
        catalog = Catalog.open(folder, split)
        view = catalog.view(MODALITIES)
        for i, row in enumerate(index.filter(split=split).iter_rows(named=True)):
            category, cluster = view.category[i], view.cluster[i]
            assert (catalog.manifest.categories[category] if category >= 0 else None) == row["category"]
            assert (clusters[cluster] if cluster >= 0 else None) == row["cluster"]


@pytest.mark.parametrize(
    "condition",
    [pc.field("category") == "Toys", pl.col("category") == "Toys", pl.col("category").str.starts_with("To")],
)
def test_filters_of_both_kinds(folder: Path, condition: object) -> None:
    catalog = Catalog.open(folder, "train")
    toys = catalog.where(condition)  # type: ignore[arg-type]
    assert ids(toys) == {product_id(i) for i in range(32) if i % 4 == 2 and i % 5}
    assert len(toys.view(MODALITIES)) == 6
    assert (
        toys.view(MODALITIES).fingerprint == catalog.where(pc.field("category") == "Toys").view(MODALITIES).fingerprint
    )


def test_a_filter_on_tags(folder: Path) -> None:
    catalog = Catalog.open(folder, "train")
    assert len(ids(catalog.where(pl.col("tags").list.contains("table.sparse")))) == 25
    assert ids(catalog.where(pl.col("tags").list.contains("image.blank"))) == set()


@pytest.mark.parametrize("condition", [pc.field("colour") == "red", pl.col("colour") == "red", pl.col("category")])
def test_a_filter_that_makes_no_sense(folder: Path, condition: object) -> None:
    with pytest.raises(UsageError, match="its columns: product_id, shard"):
        Catalog.open(folder, "train").where(condition)  # type: ignore[arg-type]


@pytest.mark.parametrize("condition", [pl.nth(9) == "tail", pl.last().is_null(), pl.first() > 0, pc.field(1) == 1])
def test_a_filter_names_columns_and_does_not_count_them(folder: Path, condition: object) -> None:
    with pytest.raises(UsageError, match="by its place; name the column"):
        Catalog.open(folder, "train").where(condition)  # type: ignore[arg-type]


def test_a_narrower_cut_removes_products_and_modalities(dataset: Dataset, folder: Path) -> None:
    cut = dataset.read("cut_products").filter(pl.col("product_id") != product_id(1))
    withheld = [State.WITHHELD, *[State.ABSENT] * 4]
    cut = cut.with_columns(
        present=pl.when(pl.col("product_id") == product_id(2)).then(0b110).otherwise("present").cast(pl.UInt8),
        state=pl.when(pl.col("product_id") == product_id(2)).then(pl.lit(withheld)).otherwise("state"),
        reason=pl.when(pl.col("product_id") == product_id(2)).then(pl.lit([20, 0, 0, 1, 1])).otherwise("reason"),
    )
    dataset.write("cut_products", "part-00000", cut, cut="narrow")
    catalog = Catalog.open(folder, "train")
    narrow = catalog.within(dataset.root / "cuts" / "narrow")
    assert ids(catalog) - ids(narrow) == {product_id(1)}
    view = narrow.view(MODALITIES)
    row = view.ids.index(product_id(2)).as_py()
    assert view.present[row].tolist() == [False, True, True, False, False]
    assert view.state[row, 0] == State.WITHHELD
    assert view.reason[row, 0] == Reason.POLICY
    assert view.state[row, 1] == State.PRESENT
    broken = view.ids.index(product_id(KINDS.index("broken picture"))).as_py()
    assert view.state[broken, 0] == State.FAILED, "what failed when the shards were written stays failed"
    assert view.fingerprint != catalog.view(MODALITIES).fingerprint


def test_what_a_narrower_cut_keeps_for_testing_is_not_trained_on(dataset: Dataset, folder: Path) -> None:
    moved = pl.when(pl.col("product_id") == product_id(1)).then(pl.lit("test")).otherwise("split")
    dataset.write("cut_products", "part-00000", dataset.read("cut_products").with_columns(split=moved), cut="moved")
    catalog = Catalog.open(folder, "train")
    assert ids(catalog) - ids(catalog.within(dataset.root / "cuts" / "moved")) == {product_id(1)}


@pytest.mark.parametrize(
    "damage",
    [
        lambda part, rows: part.write_bytes(b"junk"),
        lambda part, rows: part.write_bytes(b""),
        lambda part, rows: part.write_bytes(part.read_bytes()[:-100]),
        lambda part, rows: rows.drop("state").write_parquet(part),
        lambda part, rows: rows.with_columns(present=pl.lit("all")).write_parquet(part),
        lambda part, rows: rows.with_columns(present=pl.lit(None, pl.UInt8)).write_parquet(part),
        lambda part, rows: rows.with_columns(state=pl.lit([0, 0], pl.List(pl.UInt8))).write_parquet(part),
        lambda part, rows: rows.with_columns(reason=pl.lit([99] * 5, pl.List(pl.UInt8))).write_parquet(part),
    ],
)
def test_a_damaged_cut_is_refused(
    dataset: Dataset, folder: Path, damage: Callable[[Path, pl.DataFrame], object]
) -> None:
    rows = dataset.read("cut_products")
    dataset.write("cut_products", "part-00000", rows, cut="damaged")
    (part,) = dataset.parts("cut_products", cut="damaged")
    damage(part, rows)
    with pytest.raises(UsageError, match=f"{part} is no part of a cut .*; copy the cut again") as refused:
        Catalog.open(folder, "train").within(dataset.root / "cuts" / "damaged")
    assert len(str(refused.value).splitlines()) == 1


def test_modalities_not_asked_for_are_withheld(folder: Path) -> None:
    view = Catalog.open(folder, "train").view((Modality.TEXT,))
    others = [m.bit for m in MODALITIES if m is not Modality.TEXT]
    assert not view.present[:, others].any()
    assert (view.state[:, others] == State.WITHHELD).all()
    assert (view.reason[:, others] == Reason.POLICY).all()
    assert view.present[:, Modality.TEXT.bit].any()
    assert view.fingerprint != Catalog.open(folder, "train").view(MODALITIES).fingerprint


def test_folders_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a shard folder"):
        Catalog.open(tmp_path / "nothing", "train")
    with pytest.raises(UsageError, match="no split 'val'; it has test, train"):
        Catalog.open(folder, "val")
    with pytest.raises(UsageError, match="nowhere://bucket"):
        Catalog.open("nowhere://bucket/shards", "train")
    with pytest.raises(UsageError, match="not the folder of a cut"):
        Catalog.open(folder, "train").within(tmp_path)
    assert len(Catalog.open(f"file://{folder}", "train").view(MODALITIES)) == 25


def test_damaged_folders_are_refused(folder: Path) -> None:
    tar = folder / "train-000001.tar"
    whole = tar.read_bytes()
    tar.write_bytes(whole[:-512])
    with pytest.raises(UsageError, match=r"train-000001\.tar has .* bytes, not .*; copy it again"):
        Catalog.open(folder, "train")
    tar.unlink()
    with pytest.raises(UsageError, match=r"train-000001\.tar is missing"):
        Catalog.open(folder, "train")
    tar.write_bytes(whole)
    index = folder / "index" / "train-000001.parquet"
    index.write_bytes((folder / "index" / "train-000002.parquet").read_bytes())
    with pytest.raises(UsageError, match=r"train-000001\.parquet is not the index"):
        Catalog.open(folder, "train")
    manifest = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(UsageError, match="format 99"):
        Catalog.open(folder, "train")


def test_present_matrix_is_exact_for_every_mask(dataset: Dataset, folder: Path) -> None:
    index = dataset.read("shard_index").filter(split="train")
    view = Catalog.open(folder, "train").view(MODALITIES)
    assert np.packbits(view.present, axis=1, bitorder="little")[:, 0].tolist() == index["present"].to_list()


def test_a_filter_on_members_reads_them(folder: Path) -> None:
    catalog = Catalog.open(folder, "train")
    assert "members" in catalog.column_names
    assert "members" not in catalog.index.column_names
    sounds = pl.col("members").list.eval(pl.element().struct.field("modality") == "audio").list.any()
    heard = catalog.where(sounds)
    assert 0 < len(ids(heard)) < 25
    view = heard.view(MODALITIES)
    assert view.present[:, Modality.AUDIO.bit].all()
    assert not catalog.where(sounds.not_()).view(MODALITIES).present[:, Modality.AUDIO.bit].any()


def test_the_fingerprint_tells_states_and_reasons_apart(dataset: Dataset, folder: Path) -> None:
    """Two cuts that withhold the same for different reasons deliver other batches."""
    cut = dataset.read("cut_products").with_columns(present=pl.lit(0b110, pl.UInt8))
    prints = set()
    for name, reason in (("policy", Reason.POLICY), ("dead", Reason.DEAD_LINK)):
        told = cut.with_columns(reason=pl.lit([int(reason), 0, 0, int(reason), int(reason)], pl.List(pl.UInt8)))
        dataset.write("cut_products", "part-00000", told, cut=name)
        prints.add(Catalog.open(folder, "train").within(dataset.root / "cuts" / name).view(MODALITIES).fingerprint)
    assert len(prints) == 2
