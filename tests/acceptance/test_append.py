"""A later crawl is matched against what is there: old names, survivors and splits stay as they were."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from m5tools.dataset import Dataset
from m5tools.vocabulary import Relation

from . import line


def test_a_crawl_appended_moves_nothing_old(tmp_path: Path, scratch: Path) -> None:
    crawl, shop = line.simulate(tmp_path / "synth", products=200, seed=8), tmp_path / "shop"
    rows = [row for file in sorted(crawl.glob("*.jsonl")) for row in file.read_bytes().split(b"\n") if row]
    parts = {"first": rows[:150], "second": rows[150:]}
    for name, delivered in parts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "delivery.jsonl").write_bytes(b"".join(row + b"\n" for row in delivered))
    line.complete(line.command(tmp_path / "first", shop, media=crawl, crawl_id="first"), scratch)
    dataset = Dataset(shop)
    clusters, splits, survivors = _known(dataset)
    judged = {table: _judged(dataset, table, splits) for table in ("tags", "modalities")}
    line.complete(line.command(tmp_path / "second", shop, media=crawl, crawl_id="second"), scratch)
    after, later_splits, later_survivors = _known(dataset)

    assert len(later_splits) == dataset.read("products").height > len(splits)
    assert {i: later_splits[i] for i in splits} == splits
    assert clusters.items() <= after.items()
    assert survivors.items() <= later_survivors.items()
    assert judged["tags"].height > 20
    for table, verdicts in judged.items():
        assert _judged(dataset, table, splits).equals(verdicts), table
    joined = [key for key in after.keys() - clusters.keys() if after[key] in set(clusters.values())]
    assert joined, "no newcomer found an old cluster: the crawls are too small to tell anything"
    in_training = dataset.read("cut_products", cut="default")["product_id"]
    barred = dataset.read("roles").filter(pl.col("barred") == "bridge")["product_id"]
    assert not set(barred) & set(in_training)
    assert ", 0 faults" in line.complete([*line.M5, "check", str(shop)], scratch)


def _known(dataset: Dataset) -> tuple[dict[tuple[str, str], str], dict[str, str], dict[tuple[str, str], str]]:
    """(relation, product) → cluster, product → split, (relation, cluster) → survivor."""
    rows = dataset.read("clusters")
    assert set(rows["relation"]) <= set(Relation)
    clusters = {(r, p): c for r, c, p in rows.select("relation", "cluster_id", "product_id").iter_rows()}
    led = rows.filter("is_survivor").select("relation", "cluster_id", "product_id")
    splits = dict(dataset.read("splits").select("product_id", "split").iter_rows())
    return clusters, splits, {(r, c): p for r, c, p in led.iter_rows()}


def _judged(dataset: Dataset, table: str, products: dict[str, str]) -> pl.DataFrame:
    """What is said of some products, in order."""
    rows = dataset.read(table, policy="default").filter(pl.col("product_id").is_in(list(products)))
    return rows.sort(rows.columns)
