"""What is laid over shards: later media, tags of another policy, a user's table; the tars stay as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pydantic import ValidationError

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.errors import M5Error, StaleError, UsageError
from m5tools.partitions import part_name
from m5tools.shards.check import check
from m5tools.shards.config import OverlayConfig, ShardConfig
from m5tools.shards.manifest import ShardManifest, overlay_names
from m5tools.shards.overlay import Overlay
from m5tools.shards.overlays import merged
from m5tools.shards.stage import Shard
from m5tools.vocabulary import MEDIA, Modality, Reason, State

from .shop import Shop, product_id
from .test_stage import Killer, bytes_of

CONFIG = ShardConfig(samples_per_shard=7, image_long_side=48, max_images=2, max_frames=2, cut="early")
SOUNDS = OverlayConfig(name="sounds", cut="default", modalities=(Modality.AUDIO, Modality.VIDEO))
LATE = (Modality.AUDIO, Modality.VIDEO)
Make = Callable[..., Dataset]


def add_cut(dataset: Dataset, name: str, without: tuple[Modality, ...]) -> None:
    """A cut that lacks some modalities of the default one."""
    bits = sum(1 << m.bit for m in without)
    columns = [m.bit for m in without]

    def code(values: pl.Series, value: int) -> list[int]:
        return [value if i in columns else v for i, v in enumerate(values)]

    for i in range(dataset.partitions):
        rows = dataset.read("cut_products", partition=i)
        gone = rows.with_columns(
            present=pl.col("present") & (0xFF ^ bits),
            state=pl.col("state").map_elements(lambda v: code(v, int(State.PENDING)), pl.List(pl.UInt8)),
            reason=pl.col("reason").map_elements(lambda v: code(v, int(Reason.NOT_FETCHED)), pl.List(pl.UInt8)),
        )
        dataset.write("cut_products", part_name(i), gone, cut=name)
    with dataset.changing() as manifest:
        manifest["stages"][f"cut/{name}"] = {**manifest["stages"]["cut/default"], "writes": ["cut_products"]}


@pytest.fixture
def dataset(make_dataset: Make, tmp_path: Path) -> Dataset:
    """Shards made when neither sounds nor clips were there yet."""
    dataset = make_dataset(Shop(tmp_path / "media", 24).tables)
    add_cut(dataset, "early", LATE)
    run_stage(dataset, Shard(CONFIG))
    return dataset


def folder_of(dataset: Dataset, name: str = "default") -> Path:
    return dataset.root / "shards" / name


def index_of(dataset: Dataset, *overlays: str, name: str = "default") -> pa.Table:
    folder = folder_of(dataset, name)
    manifest = ShardManifest.read(folder)
    return pa.concat_tables([merged(folder, manifest, split, overlays) for split in manifest.splits])


def held(dataset: Dataset, table: pa.Table, name: str = "default") -> dict[str, dict[str, bytes]]:
    """Sample → member → bytes, by tar, offset and length."""
    tars = {path: (folder_of(dataset, name) / path).read_bytes() for path in _tars(table)}
    return {
        row["product_id"]: {m["name"]: tars[m["tar"]][m["offset"] : m["offset"] + m["length"]] for m in row["members"]}
        for row in table.to_pylist()
    }


def _tars(table: pa.Table) -> set[str]:
    return {m["tar"] for row in table.to_pylist() for m in row["members"]}


def test_later_media_are_what_shards_made_anew_would_hold(dataset: Dataset) -> None:
    before = bytes_of(dataset)
    counts = run_stage(dataset, Overlay(SOUNDS), workers=2).counts
    assert counts["items"] == 15
    run_stage(dataset, Shard(CONFIG.model_copy(update={"name": "whole", "cut": "default"})))
    over, whole = index_of(dataset, "sounds"), index_of(dataset, name="whole")
    assert held(dataset, over) == held(dataset, whole, "whole")
    same = [name for name in whole.column_names if name not in ("start", "end", "members")]
    assert over.select(same).combine_chunks().equals(whole.select(same).combine_chunks())
    assert over.schema == whole.schema
    assert _tars(over) - _tars(whole) == {f"overlays/sounds/{tar}" for tar in _tars(whole)}
    assert {k: v for k, v in bytes_of(dataset).items() if not k.startswith("overlays/")} == before
    assert overlay_names(folder_of(dataset)) == ("sounds",)


def test_a_product_that_the_later_cut_has_in_another_split_gets_nothing(dataset: Dataset) -> None:
    for i in range(dataset.partitions):
        rows = dataset.read("cut_products", partition=i)
        moved = pl.when(pl.col("product_id") == product_id(4)).then(pl.lit("test")).otherwise("split")
        dataset.write("cut_products", part_name(i), rows.with_columns(split=moved), cut="moved")
    with dataset.changing() as manifest:
        manifest["stages"]["cut/moved"] = {**manifest["stages"]["cut/default"], "writes": ["cut_products"]}
    run_stage(dataset, Overlay(SOUNDS.model_copy(update={"cut": "moved"})))
    rows = {row["product_id"]: row for row in index_of(dataset, "sounds").to_pylist()}
    assert not rows[product_id(4)]["present"] >> Modality.AUDIO.bit & 1
    assert rows[product_id(4)]["reason"][Modality.AUDIO.bit] == Reason.NOT_FETCHED
    assert rows[product_id(12)]["present"] >> Modality.AUDIO.bit & 1


def test_a_later_file_that_cannot_be_had_says_why(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "media" / "4.wav").unlink()
    assert run_stage(dataset, Overlay(SOUNDS)).counts["failed"] == 1
    row = next(row for row in index_of(dataset, "sounds").to_pylist() if row["product_id"] == product_id(4))
    assert (row["state"][4], row["reason"][4]) == (State.FAILED, Reason.MISSING_FILE)
    assert not row["present"] >> 4 & 1


def test_tags_of_another_policy_take_the_place_of_the_first(dataset: Dataset) -> None:
    tags = pl.DataFrame({"product_id": [product_id(3), product_id(3)], "tag": ["b.b", "a.a"]}).with_columns(
        modality=pl.lit("text"), signal=pl.lit("x"), policy=pl.lit("strict")
    )
    for i in range(dataset.partitions):
        dataset.write(
            "tags", part_name(i), tags if i == int(product_id(3), 16) >> 127 else tags.clear(), policy="strict"
        )
    with dataset.changing() as manifest:
        manifest["stages"]["tag/strict"] = {**manifest["stages"]["tag/default"], "writes": ["tags"]}
    run_stage(dataset, Overlay(OverlayConfig(name="strict", policy="strict")))
    rows = {row["product_id"]: row["tags"] for row in index_of(dataset, "strict").to_pylist()}
    assert rows.pop(product_id(3)) == ["a.a", "b.b"]
    assert set(map(tuple, rows.values())) == {()}
    assert not list((folder_of(dataset) / "overlays").rglob("*.tar"))


def test_brackets_in_a_path_are_no_pattern(make_dataset: Make, tmp_path: Path) -> None:
    dataset = make_dataset(Shop(tmp_path / "media", 24).tables, name="shop [1]")
    add_cut(dataset, "early", LATE)
    run_stage(dataset, Shard(CONFIG))
    assert run_stage(dataset, Overlay(SOUNDS)).counts["items"] == 15


def test_columns_of_a_table_are_added_by_product(dataset: Dataset, tmp_path: Path) -> None:
    table = tmp_path / "scores.parquet"
    score = pl.DataFrame({"product_id": [product_id(i) for i in range(0, 30, 2)], "score": np.arange(15) / 2})
    score[::-1].write_parquet(table)
    config = OverlayConfig(name="scores", table=str(table))
    assert run_stage(dataset, Overlay(config)).counts["listed"] == 12
    index = pl.from_arrow(index_of(dataset, "scores"))
    assert isinstance(index, pl.DataFrame)
    found = dict(index.select("product_id", "score").iter_rows())
    assert {found[product_id(i)] for i in range(1, 24, 2)} == {None}
    assert [found[product_id(i)] for i in range(0, 24, 2)] == [i / 4 for i in range(0, 24, 2)]
    assert run_stage(dataset, Overlay(config)).up_to_date
    score.with_columns(score=pl.lit(1.0)).write_parquet(table)
    assert not run_stage(dataset, Overlay(config)).up_to_date
    assert pl.from_arrow(index_of(dataset, "scores"))["score"].sum() == 12  # type: ignore[index]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"product_id": [product_id(0)] * 2, "x": [1, 2]}, "more than once"),
        ({"id": ["a"], "x": [1]}, "no column product_id"),
        ({"product_id": [product_id(0)], "split": ["a"]}, "split of the index would be hidden"),
        ({"product_id": [product_id(0)], "number": [1], "place": [2]}, "number, place: these names are taken"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    dataset: Dataset, tmp_path: Path, rows: dict[str, list[object]], said: str
) -> None:
    pl.DataFrame(rows).write_parquet(tmp_path / "table.parquet")
    with pytest.raises(M5Error, match=said):
        run_stage(dataset, Overlay(OverlayConfig(name="x", table=str(tmp_path / "table.parquet"))))
    with pytest.raises(UsageError, match="not a Parquet file"):
        run_stage(dataset, Overlay(OverlayConfig(name="x", table=str(tmp_path / "none.parquet"))))


def test_several_overlays_lie_over_each_other(dataset: Dataset, tmp_path: Path) -> None:
    pl.DataFrame({"product_id": [product_id(0)], "score": [0.5]}).write_parquet(tmp_path / "scores.parquet")
    for modality in LATE:
        run_stage(dataset, Overlay(SOUNDS.model_copy(update={"name": modality.value, "modalities": (modality,)})))
    run_stage(dataset, Overlay(OverlayConfig(name="scores", table=str(tmp_path / "scores.parquet"))))
    run_stage(dataset, Overlay(SOUNDS))
    apart = index_of(dataset, "audio", "scores", "video").drop_columns(["score"])
    masks = ["product_id", "present", "state", "reason", "cost", "assets", "video_s", "audio_s"]
    assert apart.select(masks).combine_chunks().equals(index_of(dataset, "sounds").select(masks).combine_chunks())


def test_new_shards_make_an_overlay_stale_and_leave_it(dataset: Dataset) -> None:
    run_stage(dataset, Overlay(SOUNDS))
    kept = {k: v for k, v in bytes_of(dataset).items() if k.startswith("overlays/")}
    run_stage(dataset, Shard(CONFIG.model_copy(update={"seed": 5})))
    assert {k: v for k, v in bytes_of(dataset).items() if k.startswith("overlays/")} == kept
    with pytest.raises(UsageError, match="made for other shards"):
        index_of(dataset, "sounds")
    copied = run_stage(dataset, Overlay(SOUNDS)).counts
    assert copied["copied"] == copied["items"] == 15  # out of the overlay that was
    index_of(dataset, "sounds")
    shutil.rmtree(folder_of(dataset))
    with pytest.raises(StaleError):
        run_stage(dataset, Overlay(SOUNDS))


def test_without_shards_the_command_that_makes_them_is_named(dataset: Dataset) -> None:
    with pytest.raises(StaleError, match=r"m5 shard --dataset .* --set name=none"):
        run_stage(dataset, Overlay(SOUNDS.model_copy(update={"shards": "none"})))


@pytest.mark.parametrize("units", [4, 9, 11])
def test_a_killed_overlay_ends_with_the_same_bytes(make_dataset: Make, tmp_path: Path, units: int) -> None:
    tables = Shop(tmp_path / "media", 16).tables
    found = []
    for name in ("whole", "killed"):
        dataset = make_dataset(tables, name=name, partitions=3 if name == "killed" else 2)
        add_cut(dataset, "early", LATE)
        run_stage(dataset, Shard(CONFIG))
        if name == "killed":
            with Pool(0) as pool, pytest.raises(KeyboardInterrupt):
                LocalEngine(pool, Killer(units)).run(dataset, Overlay(SOUNDS))
        run_stage(dataset, Overlay(SOUNDS), workers=2 if name == "killed" else 0)
        found.append(bytes_of(dataset))
    assert found[0] == found[1]


def test_shards_with_overlays_have_no_fault_and_hf_datasets_reads_the_same(dataset: Dataset, tmp_path: Path) -> None:
    folder = folder_of(dataset)
    before = check(folder)
    pl.DataFrame({"product_id": [product_id(0)], "score": [0.5]}).write_parquet(tmp_path / "scores.parquet")
    run_stage(dataset, Overlay(SOUNDS))
    run_stage(dataset, Overlay(OverlayConfig(name="scores", table=str(tmp_path / "scores.parquet"))))
    after = check(folder)
    assert before.faults == after.faults == []
    assert (after.shards, after.members - before.members) == (2 * before.shards, 21)
    assert after.samples == before.samples == 24


def flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 1
    path.write_bytes(data)


def renamed(manifest: Path, old: str, new: str) -> None:
    manifest.write_text(manifest.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: flip(f / "train-000000.tar", 0.3), "overlays/sounds/train-000000.tar: "),
        (lambda f: flip(f / "index" / "train-000000.parquet", 0.5), "overlays/sounds/index/train-000000.parquet: "),
        (lambda f: (f / "test-000000.tar").unlink(), "overlays/sounds/test-000000.tar: is missing"),
        (lambda f: (f / "train-000000.tar").write_bytes(b"\0" * 1024), "the manifest says"),
        (lambda f: (f / "stray").write_bytes(b""), "overlays/sounds/stray: the manifest does not know this file"),
        (lambda f: (f / "overlay.json").write_text("{}"), "overlays/sounds/overlay.json: "),
        (lambda f: (f / "overlay.json").unlink(), "overlays/sounds/train-000000.tar: the manifest does not know"),
        (
            lambda f: renamed(f / "overlay.json", "train-000000.tar", "../../../../secret.tar"),
            "overlay.json is not the manifest of an overlay (splits.train.0.tar: String should match pattern",
        ),
        (
            lambda f: renamed(f / "overlay.json", "train-000000.tar", "other-000000.tar"),
            "overlays/sounds/overlay.json: does not list the shards that it lies over; run 'm5 overlay' again",
        ),
    ],
)
def test_damage_of_an_overlay_is_found(dataset: Dataset, spoil: Callable[[Path], None], said: str) -> None:
    run_stage(dataset, Overlay(SOUNDS))
    spoil(folder_of(dataset) / "overlays" / "sounds")
    assert said in "\n".join(map(str, check(folder_of(dataset)).faults))


def test_an_overlay_of_other_shards_is_found(dataset: Dataset) -> None:
    run_stage(dataset, Overlay(SOUNDS))
    run_stage(dataset, Shard(CONFIG.model_copy(update={"seed": 5})))
    assert [(fault.what, fault.remedy) for fault in check(folder_of(dataset)).faults] == [
        ("was made for other shards than these", "run 'm5 overlay' again")
    ]


@pytest.mark.parametrize("wrong", [{}, {"cut": "a", "policy": "b"}, {"cut": "a", "modalities": ["text"]}])
def test_settings_that_say_nothing_or_two_things(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OverlayConfig.model_validate({"name": "x", **wrong})
    assert OverlayConfig(name="x", cut="a").modalities == MEDIA
