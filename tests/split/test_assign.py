"""Splits: no leak, wanted shares, nothing depends on order."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.split import SplitConfig, SplitStage
from m5tools.split.assign import by_product
from m5tools.split.catalogue import Catalogue
from m5tools.split.groups import groups


def _id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


def _products(sizes: dict[str, int]) -> pl.DataFrame:
    rows = [(_id(f"{category}-{i}"), category) for category, size in sizes.items() for i in range(size)]
    return pl.DataFrame(rows, schema=["product_id", "category"], orient="row").sort("product_id")


def _alone(products: pl.DataFrame) -> pl.Series:
    none = pl.DataFrame(schema={"cluster": pl.UInt32, "row": pl.UInt32})
    return groups(Catalogue.over([products]).products["row"], none)


def _assign(products: pl.DataFrame, group: pl.Series, config: SplitConfig) -> pl.DataFrame:
    catalogue = Catalogue.over([products])
    splits = by_product(catalogue.products, group, catalogue, val=config.val, test=config.test, seed=config.seed)
    return products.select("product_id", split=splits.cast(pl.String))


def test_shares_hold_in_every_large_category() -> None:
    products = _products({"Kettles": 1000, "Toasters": 200})
    splits = _assign(products, _alone(products), SplitConfig()).join(products, on="product_id")
    counted = {(c, s): n for c, s, n in splits.group_by("category", "split").len().iter_rows()}
    assert counted["Kettles", "val"] == counted["Kettles", "test"] == 100
    assert counted["Toasters", "val"] == counted["Toasters", "test"] == 20


def test_small_categories_share_out_together() -> None:
    products = _products({f"category {i}": 1 for i in range(3000)})
    counted = _assign(products, _alone(products), SplitConfig())["split"].value_counts()
    assert dict(counted.iter_rows())["val"] == pytest.approx(300, abs=60)
    assert dict(counted.iter_rows())["test"] == pytest.approx(300, abs=60)


def test_seed_decides() -> None:
    products = _products({"Kettles": 200})
    first, again, other = (_assign(products, _alone(products), SplitConfig(seed=s)) for s in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_category_depends_on_nothing_outside_it() -> None:
    few, many = _products({"Kettles": 100}), _products({"Kettles": 100, "Toasters": 57})
    alone = _assign(few, _alone(few), SplitConfig())
    among = _assign(many, _alone(many), SplitConfig()).join(few.select("product_id"), on="product_id", how="semi")
    assert alone.equals(among)


def test_nothing_left_to_train_on() -> None:
    with pytest.raises(ValidationError, match="leave nothing to train on"):
        SplitConfig(val=0.5, test=0.5)


def _tables(count: int, clusters: dict[str, list[list[int]]]) -> dict[str, list[dict[str, Any]]]:
    common = {"crawl_id": "c1", "source": "shop", "content_hash": "0", "origin_file": "f", "origin_offset": 0}
    products = [{"product_id": _id(i), "category": ["Home", f"c{i % 3}"], **common} for i in range(count)]
    rows = [
        {
            "relation": r,
            "cluster_id": min(map(_id, group)),
            "product_id": _id(i),
            "is_survivor": _id(i) == min(map(_id, group)),
        }
        for r, every in clusters.items()
        for group in every
        for i in group
    ]
    return {"products": products, "clusters": rows, "bridges": []}


def test_relations_chain_into_one_group(make_dataset: Callable[..., Dataset]) -> None:
    clusters = {"same_offer": [[0, 1]], "same_product": [[1, 2]], "variant": [[2, 3]]}
    dataset = make_dataset(_tables(60, clusters))
    counts = run_stage(dataset, SplitStage(SplitConfig(val=0.3, test=0.3))).counts
    splits = dict(dataset.read("splits", columns=("product_id", "split")).iter_rows())
    assert len({splits[_id(i)] for i in range(4)}) == 1
    assert sum(counts[split] for split in ("train", "val", "test")) == len(splits) == 60


@settings(max_examples=40, deadline=None)
@given(links=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=60), seed=st.integers(0, 99))
def test_no_leak_and_no_order(links: list[tuple[int, int]], seed: int) -> None:
    ids = sorted(_id(i) for i in range(60))
    products = pl.DataFrame({"product_id": ids, "category": [f"c{int(i[:2], 16) % 4}" for i in ids]})
    rows = [{"cluster_id": min(ids[a], ids[b]), "product_id": ids[c]} for a, b in links for c in (a, b)]
    random.Random(seed).shuffle(rows)
    schema = {"cluster_id": pl.String, "product_id": pl.String}
    config = SplitConfig(val=0.2, test=0.2, seed=seed)
    catalogue = Catalogue.over([products[:20], products[20:20], products[20:]])
    found = []
    for order in (rows, rows[::-1]):
        joined = catalogue.numbers.numbered(
            [pl.LazyFrame(order, schema=schema)], cluster="cluster_id", row="product_id"
        )
        found.append(_assign(products, groups(catalogue.products["row"], joined), config))
    splits, straight = found
    assert splits.equals(straight)
    of = dict(splits.iter_rows())
    assert all(of[ids[a]] == of[ids[b]] for a, b in links)


def test_rows_and_partitions_change_nothing(make_dataset: Callable[..., Dataset]) -> None:
    tables = _tables(40, {"variant": [[3, 4, 5], [10, 20]]})
    turned = {name: rows[::-1] for name, rows in tables.items()}
    one, other = make_dataset(tables, 1, "one"), make_dataset(turned, 4, "other")
    for dataset in (one, other):
        run_stage(dataset, SplitStage(SplitConfig()))
    assert one.read("splits").equals(other.read("splits"))
