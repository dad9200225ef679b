"""Two products side by side: everything that speaks for or against their being one, and nothing of what it proves.

The result is the *comparison vector* of record linkage (Fellegi & Sunter, JASA 1969). It is stored, so that other
thresholds and weights decide again without comparing again; hence nothing here may depend on one of these.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from m5tools import schema
from m5tools.dedup.identifiers import branded
from m5tools.dedup.likeness import Vocabularies, likenesses
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.shingles import jaccard
from m5tools.dedup.table import compare
from m5tools.dedup.titles import is_code
from m5tools.dedup.tokens import DESCRIPTION, LISTS, STEM, sets_of

_SHOWN: Final = ("pictures", "recoloured", "grey", "clip", "sound")
_RESEMBLING: Final = ("picture_distance", "colour_overlap")
_PARTS: Final = ("title", "description", "table_key", "media_key")


def comparisons(
    pairs: pl.DataFrame,
    products: pl.DataFrame,
    facts: pl.DataFrame,
    shown: pl.DataFrame,
    vocabularies: Vocabularies,
    policy: ComparePolicy,
) -> pl.DataFrame:
    """The comparison vectors of pairs.

    Args:
        pairs: rows a < b, distinct.
        products: gathered columns and tokens of (at least) the products in them.
        facts: their facts.
        shown: pairs of products that show or play the same.
        vocabularies: of the whole dataset.
        policy: how values are read.

    Returns:
        One row a pair, with the columns of the table `comparisons`.
    """
    seen = _side_by_side(pairs, products, facts, shown, policy)
    alike = likenesses(products, seen["place"].to_numpy(), seen["place_b"].to_numpy(), vocabularies, policy)
    return _flagged(pl.concat([seen, alike], how="horizontal")).select(schema.law("comparisons").names)


def _side_by_side(
    pairs: pl.DataFrame, products: pl.DataFrame, facts: pl.DataFrame, shown: pl.DataFrame, policy: ComparePolicy
) -> pl.DataFrame:
    """Pairs with the columns of both sides (`_b` on the second) and how far texts, tables and pictures agree."""
    products = products.with_columns(
        part=branded("mpn", policy), named=branded("model", policy), words=pl.col("stem").str.split(" ")
    ).with_row_index("place")
    # Only whether descriptions are equal is asked; a million pairs would carry two million of them along.
    told = products.select(pl.exclude(*LISTS, "said")).with_columns(pl.col("description").hash())
    both = (
        compare(pairs, facts)
        .join(shown.select("a", "b", *_SHOWN, *_RESEMBLING), on=["a", "b"], how="left", maintain_order="left")
        .with_columns(pl.col(_SHOWN).fill_null(0))
        .join(told, left_on="a", right_on="row", maintain_order="left")
        .join(told, left_on="b", right_on="row", suffix="_b", maintain_order="left")
    )
    titles, words = sets_of(products[STEM]), sets_of(products[DESCRIPTION])
    a, b = both["place"].to_numpy(), both["place_b"].to_numpy()
    return both.with_columns(
        title_score=pl.Series(jaccard(titles, a, b), nan_to_null=True),
        description_score=pl.Series(jaccard(words, a, b), nan_to_null=True),
    )


def _flagged(seen: pl.DataFrame) -> pl.DataFrame:
    """Adds the flags of texts and identifiers, and the names of the table's columns."""
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
        same_brand=(pl.col("brand") == pl.col("brand_b")).fill_null(False),
        same_model=(pl.col("model") == pl.col("model_b")).fill_null(False),
        same_family=_same_family(),
        other_group=(pl.col("group") != pl.col("group_b")).fill_null(False) & (pl.col("source") == pl.col("source_b")),
        one_group=pl.col("group").is_null() != pl.col("group_b").is_null(),
        other_category=(pl.col("category") != pl.col("category_b")).fill_null(False)
        & (pl.col("source") == pl.col("source_b")),
        reworded=(pl.col("words").list.set_difference("words_b").list.len() > 0)
        & (pl.col("words_b").list.set_difference("words").list.len() > 0),
        same_words=pl.col("words").list.set_symmetric_difference("words_b").list.len() == 0,
        same_content=pl.all_horizontal(pl.col(p).eq_missing(pl.col(f"{p}_b")) for p in ("offerer", *_PARTS)),
        same_delivery=pl.col("content_hash") == pl.col("content_hash_b"),
        says_something=pl.col("title").is_not_null() | pl.col("description").is_not_null(),
    )
    return flagged.with_columns(
        pl.col("reworded", "same_words").fill_null(False),
        identifier=pl.when("same_gtin")
        .then(pl.lit("gtin ") + pl.col("gtin"))
        .when("same_part")
        .then(pl.lit("part number ") + pl.col("mpn") + pl.lit(" of ") + pl.col("brand")),
        product_a=pl.col("product_id"),
        product_b=pl.col("product_id_b"),
        source_a=pl.col("source"),
    )


def _same_family() -> pl.Expr:
    """One brand, and a code that one side gives as its model or part number is the other's too."""
    codes = (("declared", "own_codes_b"), ("own_codes", "declared_b"))
    met = (pl.col(mine).list.set_intersection(theirs).list.len() > 0 for mine, theirs in codes)
    return (pl.any_horizontal(met) & (pl.col("brand") == pl.col("brand_b"))).fill_null(False)


def _other_brand() -> pl.Expr:
    """Both brands are known, and none is a part of the other or named by its product ("Acme", "Acme Inc.")."""
    mine, theirs = pl.col("brand"), pl.col("brand_b")
    within = mine.str.contains(theirs, literal=True) | theirs.str.contains(mine, literal=True)
    words, other = (brand.str.extract_all(r"[\p{L}\p{M}\p{N}]+") for brand in (mine, theirs))
    common = words.list.set_intersection(other).list.len() > 0
    named = pl.col("title").str.contains(theirs, literal=True) | pl.col("title_b").str.contains(mine, literal=True)
    return (~within & ~common & ~named.fill_null(False)).fill_null(False)
