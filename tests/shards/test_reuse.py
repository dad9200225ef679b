"""Members that another shard folder holds are copied: the same bytes, without a decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.partitions import part_name
from m5tools.shards import encode, reuse
from m5tools.shards.check import check
from m5tools.shards.config import ShardConfig
from m5tools.shards.papers import PAPERS
from m5tools.shards.reuse import made_with
from m5tools.shards.stage import Shard

from .shop import Shop
from .test_stage import bytes_of

FIRST = ShardConfig(samples_per_shard=7, image_long_side=48, max_images=2, max_frames=2)
NEXT = FIRST.model_copy(update={"samples_per_shard": 5, "seed": 3})
Make = Callable[..., Dataset]


def unnamed(dataset: Dataset, name: str = "default") -> dict[str, str]:
    """Checksum of every file in which the name of the shard folder does not stand."""
    naming = ("dataset.json", *PAPERS)
    return {file: digest for file, digest in bytes_of(dataset, name).items() if file not in naming}


def other(config: ShardConfig, **change: Any) -> ShardConfig:
    return config.model_copy(update=change)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "media", 24)


@pytest.mark.parametrize("how", [{}, {"video": "clip", "clip_seconds": 2.0}, {"media": "untouched"}])
@pytest.mark.parametrize("name", ["default", "narrow"])
def test_copied_members_are_those_of_a_fresh_build(
    make_dataset: Make, shop: Shop, name: str, how: dict[str, Any]
) -> None:
    fresh = make_dataset(shop.tables, name="fresh")
    wanted = other(NEXT, name="default", **how)
    told = run_stage(fresh, Shard(wanted)).counts
    assert told["copied"] == 0
    dataset = make_dataset(shop.tables, name="again")
    run_stage(dataset, Shard(other(FIRST, **how)))
    copied = run_stage(dataset, Shard(other(wanted, name=name)), workers=2).counts
    assert copied["items"] == told["items"]
    tracks = 3  # sound tracks have no bytes of their own, and the broken pictures none that could be copied
    assert copied["copied"] == (tracks if how.get("media") else told["items"] - told["failed"])
    assert unnamed(dataset, name) == unnamed(fresh)


def test_nothing_is_decoded_for_a_narrower_cut(make_dataset: Make, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(shop.tables)
    run_stage(dataset, Shard(FIRST))
    for i in range(dataset.partitions):
        narrow = dataset.read("cut_products", partition=i).filter(pl.col("product_id") > "6")
        dataset.write("cut_products", part_name(i), narrow, cut="narrow")
    with dataset.changing() as manifest:
        manifest["stages"]["cut/narrow"] = {**manifest["stages"]["cut/default"], "writes": ["cut_products"]}

    def decode(*_: object, **__: object) -> None:
        raise AssertionError("decoded though it could be copied")

    monkeypatch.setattr(encode.video, "decode", decode)
    monkeypatch.setattr(encode.audio, "decode", decode)
    counts = run_stage(dataset, Shard(other(NEXT, cut="narrow", name="narrow"))).counts
    assert 0 < counts["copied"] == counts["items"] - counts["failed"]
    assert check(dataset.root / "shards" / "narrow").faults == []


def test_a_damaged_member_is_encoded_again(make_dataset: Make, shop: Shop) -> None:
    fresh = make_dataset(shop.tables, name="fresh")
    run_stage(fresh, Shard(NEXT))
    dataset = make_dataset(shop.tables, name="again")
    run_stage(dataset, Shard(FIRST))
    for tar in (dataset.root / "shards" / "default").glob("*.tar"):
        data = bytearray(tar.read_bytes())
        data[len(data) // 2] ^= 1
        tar.write_bytes(data)
    run_stage(dataset, Shard(other(NEXT, name="next")))
    assert unnamed(dataset, "next") == unnamed(fresh)


@pytest.mark.parametrize(
    "change", [{"image_long_side": 47}, {"image_quality": 80}, {"max_frames": 1}, {"max_audio_seconds": 0.2},
               {"video": "clip"}],
)  # fmt: skip
def test_members_made_otherwise_are_not_taken(make_dataset: Make, shop: Shop, change: dict[str, Any]) -> None:
    assert made_with(other(FIRST, **change)) != made_with(FIRST)
    dataset = make_dataset(shop.tables)
    run_stage(dataset, Shard(FIRST))
    assert run_stage(dataset, Shard(other(FIRST, name="next", **change))).counts["copied"] == 0


def test_a_manifest_that_names_a_tar_elsewhere_gives_none_of_it(
    make_dataset: Make, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(shop.tables)
    run_stage(dataset, Shard(FIRST))
    folder = dataset.root / "shards" / "default"
    for tar in folder.glob("*.tar"):
        tar.rename(dataset.root / "shards" / tar.name)
    manifest = folder / "dataset.json"
    manifest.write_text(manifest.read_text().replace('"tar": "', '"tar": "../'))
    read = []
    monkeypatch.setattr(reuse, "_members", read.append)
    assert reuse.pool(dataset, FIRST, dataset.root / "held").is_empty()
    assert not read


@pytest.mark.parametrize("harm", ["cut off", "junk", "other columns", "nulls"])
def test_a_damaged_index_gives_nothing_to_copy(make_dataset: Make, shop: Shop, harm: str) -> None:
    dataset = make_dataset(shop.tables)
    run_stage(dataset, Shard(FIRST))
    whole = reuse.pool(dataset, FIRST, dataset.root / "held")
    index, *others = sorted((dataset.root / "shards" / "default" / "index").glob("*.parquet"))
    assert others
    rows = pl.read_parquet(index)
    if harm == "cut off":
        index.write_bytes(index.read_bytes()[:-9])
    elif harm == "junk":
        index.write_bytes(b"junk")
    elif harm == "other columns":
        rows.select("assets", members=pl.col("assets")).write_parquet(index)
    else:
        unnamed = pl.element().struct.with_fields(name=pl.lit(None, pl.String))
        rows.with_columns(pl.col("members").list.eval(unnamed)).write_parquet(index)
    left = reuse.pool(dataset, FIRST, dataset.root / "held")
    assert 0 < left.height < whole.height
    counts = run_stage(dataset, Shard(other(FIRST, name="next"))).counts
    assert counts["copied"] < counts["items"] - counts["failed"]
    assert check(dataset.root / "shards" / "next").faults == []


def test_refresh_encodes_again(make_dataset: Make, shop: Shop) -> None:
    dataset = make_dataset(shop.tables)
    run_stage(dataset, Shard(FIRST))
    before = bytes_of(dataset)
    with Pool(0) as pool:
        assert LocalEngine(pool, Silent(), refresh=True).run(dataset, Shard(FIRST)).counts["copied"] == 0
    assert bytes_of(dataset) == before


def test_order_and_number_do_not_decide_what_is_made_of_a_file() -> None:
    assert made_with(other(FIRST, name="x", cut="y", seed=9, samples_per_shard=1, max_images=1)) == made_with(FIRST)
    assert made_with(other(FIRST, video="frames")) == made_with(FIRST)
