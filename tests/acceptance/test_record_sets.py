"""Every record set of the real data: each row a product or a reject, counted twice; what is peculiar comes out right."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from benchmarks.record_sets import EVIDENCE, SETS, RecordSet, columns
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest import mapping as mappings
from m5tools.ingest.changes import remarks
from m5tools.ingest.sniff import sniff
from m5tools.ingest.stage import Ingest, IngestConfig

pytestmark = pytest.mark.real_data
BY_NAME = {source.name: source for source in SETS}
REJECTS: dict[str, dict[str, int]] = {}


def paths_of(source: RecordSet, data: Path) -> list[Path]:
    paths = source.paths(data)
    if not paths:
        pytest.skip(f"no {source.files} in {data}")
    return paths


def ingested(name: str, data: Path, folder: Path) -> Dataset:
    source = BY_NAME[name]
    paths_of(source, data)
    return source.ingest(data, folder / "dataset")[0]


def table_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def product(dataset: Dataset, native_id: str) -> dict[str, list[dict[str, Any]]]:
    return dataset.show(native_id)


@pytest.mark.parametrize("source", SETS, ids=lambda source: source.name)
def test_rows_are_products_and_rejects(source: RecordSet, real_data: Path, tmp_path: Path) -> None:
    paths_of(source, real_data)
    dataset, counts = source.ingest(real_data, tmp_path / "dataset")
    rejects = dataset.read("rejects")
    assert source.rows(real_data) == counts["rows"] == dataset.read("products").height + rejects.height
    assert dict(rejects.group_by("reason").len().iter_rows()) == REJECTS.get(source.name, {})
    fields = dataset.read("fields")
    assert set(fields["rows"]) == {counts["rows"]}
    assert fields.filter(pl.col("mapped_to").list.len() > 0)["filled"].sum() > 0
    written = EVIDENCE.read_text(encoding="utf-8").split(f"## {source.name}\n")[1].split("\n## ")[0]
    assert columns(dataset) in written, "no column may lose values unseen: python -m benchmarks.record_sets"


@pytest.mark.parametrize("source", SETS, ids=lambda source: source.name)
def test_sniff_knows_the_layout(source: RecordSet, real_data: Path) -> None:
    assert sniff(*paths_of(source, real_data)).layout == source.mapping


@pytest.mark.parametrize("source", SETS, ids=lambda source: source.name)
def test_a_proposal_runs_as_it_is(
    source: RecordSet, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if no layout were known: the proposed mapping gives a product for (nearly) every row, each with a title."""
    paths = paths_of(source, real_data)
    monkeypatch.setattr(mappings, "known", dict)
    found = sniff(*paths)
    assert found.layout is None
    (tmp_path / "proposed.yaml").write_text(found.mapping)
    dataset = Dataset(tmp_path / "dataset")
    config = IngestConfig(source="s", mapping=str(tmp_path / "proposed.yaml"), files=tuple(map(str, found.files)))
    counts = run_stage(dataset, Ingest(config)).counts
    assert counts["rows"] == counts["new"] + counts["rejects"]
    assert counts["new"] >= 0.99 * counts["rows"]
    assert dataset.read("products")["title"].is_not_null().mean() >= 0.98


def test_product1m_lines(real_data: Path, tmp_path: Path) -> None:
    dataset = ingested("product1m", real_data, tmp_path)
    found = dataset.read("attributes").filter(name="instance").sort("product_id", "position")
    labels = found.group_by("product_id").agg(pl.col("value_raw").str.join("#;#"))
    assert (labels.height, labels["value_raw"].n_unique()) == (2_673, 242)
    first = product(dataset, "623174602918")
    assert first["products"][0]["language"] == "zh"
    assert [m["role"] for m in first["media"]] == ["main", "copy"]


def test_nested_columns_of_parquet(real_data: Path, tmp_path: Path) -> None:
    dataset = ingested("amazon_sample", real_data, tmp_path)
    stapler = product(dataset, "B079ZV4V3C")
    assert ("color", "Black") in {(a["name"], a["value"]) for a in stapler["attributes"]}
    assert len(stapler["attributes"]) == 10


def test_lazada_rows_are_variants_of_items(real_data: Path, tmp_path: Path) -> None:
    dataset = ingested("lazada", real_data, tmp_path)
    products = dataset.read("products")
    assert (products.height, products["group_id"].n_unique()) == (1_000, 404)
    printers = products.filter(group_id="2875608666").sort("native_id")
    options = dataset.read("attributes").filter(pl.col("is_option")).join(printers, on="product_id", how="semi")
    assert sorted(options.select("name", "value").rows()) == [
        ("smart ink tank", "210"),
        ("smart ink tank", "615"),
        ("smart ink tank", "670"),
        ("smart ink tank", "720"),
    ]
    assert set(printers.select("currency", "seller").rows()) == {("IDR", "HP")}
    assert sorted(printers["price"]) == [1_850_000, 3_575_000, 4_150_000, 4_425_000]
    assert printers["category"].to_list()[0] == ["Pencetak & Monitor", "Printer", "Printer Ink Jet"]


def test_icecat_is_in_two_languages(real_data: Path, tmp_path: Path) -> None:
    dataset = ingested("icecat", real_data, tmp_path)
    products = dataset.read("products")
    assert (products.height, products["group_id"].n_unique()) == (315, 219)
    phone = product(dataset, "076_24394207")
    assert phone["products"][0]["category"] == ["Telecom & Navigation", "Smartphones"]
    pairs = {(a["name"], a["value"], a["language"]) for a in phone["attributes"]}
    assert {("color", "Black", "en"), ("color", "Schwarz", "de"), ("internal_ram", "2048 MB", "en")} <= pairs
    starts = {t["language"]: t["value"][:20] for t in phone["texts"] if t["role"] == "description"}
    assert starts == {"en": "Dive into new experi", "de": "Gut gewappnet Raue U"}
    texts = dataset.read("texts").filter(pl.col("role").is_in(["title", "description"]))
    found = {(role, language): n for role, language, n in texts.group_by("role", "language").len().iter_rows()}
    shared = {row["abstract_sku"]: row for row in table_of(real_data / "icecat_spryker" / "product_abstract.csv")[::-1]}
    variants = table_of(real_data / "icecat_spryker" / "product_concrete.csv")
    for (role, language), field in {
        ("title", "en"): "name.en_US", ("title", "de"): "name.de_DE",
        ("description", "en"): "description.en_US", ("description", "de"): "description.de_DE",
    }.items():  # fmt: skip
        filled = [row for row in variants if row[field].strip() or shared[row["abstract_sku"]][field].strip()]
        assert found[role, language] == len(filled), field
    local = dataset.read("media").filter(pl.col("location").str.starts_with("images/"))
    files = {p.name for p in (real_data / "icecat_spryker" / "images").iterdir()}
    assert {Path(location).name for location in local["location"]} <= files
    assert local["product_id"].n_unique() >= 31


def test_magento_variants_belong_to_their_parents(real_data: Path, tmp_path: Path) -> None:
    dataset = ingested("luma", real_data, tmp_path)
    products = dataset.read("products")
    grouped = products.filter(pl.col("group_id").is_not_null())
    assert (grouped.height, grouped["group_id"].n_unique()) == (1_847, 147)
    parents = products.filter(pl.col("native_id").is_in(grouped["group_id"].to_list()))
    assert (parents.height, parents["group_id"].null_count()) == (147, 147)
    shirt = product(dataset, "MS02-S-Black")
    assert shirt["products"][0]["group_id"] == "MS02"
    assert {(a["name"], a["value"], a["is_option"]) for a in shirt["attributes"]} == {
        ("size", "S", True),
        ("color", "Black", True),
    }


def test_woocommerce_marks_and_commas(real_data: Path, tmp_path: Path) -> None:
    first = ingested("webmall_1", real_data, tmp_path / "1").read("products")
    second = ingested("webmall_2", real_data, tmp_path / "2").read("products")
    # The file begins with a byte-order mark, and the first column is the id.
    assert first["native_id"].null_count() == second["native_id"].null_count() == 0
    assert first.filter(native_id="1546")["price"].item() == 139.99
    assert second.filter(native_id="3311")["price"].item() == 240.97
    assert first.filter(native_id="1546")["category"].item().to_list() == ["PC Components", "Motherboard", "Asus"]
    assert first["price"].max() < 10_000
    # Some products lie in two categories, `Hama, Peripherals > Speakers`: the longer path counts.
    assert not [level for path in first["category"].to_list() for level in path if "," in level]
    assert ["Peripherals", "Speakers"] in first["category"].to_list()


def test_a_second_crawl_with_renamed_columns(real_data: Path, tmp_path: Path) -> None:
    source = BY_NAME["webmall_1"]
    [file] = paths_of(source, real_data)
    source.ingest(real_data, tmp_path / "dataset")
    rows = table_of(file)
    renamed = {"Name": "Product title", "Regular price": "Price"}
    later = [{renamed.get(key, key): value for key, value in row.items()} for row in rows[:300]]
    later += [{**later[0], "ID": "new"}, later[1], dict.fromkeys(later[0], "")]
    second = tmp_path / "second.csv"
    with second.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(later[0]))
        writer.writeheader()
        writer.writerows(later)
    body = mappings.load("woocommerce").model_dump(mode="json", by_alias=True, exclude_defaults=True)
    body["fields"] |= {"title": ["Name", "Product title"], "price": ["Sale price", "Regular price"]}
    (tmp_path / "mapping.yaml").write_text(yaml.safe_dump(body))
    dataset = Dataset(tmp_path / "dataset")
    mapping = str(tmp_path / "mapping.yaml")
    config = IngestConfig(source="webmall_1", mapping=mapping, files=(str(second),), crawl_id="second")
    counts = run_stage(dataset, Ingest(config)).counts
    assert counts == {"rows": 303, "new": 1, "updated": 300, "unchanged": 0, "rejects": 2}
    said = remarks(dataset.read("fields").filter(crawl_id="second"))
    assert said[:2] == [
        "field 'Name' seems to be called 'Product title' now, 100% of the products both fill hold the same",
        "field 'Regular price' seems to be called 'Price' now, 100% of the products both fill hold the same",
    ]
    assert "the mapping reads nothing any more from: Regular price → price" in said  # the title is read by its new name


def test_marked_attributes_are_read_as_they_were_counted(real_data: Path, tmp_path: Path) -> None:
    dataset = ingested("wdc_pave", real_data, tmp_path)
    assert "n/a" not in set(dataset.read("attributes")["value"])
    assert dataset.read("attributes")["value"].null_count() == 0
