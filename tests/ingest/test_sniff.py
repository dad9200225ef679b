"""`sniff`: known layouts are recognised, unknown ones proposed, and a proposal runs as it is written."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.guess.folders import parts_of
from m5tools.ingest.guess.names import language_of, place_of
from m5tools.ingest.guess.propose import propose
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.sniff import Sniffed, sniff
from m5tools.ingest.stage import Ingest, IngestConfig

GTINS = ("4006381333931", "5901234123457", "8711253001202", "7612345100012")
GERMAN = [
    {
        "Artikelnummer": f"A-{i}",
        "Bezeichnung": f"Stehlampe Modell {i}",
        "Beschreibung": "Eine Lampe, die steht.",
        "Preis": f"{i + 19},90 €",
        "EAN": GTINS[i % 4],
        "Kategorie": "Wohnen > Licht > Stehlampen",
        "Bilder": f"https://shop.example/{i}.jpg|https://shop.example/{i}b.jpg",
        "Farbe": "rot",
        "Leistung": "40 W",
        "Lager": "3",
    }
    for i in range(8)
]


def written(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def mapping_of(found: Sniffed) -> Mapping:
    return Mapping.model_validate(yaml.safe_load(found.mapping))


def ingested(found: Sniffed, folder: Path) -> Dataset:
    """What the mapping makes of the files it was proposed from."""
    (folder / "proposed.yaml").write_text(found.mapping)
    dataset = Dataset(folder / "dataset")
    files = tuple(str(file) for file in found.files)
    run_stage(dataset, Ingest(IngestConfig(source="s", mapping=str(folder / "proposed.yaml"), files=files)))
    return dataset


def test_a_table_in_german_is_understood(tmp_path: Path) -> None:
    found = sniff(written(tmp_path / "lampen.csv", GERMAN))
    assert found.layout is None
    mapping = mapping_of(found)
    assert mapping.fields == {
        "native_id": "Artikelnummer", "title": "Bezeichnung", "description": "Beschreibung", "gtin": "EAN",
        "price": "Preis",
    }  # fmt: skip
    assert [(a.name, a.options) for a in mapping.attributes] == [("Farbe", ("farbe",)), ("Leistung", ())]
    product = ingested(found, tmp_path).read("products").sort("native_id").row(0, named=True)
    assert (product["title"], product["price"], product["gtin"]) == ("Stehlampe Modell 0", 19.9, GTINS[0])
    assert product["category"] == ["Wohnen", "Licht", "Stehlampen"]
    assert Dataset(tmp_path / "dataset").read("media").height == 16


def test_each_line_of_a_proposal_has_coverage_example_and_reason(tmp_path: Path) -> None:
    rows = [row | ({"Preis": ""} if i % 2 else {}) for i, row in enumerate(GERMAN)]
    text = sniff(written(tmp_path / "lampen.csv", rows)).mapping
    [price] = [line for line in text.splitlines() if line.startswith("  price:")]
    assert price == "  price: Preis  # 50% filled, 19,90 €; by name"
    assert "#   Lager: 100% filled, 3" in text.splitlines()


def test_a_name_is_not_believed_against_the_values(tmp_path: Path) -> None:
    rows = [
        {
            "title": f"https://shop.example/p/{i}",
            "name": f"Blue mug number {i}",
            "id": "same",
            "price": "ask",
            "gtin": "x",
        }
        for i in range(6)
    ]
    assert mapping_of(sniff(written(tmp_path / "a.csv", rows))).fields == {"url": "title", "title": "name"}


def test_values_tell_what_no_name_does(tmp_path: Path) -> None:
    rows = [
        {
            "c1": GTINS[i % 4],
            "c2": f"Wooden spoon of size {i}",
            "c3": f"$ {i}.50",
            "c4": f"//cdn.example/{i}.png",
            "c5": "EUR",
        }
        for i in range(8)
    ]
    fields = mapping_of(sniff(written(tmp_path / "a.csv", rows))).fields
    assert fields == {"gtin": "c1", "title": "c2", "price": "c3", "currency": "c5"}
    assert sniff(tmp_path / "a.csv").fields["c4"].becomes == "image"


def test_objects_are_taken_apart(tmp_path: Path) -> None:
    rows = [
        {
            "product": {"id": i, "title": {"en": f"Red cup {i}", "de": f"Rote Tasse {i}"}},
            "seller": {"name": "Cups Ltd"},
            "offers": [{"price": 3.5 + i, "currency": "EUR"}],
            "specs": [{"label": "Height", "text": "9 cm"}, {"label": "Colour", "text": "red"}],
            "gallery": [{"src": f"https://x.example/{i}.jpg", "alt": "cup"}],
        }
        for i in range(6)
    ]
    mapping = mapping_of(sniff(written(tmp_path / "a.jsonl", rows)))
    assert mapping.fields["native_id"] == "product.id"
    assert mapping.fields["title"] == "product.title.en"
    assert mapping.fields["seller"] == "seller.name"
    assert (mapping.fields["price"], mapping.fields["currency"]) == ("offers.0.price", "offers.0.currency")
    assert mapping.language == "en"
    assert [(t.role, t.language) for t in mapping.texts] == [("title", "de")]
    assert [(a.name_key, a.value_key, a.options) for a in mapping.attributes] == [("label", "text", ("colour",))]
    dataset = ingested(sniff(tmp_path / "a.jsonl"), tmp_path)
    assert sorted(dataset.read("attributes")["name"].unique()) == ["colour", "height"]
    assert dataset.read("media")["location"].to_list()[0].endswith(".jpg")
    assert sorted(dataset.read("products")["price"]) == [3.5, 4.5, 5.5, 6.5, 7.5, 8.5]


def test_numbered_fields_are_pairs(tmp_path: Path) -> None:
    rows = [{"sku": f"k{i}", "name": f"Shirt {i}", "attr 1 name": "Size", "attr 1 value": "XL"} for i in range(4)]
    [place] = mapping_of(sniff(written(tmp_path / "a.csv", rows))).attributes
    assert (place.select, place.numbered_values) == ("attr {n} name", "attr {n} value")


def test_an_address_that_comes_again_is_no_key(tmp_path: Path) -> None:
    rows = [{"url": "https://shop.example/all", "title": f"Cup {i}"} for i in range(5)]
    dataset = ingested(sniff(written(tmp_path / "a.csv", rows)), tmp_path)
    assert (dataset.read("products").height, dataset.read("rejects").height) == (5, 0)


def test_of_several_tables_the_products_are_chosen(tmp_path: Path) -> None:
    written(tmp_path / "categories.csv", [{"id": "1", "parent": ""}, {"id": "2", "parent": "1"}])
    products = written(tmp_path / "lampen.csv", GERMAN)
    found = sniff(tmp_path)
    assert found.files == (str(products),)
    assert [Path(file).name for file in found.others] == ["categories.csv"]


def test_files_of_a_pattern_are_looked_at_together(tmp_path: Path) -> None:
    for part in range(3):
        written(tmp_path / f"part-{part}.csv", GERMAN[part : part + 2])
    found = sniff(str(tmp_path / "part-*.csv"))
    assert (len(found.files), found.rows) == (3, 6)


def test_endings_that_share_stems_are_parts_of_a_product(tmp_path: Path) -> None:
    for name in ("fruit/apple", "fruit/red_pear", "nut"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        for ending in ("_front.jpg", ".txt", "_es.ogg"):
            (tmp_path / f"{name}{ending}").write_text(name)
    assert parts_of(tmp_path) == {"text": ".txt", "image": {"_front.jpg": "front"}, "audio": {"_es.ogg": "es"}}
    found = sniff(tmp_path)
    assert (found.format, found.rows) == ("folder", 3)
    assert mapping_of(found).media.keys() == {"image", "audio"}


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        sniff(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="no records in it"):
        sniff(tmp_path)


def test_the_proposal_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    one = sniff(written(tmp_path / "a.csv", GERMAN))
    other = sniff(written(tmp_path / "a.csv", GERMAN[::-1]))
    assert mapping_of(one) == mapping_of(other)


@pytest.mark.parametrize("name", sorted(n for n, m in mappings.known().items() if m.detect and m.format == "csv"))
def test_every_known_layout_is_recognised_by_its_telling_fields(name: str, tmp_path: Path) -> None:
    mapping = mappings.load(name)
    file = written(tmp_path / "a.csv", [dict.fromkeys(mapping.detect, "x")])
    assert sniff(file).layout == name


def test_a_few_common_fields_are_not_a_benchmark(tmp_path: Path) -> None:
    rows = [{"id": "1", "name": "Cup", "description": "A cup", "price": "3", "colour": "red"}]
    assert sniff(written(tmp_path / "a.csv", rows)).layout is None


def test_names() -> None:
    assert language_of("name.de_DE") == ("name", "de")
    assert language_of("title_id") == ("title", "id")
    assert place_of("商品名称", "title") is not None
    assert place_of("Größe", "option") is not None
    assert place_of("brand.name", "title") is None
    assert place_of("seller.name", "seller") is not None
    for name in ("Price (USD)", "preis_eur", "Regular price [€]", "prix €", "offers.price_usd"):
        assert place_of(name, "price") is not None, name
    for name in ("price_max", "Price (net)", "weight (USD)", "price.eur.max"):
        assert place_of(name, "price") is None, name


def test_empty_records_propose_nothing() -> None:
    assert propose([]).choices == ()


CHAIRS = [{"id": f"A{i}", "title": f"Red chair number {i}", "stock": "3"} for i in range(60)]


@pytest.mark.parametrize(
    ("written", "price", "currency"),
    [
        ("{}9.99 EUR", 19.99, "EUR"), ("{}49 kr", 149.0, None), ("AED {}5.00", 15.0, "AED"), ("{}2.5000", 12.5, None),
        ("{}.299,00 zł", 1299.0, "PLN"), ("CHF {}9.–", 19.0, "CHF"), ("{}5 TND", 15.0, "TND"),
    ],
)  # fmt: skip
def test_amounts_are_prices_whatever_stands_beside_them(
    tmp_path: Path, written: str, price: float, currency: str | None
) -> None:
    rows = [row | {"price": written.format(i % 8 + 1)} for i, row in enumerate(CHAIRS)]
    found = sniff(written_semicolons(tmp_path / "a.csv", rows))
    assert mapping_of(found).fields["price"] == "price"
    assert not mapping_of(found).attributes
    product = ingested(found, tmp_path).read("products").sort("native_id").row(0, named=True)
    assert (product["price"], product["currency"]) == (price, currency)


def written_semicolons(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("\n".join(";".join(map(str, row)) for row in [[*rows[0]], *(row.values() for row in rows)]) + "\n")
    return file


def test_measures_are_no_prices(tmp_path: Path) -> None:
    rows = [row | {"height": f"{i + 3} ft", "load": f"{i + 100} kg"} for i, row in enumerate(CHAIRS)]
    mapping = mapping_of(sniff(written(tmp_path / "a.csv", rows)))
    assert [a.name for a in mapping.attributes] == ["height", "load"]
    assert "price" not in mapping.fields


@pytest.mark.parametrize("kind", [pa.float32(), pa.decimal128(12, 4), pa.float64()])
def test_prices_of_parquet_are_what_was_meant(tmp_path: Path, kind: pa.DataType) -> None:
    prices = [Decimal(f"{i + 19}.99") for i in range(len(CHAIRS))]
    numbers = prices if pa.types.is_decimal(kind) else list(map(float, prices))
    table = pa.Table.from_pylist(CHAIRS).append_column("price", pa.array(numbers, kind))
    pq.write_table(table, tmp_path / "a.parquet")
    found = sniff(tmp_path / "a.parquet")
    assert mapping_of(found).fields["price"] == "price"
    assert sorted(ingested(found, tmp_path).read("products")["price"])[:2] == [19.99, 20.99]


@pytest.mark.parametrize("currency", ["cur", "unit", "currency"])
def test_a_price_in_xml_brings_its_currency(tmp_path: Path, currency: str) -> None:
    items = [
        f"<item><id>{i}</id><title>Red chair {i}</title>"
        + (f'<price {currency}="EUR">{i}.99</price>' if i % 4 else f"<price>{i}.99</price>")
        + "</item>"
        for i in range(30)
    ]
    (tmp_path / "a.xml").write_text(f"<shop>{''.join(items)}</shop>")
    found = sniff(tmp_path / "a.xml")
    fields = mapping_of(found).fields
    assert (fields["price"], fields["currency"]) == (("price.#text", "price"), f"price.@{currency}")
    products = ingested(found, tmp_path).read("products")
    assert products["price"].null_count() == 0
    assert sorted(products["currency"].unique(), key=str) == ["EUR", None]


def test_an_id_survives_a_few_rows_without_it(tmp_path: Path) -> None:
    rows = [dict(row) for row in CHAIRS]
    del rows[7]["id"]
    rows[9]["id"] = "A3"
    found = sniff(written(tmp_path / "a.jsonl", rows))
    assert mapping_of(found).fields["native_id"] == "id"
    [line] = [line for line in found.mapping.splitlines() if "native_id" in line]
    assert "1 of 60 rows have none" in line
    assert "1 of 60 rows repeat one" in line
    many = [row | ({"id": "A3"} if i % 10 == 0 else {}) for i, row in enumerate(CHAIRS)]
    assert "native_id" not in mapping_of(sniff(written(tmp_path / "b.jsonl", many))).fields


def test_an_id_that_all_have_comes_before_one_that_some_lack(tmp_path: Path) -> None:
    rows = [row | {"sku": f"S{i}", "images": [{"id": str(i)}]} for i, row in enumerate(CHAIRS)]
    del rows[7]["id"]
    assert mapping_of(sniff(written(tmp_path / "a.jsonl", rows))).fields["native_id"] == "sku"
    rows = [row | {"images": [{"id": str(i)}]} for i, row in enumerate(CHAIRS)]
    del rows[7]["id"]
    assert mapping_of(sniff(written(tmp_path / "b.jsonl", rows))).fields["native_id"] == "id"


@pytest.mark.parametrize("pattern", ["memory://sniff/a.jsonl", "memory://sniff/*.jsonl", "memory://sniff", "file"])
def test_files_at_uris_are_looked_at(tmp_path: Path, pattern: str) -> None:
    memory = fsspec.filesystem("memory")
    body = "".join(json.dumps(row) + "\n" for row in CHAIRS).encode()
    memory.pipe({"/sniff/a.jsonl": body, "/sniff/notes.pdf": b"%PDF"})
    (tmp_path / "a.jsonl").write_bytes(body)
    found = sniff(f"file://{tmp_path}/*.jsonl" if pattern == "file" else pattern)
    assert (found.format, found.rows, found.bad) == ("json_lines", 60, 0)
    assert [file.rpartition("/")[2] for file in found.files] == ["a.jsonl"]
    assert ingested(found, tmp_path).read("products").height == 60


def test_a_uri_of_nothing_is_said(tmp_path: Path) -> None:
    for uri, said in (("memory://none/*.csv", "no file"), ("nope://a/b", "nope://a/b: "), ("http://[", "http://\\[")):
        with pytest.raises(UsageError, match=said):
            sniff(uri)


def test_a_table_without_names_is_proposed_as_one(tmp_path: Path) -> None:
    lines = [f"A{i},Red chair number {i},https://shop.example/{i},{i}9.5 EUR" for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    found = sniff(tmp_path / "a.csv")
    assert (found.rows, found.bad) == (30, 0)
    mapping = mapping_of(found)
    assert mapping.table is not None
    assert mapping.table.header is False
    assert mapping.fields["price"] == "column_4"
    assert ingested(found, tmp_path).read("products").height == 30


def test_params_of_a_yandex_feed_are_attributes(tmp_path: Path) -> None:
    offers = "".join(
        f'<offer id="{i}"><name>Стул {i}</name><price>{i + 10}00</price><currencyId>RUB</currencyId>'
        f'<param name="Цвет">красный</param><param name="Вес" unit="кг">{i + 1}</param></offer>'
        for i in range(30)
    )
    (tmp_path / "a.xml").write_text(f"<yml_catalog><shop><offers>{offers}</offers></shop></yml_catalog>")
    found = sniff(tmp_path / "a.xml")
    mapping = mapping_of(found)
    assert [(a.select, a.name_key, a.value_key) for a in mapping.attributes] == [("param", "@name", "#text")]
    assert "description" not in mapping.fields
    names = ingested(found, tmp_path).read("attributes")["name_raw"]
    assert sorted(set(names)) == ["Вес", "Цвет"]


def test_a_dump_of_mongodb_names_its_types(tmp_path: Path) -> None:
    rows = [
        {
            "_id": {"$oid": f"{i:024x}"},
            "title": f"Red chair {i}",
            "price": {"$numberDecimal": f"{i}.99"},
            "n": {"$date": 1},
        }
        for i in range(30)
    ]
    fields = mapping_of(sniff(written(tmp_path / "a.jsonl", rows))).fields
    assert (fields["native_id"], fields["price"]) == ("_id.$oid", "price.$numberDecimal")


def test_a_date_is_no_title(tmp_path: Path) -> None:
    rows = [{"url": f"https://shop.example/{i}", "lastmod": f"2026-01-{i + 1:02}"} for i in range(20)]
    assert "title" not in mapping_of(sniff(written(tmp_path / "a.jsonl", rows))).fields
