from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from m5tools.dataset import Dataset
from m5tools.listing import FACTS
from m5tools.shards import gather
from m5tools.shards.config import ShardConfig
from m5tools.shards.files import keep_facts, known
from m5tools.vocabulary import Modality

from .shop import Shop, product_id

IDS = [product_id(i) for i in range(40)]


def plan(ids: list[str], seed: int = 0, size: int = 6) -> pl.DataFrame:
    splits = pl.Series(["test" if pid < "4" else "train" for pid in ids])
    return gather.order(pl.DataFrame({"product_id": ids, "split": splits}), seed, size)


def test_order_is_a_function_of_ids_and_seed_alone() -> None:
    assert plan(IDS).equals(plan(IDS[::-1]))
    assert not plan(IDS).equals(plan(IDS, seed=1))
    assert sorted(plan(IDS)["product_id"]) == sorted(IDS)


def test_a_newcomer_moves_nobody_past_another() -> None:
    before = [pid for pid in plan(IDS)["product_id"] if pid != IDS[7]]
    assert plan(IDS[:7] + IDS[8:])["product_id"].to_list() == before


def test_shards_are_full_but_the_last_of_a_split() -> None:
    for _, group in plan(IDS).group_by("split"):
        sizes = group.group_by("shard", maintain_order=True).len()["len"].to_list()
        assert sizes[:-1] == [6] * (len(sizes) - 1)
        assert 0 < sizes[-1] <= 6
        assert group["place"].to_list() == [i % 6 for i in range(group.height)]


def files(dataset: Dataset, number: int, max_images: int = 6) -> list[tuple[str, str]]:
    """Modality and asset of the files gathered for one product."""
    order = gather.order(dataset.read("cut_products", columns=("product_id", "split")), 0, 100)
    config = ShardConfig(max_images=max_images)
    scratch = dataset.root / "scratch"
    for table in FACTS:
        keep_facts(dataset, table, scratch)
    rows = pl.concat(gather.rows(dataset, i, config, order, known(scratch)) for i in range(dataset.partitions))
    row = rows.row(by_predicate=pl.col("product_id") == product_id(number), named=True)
    return [(f["modality"], f["asset_id"]) for f in row["files"]]


def test_a_sound_of_its_own_comes_before_the_clips_track(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    shop = Shop(tmp_path / "media", 8)
    assets = {row["location_id"]: row["asset_id"] for row in shop.tables["fetched"]}
    dataset = make_dataset(shop.tables)
    assert files(dataset, 5)[2:] == [("audio", assets["5.wav"]), ("video", assets["5.mp4"])]
    assert files(dataset, 3) == [("audio", assets["3.mp4"]), ("video", assets["3.mp4"])]


def test_pictures_by_position_each_once(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    shop = Shop(tmp_path / "media", 8)
    assets = {row["location_id"]: row["asset_id"] for row in shop.tables["fetched"]}
    again = next(row for row in shop.tables["media"] if row["location_id"] == "2-0.jpg")
    shop.tables["media"].insert(0, {**again, "position": 3})
    for row in shop.tables["signals_image"]:
        if row["asset_id"] == assets["2-1.jpg"]:
            row |= {"state": 3, "reason": 18}
    dataset = make_dataset(shop.tables)
    wanted = [("image", assets["2-0.jpg"]), ("image", assets["2-2.jpg"])]
    assert files(dataset, 2) == wanted
    assert files(dataset, 2, max_images=1) == wanted[:1]


def test_a_withheld_modality_brings_no_files(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    shop = Shop(tmp_path / "media", 8)
    row = shop.tables["cut_products"][5]
    row["present"] &= ~(1 << Modality.IMAGE.bit | 1 << Modality.AUDIO.bit)
    assert [modality for modality, _ in files(make_dataset(shop.tables), 5)] == ["video"]
