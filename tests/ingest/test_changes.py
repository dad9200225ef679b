"""A renamed or new column of a later crawl is reported, not swallowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest.changes import likely_renames, remarks
from m5tools.ingest.stage import Ingest, IngestConfig

MAPPING = """
source: shop
format: json_lines
fields: {native_id: id, title: name, price: price, brand: seller.brand}
attributes: [{from: colour, name: colour}]
"""
Row = dict[str, Any]


def crawl(root: Path, number: int, rows: list[Row], files: int = 1, mapping_text: str = MAPPING) -> Dataset:
    """Ingest one crawl of the shop."""
    folder = root / f"crawl-{number}"
    folder.mkdir()
    for part in range(files):
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[part::files]))
    mapping = root / "shop.yaml"
    mapping.write_text(mapping_text)
    dataset = Dataset(root / "dataset")
    config = IngestConfig(
        source="shop", mapping=str(mapping), files=(str(folder / "*.jsonl"),), crawl_id=f"shop-{number}"
    )
    counts = run_stage(dataset, Ingest(config)).counts
    assert counts["rows"] == counts["new"] + counts["updated"] + counts["unchanged"] + counts["rejects"]
    return dataset


def rows(count: int = 8, **more: Any) -> list[Row]:
    return [
        {"id": str(i), "name": f"Cup {i}", "price": i + 0.5, "seller": {"brand": "Acme"}, "colour": "red"} | more
        for i in range(count)
    ]


def fields(dataset: Dataset, number: int) -> dict[str, Row]:
    table = dataset.read("fields").filter(crawl_id=f"shop-{number}")
    return {row["field"]: row for row in table.iter_rows(named=True)}


def test_the_first_crawl_tells_how_its_fields_are_filled(tmp_path: Path) -> None:
    found = fields(crawl(tmp_path, 1, [*rows(6), {"id": "x", "name": "Cup", "note": "new"}]), 1)
    assert (found["price"]["rows"], found["price"]["filled"], found["price"]["example"]) == (7, 6, "0.5")
    assert {name: row["mapped_to"] for name, row in found.items()} == {
        "id": ["native_id"], "name": ["title"], "price": ["price"], "seller": ["brand"], "seller.brand": ["brand"],
        "colour": ["attributes"], "note": [],
    }  # fmt: skip
    assert all(row["change"] is None and row["rows_before"] is None for row in found.values())


def test_a_rename_is_seen_by_the_products_that_both_crawls_list(tmp_path: Path) -> None:
    crawl(tmp_path, 1, rows())
    later = [
        {"id": r["id"], "label": r["name"], "price": r["price"], "seller": r["seller"], "colour": "red"} for r in rows()
    ]
    dataset = crawl(tmp_path, 2, [*later, {"id": "new", "label": "Plate", "weight": "3 g"}])
    found = fields(dataset, 2)
    assert (found["name"]["change"], found["name"]["likely"], found["name"]["equal"]) == ("vanished", "label", 1.0)
    assert (found["name"]["filled"], found["name"]["filled_before"]) == (0, 8)
    assert (found["label"]["change"], found["label"]["likely"]) == ("appeared", "name")
    assert (found["weight"]["change"], found["weight"]["likely"]) == ("appeared", None)
    said = Ingest(IngestConfig(source="shop", mapping="synth", files=("x",), crawl_id="shop-2")).remarks(dataset)
    assert said == [
        "field 'name' seems to be called 'label' now, 100% of the products both fill hold the same",
        "fields appeared: weight (11% filled)",
        "the mapping reads nothing any more from: name → title",
        "the mapping finds nothing for: title (name)",
    ]


def test_a_field_inside_an_object_that_the_mapping_reads_is_missed(tmp_path: Path) -> None:
    crawl(tmp_path, 1, rows())
    found = fields(crawl(tmp_path, 2, rows(seller={"maker": "Acme"})), 2)
    assert found["seller.brand"]["change"] == "vanished"
    assert found["seller"]["change"] is None


def test_a_field_that_is_there_but_blank_is_emptied(tmp_path: Path) -> None:
    crawl(tmp_path, 1, rows())
    assert fields(crawl(tmp_path, 2, rows(colour="")), 2)["colour"]["change"] == "emptied"


def test_an_equal_crawl_has_no_changes(tmp_path: Path) -> None:
    crawl(tmp_path, 1, rows())
    dataset = crawl(tmp_path, 2, rows())
    assert all(row["change"] is None for row in fields(dataset, 2).values())
    assert remarks(dataset.read("fields").filter(crawl_id="shop-2")) == []


def test_the_table_does_not_depend_on_how_the_rows_lie_in_files(tmp_path: Path) -> None:
    tables = []
    for name, files in (("one", 1), ("many", 5)):
        (tmp_path / name).mkdir()
        tables.append(crawl(tmp_path / name, 1, [*rows(9), {"id": "y", "name": "z"}], files).read("fields"))
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize(
    ("gone", "came", "pairs", "found"),
    [
        (["price"], ["sale_price"], [], {"price": "sale_price"}),
        (["price"], ["sale_price"], [({"price": "1"}, {"sale_price": "9"})] * 3, {}),
        (["price"], ["preis"], [({"price": "1"}, {"preis": "1"})] * 3, {"price": "preis"}),
        (["a", "b"], ["c", "d"], [({"a": "1", "b": "2"}, {"c": "2", "d": "1"})] * 3, {"a": "d", "b": "c"}),
        (["title"], ["stock"], [], {}),
    ],
)
def test_likely_renames(gone: list[str], came: list[str], pairs: Any, found: dict[str, str]) -> None:
    assert {r.old: r.new for r in likely_renames(gone, came, pairs)} == found


def test_the_table_is_read_whole_beside_several_crawls(tmp_path: Path) -> None:
    crawl(tmp_path, 1, rows())
    dataset = crawl(tmp_path, 2, rows(3))
    assert dataset.read("fields")["crawl_id"].unique().sort().to_list() == ["shop-1", "shop-2"]
    assert dataset.read("fields").filter(pl.col("crawl_id") == "shop-1").height == 6


def test_a_mended_mapping_reads_a_renamed_column_and_nothing_is_lost(tmp_path: Path) -> None:
    mended = MAPPING.replace("title: name", "title: [label, name]")
    crawl(tmp_path, 1, rows())
    later = [{"label": r.pop("name"), **r} for r in rows()]
    [row.pop("colour") for row in later]
    dataset = crawl(tmp_path, 2, later, mapping_text=mended)
    said = Ingest(IngestConfig(source="shop", mapping="synth", files=("x",), crawl_id="shop-2")).remarks(dataset)
    assert said == [
        "field 'name' seems to be called 'label' now, 100% of the products both fill hold the same",
        "fields vanished: colour (was 100% filled)",
        "the mapping reads nothing any more from: colour → attributes",
        "the mapping finds nothing for: attributes (colour)",
    ]


def test_a_field_that_came_takes_the_place_of_one_that_went(tmp_path: Path) -> None:
    crawl(tmp_path, 1, rows())
    later = [{"id": f"x{r['id']}", "Bezeichnung": f"Neue Tasse {r['id']}", "price": 1, "colour": "red"} for r in rows()]
    dataset = crawl(tmp_path, 2, later, mapping_text=MAPPING.replace("title: name", "title: [Bezeichnung, name]"))
    said = Ingest(IngestConfig(source="shop", mapping="synth", files=("x",), crawl_id="shop-2")).remarks(dataset)
    assert [line for line in said if "any more" in line] == [
        "the mapping reads nothing any more from: seller → brand; seller.brand → brand"
    ]
