"""In which options the products of an item group differ: read off the group, for shops list what never varies too."""

from __future__ import annotations

import polars as pl


def varying_options(options: pl.DataFrame) -> pl.DataFrame:
    """The options in which the products of an item group differ: those of which no value is common to all who list it.

    Args:
        options: facts that are options, as :func:`m5tools.dedup.evidence.facts.product_facts` gives them, with `group`.

    Returns:
        Columns group and name, distinct, sorted.
    """
    members = options.group_by("group", "name").agg(members=pl.col("row").n_unique())
    held = options.explode("values").group_by("group", "name", "values").agg(held=pl.col("row").n_unique())
    most = held.group_by("group", "name").agg(pl.col("held").max())
    varying = members.join(most, on=["group", "name"]).filter(pl.col("held") < pl.col("members"))
    return varying.select("group", "name").sort("group", "name")


def with_varying(facts: pl.DataFrame, varying: pl.DataFrame) -> pl.DataFrame:
    """Facts with `varies` (the products of the own item group differ in it) and `varying` (in how many they differ).

    Args:
        facts: with `group`, which the result has not.
        varying: what :func:`varying_options` found.
    """
    counts = varying.group_by("group").agg(varying=pl.len())
    marked = facts.join(varying.with_columns(varies=True), on=["group", "name"], how="left", maintain_order="left")
    counted = marked.join(counts, on="group", how="left", maintain_order="left")
    return counted.with_columns(pl.col("varies").fill_null(False), pl.col("varying").fill_null(0)).drop("group")
