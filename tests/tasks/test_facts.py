"""Bands and roles out of shard indexes."""

from __future__ import annotations

import polars as pl

from m5tools.tasks.facts import COLUMNS, Facts, facts_of

from ..scale.world import World


def test_rows_come_in_the_order_of_ids_and_unknown_is_empty() -> None:
    rows = {
        "product_id": ["a", "b", "c"],
        "band": ["head", None, "tail"],
        "coarse": ["query", "gallery", None],
        "fine": [None, None, None],
        "classification": ["test", "train", None],
    }
    facts = Facts.of(pl.DataFrame(rows, schema_overrides={"fine": pl.String}), ["c", "x", "a"])
    assert facts.band.tolist() == ["tail", "", "head"]
    assert facts.role["coarse"].tolist() == ["", "", "query"]
    assert facts.role["fine"].tolist() == ["", "", ""]
    assert facts.role["classification"].tolist() == ["", "", "test"]


def test_products_that_come_from_no_shards_have_none() -> None:
    found = facts_of(World(5), ["train", "test"])
    assert (found.columns, found.height) == ([*COLUMNS], 0)
    assert Facts.of(found, ["a"]).band.tolist() == [""]
