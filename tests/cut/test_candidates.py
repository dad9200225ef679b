"""Rules among products by number, partition by partition, do what they say of whole texts; nothing is read unasked."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.cut import Selection, candidates, choose
from m5tools.cut.candidates import chosen_among
from m5tools.cut.rules import choice_rules
from m5tools.dataset import Dataset
from m5tools.partitions import partition_of

_PARTITIONS = 3
_ROWS = ("loses_0", "loses_1")
_RULES: dict[str, Any] = {
    "sample": {"sample": {"head": 0.5, "tail": 0.2}},
    "bounds": {"categories": {"cap": 6, "floor": 3}},
    "clusters": {"one_per": ["same_offer", "variant"]},
    "all": {"one_per": ["same_offer"], "sample": {"head": 0.7}, "categories": {"cap": 5, "floor": 4}},
}


def _judged() -> pl.DataFrame:
    rng = random.Random(5)
    rows = []
    for i in range(120):
        category = rng.choice([None, *(f"C{rng.randrange(3 + i // 4)}" for _ in range(4))])
        band = None if category is None else ("head" if category < "C2" else "tail")
        split = rng.choice(["train", "train", "train", "val", "test"])
        product = hashlib.sha256(str(i).encode()).hexdigest()[:32]
        rows.append((product, split, category, band, rng.random() < 0.1, rng.random() < 0.1))
    names = ("product_id", "split", "category", "band", *_ROWS)
    return pl.DataFrame(rows, schema=names, orient="row").sort("product_id")


def _clusters(products: pl.Series) -> list[dict[str, Any]]:
    """Three products each, the last of which survives, and for variants six."""
    return [
        {"relation": r, "cluster_id": products[i // n * n], "product_id": products[i], "is_survivor": i % n == n - 1}
        for r, n in (("same_offer", 3), ("same_product", 4), ("variant", 6))
        for i in range(len(products) // 2)
    ]


@pytest.fixture
def world(make_dataset: Callable[..., Dataset], tmp_path: Path) -> tuple[Dataset, list[Path]]:
    judged = _judged()
    product = {"crawl_id": "c1", "source": "s", "content_hash": "0", "origin_file": "a", "origin_offset": 0}
    products = [{"product_id": name, **product} for name in judged["product_id"]]
    dataset = make_dataset({"products": products, "clusters": _clusters(judged["product_id"])}, _PARTITIONS)
    home = judged.select(partition_of(pl.col("product_id"), _PARTITIONS)).to_series()
    parts = [tmp_path / f"{i}.parquet" for i in range(_PARTITIONS)]
    for i, part in enumerate(parts):
        judged.filter(home == i).reverse().write_parquet(part)
    return dataset, parts


def _plainly(selection: Selection) -> tuple[list[int], dict[str, tuple[str, str | None]]]:
    """All in one frame, with words as texts."""
    judged = _judged().with_row_index("row")
    everyone = judged.with_columns(choose.draws(judged["product_id"], selection.seed))
    row_of = {name: row for row, name in enumerate(judged["product_id"])}
    clusters = pl.DataFrame(_clusters(judged["product_id"])).with_columns(
        pl.col(ids).replace_strict(row_of, return_dtype=pl.UInt32).alias(row)
        for ids, row in (("cluster_id", "cluster"), ("product_id", "row"))
    )
    alone = [int(everyone[name].sum()) for name in _ROWS]
    left, lost = everyone.filter(~pl.any_horizontal(_ROWS)), {}
    for rule in choice_rules(selection, clusters):
        alone.append(rule.loses(everyone).height)
        others = rule.loses(left)
        for row, detail in others.select("row", "detail").iter_rows():
            told = judged["product_id"][detail] if isinstance(detail, int) else detail
            lost[judged["product_id"][row]] = (rule.name, told)
        left = left.join(others, on="row", how="anti")
    return alone, lost


@pytest.mark.parametrize("rules", _RULES)
def test_numbers_and_partitions_change_nothing(world: tuple[Dataset, list[Path]], rules: str) -> None:
    dataset, parts = world
    selection = Selection(cut="mine", seed=3, **_RULES[rules])
    alone, chosen = chosen_among(parts, _ROWS, dataset, selection)
    found = list(chosen)
    for part, mine in zip(parts, found, strict=True):
        assert set(mine["product_id"]) <= set(pl.read_parquet(part)["product_id"])
        assert mine["product_id"].is_sorted()
    wanted, lost = _plainly(selection)
    assert alone == wanted
    assert len(lost) > 5
    rows = pl.concat(found).select("product_id", "rule", "detail").iter_rows()
    assert {product: (rule, detail) for product, rule, detail in rows} == lost


@pytest.mark.parametrize(
    ("rules", "draws", "scans"), [({}, 0, 0), (_RULES["clusters"], 0, 3), (_RULES["bounds"], 3, 0)]
)
def test_only_what_the_rules_ask_for_is_read_and_drawn(
    world: tuple[Dataset, list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    rules: dict[str, Any],
    draws: int,
    scans: int,
) -> None:
    dataset, parts = world
    counted = {"draws": 0, "scans": 0}
    scan = Dataset.scan

    def count_draws(ids: pl.Series, seed: int) -> pl.Series:
        counted["draws"] += 1
        return choose.draws(ids, seed)

    def count_scans(self: Dataset, table: str, **choices: Any) -> pl.LazyFrame:
        assert choices["partition"] is not None
        counted["scans"] += 1
        return scan(self, table, **choices)

    monkeypatch.setattr(candidates, "draws", count_draws)
    monkeypatch.setattr(Dataset, "scan", count_scans)
    alone, chosen = chosen_among(parts, _ROWS, dataset, Selection(cut="mine", **rules))
    assert len(list(chosen)) == _PARTITIONS
    assert counted == {"draws": draws, "scans": scans}
    assert alone[:2] == [int(_judged()[name].sum()) for name in _ROWS]
