"""Others can read our shards: plain webdataset and HF datasets get every sample, whatever each of them lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import webdataset
import yaml

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.shards.config import ShardConfig
from m5tools.shards.stage import Shard

from .shop import Shop


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    dataset = make_dataset(Shop(tmp_path / "media", 24).tables)
    run_stage(dataset, Shard(ShardConfig(samples_per_shard=8, image_long_side=32, max_frames=2)))
    return dataset


def expected(dataset: Dataset, split: str) -> dict[str, set[str]]:
    """Sample key → its members, by the index."""
    rows = dataset.read("shard_index").filter(split=split)
    return {r["product_id"]: {m["name"] for m in r["members"]} for r in rows.iter_rows(named=True)}


def test_plain_webdataset_reads_and_decodes_every_sample(dataset: Dataset) -> None:
    tars = sorted(str(p) for p in (dataset.root / "shards" / "default").glob("train-*.tar"))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode("pil"))
    assert {s["__key__"]: {k for k in s if not k.startswith("__")} for s in samples} == expected(dataset, "train")
    assert all(max(s["image_0.jpg"].size) == 32 for s in samples if "image_0.jpg" in s)
    assert all(s["json"]["product_id"] == s["__key__"] for s in samples)


@pytest.mark.parametrize("streaming", [True, False])
def test_hugging_face_datasets_reads_every_sample(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streaming: bool
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    folder = str(dataset.root / "shards" / "default")
    for split in ("train", "test"):
        samples = datasets.load_dataset(folder, split=split, streaming=streaming, cache_dir=str(tmp_path / "cache"))
        found = {s["__key__"]: s for s in samples}
        there = {k: {n for n, v in s.items() if v is not None and n[:2] != "__"} for k, s in found.items()}
        assert there == expected(dataset, split)
        assert {s["json"]["brand"] for s in found.values()} == {"Acme"}
        pictures = [s["image_0.jpg"] for s in found.values() if s["image_0.jpg"] is not None]
        assert pictures
        assert all(max(p.size) == 32 for p in pictures)


def test_hugging_face_datasets_refuses_shards_of_which_one_is_lost(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    folder = dataset.root / "shards" / "default"
    (folder / "train-000001.tar").unlink()
    with pytest.raises(datasets.exceptions.DatasetsError, match="train"):
        datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def test_card_is_what_hugging_face_would_write(dataset: Dataset) -> None:
    text = (dataset.root / "shards" / "default" / "README.md").read_text()
    header = yaml.safe_load(text.split("---\n")[1])
    datasets = pytest.importorskip("datasets")
    declared = datasets.Features._from_yaml_list(header["dataset_info"]["features"])
    assert declared._to_yaml_list() == header["dataset_info"]["features"]
    assert header["configs"][0]["data_files"] == [
        {"split": "train", "path": "train-*.tar"},
        {"split": "test", "path": "test-*.tar"},
    ]
