"""Comparison → relation: a few rules that can be read, with weights from the policy.

In this order, the first that holds:

1. one item group and a differing option            → variant, before any identifier is believed
2. one offerer and equal content                     → same_offer
3. equal GTIN, brand and part number, or address of a page that two sources list
                                                     → same_product; variant when an option differs
4. one brand and model code, other option or identifier, wording alike → variant
5. a weighted score of title, description, table and pictures that passes the threshold; where texts are all there is,
   the titles hold the same words as well
                                                     → variant when an option differs, or where one shop lists options
                                                       on one side only (an item and its variant); nothing when a
                                                       measure, brand or identifier speaks against it; same_product
                                                       otherwise
6. one item group and the options agree in which it differs, or all where it differs in none → same_product
7. near-equal titles with a differing option         → variant
8. one item group                                    → variant

Missing values count neither for nor against. What wording and identifiers add is told by :mod:`m5tools.dedup.decide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.policy import DecisionPolicy
from m5tools.vocabulary import Relation


class Rule(StrEnum):
    """The rules above, in their order, in words; then those of :mod:`m5tools.dedup.decide`."""

    GROUP_AND_OPTION = "one item group, and an option differs"
    CONTENT = "one seller, and equal content"
    IDENTIFIER_AND_OPTION = "one identifier, and an option differs"
    IDENTIFIER = "one identifier"
    FAMILY_AND_OPTION = "one brand and model code, and an option or identifier differs"
    SCORE_AND_OPTION = "title, table and media score high enough, and an option differs or stands on one side only"
    SCORE = "title, table and media score high enough"
    GROUP_AND_OPTIONS_AGREE = "one item group, and all options agree in which the group differs"
    TITLES_AND_OPTION = "near-equal titles, and an option differs"
    GROUP = "one item group"
    WORDING = "wording of two sellers"
    LIKELY = "likely one product, as pairs with identifiers teach"
    UNLIKELY = "one item group, and unlikely one product, as pairs with identifiers teach"
    LIKELY_FAMILY = "one brand and model code, and likely variants, as item groups teach"


_TITLES_SHARE: Final = 0.1
"""Words and letters that titles must share at least; equal tables alone stand under many products of one kind."""

_SURE: Final = 2
"""Options of one item group in which two products agree, from which no evidence of another kind makes them variants: a
colour may be all that two sizes tell, colour and size are hardly all that two variants do."""


_TELLING_OPTIONS: Final = pl.col("options_agreeing") - pl.col("options_usual")
"""Options that agree, without those in which most products do."""


def judged(compared: pl.DataFrame, once: Sequence[str], many: Sequence[str], policy: DecisionPolicy) -> pl.DataFrame:
    """What the rules make of pairs, one by one.

    Args:
        compared: rows of the table `comparisons`.
        once: sources that list each product once.
        many: sources that list offers of many sellers without a name: no two offers are known to be one seller's.
        policy: thresholds and weights.

    Returns:
        The same rows with `one_seller` (whether both are known to be one seller's), `once` and `once_b` (whether the
        sources of both sides list each product once), `relation` (by the rules, null for nothing) and `rule` (which of
        them, in words), `open` (wording may decide), `proven` and `likeness` (of the wording, float32, about 0–1.2;
        null where a title is missing, or both are short and little else is said: "USB cable" names no product); and
        what :mod:`m5tools.dedup.why` tells of pairs that no rule relates.
    """
    unnamed = (pl.col("source_a") == pl.col("source_b")) & pl.col("source_a").is_in(list(many))
    told = compared.with_columns(
        one_seller=pl.col("same_offerer") & ~unnamed,
        once=pl.col("source_a").is_in(list(once)),
        once_b=pl.col("source_b").is_in(list(once)),
        likeness=_likeness(compared, policy),
    )
    told = told.with_columns(likeness=pl.col("likeness") + _facts(policy))
    return _relation(_scored(told, policy), policy)


def _likeness(compared: pl.DataFrame, policy: DecisionPolicy) -> pl.Series:
    """How alike the wording of pairs is."""
    weights, usual = policy.wording.weights, policy.wording.usual_price_ratio
    meant = policy.wording.usual_embedding
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
        + weights.embedding * (compared["embedding_score"].fill_null(meant).to_numpy() - meant)
    )
    telling = (whole >= policy.wording.short_title) & compared["says_more"].to_numpy()
    telling |= compared["long_title"].to_numpy()
    telling &= (words + letters >= _TITLES_SHARE) & compared["both_titled"].to_numpy()
    return pl.Series("likeness", np.where(telling, score, np.nan), dtype=pl.Float32, nan_to_null=True)


def _facts(policy: DecisionPolicy) -> pl.Expr:
    """What facts that agree add to the likeness of the wording, and facts that differ take off."""
    weights, most = policy.wording.weights, policy.wording.most_facts
    agreeing = pl.min_horizontal(pl.col("agreeing") + _TELLING_OPTIONS, pl.lit(most))
    differing = pl.min_horizontal(pl.col("shared") - pl.col("agreeing"), pl.lit(most))
    return weights.fact * agreeing.cast(pl.Float32) - weights.fact_conflict * differing.cast(pl.Float32)


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
        + weights.options * (_TELLING_OPTIONS / pl.col("options_most")).cast(pl.Float32).fill_null(0)
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
    one_page = pl.col("same_url") & ~pl.col("other_gtin") & ~pl.col("other_part")
    one_thing = (identified | one_page) & ~pl.col("other_brand")
    # Team shirts differ in a word ("ladies", "long sleeve"), their descriptions in none.
    supported = (pl.col("agreement") >= rules.support).fill_null(False) | pl.col("shared_code")
    # One seller who puts a word in the place of another ("S410 hunter", "S410 traditional") means another product.
    supported &= ~(pl.col("one_seller") & pl.col("reworded")).fill_null(False)
    supported |= (pl.col("pictures") + pl.col("recoloured")) > 0
    scored_near = (pl.col("score") >= rules.threshold) & (pl.col("agreeing_score") >= rules.agreement)
    near = scored_near & (supported | pl.col("same_words").fill_null(False)) & ~pl.col("other_brand")
    elsewhere = pl.col("other_model") | pl.col("other_category") | pl.col("other_group")
    item_of_options = pl.col("one_seller") & pl.col("one_lists_options")
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
    alike = (pl.col("varying") == 0) & (pl.col("option_agreement") == 1) & (pl.col("measures_differ") == 0)
    settled = (pl.col("varying") > 0) & (pl.col("varying_agreeing") == pl.col("varying"))
    settled |= alike & (pl.col("options_agreeing") >= _SURE)
    inside = pl.col("once") & pl.col("once_b") & (pl.col("source_a") == pl.col("source_b"))
    barred = option_differs | against | pl.col("other_brand") | pl.col("same_group") | inside
    nothing = pl.lit(None, pl.String)
    first = first_of(
        [
            (Rule.GROUP_AND_OPTION, Relation.VARIANT, pl.col("same_group") & option_differs),
            (Rule.CONTENT, Relation.SAME_OFFER, same_offer),
            (Rule.IDENTIFIER_AND_OPTION, Relation.VARIANT, one_thing & option_differs),
            (Rule.IDENTIFIER, Relation.SAME_PRODUCT, one_thing),
            (Rule.FAMILY_AND_OPTION, Relation.VARIANT, in_family & (pl.col("likeness") >= policy.wording.threshold)),
            (
                Rule.SCORE_AND_OPTION,
                Relation.VARIANT,
                near & (option_differs | (item_of_options & ~against)) & ~elsewhere,
            ),
            (
                Rule.SCORE,
                Relation.SAME_PRODUCT,
                near & ~against & ~option_differs & ~item_of_options & ~pl.col("same_group"),
            ),
            (
                Rule.GROUP_AND_OPTIONS_AGREE,
                Relation.SAME_PRODUCT,
                pl.col("same_group") & (settled | alike) & ~other_identifier & ~pl.col("other_model"),
            ),
            (Rule.TITLES_AND_OPTION, Relation.VARIANT, alike_text & option_differs),
            (Rule.GROUP, Relation.VARIANT, pl.col("same_group")),
        ],
        nothing,
        nothing,
    )
    return scored.with_columns(
        **first,
        # Wording holds its own against rivals of another seller's list, and records without a seller are in no list.
        open=pl.col("likeness").is_not_null() & ~barred & ~pl.col("same_offerer"),
        inside=inside,
        # A source whose groups teach has the variants of a grouped product in its group.
        outside=pl.col("one_group") & (pl.col("source_a") == pl.col("source_b")),
        supported=supported.fill_null(False),
        measures_or_identifiers_differ=against,
        option_differs=option_differs,
        settled=settled,
        in_family=in_family,
    ).with_columns(
        relation=pl.when(~pl.col("inside") | (pl.col("relation") == Relation.VARIANT.value)).then("relation"),
        open=pl.col("open").fill_null(False),
        # One page told twice is alike in all, which teaches nothing of two shops, and needs no teaching.
        alike=~(option_differs | pl.col("other_brand") | pl.col("inside") | same_offer | one_page),
        optioned=option_differs & ~pl.col("other_brand") & ~pl.col("inside"),
        one_product=pl.when(identified).then(True).when(other_identifier).then(False),
        # Groups alone teach: models and part numbers say of some pairs that they are of one family, of few that they
        # are of two, and pairs that carry them are worded otherwise than those that do not.
        one_family=pl.when("same_group").then(True).when("other_group").then(False),
        proven=pl.col("relation").is_in([Relation.SAME_OFFER.value, Relation.SAME_PRODUCT.value]).fill_null(False)
        & ~pl.col("inside"),
    )


def first_of(
    cases: Sequence[tuple[Rule | None, Relation | None, pl.Expr]], relation: pl.Expr, rule: pl.Expr
) -> dict[str, pl.Expr]:
    """Relation and name of the first rule that holds; where none does, those given."""
    for name, found, holds in reversed(cases):
        rule = pl.when(holds).then(pl.lit(name and name.value, pl.String)).otherwise(rule)
        relation = pl.when(holds).then(pl.lit(found and found.value, pl.String)).otherwise(relation)
    return {"relation": relation, "rule": rule}
