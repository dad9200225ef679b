"""Evidence → relation: a few rules that can be read, with weights from the policy.

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

import polars as pl

from m5tools.dedup.identifiers import branded
from m5tools.dedup.likeness import Vocabularies, likeness
from m5tools.dedup.policy import DuplicatePolicy
from m5tools.dedup.shingles import jaccard
from m5tools.dedup.table import compare
from m5tools.dedup.titles import is_code
from m5tools.dedup.tokens import DESCRIPTION, LISTS, STEM, sets_of
from m5tools.vocabulary import Relation

_SHOWN = ("pictures", "recoloured", "grey", "clip", "sound")
KEPT = (
    "a", "b", "product_id", "product_id_b", "origin", "origin_b", "once", "once_b", "relation", "open", "proven",
    "likeness", "word_score", "letter_score", "whole_score", "shares_code", "title_score", "same_group", "same_gtin",
    "same_part", "gtin", "mpn", "brand", "shared", "agreeing", "agreement", "options_agreeing", "options_differ",
    "difference", "family", "other_group", "other_gtin", "other_part", "other_brand", "other_model", "same_brand",
    "same_category", "price_ratio", "varying", "varying_agreeing", "contained",
    "same_model", "measures_differ", "askable", "identified", *_SHOWN,
)  # fmt: skip
"""What is kept of a pair until its rivals are known."""

_PARTS = ("title", "description", "table_key", "media_key")


def weigh(
    pairs: pl.DataFrame,
    products: pl.DataFrame,
    facts: pl.DataFrame,
    pictured: pl.DataFrame,
    vocabularies: Vocabularies,
    policy: DuplicatePolicy,
) -> pl.DataFrame:
    """All evidence about candidate pairs, side by side, and what the rules make of it.

    Args:
        pairs: rows a < b, distinct.
        products: gathered columns and tokens of (at least) the products in them.
        facts: their facts.
        pictured: pairs of products that show the same picture.
        vocabularies: of the whole dataset.
        policy: thresholds and weights.

    Returns:
        One row a pair, with `relation` (by the rules, null for nothing), `open` (wording may decide) and `proven`.
    """
    seen = _side_by_side(pairs, products, facts, pictured, policy)
    alike = likeness(products, seen["place"].to_numpy(), seen["place_b"].to_numpy(), vocabularies, policy)
    told = pl.concat([seen, alike], how="horizontal").with_columns(likeness=pl.col("likeness") + _facts(policy))
    return _relation(_scored(told, policy), policy).select(*KEPT)


def _facts(policy: DuplicatePolicy) -> pl.Expr:
    """What facts that agree add to the likeness of the wording, and facts that differ take off."""
    weights, most = policy.wording.weights, policy.wording.most_facts
    agreeing = pl.min_horizontal(pl.col("agreeing") + pl.col("options_agreeing"), pl.lit(most))
    differing = pl.min_horizontal(pl.col("shared") - pl.col("agreeing"), pl.lit(most))
    return weights.fact * agreeing.cast(pl.Float32) - weights.fact_conflict * differing.cast(pl.Float32)


def decide(weighed: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """The edges among weighed pairs.

    Args:
        weighed: what :func:`weigh` found.
        chosen: columns a, b: those that are one product by wording.

    Returns:
        One row a pair and kind of evidence: row_a, row_b, product_a, product_b, relation, evidence, score, detail;
        sorted by product ids and evidence.
    """
    told = weighed.join(chosen.with_columns(chosen=True), on=["a", "b"], how="left", maintain_order="left")
    told = told.with_columns(pl.col("chosen").fill_null(False))
    once, other = pl.col("once") & pl.col("once_b"), pl.col("relation") == Relation.VARIANT
    related = told.with_columns(
        relation=pl.when("chosen")
        .then(pl.coalesce(pl.when(~other).then("relation"), pl.lit(Relation.SAME_PRODUCT.value)))
        .when(~once | other)
        .then("relation")
    )
    return _edges(related.drop_nulls("relation"))


def _side_by_side(
    pairs: pl.DataFrame, products: pl.DataFrame, facts: pl.DataFrame, pictured: pl.DataFrame, policy: DuplicatePolicy
) -> pl.DataFrame:
    """Pairs with the columns of both sides (`_b` on the second) and how far texts, tables and pictures agree."""
    products = products.with_columns(
        part=branded("mpn", policy), named=branded("model", policy), words=pl.col("stem").str.split(" ")
    ).with_row_index("place")
    # Only whether descriptions are equal is asked; a million pairs would carry two million of them along.
    told = products.select(pl.exclude(*LISTS, "said")).with_columns(pl.col("description").hash())
    both = (
        compare(pairs, facts, policy)
        .join(pictured, on=["a", "b"], how="left", maintain_order="left")
        .with_columns(pl.col("shared_file").fill_null(False), *(pl.col(c).fill_null(0) for c in _SHOWN))
        .join(told, left_on="a", right_on="row", maintain_order="left")
        .join(told, left_on="b", right_on="row", suffix="_b", maintain_order="left")
    )
    titles, words = sets_of(products[STEM]), sets_of(products[DESCRIPTION])
    a, b = both["place"].to_numpy(), both["place_b"].to_numpy()
    return both.with_columns(
        title_score=pl.Series(jaccard(titles, a, b), nan_to_null=True),
        description_score=pl.Series(jaccard(words, a, b), nan_to_null=True),
    )


def _scored(seen: pl.DataFrame, policy: DuplicatePolicy) -> pl.DataFrame:
    """Adds `score`, `agreeing_score` (what title and table brought) and the flags the rules speak of."""
    weights = policy.same_product.weights
    mine = pl.col("codes").list.set_difference("codes_b").list.len() > 0
    theirs = pl.col("codes_b").list.set_difference("codes").list.len() > 0
    shared_code = pl.col("codes").list.set_intersection("codes_b").list.eval(is_code(pl.element())).list.any()
    flagged = seen.with_columns(
        same_group=(pl.col("group") == pl.col("group_b")).fill_null(False),
        same_gtin=(pl.col("gtin") == pl.col("gtin_b")).fill_null(False),
        same_part=(pl.col("part") == pl.col("part_b")).fill_null(False),
        other_gtin=(pl.col("gtin") != pl.col("gtin_b")).fill_null(False),
        other_part=(pl.col("part") != pl.col("part_b")).fill_null(False) & (pl.col("brand") == pl.col("brand_b")),
        other_brand=_other_brand(),
        other_code=mine & theirs,
        other_model=(pl.col("named") != pl.col("named_b")).fill_null(False) & (pl.col("brand") == pl.col("brand_b")),
        shared_code=shared_code.fill_null(False) | (pl.col("named") == pl.col("named_b")).fill_null(False),
        equal_parts=pl.sum_horizontal((pl.col(p) == pl.col(f"{p}_b")).fill_null(False) for p in _PARTS),
        same_offerer=pl.col("offerer") == pl.col("offerer_b"),
        same_brand=pl.col("brand") == pl.col("brand_b"),
        same_model=(pl.col("model") == pl.col("model_b")).fill_null(False),
        family=_family(),
        other_group=(pl.col("group") != pl.col("group_b")).fill_null(False) & (pl.col("origin") == pl.col("origin_b")),
        same_category=pl.when(pl.col("origin") == pl.col("origin_b")).then(pl.col("category") == pl.col("category_b")),
        price_ratio=_price_ratio(),
        reworded=(pl.col("words").list.set_difference("words_b").list.len() > 0)
        & (pl.col("words_b").list.set_difference("words").list.len() > 0),
        same_words=pl.col("words").list.set_symmetric_difference("words_b").list.len() == 0,
        content=pl.all_horizontal(pl.col(p).eq_missing(pl.col(f"{p}_b")) for p in ("offerer", *_PARTS)),
        recoloured_only=(pl.col("pictures") == 0) & (pl.col("recoloured") >= 0.5) & (pl.col("options_agreeing") == 0),
    )
    brought = weights.title * pl.col("title_score").fill_null(0) + weights.table * pl.col("agreement").fill_null(0)
    return flagged.with_columns(
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


def _family() -> pl.Expr:
    """One brand, and a code that one side declares to be its model or part number is the other's too."""
    met = (
        pl.col(mine).list.set_intersection(theirs).list.len() > 0
        for mine, theirs in (("declared", "own_codes_b"), ("own_codes", "declared_b"))
    )
    return (pl.any_horizontal(met) & (pl.col("brand") == pl.col("brand_b"))).fill_null(False)


def _price_ratio() -> pl.Expr:
    """The lower price as a share of the higher one; null where prices cannot be compared."""
    low, high = pl.min_horizontal("price", "price_b"), pl.max_horizontal("price", "price_b")
    comparable = (pl.col("currency") == pl.col("currency_b")) & (low > 0) & pl.col("price_b").is_not_null()
    return pl.when(comparable & pl.col("price").is_not_null()).then(low / high).cast(pl.Float32)


def _other_brand() -> pl.Expr:
    """Both brands are known, and none is a part of the other or named by its product ("Acme", "Acme Inc.")."""
    mine, theirs = pl.col("brand"), pl.col("brand_b")
    within = mine.str.contains(theirs, literal=True) | theirs.str.contains(mine, literal=True)
    words, other = (brand.str.extract_all(r"[\p{L}\p{M}\p{N}]+") for brand in (mine, theirs))
    common = words.list.set_intersection(other).list.len() > 0
    named = pl.col("title").str.contains(theirs, literal=True) | pl.col("title_b").str.contains(mine, literal=True)
    return (~within & ~common & ~named.fill_null(False)).fill_null(False)


def _relation(scored: pl.DataFrame, policy: DuplicatePolicy) -> pl.DataFrame:
    """Adds `relation`, null where two products have nothing to do with each other."""
    rules = policy.same_product
    option_differs = (pl.col("options_differ") > 0) | pl.col("recoloured_only")
    delivered_alike = pl.col("content_hash") == pl.col("content_hash_b")
    filled = pl.col("title").is_not_null() | pl.col("description").is_not_null()
    rich = pl.col("equal_parts") >= policy.same_offer.min_equal_parts
    same_offer = pl.col("content") & (rich | (delivered_alike & filled)) & ~pl.col("other_gtin") & ~pl.col("other_part")
    identified = pl.col("same_gtin") | (pl.col("same_part") & ~pl.col("other_gtin"))
    # Team shirts differ in a word ("ladies", "long sleeve"), their descriptions in none.
    supported = (pl.col("agreement") >= rules.support).fill_null(False) | pl.col("shared_code")
    # One seller who puts a word in the place of another ("S410 hunter", "S410 traditional") means another product.
    supported &= ~(pl.col("same_offerer") & pl.col("reworded")).fill_null(False)
    supported |= (pl.col("pictures") + pl.col("recoloured")) > 0
    scored_near = (pl.col("score") >= rules.threshold) & (pl.col("agreeing_score") >= rules.agreement)
    near = scored_near & (supported | pl.col("same_words").fill_null(False)) & ~pl.col("other_brand")
    item_of_options = pl.col("same_offerer") & pl.col("one_lists_options")
    against = (pl.col("measures_differ") > 0) | pl.col("other_gtin") | pl.col("other_part") | pl.col("other_model")
    alike_text = (
        (pl.col("title_score") >= policy.variant.title).fill_null(False)
        & (pl.col("agreement") >= policy.variant.table).fill_null(True)
        & ~pl.col("other_brand")
        & ~pl.col("other_code")
        & ~pl.col("other_model")
    )
    inside = pl.col("once") & pl.col("once_b") & (pl.col("origin") == pl.col("origin_b"))
    spoken = pl.col("relation").is_in([Relation.SAME_OFFER.value]).fill_null(False) | option_differs
    barred = option_differs | against | pl.col("other_brand") | pl.col("same_group") | inside
    variant, same_product = pl.lit(Relation.VARIANT.value), pl.lit(Relation.SAME_PRODUCT.value)
    return scored.with_columns(
        relation=pl.when(pl.col("same_group") & option_differs)
        .then(variant)
        .when(same_offer)
        .then(pl.lit(Relation.SAME_OFFER.value))
        .when(identified & ~pl.col("other_brand"))
        .then(pl.when(option_differs).then(variant).otherwise(same_product))
        .when(near & (option_differs | (item_of_options & ~against)) & ~pl.col("other_model"))
        .then(variant)
        .when(near & ~against)
        .then(same_product)
        .when(pl.col("same_group") & (pl.col("option_agreement") == 1) & ~against)
        .then(same_product)
        .when((alike_text & option_differs) | pl.col("same_group"))
        .then(variant),
        open=pl.col("likeness").is_not_null() & ~barred & ~pl.col("same_offerer"),
        inside=inside,
    ).with_columns(
        relation=pl.when(~pl.col("inside") | (pl.col("relation") == variant)).then("relation"),
        open=pl.col("open").fill_null(False),
        askable=~(spoken | pl.col("other_brand") | pl.col("inside") | pl.col("content")).fill_null(False),
        identified=pl.when(identified).then(True).when(pl.col("other_gtin") | pl.col("other_part")).then(False),
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
            pl.when("same_gtin")
            .then(pl.lit("gtin ") + pl.col("gtin"))
            .otherwise(pl.lit("part number ") + pl.col("mpn") + pl.lit(" of ") + pl.col("brand")),
        ),
        "text": (
            pl.col("title_score") > 0,
            pl.col("title_score"),
            pl.format("titles {} alike without colour and measures", pl.col("title_score").round(2)),
        ),
        "wording": (
            pl.col("chosen") & ~pl.col("proven"),
            pl.col("likeness"),
            pl.format("wording {} alike", pl.col("likeness").round(2))
            + pl.format(" (words {}, letters {}", pl.col("word_score").round(2), pl.col("letter_score").round(2))
            + pl.when("shares_code").then(pl.lit(", a model code)")).otherwise(pl.lit(")")),
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
            row_a="a",
            row_b="b",
            product_a="product_id",
            product_b="product_id_b",
            relation="relation",
            evidence=pl.lit(kind),
            score=score.cast(pl.Float32).fill_null(0).clip(0, 1),
            detail=detail,
        )
        for kind, (holds, score, detail) in kinds.items()
    )
    return pl.concat(rows).sort("row_a", "row_b", "evidence")
