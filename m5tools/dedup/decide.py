"""Judged pairs → what they are: the rules, then wording, then what identifiers and item groups teach.

Wording speaks after the rules (:mod:`m5tools.dedup.rules`; which of several alike products is the one:
:mod:`m5tools.dedup.rivals`), and where identifiers and groups are many, what they teach of pairs that have none
(:mod:`m5tools.dedup.taught`): both may relate a pair, the latter may also undo a rule. Missing values count neither for
nor against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from m5tools.dedup.policy import TaughtRules
from m5tools.dedup.rules import Rule, first_of
from m5tools.dedup.taught import FAMILY, PRODUCT, Question, Taught
from m5tools.vocabulary import Relation

QUESTIONS: Final = {
    "product": Question(pl.col("alike"), pl.col("one_product"), PRODUCT),
    "family": Question(
        pl.col("optioned") | (pl.col("alike") & ~pl.col("one_product").fill_null(True)), pl.col("one_family"), FAMILY
    ),
}
"""What decided pairs teach: of those without a differing option whether they are one product, of those with one whether
they are of one family."""


def decided(
    weighed: pl.DataFrame, worded: pl.DataFrame, lessons: Mapping[str, Taught], rules: TaughtRules
) -> pl.DataFrame:
    """What judged pairs are, when wording and what was taught have spoken too.

    Args:
        weighed: what :func:`m5tools.dedup.rules.judged` found.
        worded: columns product_a, product_b: those that are one product by wording.
        lessons: what was taught of the `QUESTIONS`; where nothing was, the rules and the wording stand.
        rules: how likely a pair must be.

    Returns:
        The same rows; `relation` is final and `rule` says what made it, `worded`, `likely` (one product by what was
        taught), and `product_chance` and `family_chance` (null where nobody can say).
    """
    pair = ["product_a", "product_b"]
    told = weighed.join(worded.with_columns(worded=True), on=pair, how="left", maintain_order="left")
    told = told.with_columns(pl.col("worded").fill_null(False), *(_chances(told, ask, lessons) for ask in QUESTIONS))
    product, family = (pl.col(f"{name}_chance") for name in QUESTIONS)
    # Who lists two in one group means two products, unless their options say otherwise.
    likely = (product >= rules.chance).fill_null(False) & ~pl.col("same_group")
    alike = pl.col("rule").is_in([Rule.SCORE_AND_OPTION.value, Rule.TITLES_AND_OPTION.value]) & ~pl.col("in_family")
    other_family = (family < rules.out) | (
        alike & ((family < rules.family) | (pl.col("outside") & family.is_not_null()))
    )
    other_family &= pl.col("relation") == Relation.VARIANT
    other_product = (pl.col("relation") == Relation.SAME_PRODUCT) & ~pl.col("settled")
    other_product &= (product < rules.doubt).fill_null(False)
    variants = pl.col("relation").is_null() & pl.col("in_family") & (family >= rules.out)
    told = told.with_columns(
        likely=likely,
        **first_of(
            [
                (Rule.UNLIKELY, Relation.VARIANT, other_product & pl.col("same_group")),
                (None, None, (other_family | other_product).fill_null(False)),
                (Rule.LIKELY_FAMILY, Relation.VARIANT, variants),
            ],
            pl.col("relation"),
            pl.col("rule"),
        ),
    )
    once, is_variant = pl.col("once") & pl.col("once_b"), pl.col("relation") == Relation.VARIANT
    joins = is_variant | pl.col("relation").is_null()
    one = first_of(
        [
            (Rule.WORDING, Relation.SAME_PRODUCT, pl.col("worded") & joins),
            (Rule.LIKELY, Relation.SAME_PRODUCT, pl.col("likely") & joins),
            (None, None, once & ~pl.col("worded") & ~pl.col("likely") & ~is_variant),
        ],
        pl.col("relation"),
        pl.col("rule"),
    )
    return told.with_columns(**one)


def apart(told: pl.DataFrame, rules: TaughtRules) -> pl.DataFrame:
    """Which pairs were compared and found to differ: two products, or two families.

    Args:
        told: what :func:`decided` found.
        rules: how unlikely a pair must be.

    Returns:
        product_a, product_b, relation: pairs that no chain may join in a cluster of the relation.
    """
    unlikely = pl.col("product_chance") < rules.out
    products = pl.col("optioned") | pl.col("other_brand") | ~pl.col("one_product") | unlikely
    families = pl.col("other_brand") | ~pl.col("one_family") | (pl.col("family_chance") < rules.out)
    unrelated, variants = pl.col("relation").is_null(), pl.col("relation") == Relation.VARIANT
    # Two of a group that agree in what both tell may be one after all: a third that tells the rest says so.
    silent = pl.col("rule").is_in([Rule.GROUP.value, Rule.UNLIKELY.value]) & (pl.col("options_agreeing") > 0)
    silent &= ~pl.col("measures_or_identifiers_differ")
    differ = {
        Relation.SAME_PRODUCT: (unrelated & products) | (variants & ~silent),
        Relation.VARIANT: unrelated & families,
    }
    return pl.concat(
        told.filter(differs.fill_null(False)).select("product_a", "product_b", relation=pl.lit(relation.value))
        for relation, differs in differ.items()
    )


def _chances(told: pl.DataFrame, question: str, lessons: Mapping[str, Taught]) -> pl.Series:
    """How likely the pairs that no identifier decides are one product, or one family; null where nobody can say."""
    name = f"{question}_chance"
    if question not in lessons:
        return pl.Series(name, [None] * told.height, dtype=pl.Float64)
    asked = told.select(QUESTIONS[question].asked & QUESTIONS[question].decided.is_null()).to_series()
    return lessons[question].chances(told).alias(name).set(~asked, None)
