from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.media import video
from m5tools.shards import collate, gather
from m5tools.shards.check import check
from m5tools.shards.config import ShardConfig
from m5tools.shards.papers import PAPERS
from m5tools.shards.stage import Shard
from m5tools.stage import Work
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

from .shop import KINDS, Shop, picture, product_id

CONFIG = ShardConfig(samples_per_shard=7, image_long_side=48, max_images=2, max_frames=2)
Make = Callable[..., Dataset]


def bytes_of(dataset: Dataset, name: str = "default") -> dict[str, str]:
    """Checksum of every file in the shard folder."""
    folder = dataset.root / "shards" / name
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def build(make_dataset: Make, tmp_path: Path, count: int = 32, **options: object) -> Dataset:
    dataset = make_dataset(Shop(tmp_path / "media", count).tables, **options)
    run_stage(dataset, Shard(CONFIG))
    return dataset


def members(folder: Path, tar: str) -> dict[str, dict[str, bytes]]:
    """Sample key → member name → bytes."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(folder / tar) as file:
        for info in file:
            key, _, name = info.name.partition(".")
            found.setdefault(key, {})[name] = file.extractfile(info).read()  # type: ignore[union-attr]
    return found


def all_members(dataset: Dataset) -> dict[str, dict[str, bytes]]:
    folder = dataset.root / "shards" / "default"
    return {k: v for tar in sorted(folder.glob("*.tar")) for k, v in members(folder, tar.name).items()}


def test_every_product_of_the_cut_is_in_exactly_one_shard(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    index = dataset.read("shard_index")
    assert sorted(index["product_id"]) == sorted(product_id(i) for i in range(32))
    sizes = dict(index.group_by("shard").len().iter_rows())
    assert sizes == {"train-000000.tar": 7, "train-000001.tar": 7, "train-000002.tar": 7, "train-000003.tar": 4,
                     "test-000000.tar": 7}  # fmt: skip
    assert sorted(all_members(dataset)) == sorted(index["product_id"])


def test_only_what_a_product_has_is_written(make_dataset: Make, tmp_path: Path) -> None:
    found = all_members(build(make_dataset, tmp_path))
    names = {kind: list(found[product_id(KINDS.index(kind))]) for kind in KINDS}
    assert names == {
        "text": ["json"],
        "text picture": ["json", "image_0.jpg"],
        "text table three pictures": ["json", "image_0.jpg", "image_1.jpg"],
        "text clip with sound track": ["json", "audio_0.flac", "video_0.jpg", "video_1.jpg"],
        "table sound": ["json", "audio_0.flac"],
        "everything": ["json", "image_0.jpg", "image_1.jpg", "audio_0.flac", "video_0.jpg", "video_1.jpg"],
        "broken picture": ["json"],
        "withheld text": ["json"],
    }


def test_json_has_the_same_fields_in_every_sample_and_nothing_withheld(make_dataset: Make, tmp_path: Path) -> None:
    found = {key: json.loads(sample["json"]) for key, sample in all_members(build(make_dataset, tmp_path)).items()}
    assert len({tuple(record) for record in found.values()}) == 1
    full = found[product_id(KINDS.index("everything"))]
    assert full["title"] == "Kettle 5 — größe “L”"
    assert full["description"] == "Boils.\n№ 5"
    assert full["attributes"] == [
        {"name": "capacity", "value": "5 l", "unit": "l", "listed_by": []},
        {"name": "colour", "value": "red", "unit": None, "listed_by": []},
    ]
    assert full["merged_media"] == []
    assert full["texts"] == [{"role": "bullet", "language": "en", "value": "bullet 5"}]
    assert full["category"] == ["Home", "Lamps"]
    withheld = found[product_id(KINDS.index("withheld text"))]
    assert withheld["title"] is None
    assert withheld["texts"] == []
    assert not {"origin_file", "origin_offset", "crawl_id"} & full.keys()


def test_a_picture_that_no_longer_decodes_costs_itself_alone(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    row = dataset.read("shard_index").row(by_predicate=pl.col("product_id") == product_id(6), named=True)
    assert row["present"] == 0
    assert row["state"][Modality.IMAGE.bit] == State.FAILED
    assert row["reason"][Modality.IMAGE.bit] == Reason.TRUNCATED
    counts = dataset.manifest()["stages"]["shard/default"]["counts"]
    assert counts["failed"] == 4
    assert counts["items"] == 4 + 4 * (1 + 2 + 2 + 1 + 4)


def test_a_file_that_has_vanished_is_a_failure(make_dataset: Make, tmp_path: Path) -> None:
    dataset = make_dataset(Shop(tmp_path / "media", 8).tables)
    (tmp_path / "media" / "1-0.jpg").unlink()
    run_stage(dataset, Shard(CONFIG))
    row = dataset.read("shard_index").row(by_predicate=pl.col("product_id") == product_id(1), named=True)
    assert row["present"] == 1 << Modality.TEXT.bit
    assert row["reason"][Modality.IMAGE.bit] == Reason.MISSING_FILE


def test_a_file_that_was_replaced_after_it_was_fetched_is_a_failure(make_dataset: Make, tmp_path: Path) -> None:
    dataset = make_dataset(Shop(tmp_path / "media", 8).tables)
    file = tmp_path / "media" / "1-0.jpg"
    size = file.stat().st_size
    file.write_bytes(picture(99)[:size].ljust(size, b"\0"))
    run_stage(dataset, Shard(CONFIG))
    row = dataset.read("shard_index").row(by_predicate=pl.col("product_id") == product_id(1), named=True)
    assert row["present"] == 1 << Modality.TEXT.bit
    assert row["reason"][Modality.IMAGE.bit] == Reason.MISSING_FILE


def test_index_says_what_is_there(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    folder = dataset.root / "shards" / "default"
    for row in dataset.read("shard_index").iter_rows(named=True):
        data = (folder / row["shard"]).read_bytes()
        for member in row["members"]:
            held = data[member["offset"] : member["offset"] + member["length"]]
            header = data[member["offset"] - 512 : member["offset"]]
            assert header.startswith(f"{row['product_id']}.{member['name']}".encode() + b"\0")
            assert held.startswith(
                {"json": b"{", "jpg": b"\xff\xd8", "flac": b"fLaC"}[member["name"].rpartition(".")[2]]
            )
            if member["modality"] in ("image", "video"):
                assert max(member["width"], member["height"]) == 48
        assert row["start"] == row["members"][0]["offset"] - 512
        assert row["end"] == -(-(row["members"][-1]["offset"] + row["members"][-1]["length"]) // 512) * 512
        assert [bool(row["present"] >> m.bit & 1) for m in MODALITIES] == [s == State.PRESENT for s in row["state"]]
        assert row["tags"] == ["table.sparse"]


@pytest.mark.parametrize("how", [{}, {"media": "untouched"}, {"video": "clip", "clip_seconds": 2}])
def test_bytes_depend_on_nothing_but_the_products(make_dataset: Make, tmp_path: Path, how: dict[str, Any]) -> None:
    shop = Shop(tmp_path / "media", 24)
    config = ShardConfig.model_validate({**CONFIG.model_dump(), **how})
    first = make_dataset(shop.tables, name="first")
    run_stage(first, Shard(config))
    turned = {name: rows[::-1] for name, rows in shop.tables.items()}
    second = make_dataset(turned, name="second", partitions=5)
    run_stage(second, Shard(config), workers=2)
    assert bytes_of(first) == bytes_of(second)
    assert check(first.root / "shards" / "default").faults == []


def test_many_shards_have_the_bytes_of_few(make_dataset: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path / "media", 24)
    few = make_dataset(shop.tables, name="few")
    run_stage(few, Shard(CONFIG))
    monkeypatch.setattr(collate, "RUNS", 2)
    many = make_dataset(shop.tables, name="many", partitions=5)
    run_stage(many, Shard(CONFIG))
    assert bytes_of(many) == bytes_of(few)


def test_a_partition_reads_its_own_rows_alone(
    make_dataset: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(Shop(tmp_path / "media", 24).tables, partitions=4)
    scan, rows = Dataset.scan, gather.rows
    whole: list[str] = []
    planned: list[int] = []

    def scanned(self: Dataset, table: str, *, partition: int | None = None, **choices: str) -> pl.LazyFrame:
        whole.extend([table] if partition is None else [])
        return scan(self, table, partition=partition, **choices)

    def gathered(dataset: Dataset, partition: int, config: ShardConfig, plan: pl.DataFrame, *more: Any) -> pl.DataFrame:
        planned.append(plan.height)
        return rows(dataset, partition, config, plan, *more)

    monkeypatch.setattr(Dataset, "scan", scanned)
    monkeypatch.setattr(gather, "rows", gathered)
    stage, scratch = Shard(CONFIG), tmp_path / "scratch"
    scratch.mkdir()
    for round_name in ("draw", "held", "gather"):
        whole.clear()
        for unit in stage.units(dataset, round_name):
            stage.process(round_name, unit, Work(dataset, scratch))
    assert whole == []
    assert (len(planned), sum(planned)) == (4, 24)


def test_untouched_media_are_the_files_themselves(make_dataset: Make, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "media", 16)
    dataset = make_dataset(shop.tables)
    run_stage(dataset, Shard(ShardConfig(media="untouched")))
    found = all_members(dataset)
    names = {kind: list(found[product_id(KINDS.index(kind))]) for kind in KINDS}
    assert names["everything"] == ["json", "image_0.jpg", "image_1.jpg", "audio_0.wav", "video_0.mp4"]
    # A sound track has no bytes of its own.
    assert names["text clip with sound track"] == ["json", "audio_0.flac", "video_0.mp4"]
    assert found[product_id(5)]["image_1.jpg"] == (tmp_path / "media" / "5-1.jpg").read_bytes()
    assert found[product_id(5)]["video_0.mp4"] == (tmp_path / "media" / "5.mp4").read_bytes()
    assert found[product_id(6)]["image_0.jpg"] == (tmp_path / "media" / "6.jpg").read_bytes()  # nothing is decoded
    index = {row["product_id"]: row for row in dataset.read("shard_index").iter_rows(named=True)}
    row = index[product_id(5)]
    assert (row["image_width"], row["image_height"], row["video_s"], row["audio_s"]) == (90, 60, 3.0, 0.5)
    assert row["assets"][1:] == [sha256(data) for name, data in found[product_id(5)].items() if name != "json"]


def test_a_file_that_vanished_is_a_failure_of_its_own(make_dataset: Make, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "media", 8)
    dataset = make_dataset(shop.tables)
    (tmp_path / "media" / "5-0.jpg").unlink()
    (tmp_path / "media" / "1-0.jpg").unlink()
    with (tmp_path / "media" / "3.mp4").open("r+b") as file:
        file.truncate(900)
    result = run_stage(dataset, Shard(ShardConfig(media="untouched")))
    assert (result.counts["items"], result.counts["failed"]) == (12, 5)  # 5.mp4 is the same film, and has a track
    found = all_members(dataset)
    assert found[product_id(5)]["image_0.jpg"] == (tmp_path / "media" / "5-1.jpg").read_bytes()
    index = {row["product_id"]: row for row in dataset.read("shard_index").iter_rows(named=True)}
    lost = index[product_id(1)]
    assert (lost["state"][0], lost["reason"][0]) == (State.FAILED, Reason.MISSING_FILE)
    assert index[product_id(5)]["reason"][Modality.VIDEO.bit] == Reason.TRUNCATED
    assert check(dataset.root / "shards" / "default").faults == []


def test_a_film_becomes_a_clip_of_its_own_packets(make_dataset: Make, tmp_path: Path) -> None:
    dataset = make_dataset(Shop(tmp_path / "media", 8).tables)
    run_stage(dataset, Shard(CONFIG.model_copy(update={"video": "clip", "clip_seconds": 2.0})))
    sample = all_members(dataset)[product_id(5)]
    assert list(sample) == ["json", "image_0.jpg", "image_1.jpg", "audio_0.flac", "video_0.mp4"]
    assert len(video.decode(sample["video_0.mp4"], every_s=0.1).frames) == 10
    row = dataset.read("shard_index").row(by_predicate=pl.col("product_id") == product_id(5), named=True)
    assert (row["video_s"], row["members"][-1]["width"]) == (2.0, 64)


def test_the_index_tells_roles_geometry_and_cost(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    index = {row["product_id"]: row for row in dataset.read("shard_index").iter_rows(named=True)}
    full, bare = index[product_id(5)], index[product_id(7)]
    assert (full["coarse"], full["fine"], full["classification"]) == ("query", "gallery", None)
    assert (index[product_id(4)]["coarse"], index[product_id(4)]["classification"]) == (None, "train")
    assert (full["image_width"], full["image_height"], full["video_s"], full["audio_s"]) == (48, 32, 2.0, 0.5)
    assert full["text_length"] == len("Kettle 5 — größe “L”") + len("Boils.\n№ 5")
    assert (bare["text_length"], bare["image_width"], bare["video_s"], bare["audio_s"]) == (0, None, None, None)
    for row in index.values():
        assert row["cost"] == sum(m["cost"] for m in row["members"]) > 0
        assert [a is None for a in row["assets"]] == [m["modality"] is None for m in row["members"]]
    assert full["cost"] > bare["cost"]


class Killer(Silent):
    """Ends the run after a number of units, as Ctrl-C or the end of a Slurm job would."""

    def __init__(self, units: int) -> None:
        self.units = units

    def unit_done(self, *_: object) -> None:
        self.units -= 1
        if self.units == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("how", [{}, {"media": "untouched"}, {"video": "clip"}])
@pytest.mark.parametrize("units", [1, 4, 8, 11])
def test_a_killed_run_ends_with_the_same_bytes(
    make_dataset: Make, tmp_path: Path, units: int, how: dict[str, Any]
) -> None:
    config = CONFIG.model_copy(update=how)
    shop = Shop(tmp_path / "media", 16)
    whole, killed = make_dataset(shop.tables, name="whole"), make_dataset(shop.tables, name="killed")
    run_stage(whole, Shard(config))
    with Pool(0) as pool, pytest.raises(KeyboardInterrupt):
        LocalEngine(pool, Killer(units)).run(killed, Shard(config))
    assert bytes_of(killed) != bytes_of(whole)
    run_stage(killed, Shard(config))
    assert bytes_of(killed) == bytes_of(whole)


def test_another_seed_is_another_order(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    before = dataset.read("shard_index").filter(split="train")["product_id"].to_list()
    run_stage(dataset, Shard(CONFIG.model_copy(update={"seed": 1})))
    after = dataset.read("shard_index").filter(split="train")["product_id"].to_list()
    assert sorted(before) == sorted(after)
    assert before != after


def test_fewer_shards_leave_no_stale_tar(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    run_stage(dataset, Shard(CONFIG.model_copy(update={"samples_per_shard": 100})))
    assert sorted(bytes_of(dataset)) == sorted([
        *PAPERS, "dataset.json", "index/test-000000.parquet", "index/train-000000.parquet",
        "test-000000.tar", "train-000000.tar",
    ])  # fmt: skip


def test_manifest_lists_categories_of_all_splits(make_dataset: Make, tmp_path: Path) -> None:
    dataset = build(make_dataset, tmp_path)
    body = json.loads((dataset.root / "shards" / "default" / "dataset.json").read_text())
    assert body["categories"] == ["Home > Kettles", "Home > Lamps", "Toys"]
    assert {s: sum(f["samples"] for f in files) for s, files in body["splits"].items()} == {"train": 25, "test": 7}


def test_an_empty_cut_gives_an_empty_folder(make_dataset: Make, tmp_path: Path) -> None:
    dataset = make_dataset({**Shop(tmp_path / "media", 8).tables, "cut_products": []})
    run_stage(dataset, Shard(CONFIG))
    assert sorted(bytes_of(dataset)) == sorted([*PAPERS, "dataset.json"])


@pytest.mark.parametrize("module", ["stage", "papers", "manifest"])
def test_writing_shards_needs_no_torch(module: str) -> None:
    code = f"import sys, m5tools.shards.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
