"""The shipped recipes on data that nobody here wrote, with exact counts.

Every figure is asserted twice: as measured, and against a count that the test makes of the raw files on its own.
"""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import m5tools as m5
from m5tools.dataset import Dataset
from m5tools.vocabulary import Reason, State

from . import line

pytestmark = pytest.mark.real_data
Run = Callable[[str], Dataset]


@pytest.fixture
def run(real_data: Path, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a recipe as the user does, and open what it made."""
    monkeypatch.setenv("M5_REAL_DATA", str(real_data))

    def recipe(name: str) -> Dataset:
        if not any(real_data.glob(f"{name}*")):
            pytest.skip(f"no {name} in {real_data}")
        dataset = tmp_path / name
        line.complete([*line.M5, "run", name, "--set", f"dataset={dataset}", "-w", "2"], scratch)
        return m5.open(dataset)

    return recipe


def table_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def rows_and_rejects(dataset: Dataset) -> tuple[int, int]:
    return dataset.read("products").height, dataset.read("rejects").height


def states(dataset: Dataset, modality: str) -> dict[tuple[str, str], int]:
    """How many products have which state and reason of a modality."""
    rows = dataset.read("modalities", policy="default").filter(pl.col("modality") == modality)
    return {(State(s).word, Reason(r).word): n for s, r, n in rows.group_by("state", "reason").len().iter_rows()}


def present(dataset: Dataset, modality: str) -> pl.DataFrame:
    rows = dataset.read("modalities", policy="default")
    return rows.filter((pl.col("modality") == modality) & (pl.col("state") == State.PRESENT))


def raw_values(dataset: Dataset, field: str) -> list[str]:
    """A field as delivered, of all products."""
    rows = dataset.read("products", columns=("raw",)).to_arrow()["raw"].to_pylist()
    return [dict(row).get(field) for row in rows]


def test_tuxpaint_stamps(run: Run, real_data: Path) -> None:
    dataset = run("tuxpaint_stamps")
    folder = real_data / "tuxpaint_stamps"
    stem: Callable[[Path, str], str] = lambda p, end: p.relative_to(folder).as_posix().removesuffix(end)  # noqa: E731
    pictures = {stem(p, ".png") for p in folder.rglob("*.png")}
    texts = {stem(p, ".txt") for p in folder.rglob("*.txt") if p.read_bytes().strip()}
    spoken = {stem(p, "_desc_es.ogg") for p in folder.rglob("*_desc_es.ogg")}
    effects = {stem(p, ".ogg") for p in folder.rglob("*.ogg")} - {f"{s}_desc_es" for s in spoken}

    assert rows_and_rejects(dataset) == (101, 0)
    assert states(dataset, "image") == {("present", "none"): 101} == {("present", "none"): len(pictures)}
    assert states(dataset, "text") == {("present", "none"): 100, ("absent", "not_listed"): 1}
    assert states(dataset, "audio") == {("present", "none"): 75, ("absent", "not_listed"): 26}
    assert states(dataset, "video") == states(dataset, "table") == {("absent", "not_listed"): 101}
    assert (len(texts), len(spoken | effects)) == (100, 75)

    sounds = dataset.read("media").filter(pl.col("modality") == "audio")
    sounds = sounds.join(present(dataset, "audio"), on="product_id", how="semi")
    roles = {role: set(ids) for role, ids in sounds.group_by("role").agg("product_id").iter_rows()}
    both = roles["spoken_name"] & roles["effect"]
    assert (len(roles["spoken_name"]), len(roles["effect"]), len(both)) == (66, 10, 1)
    assert (len(spoken), len(effects), len(spoken & effects)) == (66, 10, 1)
    assert set(dataset.read("fetched")["state"]) == {State.PRESENT}


@pytest.mark.slow
def test_magento_luma(run: Run, real_data: Path) -> None:
    dataset = run("magento_luma")
    folder = real_data / "magento_luma"
    sheets = {p.name: table_of(p) for p in sorted(folder.rglob("products*.csv"))}
    rows = [row for sheet in sheets.values() for row in sheet]
    listed: dict[str, set[str]] = {}
    for row in sheets["products.csv"]:
        names = [row["base_image"], *row["additional_images"].split(",")]
        listed.setdefault(row["sku"], set()).update(n for n in names if n)
    for companion in folder.rglob("images_*.csv"):
        for row in table_of(companion):
            listed.setdefault(row["sku"], set()).add(row["image"])
    there = {p.relative_to(folder / "media/catalog/product").as_posix() for p in (folder / "media").rglob("*.jpg")}
    pictured = {sku for sku, names in listed.items() if there & {n.lstrip("/") for n in names}}
    variants = {s for row in sheets["products.csv"] for s in re.findall("sku=([^,|]+)", row["configurable_variations"])}

    assert rows_and_rejects(dataset) == (2_044, 0)
    products = dataset.read("products")
    main = products["origin_file"].str.ends_with("/products.csv")
    assert (main.sum(), (~main).sum()) == (1_994, 50)
    assert (len(sheets["products.csv"]), len(rows)) == (1_994, 2_044)
    assert set(products["native_id"]) == {row["sku"] for row in rows}

    grouped = products.filter(pl.col("group_id").is_not_null())
    assert grouped.height == len(variants) == 1_847
    assert set(grouped["native_id"]) == variants

    assert states(dataset, "image") == {("present", "none"): 157, ("failed", "missing_file"): 1_887}
    with_picture = products.join(present(dataset, "image"), on="product_id", how="semi")
    assert set(with_picture["native_id"]) == pictured
    assert set(listed) >= {row["sku"] for row in rows}

    downloads = {row["product_sku"] for p in folder.rglob("downloadable_data_*.csv") for row in table_of(p)}
    with_clip = products.join(present(dataset, "video"), on="product_id", how="semi")
    assert set(with_clip["native_id"]) == downloads
    assert len(downloads) == 6
    clips = dataset.read("media").filter(pl.col("modality") == "video").join(dataset.read("fetched"), on="location_id")
    assert clips["asset_id"].n_unique() == len(list(folder.rglob("*.mp4"))) == 1
    # The clip has a sound track, so its products have a sound.
    assert states(dataset, "audio") == {("present", "none"): 6, ("absent", "not_listed"): 2_038}


@pytest.mark.slow
def test_brightdata_shein(run: Run, real_data: Path) -> None:
    dataset = run("brightdata_shein")
    rows = table_of(real_data / "brightdata_shein" / "shein-products.csv")
    pictures = [{row["main_image"], *json.loads(row["image_urls"])} for row in rows]
    roots = Counter(json.loads(row["category_tree"])[0]["name"] for row in rows)

    assert rows_and_rejects(dataset) == (1_000, 0)
    assert len(rows) == 1_000
    assert states(dataset, "image") == {("pending", "not_fetched"): 1_000}
    assert dataset.read("media").height == sum(map(len, pictures)) == 8_619
    fetched = dataset.read("fetched")
    assert fetched.height == len(set().union(*pictures)) == 8_415
    assert set(fetched["state"]) == {State.PENDING}
    assert set(fetched["reason"]) == {Reason.NOT_FETCHED}
    found = dataset.read("products")["category"].list.first().value_counts()
    assert dict(found.iter_rows()) == roots
    assert len(roots) == 21


@pytest.mark.slow
def test_mwpd_categories(run: Run, real_data: Path) -> None:
    dataset = run("mwpd_categories")
    rows: list[dict[str, Any]] = []
    with zipfile.ZipFile(real_data / "mwpd_categories" / "task2_train_val_with_labels.zip") as archive:
        for name in archive.namelist():
            rows += [json.loads(text) for text in archive.read(name).decode().split("\n") if text.strip()]
    broken = sum("\ufffd" in f"{row['Name']}{row['Description']}" for row in rows)

    assert rows_and_rejects(dataset) == (13_012, 0)
    assert len(rows) == 13_012
    for level, labels in (("lvl1", 37), ("lvl2", 76), ("lvl3", 281)):
        assert Counter(raw_values(dataset, level)) == Counter(row[level] for row in rows)
        assert len({row[level] for row in rows}) == labels
    assert dataset.read("products")["category"].list.join(" > ").n_unique() == 281
    found = dataset.read("signals_text").filter(pl.col("replacement_chars") > 0)
    assert found.height == broken == 2_764
    # Most of them lost a dash, a ™ or an apostrophe; what lost letters is tagged, and nothing else is.
    tags = dataset.read("tags", policy="default").filter(pl.col("tag") == "text.mojibake")
    assert set(tags["product_id"]) < set(found["product_id"])
    assert tags["product_id"].n_unique() == 105
    assert states(dataset, "text") == {("present", "none"): 13_012}
    filled = sum(bool((row["CategoryText"] or "").strip()) for row in rows)
    assert states(dataset, "table") == {("present", "none"): 11_400, ("absent", "not_listed"): 1_612}
    assert filled == 11_400


@pytest.mark.slow
def test_icecat_spryker(run: Run, real_data: Path) -> None:
    dataset = run("icecat_spryker")
    folder = real_data / "icecat_spryker"
    rows = table_of(folder / "product_concrete.csv")
    numbers = {n for p in (folder / "images").iterdir() for n in re.findall(r"_(\d{5,})[-_]", p.name)}
    saved = {row["concrete_sku"] for row in rows if row["old_sku"] in numbers}

    assert rows_and_rejects(dataset) == (315, 0) == (len(rows), 0)
    assert states(dataset, "text") == states(dataset, "table") == {("present", "none"): 315}
    with_picture = dataset.read("products").join(present(dataset, "image"), on="product_id", how="semi")
    assert set(with_picture["native_id"]) == saved
    assert len(saved) == 33
    # The gift cards' picture is a file of the shop that is not here.
    missing = {("failed", "missing_file"): 10, ("pending", "not_fetched"): 264, ("absent", "not_listed"): 8}
    assert states(dataset, "image") == {("present", "none"): 33, **missing}


@pytest.mark.slow
def test_webmall_shops(run: Run, real_data: Path) -> None:
    dataset = run("webmall_shops")
    shops = [table_of(real_data / "webmall_shops_1_2" / f"webmall_{n}.csv") for n in (1, 2)]

    assert rows_and_rejects(dataset) == (581, 0) == (sum(map(len, shops)), 0)
    products = dataset.read("products")
    assert dict(products.group_by("source").len().iter_rows()) == {"webmall_1": 323, "webmall_2": 258}
    assert products["price"].null_count() == 0
    assert states(dataset, "image") == {("pending", "not_fetched"): 581}


@pytest.mark.slow
def test_brightdata_lazada(run: Run, real_data: Path) -> None:
    dataset = run("brightdata_lazada")
    rows = table_of(real_data / "brightdata_lazada" / "lazada-products.csv")

    assert rows_and_rejects(dataset) == (1_000, 0) == (len(rows), 0)
    assert dataset.read("products")["group_id"].n_unique() == 404 == len({row["mpn"] for row in rows})
    assert states(dataset, "table") == {("present", "none"): 1_000}
