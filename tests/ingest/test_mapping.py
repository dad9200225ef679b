"""The words of a mapping, each on the layout that asked for it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest import mapping as mappings
from m5tools.ingest.extract import Extractor
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.sniff import sniff
from m5tools.ingest.stage import Ingest, IngestConfig


def extracted(record: dict[str, Any], **words: Any) -> Any:
    return Extractor(Mapping.model_validate({"source": "s", "format": "json_lines", **words})).take([record])


def pairs(record: dict[str, Any], **place: Any) -> list[tuple[str, str | None]]:
    """(name, value) that one place of attributes gives."""
    return extracted(record, attributes=[place]).attributes.select("name_raw", "value_raw").rows()


def ingested(tmp_path: Path, mapping: str, tables: dict[str, list[dict[str, str]]], records: str) -> Dataset:
    for name, rows in tables.items():
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), restval="")
            writer.writeheader()
            writer.writerows(rows)
    dataset = Dataset(tmp_path / "dataset")
    config = IngestConfig(source="s", mapping=mapping, files=(str(tmp_path / records),), root=str(tmp_path))
    run_stage(dataset, Ingest(config))
    return dataset


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"name.en_US": "x"}, "name.en_US"),
        ({"name": {"en_US": "x"}}, "name.en_US"),
        ({"product": {"name.en_US": "x"}}, "product.name.en_US"),
        ({"offers": [{"price": "x"}, {"price": "y"}]}, "offers.0.price"),
        ({"details": '{"Brand": "x"}'}, "details.Brand"),
    ],
)
def test_a_path_finds_its_value(record: dict[str, Any], path: str) -> None:
    assert extracted(record, fields={"title": path}).fields["title"].to_list() == ["x"]


@pytest.mark.parametrize("path", ["offers.7.price", "offers.price", "offers.0", "a.b.c"])
def test_a_path_that_leads_nowhere_is_blank_or_what_is_there(path: str) -> None:
    found = extracted({"offers": [{"price": "x"}], "a": "text"}, fields={"title": path}).fields["title"].item()
    assert found == ('{"price":"x"}' if path == "offers.0" else None)


def test_numbered_fields_are_joined_by_their_number() -> None:
    record = {"key_10": "last", "value_10": "c", "key_2": "second", "value_2": "b", "key_1": "", "value_1": "a"}
    found = pairs(record, **{"from": "key_{n}", "numbered_values": "value_{n}"})
    assert found == [("second", "b"), ("last", "c")]


def test_lists_of_two_and_keys_that_are_values() -> None:
    assert pairs({"t": [["Weight", "3 g"], ["odd"], ["Size", 4]]}, **{"from": "t"}) == [
        ("Weight", "3 g"),
        ("Size", "4"),
    ]
    gold = {"scores": {"Brand": {"Acme": 1, "n/a": 1}, "Size": {"n/a": 1}}}
    place = {"from": "scores", "keys_are_values": True, "blank": ["n/a"]}
    assert pairs(gold, **place) == [("Brand", "Acme")]


def test_several_values_of_one_field_are_an_attribute_each() -> None:
    found = pairs({"made of": "wool;silk"}, **{"from": "made of", "name": "material", "pairs": ";"})
    assert found == [("material", "wool"), ("material", "silk")]


def test_an_attribute_of_a_blank_field_is_none() -> None:
    assert pairs({"Weight (kg)": " "}, **{"from": "Weight (kg)", "name": "Weight"}) == []


def test_a_description_in_paragraphs_is_whole() -> None:
    found = extracted({"d": ["One.", "Two."], "t": ["First", "Second"]}, fields={"description": "d", "title": "t"})
    assert (found.fields["description"].item(), found.fields["title"].item()) == ("One.\nTwo.", "First")


def test_levels_in_fields_of_their_own_are_one_path() -> None:
    found = extracted({"l1": "Home", "l2": "", "l3": "Cups"}, category={"columns": ["l1", "l2", "l3"]})
    assert found.paths.to_list() == [["Home", "Cups"]]


def test_of_an_object_the_first_location_counts() -> None:
    record = {"images": [{"hi_res": None, "large": "l.jpg", "variant": "MAIN"}, {"hi_res": "h.jpg", "large": "x.jpg"}]}
    place = {"from": "images", "item": ["hi_res", "large"], "role_item": "variant"}
    found = extracted(record, media={"image": [place]}).media
    assert found.select("role", "location_raw").rows() == [("MAIN", "l.jpg"), (None, "h.jpg")]


@pytest.mark.parametrize(
    "words",
    [
        {"attributes": [{"from": "key", "numbered_values": "value_{n}"}]},
        {"category": {"from": "a", "columns": ["b"]}},
        {"category": {}},
        {"companions": [{"files": "x.csv", "key": "a", "matches": "b"}]},
    ],
)
def test_words_that_make_no_sense_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Mapping.model_validate({"source": "s", "format": "csv", **words})


def test_shopify_rows_share_a_product(tmp_path: Path) -> None:
    common = {"Handle": "mug", "Variant Price": "5.00"}
    rows = [
        common | {"Title": "Mug", "Body (HTML)": "<p>For tea</p>", "Vendor": "Acme", "Option1 Name": "Color",
                  "Option1 Value": "Red", "Variant SKU": "m-r", "Image Src": "https://x.example/1.jpg"},
        common | {"Option1 Value": "Blue", "Variant SKU": "m-b", "Image Src": "https://x.example/2.jpg"},
        {"Handle": "mug", "Image Src": "https://x.example/3.jpg"},
    ]  # fmt: skip
    dataset = ingested(tmp_path, "shopify", {"products.csv": rows}, "products.csv")
    products = dataset.read("products").sort("native_id")
    assert products.select("native_id", "title", "brand", "group_id").rows() == [
        ("m-b", "Mug", "Acme", "mug"),
        ("m-r", "Mug", "Acme", "mug"),
    ]
    assert sorted(dataset.read("attributes").select("name", "value", "is_option").rows()) == [
        ("color", "Blue", True),
        ("color", "Red", True),
    ]
    assert dataset.read("media").height == 6
    assert dataset.read("rejects")["reason"].to_list() == ["not_a_product"]


def test_pictures_named_after_products_are_found(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("big_12345_9.jpg", "big_99999-1.jpg"):
        (tmp_path / "images" / name).touch()
    tables = {
        "product_abstract.csv": [{"abstract_sku": "1", "category_key": "cups", "name.en_US": "Cup"}],
        "product_image.csv": [{"abstract_sku": "1", "concrete_sku": "", "external_url_large": "//x.example/a.jpg"}],
        "category.csv": [{"category_key": "cups", "parent_category_key": "home", "name.en_US": "Cups"},
                         {"category_key": "home", "parent_category_key": "", "name.en_US": "Home"}],
        "product_concrete.csv": [{"abstract_sku": "1", "concrete_sku": "1_a", "old_sku": "12345",
                                  "attribute_key_1": "size", "value_1": "L"}],
    }  # fmt: skip
    (tmp_path / "images" / "small_12345_9.jpg").touch()
    dataset = ingested(tmp_path, "icecat", tables, "product_concrete.csv")
    product = dataset.read("products").row(0, named=True)
    assert (product["title"], product["group_id"], product["category"]) == ("Cup", "1", ["Home", "Cups"])
    assert dataset.read("media").select("role", "location").rows() == [
        ("main", "images/big_12345_9.jpg"),
        ("thumbnail", "images/small_12345_9.jpg"),
        ("main", "https://x.example/a.jpg"),
    ]


AMAZON = {
    "parent_asin": "B1", "title": "Kettle", "main_category": "Kitchen", "store": "Boil", "price": 20.5,
    "features": ["Fast", "Quiet"], "description": ["A kettle.", "It boils."], "details": {"UPC": "4006381333931", "Wattage": "2 kW"},
    "images": [{"hi_res": "https://x.example/h.jpg", "variant": "MAIN"}], "categories": ["Home", "Kettles"],
    "videos": [{"title": "v", "url": "https://x.example/v.mp4"}], "average_rating": 4.5, "rating_number": 3,
}  # fmt: skip


def test_amazon_metadata_of_2023(tmp_path: Path) -> None:
    (tmp_path / "meta.jsonl").write_text(json.dumps(AMAZON) + "\n")
    dataset = ingested(tmp_path, "amazon_metadata_2023", {}, "meta.jsonl")
    product = dataset.read("products").row(0, named=True)
    assert (product["native_id"], product["brand"], product["gtin"]) == ("B1", "Boil", "4006381333931")
    assert (product["description"], product["category"]) == ("A kettle. It boils.", ["Home", "Kettles"])
    assert dataset.read("texts").filter(role="bullet")["value"].item() == "Fast Quiet"
    assert sorted(dataset.read("media")["modality"]) == ["image", "video"]


def test_every_shipped_mapping_says_what_it_is_for() -> None:
    for name, mapping in mappings.known().items():
        assert mapping.source == name
        assert mapping.about, name
        assert mapping.detect or mapping.parts or (mapping.table and mapping.table.columns), name


def test_m5product(tmp_path: Path) -> None:
    record = {
        "title": "台灯",
        "label": "灯具",
        "url": "#//x.example/1.jpg",
        "video": "",
        "pv": "品牌#:#甲#;#颜色#:#白#;#颜色#:#灰",
    }
    (tmp_path / "a.json").write_text(json.dumps({"600": record, "601": record | {"pv": ""}}, ensure_ascii=False))
    assert sniff(tmp_path / "a.json").layout == "m5product"
    dataset = ingested(tmp_path, "m5product", {}, "a.json")
    product = dataset.show("600")
    assert (product["products"][0]["title"], product["products"][0]["category"]) == ("台灯", ["灯具"])
    assert [(a["name"], a["value"]) for a in product["attributes"]] == [("品牌", "甲"), ("颜色", "白"), ("颜色", "灰")]
    assert [(m["modality"], m["location"]) for m in product["media"]] == [("image", "https://x.example/1.jpg")]
    assert "attributes" not in dataset.show("601") or not dataset.show("601")["attributes"]


FEED = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>1</g:id><title>Red cup</title><link>https://shop.example/1</link><g:price>3.50 EUR</g:price>
<g:image_link>https://x.example/1.jpg</g:image_link><g:availability>in stock</g:availability><g:brand>Acme</g:brand>
<g:condition>new</g:condition><g:item_group_id>cup</g:item_group_id><g:color>red</g:color>
<g:additional_image_link>https://x.example/2.jpg</g:additional_image_link>
<g:additional_image_link>https://x.example/3.jpg</g:additional_image_link>
<g:product_type>Home &gt; Cups</g:product_type></item></channel></rss>
"""


def test_google_merchant(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(FEED)
    assert sniff(tmp_path / "feed.xml").layout == "google_merchant"
    dataset = ingested(tmp_path, "google_merchant", {}, "feed.xml")
    product = dataset.read("products").row(0, named=True)
    assert (product["native_id"], product["title"], product["group_id"]) == ("1", "Red cup", "cup")
    assert (product["price"], product["currency"], product["category"]) == (3.5, "EUR", ["Home", "Cups"])
    assert dataset.read("attributes").select("name", "value", "is_option").rows() == [("color", "red", True)]
    assert dataset.read("media")["role"].to_list() == ["main", "gallery", "gallery"]


def test_a_merchant_table(tmp_path: Path) -> None:
    row = {"id": "1", "title": "Cup", "description": "A cup", "link": "https://shop.example/1", "price": "3.50 EUR",
           "image_link": "https://x.example/1.jpg", "availability": "in stock", "item_group_id": "c", "size": "L"}  # fmt: skip
    dataset = ingested(tmp_path, "google_merchant_table", {"feed.csv": [row]}, "feed.csv")
    assert sniff(tmp_path / "feed.csv").layout == "google_merchant_table"
    assert dataset.read("products")["group_id"].item() == "c"


def test_scrapy(tmp_path: Path) -> None:
    item = {
        "url": "https://shop.example/1", "name": "Cup", "price": "3", "image_urls": ["https://x.example/1.jpg", "https://x.example/2.jpg"],
        "images": [{"url": "https://x.example/1.jpg", "path": "full/ab.jpg", "checksum": "c", "status": "downloaded"}],
    }  # fmt: skip
    (tmp_path / "items.jsonl").write_text((json.dumps(item) + "\n") * 2)
    assert sniff(tmp_path / "items.jsonl").layout == "scrapy"
    dataset = ingested(tmp_path, "scrapy", {}, "items.jsonl")
    assert sorted(dataset.read("media")["location"]) == ["full/ab.jpg", "https://x.example/2.jpg"]
