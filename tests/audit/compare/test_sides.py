"""What `FOLDER`, `FOLDER@CRAWL` and `FOLDER#CUT` mean, and how two partitionings meet."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from m5tools.audit.columns import NotYet
from m5tools.audit.compare.sides import side_of, slices
from m5tools.audit.compare.whole import compare
from m5tools.errors import UsageError

from .conftest import Build


def test_every_product_lies_in_one_slice_of_both_sides(build: Build) -> None:
    numbers = range(300)
    sides = [build(name, numbers=numbers, partitions=n) for name, n in (("two", 2), ("three", 3), ("eight", 8))]
    for a in sides:
        for b in sides:
            parts = slices(a.dataset.partitions, b.dataset.partitions)
            assert len(parts) == min(a.dataset.partitions, b.dataset.partitions)
            assert (parts[0].first, parts[-1].beyond) == (0, 65_536)
            ids = [[set(s.scan("products", p).collect()["product_id"]) for p in parts] for s in (a, b)]
            assert ids[0] == ids[1]
            assert sum(map(len, ids[0])) == 300


def test_a_crawl_is_what_it_delivered(build: Build) -> None:
    side = build("shop", numbers=range(40))
    first = side.dataset.read("products")
    changed = first.head(10).with_columns(crawl_id=pl.lit("c2"), price=pl.lit(1.0))
    for i in range(2):
        mine = changed.filter(
            pl.col("product_id").is_in(side.dataset.read("products", partition=i)["product_id"].implode())
        )
        side.dataset.write("products", f"c2/part-{i:05d}", mine)
    with side.dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": "c2", "media_root": None})
    root = side.dataset.root
    (part,) = slices(1, 1)
    sizes = {
        name: [
            side_of(name).scan(table, part).select(pl.len()).collect().item() for table in ("products", "modalities")
        ]
        for name in (f"{root}", f"{root}@c1", f"{root}@c2")
    }
    # States belong to the version of a product that is the latest.
    assert sizes == {f"{root}": [40, 200], f"{root}@c1": [40, 150], f"{root}@c2": [10, 50]}
    found = compare(side_of(f"{root}@c1"), side_of(f"{root}@c2"))
    assert not isinstance(found.states, NotYet)
    assert {(share.size_a, share.size_b) for share in found.states} == {(30, 10)}
    assert (found.products.only_a, found.products.both, found.products.only_b) == (30, 10, 0)


def test_a_cut_chooses_products(build: Build) -> None:
    side = build("shop", numbers=range(40))
    for i in range(2):
        ids = side.dataset.read("products", partition=i)["product_id"].head(3)
        rows = pl.DataFrame({"product_id": ids}).with_columns(
            split=pl.lit("train"), present=pl.lit(0, pl.UInt8), state=pl.lit([0] * 5), reason=pl.lit([0] * 5),
            withheld_by=pl.lit([""] * 5),
        )  # fmt: skip
        side.dataset.write("cut_products", f"part-{i:05d}", rows, cut="few")
    with side.dataset.changing() as manifest:
        manifest["stages"]["cut/few"] = {**manifest["stages"]["ingest/c1"], "stage": "cut"}
    found = side_of(f"{side.dataset.root}#few")
    (part,) = slices(1, 1)
    assert found.scan("products", part).collect().height == 6
    assert found.scan("attributes", part).collect().height == 18


def test_a_folder_may_hold_a_mark_in_its_name(build: Build, tmp_path: Path) -> None:
    side = build("a@b#c", numbers=range(3))
    assert side_of(str(side.dataset.root)).crawl is None
    assert side_of(f"{side.dataset.root}@c1").crawl == "c1"


@pytest.mark.parametrize(
    ("written", "message"),
    [("shop@x", "has no crawl 'x'; there is c1"), ("shop#x", "has no cut 'x'; there is none"), ("no", "no is not a dataset"), ("no@c1", "no is not a dataset")],
)  # fmt: skip
def test_refusals(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, message: str) -> None:
    build("shop", numbers=range(3))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        side_of(written)
