"""The result depends on the rows and the settings alone: not on workers, not on how the rows lie in files."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
import yaml

from m5tools import resources
from m5tools.dataset import Dataset

from . import line

# Each with the columns that tell where a row lay, which another division into files does change.
VERDICTS = {
    "tags": {"policy": "default"},
    "modalities": {"policy": "default"},
    "edges": {},
    "clusters": {},
    "splits": {},
    "cut_products": {"cut": "default"},
    "cut_losses": {"cut": "default"},
}
PLACES = ("origin_file", "origin_offset")
INSERTED = (
    b'{"id": "inserted", "title": "Handwoven doormat of jute, natural", "description": "Keeps the hall clean."}\n'
)


def records(crawl: Path) -> list[bytes]:
    return [row for file in sorted(crawl.glob("*.jsonl")) for row in file.read_bytes().split(b"\n") if row]


def deal(rows: list[bytes], folder: Path, files: int) -> Path:
    """Write rows in their order into so many files of about equal length."""
    folder.mkdir()
    for i in range(files):
        part = rows[len(rows) * i // files : len(rows) * (i + 1) // files]
        (folder / f"delivery-{i}.jsonl").write_bytes(b"".join(row + b"\n" for row in part))
    return folder


def rejected(dataset: Dataset) -> pl.DataFrame:
    """Rejects without their place, in an order of their own."""
    return dataset.read("rejects").drop("file", "offset").sort("reason", "raw", "message")


def assert_same_result(one: Path, other: Path) -> None:
    """Same products, rejects and verdicts; shards and index byte for byte."""
    ours, theirs = Dataset(one), Dataset(other)
    assert ours.read("products").drop(PLACES).equals(theirs.read("products").drop(PLACES))
    assert rejected(ours).equals(rejected(theirs))
    for table, choices in VERDICTS.items():
        found = ours.read(table, **choices)
        assert found.height or table == "cut_losses", f"no row in {table} to compare"
        assert found.equals(theirs.read(table, **choices)), table
    shards = {name: digest for name, digest in line.content(one).items() if name.startswith("shards/")}
    assert any(name.endswith(".tar") for name in shards)
    assert any(name.endswith(".parquet") for name in shards)
    again = {name: digest for name, digest in line.content(other).items() if name.startswith("shards/")}
    assert line.differences(shards, again) == []


def compare(
    crawl: Path, reference: Path, folder: Path, scratch: Path, rows: list[bytes], files: int, workers: int
) -> None:
    """Run the line on the rows dealt into files, and compare."""
    dealt, dataset = deal(rows, folder / "dealt", files), folder / "dataset"
    line.complete(line.command(dealt, dataset, workers=workers, media=crawl), scratch)
    assert_same_result(reference, dataset)


def test_one_worker_writes_what_two_write(crawl: Path, dataset: Path, tmp_path: Path, scratch: Path) -> None:
    """Every file, `dataset.json` included; the report names where its dataset lies, and says the same but for that."""
    other = tmp_path / "other" / "dataset"
    line.complete(line.command(crawl, other, workers=1), scratch)
    differing = line.differences(line.content(dataset), line.content(other))
    assert {name for name in differing if not name.startswith("reports/")} == set()
    reports = [(d / "reports" / "audit.json").read_text().replace(str(d), "DATASET") for d in (dataset, other)]
    assert reports[0] == reports[1]


def test_rows_shuffled_over_seven_files(crawl: Path, dataset: Path, tmp_path: Path, scratch: Path) -> None:
    rows = records(crawl)
    random.Random(7).shuffle(rows)
    compare(crawl, dataset, tmp_path, scratch, rows, files=7, workers=0)


def test_a_row_inserted_between_stages_changes_no_other_verdict(
    crawl: Path, dataset: Path, tmp_path: Path, scratch: Path
) -> None:
    """In front of all others, when half of the stages are done."""
    dealt, later = deal(records(crawl), tmp_path / "dealt", files=2), tmp_path / "dataset"
    recipe = yaml.safe_load((resources.folder("pipelines") / "demo.yaml").read_text(encoding="utf-8"))
    recipe["stages"] = recipe["stages"][:4]
    (tmp_path / "half.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    whole = line.command(dealt, later, workers=0, media=crawl, crawl_id="shop-1")
    half = [str(tmp_path / "half.yaml") if word == "demo" else word for word in whole]
    line.complete(half, scratch)
    first = dealt / "delivery-0.jsonl"
    first.write_bytes(INSERTED + first.read_bytes())
    line.complete(whole, scratch)
    ours, theirs = Dataset(dataset), Dataset(later)
    (inserted,) = theirs.read("products").filter(native_id="inserted")["product_id"]
    assert theirs.read("products").height == ours.read("products").height + 1
    for table, choices in VERDICTS.items():
        found = theirs.read(table, **choices)
        about = [name for name in ("product_id", "product_a", "product_b") if name in found.columns]
        others = found.filter(*(pl.col(name) != inserted for name in about)) if about else found
        assert others.equals(ours.read(table, **choices)), table


@pytest.mark.slow
@pytest.mark.parametrize("files", [1, 7])
@pytest.mark.parametrize("shuffled", [False, True])
def test_three_hundred_products_in_other_files(files: int, shuffled: bool, tmp_path: Path, scratch: Path) -> None:
    crawl = line.simulate(tmp_path / "synth", products=300, seed=5)
    line.complete(line.command(crawl, tmp_path / "reference"), scratch)
    rows = records(crawl)
    if shuffled:
        random.Random(files).shuffle(rows)
    compare(crawl, tmp_path / "reference", tmp_path, scratch, rows, files, workers=1)
