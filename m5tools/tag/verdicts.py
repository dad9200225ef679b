"""Signals and a policy → verdicts, each with the signal, its value and the threshold it passed."""

from __future__ import annotations

import polars as pl

from m5tools.tag.policy import Condition, Policy, Rule

SCHEMA = {
    "product_id": pl.String, "asset_id": pl.String, "tag": pl.String, "modality": pl.String,
    "signal": pl.String, "value": pl.Float64, "threshold": pl.Float64,
}  # fmt: skip


def verdicts(policy: Policy, signals: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Every tag that holds.

    Args:
        policy: the rules.
        signals: by table name; media tables hold one row per product and usable file (`product_id`, `asset_id`),
            the others one row a product.

    Returns:
        Rows of the table `tags` without the policy's name, sorted by product, tag and file.
    """
    found = [_judge(rule, signals[rule.signals]) for rule in policy.rules]
    every = pl.concat([pl.DataFrame(schema=SCHEMA), *found])
    once = every.unique(["product_id", "tag", "asset_id"], keep="first", maintain_order=True)
    return once.sort("product_id", "tag", "asset_id")


def _judge(rule: Rule, signals: pl.DataFrame) -> pl.DataFrame:
    first = rule.when[0]
    asset = pl.col("asset_id") if rule.of_media else pl.lit(None, pl.String)
    return signals.filter(*(_holds(condition) for condition in rule.when)).select(
        "product_id",
        asset_id=asset,
        tag=pl.lit(rule.tag),
        modality=pl.lit(rule.modality.value),
        signal=pl.lit(first.signal),
        value=pl.col(first.signal).cast(pl.Float64),
        threshold=pl.lit(first.threshold, pl.Float64),
    )


def _holds(condition: Condition) -> pl.Expr:
    """A comparison; a null signal passes none (unknown is not bad)."""
    value = pl.col(condition.signal).cast(pl.Float64)
    if condition.below is not None:
        return value < condition.below
    if condition.above is not None:
        return value > condition.above
    if condition.at_least is not None:
        return value >= condition.at_least
    return value <= pl.lit(condition.at_most)
