"""The funnel adds up, and says so when it does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from selectolax.lexbor import LexborHTMLParser

from m5tools.audit import NotYet, audit, write
from m5tools.audit.funnel import Written
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.partitions import part_name, partition_of
from m5tools.vocabulary import RejectReason

Make = Callable[..., Any]


def reject(offset: int, reason: RejectReason, raw: bytes = b"{}") -> dict[str, Any]:
    return {
        "source": "shop", "crawl_id": "c1", "file": "a.jsonl", "offset": offset,
        "reason": reason.value, "message": "why", "raw": raw,
    }  # fmt: skip


def kept(row: dict[str, Any], withheld_by: str = "") -> dict[str, Any]:
    five = [0] * 5
    return {
        "product_id": row["product_id"], "split": "train", "present": 31, "state": five, "reason": five,
        "withheld_by": ["", "", "", "", withheld_by], "band": "tail",
    }  # fmt: skip


def sample(row: dict[str, Any]) -> dict[str, Any]:
    five = [0] * 5
    return {
        "product_id": row["product_id"], "shard": "train-000000.tar", "start": 0, "end": 512, "present": 31,
        "state": five, "reason": five, "split": "train", "tags": [], "members": [],
        "assets": [], "cost": 0,
    }  # fmt: skip


def test_every_row_is_accounted_for(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i) for i in range(10)]
    rejects = [reject(i, RejectReason.REPEATED_ID) for i in range(5)] + [reject(9, RejectReason.NO_CONTENT)]
    losses = [
        {"product_id": rows[0]["product_id"], "rule": "duplicate", "band": "tail"},
        {"product_id": rows[1]["product_id"], "rule": "duplicate", "band": "head"},
        {"product_id": rows[2]["product_id"], "rule": "needs image", "band": None},
    ]
    dataset = make_dataset(
        {
            "products": rows,
            "rejects": rejects,
            "cut_products": [kept(row, "audio.silent" if i > 8 else "") for i, row in enumerate(rows) if i > 2],
            "cut_losses": losses,
            "shard_index": [sample(row) for row in rows[3:9]],
        }
    )
    funnel = audit(dataset).funnel
    assert [(s.name, s.items, s.unaccounted) for s in funnel.steps] == [
        ("rows delivered", 16, 0),
        ("products", 10, 0),
        ("products in the cut", 7, 0),
        ("samples in shards", 6, 0),
    ]
    assert [[(x.reason, x.items) for x in s.losses] for s in funnel.steps] == [
        [],
        [("repeated_id", 5), ("no_content", 1)],
        [("duplicate", 2), ("needs image", 1)],
        [("not written to shards", 1)],
    ]
    assert funnel.rejected == 6
    assert funnel.steps[2].losses[0].bands == (1, 0, 1)
    assert [(w.modality, w.by, w.products, w.bands) for w in funnel.withheld] == [
        ("audio", "audio.silent", 1, (0, 0, 1))
    ]
    assert (funnel.cut, funnel.shards) == ("default", "default")


def test_a_lost_product_is_seen(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i) for i in range(4)]
    found = audit(make_dataset({"products": rows, "cut_products": [kept(rows[0])], "cut_losses": []}))
    assert found.funnel.steps[2].unaccounted == 3


def test_later_crawls_and_unchanged_rows_are_accounted_for(make_dataset: Callable[..., Dataset], product: Make) -> None:
    dataset = make_dataset({"products": [product(i) for i in range(6)]})
    changed = pl.DataFrame([product(i, title="new", crawl_id="c2") for i in range(2)])
    for i in range(dataset.partitions):
        home = partition_of(pl.col("product_id"), dataset.partitions) == i
        dataset.write("products", f"c2/{part_name(i)}", changed.filter(home).drop("category"))
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": "c2", "media_root": None})
        manifest["stages"]["ingest/c2"] = {**manifest["stages"]["ingest/c1"], "counts": {"unchanged": 3}}
    steps = audit(dataset).funnel.steps
    assert [(s.name, s.items, s.unaccounted) for s in steps] == [("rows delivered", 11, 0), ("products", 6, 0)]
    assert [(x.reason, x.items) for x in steps[1].losses] == [
        ("delivered again unchanged", 3),
        ("replaced by a later crawl", 2),
    ]


def test_without_cut_and_shards_it_says_what_to_run(make_dataset: Callable[..., Dataset], product: Make) -> None:
    dataset = make_dataset({"products": [product(0)]})
    funnel = audit(dataset).funnel
    assert (funnel.cut, funnel.shards) == (NotYet("m5 cut"), NotYet("m5 shard"))
    with pytest.raises(UsageError, match="no cut 'best'; there is none"):
        audit(dataset, cut="best")


def test_of_several_cuts_one_must_be_named(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i) for i in range(3)]
    dataset = make_dataset({"products": rows, "cut_products": [kept(row) for row in rows], "cut_losses": []})
    for table in ("cut_products", "cut_losses"):
        for part in dataset.parts(table):
            other = dataset.folder(table, cut="other") / part.name
            other.parent.mkdir(parents=True, exist_ok=True)
            other.write_bytes(part.read_bytes())
    assert audit(dataset).funnel.cut == NotYet("m5 audit --cut default|other")
    assert audit(dataset, cut="other").funnel.cut == "other"
    with pytest.raises(UsageError, match="there is default, other"):
        audit(dataset, cut="best")


@pytest.fixture
def two_cuts(make_dataset: Callable[..., Dataset], product: Make) -> Dataset:
    """Ten products; the cut `default` keeps eight, `strict` three; shards of each have lost one product."""
    rows = [product(i) for i in range(10)]

    def with_cut(name: str, keeps: int) -> Dataset:
        lost = [{"product_id": row["product_id"], "rule": "needs image", "band": "tail"} for row in rows[keeps:]]
        cut = {"cut_products": [kept(row) for row in rows[:keeps]], "cut_losses": lost}
        return make_dataset({"products": rows, **cut, "shard_index": [sample(row) for row in rows[1:keeps]]}, name=name)

    strict, dataset = with_cut("strict", 3), with_cut("wide", 8)
    for folder in ("cuts", "shards"):
        (strict.root / folder / "default").rename(dataset.root / folder / "strict")
    with dataset.changing() as manifest:
        stages = manifest["stages"]
        stages["shard/default"]["config"] = {"cut": "default"}
        for stage in ("cut", "shard"):
            stages[f"{stage}/strict"] = {**stages[f"{stage}/default"], "config": {"cut": "strict"}}
    return dataset


def test_shards_are_held_against_their_own_cut(two_cuts: Dataset) -> None:
    shutil.rmtree(two_cuts.root / "shards" / "default")
    with two_cuts.changing() as manifest:
        del manifest["stages"]["shard/default"]
    funnel = audit(two_cuts).funnel
    assert (funnel.cut, funnel.shards) == ("strict", "strict")
    assert [(s.name, s.items, [(x.reason, x.items) for x in s.losses], s.unaccounted) for s in funnel.steps[2:]] == [
        ("products in the cut", 3, [("needs image", 7)], 0),
        ("samples in shards", 2, [("not written to shards", 1)], 0),
    ]
    shutil.rmtree(two_cuts.root / "cuts" / "strict")
    with two_cuts.changing() as manifest:
        del manifest["stages"]["cut/strict"]
    funnel = audit(two_cuts).funnel
    assert (funnel.cut, funnel.shards) == ("default", NotYet("m5 shard --set cut=default --set name=default"))
    assert funnel.written == (Written("strict", "strict", None, 2, None),)


def test_of_several_shards_each_is_held_against_its_own_cut(two_cuts: Dataset, tmp_path: Path) -> None:
    found = audit(two_cuts)
    assert found.funnel.cut == NotYet("m5 audit --cut default|strict")
    assert [step.name for step in found.funnel.steps] == ["rows delivered", "products"]
    assert found.funnel.written == (Written("default", "default", 8, 7, 1), Written("strict", "strict", 3, 2, 1))
    page = LexborHTMLParser(write(found, tmp_path)[0].read_text(encoding="utf-8"))
    (table,) = (t for t in page.css("#funnel table") if "samples" in t.css_first("thead").text())
    assert [[cell.text() for cell in row.css("th, td")] for row in table.css("tbody tr")] == [
        ["default", "default", "8", "7", "1"],
        ["strict", "strict", "3", "2", "1"],
    ]
    assert audit(two_cuts, cut="strict").funnel.shards == "strict", "the only ones that hold it"
    assert audit(two_cuts, shards="strict").funnel.cut == "strict"


def test_reject_examples_are_few_short_and_plain(make_dataset: Callable[..., Dataset], product: Make) -> None:
    raw = b'{"title": "\x00\xff\xe2\x80\xae' + b"x" * 70_000
    rejects = [reject(i, RejectReason.NOT_UTF8, raw) for i in range(9)] + [reject(9, RejectReason.TOO_LONG)]
    found = audit(make_dataset({"products": [product(0)], "rejects": rejects})).rejects
    assert [(r.reason, r.offset) for r in found] == [("not_utf8", 0), ("not_utf8", 1), ("not_utf8", 2), ("too_long", 9)]
    assert len(found[0].raw) == 200
    assert found[0].raw.isprintable()


def test_shards_without_a_sample_are_counted(make_dataset: Callable[..., Dataset], product: Make) -> None:
    dataset = make_dataset({"products": [product(0)], "cut_products": [], "cut_losses": []})
    with dataset.changing() as manifest:
        cut = manifest["stages"]["cut/default"]
        manifest["stages"]["shard/default"] = {**cut, "stage": "shard", "writes": ["shard_index"]}
    funnel = audit(dataset, cut="default", shards="default").funnel
    assert [step.items for step in funnel.steps] == [1, 1, 0, 0]


def test_shards_of_another_cut_are_not_held_against_the_cut(
    make_dataset: Callable[..., Dataset], product: Make
) -> None:
    rows = [product(i) for i in range(6)]
    dataset = make_dataset(
        {
            "products": rows,
            "cut_products": [kept(row) for row in rows[:2]],
            "cut_losses": [{"product_id": row["product_id"], "rule": "split", "band": "tail"} for row in rows[2:]],
            "shard_index": [sample(row) for row in rows],
        }
    )
    with dataset.changing() as manifest:
        manifest["stages"]["shard/default"]["config"] = {"cut": "wide"}
    funnel = audit(dataset, cut="default").funnel
    assert [(s.name, s.unaccounted) for s in funnel.steps][-1] == ("products in the cut", 0)
    assert funnel.shards == NotYet("m5 shard --set cut=default --set name=default")
    with pytest.raises(UsageError, match="the shards 'default' hold the cut 'wide', not 'default'; say --cut wide"):
        audit(dataset, cut="default", shards="default")
