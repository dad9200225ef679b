"""Signals and a policy → verdicts, each with the signal, its value, the comparison and the threshold it passed."""

from __future__ import annotations

import polars as pl

from m5tools.tag.policy import Comparison, Condition, Policy


def needed(policy: Policy, table: str) -> tuple[str, ...]:
    """The signals of one table that a policy looks at, sorted."""
    return tuple(sorted({c.signal for _, rule in policy.of(table) for c in rule.when}))


def judge(policy: Policy, table: str, signals: pl.LazyFrame, key: str) -> pl.DataFrame:
    """Which rules hold for what.

    Args:
        policy: the rules.
        table: which signals these are: image, text, pair …
        signals: one row for each product or file, with at least what :func:`needed` names.
        key: the column that names it.

    Returns:
        `<key>`, `rule` (uint16, its place in the policy), `value` (float64, of the deciding signal); of several rules
        for one tag only the first that holds.
    """
    rules = list(policy.of(table))
    if not rules:
        return pl.DataFrame(schema={key: pl.String, "rule": pl.UInt16, "value": pl.Float64})
    found = [
        signals.filter(*(_holds(condition) for condition in rule.when)).select(
            key,
            rule=pl.lit(place, pl.UInt16),
            value=pl.col(rule.when[0].signal).cast(pl.Float64),
        )
        for place, rule in rules
    ]
    tags = {place: rule.tag for place, rule in rules}
    tag = pl.col("rule").replace_strict(tags, return_dtype=pl.String)
    every = pl.concat([frame.collect() for frame in found])
    if len(set(tags.values())) < len(tags):
        every = every.with_columns(tag=tag).unique([key, "tag"], keep="first", maintain_order=True).drop("tag")
    return every


def worded(policy: Policy, found: pl.DataFrame) -> pl.DataFrame:
    """What :func:`judge` found, as rows of the table `tags`: sorted by product, tag and file.

    Args:
        policy: the rules.
        found: `product_id`, `asset_id`, `rule`, `value`.
    """
    rules = pl.DataFrame(
        [
            (place, r.tag, r.modality.value, r.when[0].signal, r.when[0].comparison, r.when[0].threshold)
            for place, r in enumerate(policy.rules)
        ],
        schema={
            "rule": pl.UInt16, "tag": pl.String, "modality": pl.String, "signal": pl.String, "comparison": pl.String,
            "threshold": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    told = found.join(rules, on="rule").with_columns(policy=pl.lit(policy.policy)).drop("rule")
    return told.sort("product_id", "tag", "asset_id")


def _holds(condition: Condition) -> pl.Expr:
    """A comparison; a null signal passes none (unknown is not bad)."""
    # In the precision of the signal: 2 of 5 is 0.4 as float32, but more than 0.4 as float64. Times 1 for booleans.
    value = pl.col(condition.signal) * 1
    comparisons: dict[Comparison, pl.Expr] = {
        "below": value < condition.threshold,
        "above": value > condition.threshold,
        "at_least": value >= condition.threshold,
        "at_most": value <= condition.threshold,
    }
    return comparisons[condition.comparison]
