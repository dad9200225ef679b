"""A later crawl moves nobody: old products keep their split, newcomers follow relatives, bridges are barred."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.engine.verify import faults_of
from m5tools.errors import StaleError, UsageError
from m5tools.partitions import partition_of
from m5tools.split import SplitConfig, SplitStage
from m5tools.vocabulary import Split

_CONFIG = SplitConfig(val=0.2, test=0.2)


def _id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


def _products(names: range, crawl: str, categories: int = 3) -> list[dict[str, Any]]:
    common = {"crawl_id": crawl, "source": "shop", "content_hash": "0", "origin_file": "f", "origin_offset": 0}
    return [{"product_id": _id(i), "category": ["Home", f"c{i % categories}"], **common} for i in names]


def _joined(*groups: list[int]) -> list[dict[str, Any]]:
    return [
        {"relation": "variant", "cluster_id": min(map(_id, group)), "product_id": _id(i), "is_survivor": False}
        for group in groups
        for i in group
    ]


def _deliver(dataset: Dataset, products: list[dict[str, Any]], clusters: list[dict[str, Any]]) -> None:
    """Another crawl, and the clusters that dedup then found."""
    crawl = products[0]["crawl_id"]
    frame = pl.DataFrame(products)
    home = frame.select(partition_of(pl.col("product_id"), dataset.partitions)).to_series()
    found = pl.DataFrame(clusters, schema=pl.from_arrow(schema.empty("clusters")).schema)  # type: ignore[union-attr]
    for i in range(dataset.partitions):
        dataset.write("products", f"{crawl}/part-{i:05d}", frame.filter(home == i))
        dataset.write("clusters", f"part-{i:05d}", found if i == 0 else found.clear())
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": crawl, "media_root": None})
        entry = copy.deepcopy(manifest["stages"]["ingest/c1"])
        manifest["stages"][f"ingest/{crawl}"] = entry | {"fingerprint": f"products of {crawl}"}  # type: ignore[typeddict-item]
        manifest["stages"]["dedup"]["fingerprint"] += f"+{crawl}"


def _splits(dataset: Dataset) -> dict[str, str]:
    return dict(dataset.read("splits").select("product_id", "split").iter_rows())


def _barred(dataset: Dataset) -> set[str]:
    return set(dataset.read("roles").drop_nulls("barred")["product_id"])


def _generations(dataset: Dataset) -> set[str]:
    return {file.parent.name for file in dataset.parts("splits")}


@pytest.fixture
def shop(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset({"products": _products(range(300), "c1"), "clusters": _joined([0, 1]), "bridges": []}, 3)
    run_stage(dataset, SplitStage(_CONFIG))
    return dataset


def test_old_products_stay_and_newcomers_follow_their_relatives(shop: Dataset) -> None:
    before = _splits(shop)
    _deliver(shop, _products(range(300, 600), "c2"), _joined([0, 1, 300], [2, 301, 302], [303, 304]))
    counts = run_stage(shop, SplitStage(_CONFIG)).counts
    after = _splits(shop)
    assert {i: after[i] for i in before} == before
    assert len(after) == 600
    assert after[_id(300)] == before[_id(0)]
    assert after[_id(301)] == after[_id(302)] == before[_id(2)]
    assert after[_id(303)] == after[_id(304)]
    assert not _barred(shop)
    newcomers = [split for i, split in after.items() if i not in before]
    assert 45 <= newcomers.count("val") <= 75
    assert counts["train"] + counts["val"] + counts["test"] == 600


def test_a_newcomer_between_two_splits_is_barred_and_moves_nobody(shop: Dataset) -> None:
    before = _splits(shop)
    of = {split: [i for i in range(2, 300) if before[_id(i)] == split] for split in Split}
    trains, tests = of[Split.TRAIN][0], of[Split.TEST][0]
    _deliver(shop, _products(range(300, 310), "c2"), _joined([trains, tests, 300], [of[Split.TEST][1], 301]))
    run_stage(shop, SplitStage(_CONFIG))
    after = _splits(shop)
    assert {i: after[i] for i in before} == before
    assert _barred(shop) == {_id(300)}
    assert after[_id(301)] == "test"


def test_categories_stay_whole_when_a_crawl_is_appended(make_dataset: Callable[..., Dataset]) -> None:
    config = SplitConfig(val=0.2, test=0.2, hold_out="categories")
    dataset = make_dataset({"products": _products(range(400), "c1", 20), "clusters": [], "bridges": []}, 3)
    run_stage(dataset, SplitStage(config))
    before = _splits(dataset)
    _deliver(dataset, _products(range(400, 800), "c2", 40), [])
    run_stage(dataset, SplitStage(config))
    after = _splits(dataset)
    assert {i: after[i] for i in before} == before
    split_of = {f"c{i % 40}": after[_id(i)] for i in range(400, 800)}
    assert all(after[_id(i)] == split_of[f"c{i % 40}"] for i in range(400, 800))
    assert all(after[_id(i)] == split_of[f"c{i % 20}"] for i in range(400) if i % 20 == i % 40)
    assert set(split_of.values()) == set(Split)


def test_other_terms_place_all_anew_and_tasks_alone_do_not(shop: Dataset) -> None:
    before = _splits(shop)
    _deliver(shop, _products(range(300, 330), "c2"), [])
    run_stage(shop, SplitStage(_CONFIG))
    appended = _splits(shop)
    run_stage(shop, SplitStage(_CONFIG.model_copy(update={"query_share": 0.5})))
    assert _splits(shop) == appended
    run_stage(shop, SplitStage(_CONFIG.model_copy(update={"seed": 1})))
    assert {i: _splits(shop)[i] for i in before} != before
    assert _generations(shop) == {"c2"}


def test_a_crawl_ingested_anew_is_no_ground_to_go_on_from(shop: Dataset) -> None:
    _deliver(shop, _products(range(300, 330), "c2"), [])
    with shop.changing() as manifest:
        manifest["stages"]["ingest/c1"]["fingerprint"] = "other products"
    run_stage(shop, SplitStage(_CONFIG))
    assert _generations(shop) == {"c2"}
    assert len(_splits(shop)) == 330


@pytest.mark.parametrize("harm", ["edit", "lose"])
@pytest.mark.parametrize("seed", [_CONFIG.seed, 1])
def test_an_earlier_part_that_is_spoiled_after_a_run_was_killed_is_not_gone_on_from(
    shop: Dataset, monkeypatch: pytest.MonkeyPatch, harm: str, seed: int
) -> None:
    _deliver(shop, _products(range(300, 330), "c2"), [])
    if seed != _CONFIG.seed:  # the next run is of other terms, the one after that of these
        run_stage(shop, SplitStage(_CONFIG))
    with monkeypatch.context() as patch:
        patch.setattr("m5tools.split.stage.groups", lambda *_: 1 / 0)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                run_stage(shop, SplitStage(_CONFIG.model_copy(update={"seed": seed})))
    assert "split" not in shop.manifest()["stages"]
    part = next(part for part in shop.parts("splits") if part.parent.name == "c1")
    whole = part.read_bytes()
    if harm == "lose":
        part.unlink()
    else:
        rows = pl.read_parquet(part).with_columns(split=pl.lit("train", pl.String))
        shop.write("splits", f"c1/{part.stem}", rows)
    told = f"'split' goes on from .*c1/{part.name}: .*; run: m5 split .*--refresh"
    for _ in range(2):
        with pytest.raises(StaleError, match=told):
            run_stage(shop, SplitStage(_CONFIG))
    part.write_bytes(whole)
    run_stage(shop, SplitStage(_CONFIG))
    assert faults_of(shop, "split") == []
    assert not (shop.root / "runs" / "split" / "earlier.json").exists()
    assert _generations(shop) == {"c1", "c2"}


@pytest.mark.parametrize("note", ["{", "[]", '{"outputs": [{}], "remedy": ""}', '{"outputs": 1, "remedy": ""}'])
def test_a_damaged_note_of_what_was_written_is_one_line(shop: Dataset, note: str) -> None:
    _deliver(shop, _products(range(300, 330), "c2"), [])
    with shop.changing() as manifest:
        del manifest["stages"]["split"]
    shutil.rmtree(shop.root / "runs" / "split")
    file = shop.root / "runs" / "split" / "earlier.json"
    file.parent.mkdir()
    file.write_text(note)
    with pytest.raises(
        UsageError, match=r"earlier\.json is damaged; restore it, or run the same command with --refresh"
    ):
        run_stage(shop, SplitStage(_CONFIG))
    file.unlink()
    run_stage(shop, SplitStage(_CONFIG))
    assert _generations(shop) == {"c1", "c2"}, "as begun by an earlier version, which left no note"
