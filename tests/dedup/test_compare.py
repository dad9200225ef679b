"""A later crawl is compared with what is stored of the earlier ones, and with nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
import pytest

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.candidates import RARE_WORDS
from m5tools.dedup.evidence.shingles import word_sets
from m5tools.dedup.evidence.usual import Usual
from m5tools.dedup.policy import load_policy
from m5tools.dedup.products import numbered
from m5tools.engine.local import run_stage

from .shop import KETTLE, Found, Listing, deliver, drawing, encoded, tables_of, with_margin

PHOTO, EDITED = encoded(drawing(1)), encoded(with_margin(drawing(1), 0.1), 60)
SHOP = [
    Listing("kettle", "Acme steel kettle AK-1700", "Boils fast.", attributes=KETTLE, images=(PHOTO,), seller="Ann"),
    Listing(
        "again", "Acme steel kettle AK-1700", "Boils fast.", attributes=KETTLE, images=(PHOTO,), seller="Ann", price=3
    ),
    Listing("boiler", "Cordless water boiler", attributes=KETTLE, images=(EDITED,), seller="Bob"),
    Listing("reworded", "Kettle AK1700 by Acme, of steel", seller="Cy"),
    Listing("red", "Crew neck tee shirt red", group_id="g"),
    Listing("blue", "Crew neck tee shirt blue", group_id="g"),
    Listing("toaster", "Toaster", gtin="4006381333931", seller="Ann"),
    Listing("bread", "Bread toaster, two slots", gtin="4006381333931", seller="Bob"),
    *(Listing(f"n{i}", f"Nothing like any other {word}") for i, word in enumerate(("oak", "quilt", "basalt"))),
]


def run(dataset: Dataset) -> Found:
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    return Found(dataset, {e.product_id: e.name for e in SHOP}, {})


def bytes_of(dataset: Dataset, crawl: str) -> dict[str, bytes]:
    tables = ("comparisons", "compared", "sought", "sides", "word_counts")
    return {
        f"{table}/{part.name}": part.read_bytes()
        for table in tables
        for part in dataset.parts(table)
        if part.parent.name == crawl
    }


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_are_related_as_in_a_full_run(make_dataset: Callable[..., Dataset], seed: int) -> None:
    listings = random.Random(seed).sample(SHOP, len(SHOP))
    old, new = listings[:6], listings[6:]
    whole = run(make_dataset(tables_of(SHOP), 2, "whole"))
    dataset = make_dataset(tables_of(old), 2, "grown")
    run(dataset)
    before = bytes_of(dataset, "c1")
    deliver(dataset, "c2", new, old)
    grown = run(dataset)
    assert bytes_of(dataset, "c1") == before
    names = {listing.name for listing in new}
    assert {p: r for p, r in grown.relations.items() if p & names} == {
        p: r for p, r in whole.relations.items() if p & names
    }
    later = pl.concat(pl.read_parquet(p) for p in dataset.parts("comparisons") if p.parent.name == "c2")
    newcomers = [listing.product_id for listing in new]
    assert later.height > 0
    assert later.filter(~pl.any_horizontal(pl.col("product_a", "product_b").is_in(newcomers))).is_empty()


def test_no_text_of_an_old_product_is_read_again(make_dataset: Callable[..., Dataset]) -> None:
    old = [listing for listing in SHOP if listing.name != "reworded"]
    dataset = make_dataset(tables_of(old), 2)
    run(dataset)
    for part in dataset.parts("products"):
        rows = pl.read_parquet(part)
        dataset.write(
            "products", f"c1/{part.stem}", rows.with_columns(title=pl.lit("gone"), description=pl.lit("gone"))
        )
    deliver(dataset, "c2", [listing for listing in SHOP if listing.name == "reworded"], old)
    assert run(dataset).relation("kettle", "reworded") == "same_product"


def test_an_old_product_that_changed_is_sought_as_it_is_now(make_dataset: Callable[..., Dataset]) -> None:
    old = [Listing("n0", "Nothing like any other oak"), Listing("toaster", "Toaster", gtin="4006381333931")]
    dataset = make_dataset(tables_of(old), 2)
    run(dataset)
    changed = Listing("n0", "Acme steel kettle AK-1700", seller="Dan")
    deliver(dataset, "c2", [changed, Listing("reworded", "Kettle AK1700 by Acme, of steel", seller="Cy")], old)
    assert run(dataset).relations == {frozenset(("n0", "reworded")): "same_product"}
    assert dataset.read("sought").height == 3
    assert dataset.read("word_counts").filter(kind="titles")["titles"].to_list() == [2, 1]
    oak = word_sets(pl.Series(["oak"])).shingles[0]
    assert dataset.read("word_counts").filter(kind="words", token=int(oak))["titles"].to_list() == [1, -1]


def test_where_no_file_was_had_none_is_looked_for(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [replace(listing, images=(None,)) for listing in SHOP]
    dataset, other = (make_dataset(tables_of(listed), 2, name) for name in ("dataset", "other"))
    with monkeypatch.context() as patched:
        patched.setattr("m5tools.dedup.gathering.any_was_had", lambda _: True)
        run(other)

    def fail(*_: object) -> NoReturn:
        raise AssertionError("files were looked for")

    monkeypatch.setattr("m5tools.dedup.gathering.files_of", fail)
    run(dataset)
    assert dataset.read("comparisons").height > 0
    assert bytes_of(dataset, "c1") == bytes_of(other, "c1")


def test_who_compares_reads_of_the_counted_facts_those_that_may_be_usual(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = load_policy("duplicates").table.usual_from + 1
    listings = [
        Listing(f"n{i}", f"Lamp of {i} oaks", attributes={"warranty": "1 year", "serial": f"s{i}"}) for i in range(many)
    ]
    read: list[pl.DataFrame] = []
    told = Usual.told

    def noting(facts: pl.DataFrame, *others: Any) -> Usual:
        read.append(facts)
        return told(facts, *others)

    monkeypatch.setattr(Usual, "told", noting)
    dataset = make_dataset(tables_of(listings), 2)
    run_stage(dataset, Compare(CompareConfig()))
    assert {facts.height for facts in read} == {1}
    assert {facts["titles"].item() for facts in read} == {many}
    assert dataset.read("word_counts").filter(kind="facts").height == many + 1


def test_keys_of_rare_words_are_a_file_a_partition(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, written = make_dataset(tables_of(SHOP), 3), []
    whole_file = atomic.whole_file

    def noting(path: Path) -> AbstractContextManager[Path]:
        written.append(path.parent.name)
        return whole_file(path)

    monkeypatch.setattr(atomic, "whole_file", noting)
    run_stage(dataset, Compare(CompareConfig()))
    assert [name for name in written if name.startswith(RARE_WORDS)] == [RARE_WORDS] * 3


def test_ids_are_put_in_order_once_a_partition_where_nothing_is_old(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, sorted_ids = make_dataset(tables_of(SHOP), 3), []

    def noting(dataset: Dataset, partition: int) -> pl.DataFrame:
        sorted_ids.append(partition)
        return numbered(dataset, partition)

    monkeypatch.setattr("m5tools.dedup.gathering.numbered", noting)
    run_stage(dataset, Compare(CompareConfig()))
    assert any(listing.group_id for listing in SHOP)
    assert sorted(sorted_ids) == [0, 1, 2]


def test_hashes_of_another_library_are_not_gone_on_from(make_dataset: Callable[..., Dataset]) -> None:
    old, new = SHOP[:6], SHOP[6:]
    dataset = make_dataset(tables_of(old), 2)
    run(dataset)
    note = dataset.folder("sought") / "c1" / "made.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"terms": "others"}))
    deliver(dataset, "c2", new, old)
    found = run(dataset)
    assert {part.parent.name for part in dataset.parts("comparisons")} == {"c2"}
    assert found.relation("toaster", "bread") == "same_product"


def test_three_crawls_end_the_same_however_they_lie_and_are_worked_on(make_dataset: Callable[..., Dataset]) -> None:
    changed = replace(SHOP[2], title="Cordless water boiler, changed since", price=7)
    crawls = [SHOP[:5], [changed, *SHOP[5:8]], [SHOP[0], *SHOP[8:]]]
    ends = []
    for name, seed, workers in (("straight", None, 0), ("shuffled", 3, 0), ("helped", None, 2)):
        before: dict[str, Listing] = {}
        left: dict[str, bytes] = {}
        for number, crawl in enumerate(crawls, 1):
            listings = list(crawl) if seed is None else random.Random(seed).sample(crawl, len(crawl))
            if number == 1:
                dataset = make_dataset(tables_of(listings), 3, name)
            else:
                deliver(dataset, f"c{number}", listings, before.values())
            before |= {listing.name: listing for listing in listings}
            for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
                run_stage(dataset, stage, workers=workers)
            tables = (*Compare.writes, *Dedup.writes)
            files = [f for table in tables for f in sorted(dataset.folder(table).rglob("[!.]*")) if f.is_file()]
            after = {f.relative_to(dataset.root).as_posix(): f.read_bytes() for f in files}
            assert left.items() <= after.items(), "nothing that earlier crawls left is touched"
            left = after
        ends.append(left)
    assert ends[0] == ends[1] == ends[2]
    assert not dataset.read("edges").is_empty()
