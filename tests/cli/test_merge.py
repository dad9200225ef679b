"""The merged record: one seller has the pictures, the other the table; what is kept carries both, and says from whom."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from m5tools.cut import Cut, CutConfig
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.errors import UsageError
from m5tools.loader.loader import Loader
from m5tools.vocabulary import Modality

from ..dedup.shop import drawing, encoded, with_margin
from .conftest import M5

GTIN = "4006381333931"
KETTLE, FRONT, BACK = drawing(1), drawing(2), drawing(3)
TITLES = {"ann": "Steel kettle Acme Boilmaster 1.7 l", "bob": "Acme Boilmaster kettle, stainless, 1.7 litres"}


def offer(number: str, **fields: Any) -> dict[str, Any]:
    return {"id": number, "gtin": GTIN, "category": ["Home", "Kettles"], **fields}


def pairs(**named: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in named.items()]


@pytest.fixture
def curated(m5: M5, tmp_path: Path) -> Callable[..., Dataset]:
    """Crawls of several sellers, their pictures as files, brought to shards by a cut that merges."""

    def curate(
        sellers: dict[str, list[dict[str, Any]]], pictures: dict[str, bytes], cut: str, in_test: float = 0
    ) -> Dataset:
        for name, data in pictures.items():
            (tmp_path / name).write_bytes(data)
        for seller, rows in sellers.items():
            (tmp_path / f"{seller}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "mine.yaml").write_text(f"cut: mine\nmerge: same_product\none_per: [same_product]\n{cut}")
        sources = [
            {
                "source": seller,
                "mapping": "synth",
                "files": [str(tmp_path / f"{seller}.jsonl")],
                "media_root": str(tmp_path),
            }
            for seller in sellers
        ]
        stages = [{"stage": name} for name in ("fetch", "survey", "measure", "tag", "compare", "dedup")]
        recipe = {
            "dataset": str(tmp_path / "dataset"),
            "stages": [
                {"stage": "ingest", "sources": sources}, *stages, {"stage": "split", "val": 0, "test": in_test},
                {"stage": "cut", "cut": str(tmp_path / "mine.yaml")},
                {"stage": "shard", "cut": "mine", "image_long_side": 64},
            ],
        }  # fmt: skip
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        said = m5("run", tmp_path / "recipe.yaml", "-w", 0)
        assert said.code == 0, said.err
        return Dataset(tmp_path / "dataset")

    return curate


def sample_of(dataset: Dataset) -> dict[str, Any]:
    """The members of the only sample in the shards, the JSON read."""
    (tar,) = (dataset.root / "shards" / "default").glob("*.tar")
    with tarfile.open(tar) as file:
        found = {m.name.partition(".")[2]: file.extractfile(m).read() for m in file}  # type: ignore[union-attr]
    assert len({m["product_id"] for m in dataset.read("shard_index").to_dicts()}) == 1
    return {**found, "json": json.loads(found["json"])}


TWO = {
    "ann": [offer("a1", title=TITLES["ann"], images=["front.jpg", "back.jpg"])],
    "bob": [offer("b1", title=TITLES["bob"], attributes=pairs(material="steel", lid="hinged"))],
}
SHOWN = {"front.jpg": encoded(FRONT), "back.jpg": encoded(BACK)}


def test_one_has_the_pictures_the_other_the_table(curated: Callable[..., Dataset], m5: M5) -> None:
    """Neither alone would pass the rule that wants both."""
    dataset = curated(TWO, SHOWN, "require: [text, image, table]\n")
    ids = dict(dataset.read("products").select("source", "product_id").iter_rows())
    kept = dataset.read("cut_products", cut="mine").row(0, named=True)
    others = [ids[s] for s in ids if ids[s] != kept["product_id"]]
    assert kept["merged_from"] == others
    assert dict(dataset.read("cut_losses", cut="mine").select("product_id", "detail").iter_rows()) == {
        others[0]: kept["product_id"]
    }
    assert [kept["present"] >> m.bit & 1 for m in (Modality.IMAGE, Modality.TEXT, Modality.TABLE)] == [1, 1, 1]
    sample = sample_of(dataset)
    assert sorted(sample) == ["image_0.jpg", "image_1.jpg", "json"]
    told = sample["json"]
    assert [(a["name"], a["value"], a["listed_by"]) for a in told["attributes"]] == [
        ("material", "steel", [ids["bob"]]),
        ("lid", "hinged", [ids["bob"]]),
    ]
    assert [m["listed_by"] for m in told["merged_media"]] == [[ids["ann"]]] * 2
    assert (
        "1 of them is a merged record, with files and attributes of 1 other"
        in m5("explain", "cut", "-d", dataset.root, "--cut", "mine").out
    )
    shown = m5("show", kept["product_id"], "-d", dataset.root).out
    assert f"value=hinged, listed_by=bob {ids['bob']}" in shown
    (batch,) = Loader(dataset.root / "shards" / "default", global_batch_size=1, image_size=32)
    assert batch.present[0].tolist() == [True, True, True, False, False]


def test_what_differs_stands_side_by_side_and_what_is_equal_once(curated: Callable[..., Dataset]) -> None:
    sellers = {
        "ann": [offer("a1", title=TITLES["ann"], attributes=pairs(Material="steel", lid="hinged", Weight="950 g"))],
        "bob": [offer("b1", title=TITLES["bob"], attributes=pairs(material="Steel", lid="loose", weight="950g"))],
    }
    dataset = curated(sellers, {}, "")
    table = dataset.read("cut_attributes", cut="mine").sort("position")
    told = [(r["name"], r["value"], [s["source"] for s in r["listed_by"]]) for r in table.to_dicts()]
    (own, other) = sorted(TWO, key=lambda s: dataset.read("cut_products", cut="mine")["product_id"].item() not in
                          dataset.read("products").filter(source=s)["product_id"])  # fmt: skip
    value = {s: {a["name"].lower(): a["value"] for a in sellers[s][0]["attributes"]} for s in sellers}
    assert told == [
        ("material", value[own]["material"], [own, other]),
        ("lid", value[own]["lid"], [own]),
        ("weight", value[own]["weight"], [own, other]),
        ("lid", value[other]["lid"], [other]),
    ]


def test_copies_of_a_picture_are_carried_once(curated: Callable[..., Dataset]) -> None:
    """The same file under two names, the picture in a margin, and in another colour: the last is another picture."""
    pictures = {
        "front.jpg": encoded(FRONT), "again.jpg": encoded(FRONT), "framed.jpg": encoded(with_margin(FRONT, 0.15), 60),
        "blue.jpg": encoded(drawing(2, (30, 60, 200))), "back.jpg": encoded(BACK),
    }  # fmt: skip
    sellers = {
        "ann": [offer("a1", title=TITLES["ann"], images=["front.jpg"])],
        "bob": [offer("b1", title=TITLES["bob"], images=["framed.jpg", "again.jpg", "blue.jpg", "back.jpg"])],
    }
    dataset = curated(sellers, pictures, "")
    media = dataset.read("cut_media", cut="mine").sort("position")
    assert media["position"].to_list() == [0, 1, 2]
    both = media.filter(pl.col("listed_by").list.len() == 2)
    assert both.height == 1, "the front is listed by both"
    assert sorted(name for name in sample_of(dataset) if name != "json") == [f"image_{i}.jpg" for i in range(3)]


def test_what_is_withheld_is_not_given(curated: Callable[..., Dataset]) -> None:
    """Bob's table holds nothing but placeholders, so that it is withheld; Ann gets nothing of it."""
    sellers = {
        **TWO,
        "bob": [offer("b1", title=TITLES["bob"], attributes=pairs(material="n/a", lid="-", weight="unknown"))],
    }
    dataset = curated(sellers, SHOWN, "withhold: [table.placeholder]\n")
    assert dataset.read("cut_attributes", cut="mine").is_empty()
    assert sample_of(dataset)["json"]["attributes"] == []


def test_test_products_stay_as_they_are(curated: Callable[..., Dataset]) -> None:
    """They are queries and gallery: one that carried the other's picture would be found by it."""
    kept = curated(TWO, SHOWN, "", in_test=0.99).read("cut_products", cut="mine")
    assert kept["split"].to_list() == ["test", "test"]
    assert kept["merged_from"].null_count() == 2


def test_merging_needs_a_rule_that_keeps_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("cut: mine\nmerge: same_product\none_per: [same_offer]\n")
    with pytest.raises(UsageError, match=r"merge: same_product needs one_per: \[same_product\]"):
        _ = Cut(CutConfig(cut=str(tmp_path / "mine.yaml"))).selection


def test_partitions_and_workers_change_no_byte(curated: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = curated(TWO, SHOWN, "")
    wanted = [dataset.read(t, cut="mine").to_dicts() for t in ("cut_products", "cut_attributes", "cut_media")]
    with dataset.changing() as manifest:
        del manifest["stages"]["cut/mine"]
    with Pool(2) as pool:
        LocalEngine(pool, Silent()).run(dataset, Cut(CutConfig(cut=str(tmp_path / "mine.yaml"))))
    again = [dataset.read(t, cut="mine").to_dicts() for t in ("cut_products", "cut_attributes", "cut_media")]
    assert again == wanted
