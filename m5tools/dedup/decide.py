"""Comparison → relation: a few rules that can be read, with weights from the policy.

In this order, the first that holds:

1. one item group and a differing option            → variant, before any identifier is believed
2. one offerer and equal content                     → same_offer
3. equal GTIN, or brand and part number              → same_product; variant when an option differs
4. a weighted score of title, description, table and pictures that passes the threshold; where texts are all there is,
   the titles hold the same words as well
                                                     → variant when an option differs, or where one shop lists options
                                                       on one side only (an item and its variant); nothing when a
                                                       measure, brand or identifier speaks against it; same_product
                                                       otherwise
5. one item group and all options agree              → same_product
6. near-equal titles with a differing option         → variant
7. one item group                                    → variant

Missing values count neither for nor against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.policy import DecisionPolicy, TaughtRules
from m5tools.dedup.taught import FAMILY, PRODUCT, Question, Taught
from m5tools.vocabulary import Relation

_TITLES_SHARE: Final = 0.1
"""Words and letters that titles must share at least; equal tables alone stand under many products of one kind."""

QUESTIONS: Final = {
    "product": Question(pl.col("alike"), pl.col("one_product"), PRODUCT),
    "family": Question(pl.col("optioned"), pl.col("one_family"), FAMILY),
}
"""What decided pairs teach: of those without a differing option whether they are one product, of those with one whether
they are of one family."""


def judged(compared: pl.DataFrame, once: Sequence[str], policy: DecisionPolicy) -> pl.DataFrame:
    """What the rules make of pairs, one by one.

    Args:
        compared: rows of the table `comparisons`.
        once: sources that list each product once.
        policy: thresholds and weights.

    Returns:
        The same rows with `once` and `once_b` (whether the sources of both sides are such), `relation` (by the rules,
        null for nothing), `open` (wording may decide), `proven` and `likeness` (of the wording, float32, about 0–1.2;
        null where a title is missing, or both are short and little else is said: "USB cable" names no product).
    """
    told = compared.with_columns(
        once=pl.col("source_a").is_in(list(once)),
        once_b=pl.col("source_b").is_in(list(once)),
        likeness=_likeness(compared, policy),
    )
    told = told.with_columns(likeness=pl.col("likeness") + _facts(policy))
    return _relation(_scored(told, policy), policy)


def _likeness(compared: pl.DataFrame, policy: DecisionPolicy) -> pl.Series:
    """How alike the wording of pairs is."""
    weights, usual = policy.wording.weights, policy.wording.usual_price_ratio
    words, letters, whole = (compared[name].to_numpy() for name in ("word_score", "letter_score", "whole_score"))
    score = (
        weights.words * words
        + weights.letters * letters
        + weights.contained * compared["contained"].to_numpy()
        + weights.whole * whole
        + weights.code * compared["shares_code"].to_numpy()
        - weights.code_conflict * compared["differs_code"].to_numpy()
        - weights.number_conflict * compared["differs_number"].to_numpy()
        + weights.price * (compared["price_ratio"].fill_null(usual).to_numpy() - usual)
    )
    telling = (whole >= policy.wording.short_title) & compared["says_more"].to_numpy()
    telling |= compared["long_title"].to_numpy()
    telling &= (words + letters >= _TITLES_SHARE) & compared["both_titled"].to_numpy()
    return pl.Series("likeness", np.where(telling, score, np.nan), dtype=pl.Float32, nan_to_null=True)


def _facts(policy: DecisionPolicy) -> pl.Expr:
    """What facts that agree add to the likeness of the wording, and facts that differ take off."""
    weights, most = policy.wording.weights, policy.wording.most_facts
    agreeing = pl.min_horizontal(pl.col("agreeing") + pl.col("options_agreeing"), pl.lit(most))
    differing = pl.min_horizontal(pl.col("shared") - pl.col("agreeing"), pl.lit(most))
    return weights.fact * agreeing.cast(pl.Float32) - weights.fact_conflict * differing.cast(pl.Float32)


def decide(
    weighed: pl.DataFrame, chosen: pl.DataFrame, lessons: Mapping[str, Taught], rules: TaughtRules
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The edges among judged pairs, and which pairs are apart.

    Args:
        weighed: what :func:`judged` found.
        chosen: columns product_a, product_b: those that are one product by wording.
        lessons: what was taught of the `QUESTIONS`; where nothing was, the rules and the wording stand.
        rules: how likely a pair must be.

    Returns:
        One row a pair and kind of evidence: product_a, product_b, relation, evidence, score, detail; sorted by product
        ids and evidence. And product_a, product_b, relation: pairs that no chain may join in a cluster of the relation.
    """
    pair = ["product_a", "product_b"]
    told = weighed.join(chosen.with_columns(worded=True), on=pair, how="left", maintain_order="left")
    told = told.with_columns(pl.col("worded").fill_null(False), *(_chances(told, ask, lessons) for ask in QUESTIONS))
    product, family = (pl.col(f"{name}_chance") for name in QUESTIONS)
    unsettled = pl.col("same_group") & ~pl.col("settled")
    likely = (product >= pl.when(unsettled).then(rules.unsettled).otherwise(rules.chance)).fill_null(False)
    same_product = pl.col("relation") == Relation.SAME_PRODUCT
    variants = pl.col("in_family") & (family >= rules.doubt)
    other_family = pl.when("in_family").then(family < rules.doubt).otherwise(family < rules.unsettled)
    other_family &= pl.col("relation") == Relation.VARIANT
    other_product = same_product & ~pl.col("settled") & (product < rules.doubt).fill_null(False)
    told = told.with_columns(
        likely=likely,
        chosen=pl.col("worded") | likely,
        relation=pl.when(other_product & pl.col("same_group"))
        .then(pl.lit(Relation.VARIANT.value))
        .when(~(other_family | other_product).fill_null(False))
        .then(pl.coalesce("relation", pl.when(variants).then(pl.lit(Relation.VARIANT.value)))),
    )
    once, other = pl.col("once") & pl.col("once_b"), pl.col("relation") == Relation.VARIANT
    related = told.with_columns(
        relation=pl.when("chosen")
        .then(pl.coalesce(pl.when(~other).then("relation"), pl.lit(Relation.SAME_PRODUCT.value)))
        .when(~once | other)
        .then("relation")
    )
    return _edges(related.drop_nulls("relation")), _apart(related.filter(pl.col("relation").is_null()), rules)


def _apart(unrelated: pl.DataFrame, rules: TaughtRules) -> pl.DataFrame:
    """Compared and found to differ: two products, or two families."""
    pair = ["product_a", "product_b"]
    unlikely = pl.col("product_chance") < rules.out
    products = pl.col("optioned") | pl.col("other_brand") | ~pl.col("one_product") | unlikely
    families = pl.col("other_brand") | ~pl.col("one_family") | (pl.col("family_chance") < rules.out)
    return pl.concat(
        unrelated.filter(differ.fill_null(False)).select(*pair, relation=pl.lit(relation.value))
        for relation, differ in ((Relation.SAME_PRODUCT, products), (Relation.VARIANT, families))
    )


def _chances(told: pl.DataFrame, question: str, lessons: Mapping[str, Taught]) -> pl.Series:
    """How likely the pairs that no identifier decides are one product, or one family; null where nobody can say."""
    name = f"{question}_chance"
    if question not in lessons:
        return pl.Series(name, [None] * told.height, dtype=pl.Float64)
    asked = told.select(QUESTIONS[question].asked & QUESTIONS[question].decided.is_null()).to_series()
    return lessons[question].chances(told).alias(name).set(~asked, None)


def _scored(told: pl.DataFrame, policy: DecisionPolicy) -> pl.DataFrame:
    """Adds `score`, `agreeing_score` (what title and table brought), `agreement` (of the tables: the share of shared
    names that agree or, where shops name them differently, of values that both hold) and `option_agreement`."""
    weights, full = policy.same_product.weights, policy.same_product.full_agreement
    by_name = pl.col("agreeing") / pl.max_horizontal("shared", full)
    by_value = pl.col("values_agreeing") / pl.max_horizontal("values_fewest", full)
    agreeing = told.with_columns(
        agreement=pl.when(pl.col("values_agreeing").is_not_null())
        .then(pl.max_horizontal(by_name, by_value))
        .cast(pl.Float32),
        option_agreement=(pl.col("options_agreeing") / pl.col("options_most")).cast(pl.Float32).fill_null(0),
        recoloured_only=(pl.col("pictures") == 0) & (pl.col("recoloured") >= 0.5) & (pl.col("options_agreeing") == 0),
    )
    brought = weights.title * pl.col("title_score").fill_null(0) + weights.table * pl.col("agreement").fill_null(0)
    return agreeing.with_columns(
        agreeing_score=brought,
        score=brought
        + weights.description * pl.col("description_score").fill_null(0)
        + weights.picture * (pl.col("pictures") + pl.col("recoloured"))
        + weights.clip * pl.col("clip")
        + weights.sound * pl.col("sound")
        + weights.options * pl.col("option_agreement")
        + weights.code * pl.col("shared_code")
        - policy.same_product.code_conflict * pl.col("other_code"),
    )


def _relation(scored: pl.DataFrame, policy: DecisionPolicy) -> pl.DataFrame:
    """Adds `relation`, null where two products have nothing to do with each other."""
    rules = policy.same_product
    option_differs = (pl.col("options_differ") > 0) | pl.col("recoloured_only")
    rich = pl.col("equal_parts") >= policy.same_offer.min_equal_parts
    same_offer = pl.col("same_content") & (rich | (pl.col("same_delivery") & pl.col("says_something")))
    same_offer &= ~pl.col("other_gtin") & ~pl.col("other_part")
    identified = pl.col("same_gtin") | (pl.col("same_part") & ~pl.col("other_gtin"))
    # Team shirts differ in a word ("ladies", "long sleeve"), their descriptions in none.
    supported = (pl.col("agreement") >= rules.support).fill_null(False) | pl.col("shared_code")
    # One seller who puts a word in the place of another ("S410 hunter", "S410 traditional") means another product.
    supported &= ~(pl.col("same_offerer") & pl.col("reworded")).fill_null(False)
    supported |= (pl.col("pictures") + pl.col("recoloured")) > 0
    scored_near = (pl.col("score") >= rules.threshold) & (pl.col("agreeing_score") >= rules.agreement)
    near = scored_near & (supported | pl.col("same_words").fill_null(False)) & ~pl.col("other_brand")
    elsewhere = pl.col("other_model") | pl.col("other_category") | pl.col("other_group")
    item_of_options = pl.col("same_offerer") & pl.col("one_lists_options")
    against = (pl.col("measures_differ") > 0) | pl.col("other_gtin") | pl.col("other_part") | pl.col("other_model")
    alike_text = (
        (pl.col("title_score") >= policy.variant.title).fill_null(False)
        & (pl.col("agreement") >= policy.variant.table).fill_null(True)
        & ~pl.col("other_brand")
        & ~pl.col("other_code")
        & ~elsewhere
    )
    other_identifier = pl.col("other_gtin") | pl.col("other_part")
    in_family = pl.col("same_family") & (option_differs | other_identifier) & ~pl.col("other_brand")
    in_family &= ~pl.col("other_model") & ~pl.col("other_category")
    settled = (pl.col("varying") > 0) & (pl.col("varying_agreeing") == pl.col("varying"))
    alike = (pl.col("varying") == 0) & (pl.col("option_agreement") == 1) & (pl.col("measures_differ") == 0)
    inside = pl.col("once") & pl.col("once_b") & (pl.col("source_a") == pl.col("source_b"))
    barred = option_differs | against | pl.col("other_brand") | pl.col("same_group") | inside
    variant, same_product = pl.lit(Relation.VARIANT.value), pl.lit(Relation.SAME_PRODUCT.value)
    return scored.with_columns(
        relation=pl.when(pl.col("same_group") & option_differs)
        .then(variant)
        .when(same_offer)
        .then(pl.lit(Relation.SAME_OFFER.value))
        .when(identified & ~pl.col("other_brand"))
        .then(pl.when(option_differs).then(variant).otherwise(same_product))
        .when(in_family & (pl.col("likeness") >= policy.wording.threshold))
        .then(variant)
        .when(near & (option_differs | (item_of_options & ~against)) & ~elsewhere)
        .then(variant)
        .when(near & ~against & ~pl.col("same_group"))
        .then(same_product)
        .when(pl.col("same_group") & (settled | alike) & ~other_identifier & ~pl.col("other_model"))
        .then(same_product)
        .when((alike_text & option_differs) | pl.col("same_group"))
        .then(variant),
        open=pl.col("likeness").is_not_null() & ~barred & ~pl.col("same_offerer"),
        inside=inside,
        settled=settled,
        in_family=in_family,
    ).with_columns(
        relation=pl.when(~pl.col("inside") | (pl.col("relation") == variant)).then("relation"),
        open=pl.col("open").fill_null(False),
        alike=~(option_differs | pl.col("other_brand") | pl.col("inside") | same_offer),
        optioned=option_differs & ~pl.col("other_brand") & ~pl.col("inside"),
        one_product=pl.when(identified).then(True).when(other_identifier).then(False),
        # Groups alone teach: models and part numbers say of some pairs that they are of one family, of few that they
        # are of two, and pairs that carry them are worded otherwise than those that do not.
        one_family=pl.when("same_group").then(True).when("other_group").then(False),
        proven=pl.col("relation").is_in([Relation.SAME_OFFER.value, Relation.SAME_PRODUCT.value]).fill_null(False)
        & ~pl.col("inside"),
    )


def _edges(related: pl.DataFrame) -> pl.DataFrame:
    """One row for each kind of evidence that speaks in a decided pair, in words."""
    differs = (
        pl.when(pl.col("difference") != "").then(pl.lit("; differs in ") + pl.col("difference")).otherwise(pl.lit(""))
    )
    whole = pl.col("relation") == Relation.SAME_OFFER
    kinds = {
        "content": (whole, pl.lit(1.0), pl.lit("title, description, table and media are equal")),
        "group": (pl.col("same_group"), pl.lit(1.0), pl.lit("same item group")),
        "identifier": (
            pl.col("same_gtin") | pl.col("same_part"),
            pl.when("same_gtin").then(1.0).otherwise(0.95),
            pl.col("identifier"),
        ),
        "text": (
            pl.col("title_score") > 0,
            pl.col("title_score"),
            pl.format("titles {} alike without colour and measures", pl.col("title_score").round(2)),
        ),
        "wording": (
            pl.col("worded") & ~pl.col("proven"),
            pl.col("likeness"),
            pl.format("wording {} alike", pl.col("likeness").round(2))
            + pl.format(" (words {}, letters {}", pl.col("word_score").round(2), pl.col("letter_score").round(2))
            + pl.when("shares_code").then(pl.lit(", a model code)")).otherwise(pl.lit(")")),
        ),
        "agreement": (
            pl.col("likely"),
            pl.col("product_chance"),
            pl.format("{} likely, as pairs with identifiers teach", pl.col("product_chance").round(2)),
        ),
        "table": (
            (pl.col("shared") + pl.col("options_agreeing") + pl.col("options_differ")) > 0,
            pl.col("agreement").fill_null(0),
            pl.format("{} of {} shared attributes agree", "agreeing", "shared") + differs,
        ),
        "image": (
            (pl.col("pictures") + pl.col("recoloured")) > 0,
            pl.col("pictures") + pl.col("recoloured"),
            pl.format("{} of the pictures alike", pl.col("pictures").round(2))
            + pl.format("; {} in another colour", pl.col("recoloured").round(2))
            + pl.when(pl.col("grey") > 0).then(pl.lit("; made grey on one side")).otherwise(pl.lit("")),
        ),
        "video": (pl.col("clip") > 0, pl.col("clip"), pl.format("{} of a clip alike", pl.col("clip").round(2))),
        "audio": (pl.col("sound") > 0, pl.col("sound"), pl.format("{} of a sound alike", pl.col("sound").round(2))),
    }
    rows = (
        related.filter(holds).select(
            "product_a",
            "product_b",
            "relation",
            evidence=pl.lit(kind),
            score=score.cast(pl.Float32).fill_null(0).clip(0, 1),
            detail=detail,
        )
        for kind, (holds, score, detail) in kinds.items()
    )
    return pl.concat(rows).sort("product_a", "product_b", "evidence")
