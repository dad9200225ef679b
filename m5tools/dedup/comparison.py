"""Two products side by side: everything that speaks for or against their being one, and nothing of what it proves.

The result is the *comparison vector* of record linkage (Fellegi & Sunter, JASA 1969). It is stored, so that other
thresholds and weights decide again without comparing again; hence nothing here may depend on one of these.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from m5tools import schema
from m5tools.dedup.evidence.identifiers import branded
from m5tools.dedup.evidence.likeness import Vocabularies, likenesses, title_cosines
from m5tools.dedup.evidence.shingles import U32, ShingleSets, jaccard, ones, overlap
from m5tools.dedup.evidence.table import compare
from m5tools.dedup.evidence.tokens import (
    DECLARED,
    DESCRIPTION,
    OWN_CODES,
    STEM,
    STEM_CODES,
    STEM_NUMBERED,
    STEM_WORDS,
    sets_of,
)
from m5tools.dedup.policy import ComparePolicy

_SHOWN: Final = ("pictures", "recoloured", "grey", "clip", "sound")
_RESEMBLING: Final = ("picture_distance", "colour_overlap")
_PARTS: Final = ("title", "description", "table_key", "media_key")
_ASKED: Final = (
    "product_id", "source", "offerer", "title", "description", "brand", "gtin", "mpn", "model", "part", "named",
    "group", "category", "content_hash", "table_key", "media_key",
)  # fmt: skip


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
        pairs: rows a < b, distinct; and embedding_score, null where there is none.
        products: row and the columns of `m5tools.dedup.sides.SIDE` of (at least) the products in them.
        facts: their facts.
        shown: pairs of products that show or play the same.
        vocabularies: of the whole dataset.
        policy: how values are read.

    Returns:
        One row for each pair in which something speaks, with the columns of the table `comparisons`.
    """
    seen = _flagged(_side_by_side(pairs, products, facts, shown, policy))
    seen = seen.with_columns(_same_family(seen, products))
    titles = title_cosines(products, *_places(seen), vocabularies)
    seen = pl.concat([seen, titles], how="horizontal").filter(_speaks(policy))
    a, b = _places(seen)
    alike = likenesses(products, a, b, vocabularies, policy)
    told = pl.concat([seen, alike, _texts(products, a, b)], how="horizontal")
    told = told.with_columns(shared_code=pl.col("common_code") | pl.col("same_named"))
    return told.select(schema.law("comparisons").names)


def _speaks(policy: ComparePolicy) -> pl.Expr:
    """Whether anything at all speaks for a pair. Many are candidates by a rare word that means nothing: most of what is
    asked of a pair is asked of the others only."""
    worded = pl.col("word_score") + pl.col("letter_score") >= policy.rare_words.titles_alike
    named = pl.any_horizontal("same_group", "same_gtin", "same_part", "same_named", "same_family")
    near = pl.col("embedding_score") >= (policy.embedding.similarity if policy.embedding else 1)
    agreeing = pl.col("agreeing") + pl.col("options_agreeing") + pl.col("values_agreeing").fill_null(0) > 0
    return (
        worded
        | near.fill_null(False)
        | named
        | agreeing
        | (pl.col("equal_parts") > 0)
        | pl.any_horizontal(pl.col(_SHOWN) > 0)
    )


def _side_by_side(
    pairs: pl.DataFrame, products: pl.DataFrame, facts: pl.DataFrame, shown: pl.DataFrame, policy: ComparePolicy
) -> pl.DataFrame:
    """Pairs with the columns of both sides (`_b` on the second) and how far texts, tables and pictures agree."""
    products = products.with_columns(part=branded("mpn", policy), named=branded("model", policy))
    told = products.select(_ASKED)
    tables = (
        compare(pairs, facts)
        .join(shown.select("a", "b", *_SHOWN, *_RESEMBLING), on=["a", "b"], how="left", maintain_order="left")
        .with_columns(pl.col(_SHOWN).fill_null(0))
    )
    a, b = (_place(products["row"], pairs[side]) for side in ("a", "b"))
    one, other = told[a], told[b].select(pl.all().name.suffix("_b"))
    places = pl.DataFrame({"place": a, "place_b": b})
    return pl.concat([tables, one, other, places], how="horizontal")


def _places(seen: pl.DataFrame) -> tuple[U32, U32]:
    return seen["place"].to_numpy(), seen["place_b"].to_numpy()


def _place(rows: pl.Series, wanted: pl.Series) -> U32:
    """Where rows stand among others, each of which is there."""
    if rows.is_empty():
        return np.empty(0, np.uint32)
    first = int(rows.min())  # type: ignore[arg-type]
    place = np.zeros(int(rows.max()) - first + 1, np.uint32)  # type: ignore[arg-type]
    place[rows.to_numpy() - first] = np.arange(len(rows))
    found: U32 = place[wanted.to_numpy() - first]
    return found


def _texts(products: pl.DataFrame, a: U32, b: U32) -> pl.DataFrame:
    """How titles and descriptions agree, the words of two stems, and those of them with a digit."""
    titles, descriptions = sets_of(products[STEM]), sets_of(products[DESCRIPTION])
    words, numbered, named = (sets_of(products[name]) for name in (STEM_WORDS, STEM_NUMBERED, STEM_CODES))
    mine, theirs, common = _each_and_both(words, a, b)
    own, others, shared = _each_and_both(numbered, a, b)
    return pl.DataFrame(
        {
            "title_score": pl.Series(jaccard(titles, a, b), nan_to_null=True),
            "description_score": pl.Series(jaccard(descriptions, a, b), nan_to_null=True),
            "same_words": (mine > 0) & (mine == common) & (theirs == common),
            "reworded": (mine > common) & (theirs > common),
            "other_code": (own > shared) & (others > shared),
            "common_code": _each_and_both(named, a, b)[2] > 0,
        }
    )


def _each_and_both(sets: ShingleSets, a: U32, b: U32) -> tuple[Any, Any, Any]:
    """How many each side holds, and how many both."""
    matrix = ones(sets)
    return sets.sizes[a], sets.sizes[b], overlap(matrix, matrix, a, b)


def _flagged(seen: pl.DataFrame) -> pl.DataFrame:
    """Adds the flags of identifiers and equal parts, and the names of the table's columns."""
    flagged = seen.with_columns(
        same_group=(pl.col("group") == pl.col("group_b")).fill_null(False),
        same_gtin=(pl.col("gtin") == pl.col("gtin_b")).fill_null(False),
        same_part=(pl.col("part") == pl.col("part_b")).fill_null(False),
        other_gtin=(pl.col("gtin") != pl.col("gtin_b")).fill_null(False),
        other_part=(pl.col("part") != pl.col("part_b")).fill_null(False) & (pl.col("brand") == pl.col("brand_b")),
        other_brand=_other_brand(seen),
        other_model=(pl.col("named") != pl.col("named_b")).fill_null(False) & (pl.col("brand") == pl.col("brand_b")),
        same_named=(pl.col("named") == pl.col("named_b")).fill_null(False),
        same_model=(pl.col("model") == pl.col("model_b")).fill_null(False),
        equal_parts=pl.sum_horizontal((pl.col(p) == pl.col(f"{p}_b")).fill_null(False) for p in _PARTS),
        same_offerer=pl.col("offerer") == pl.col("offerer_b"),
        same_brand=(pl.col("brand") == pl.col("brand_b")).fill_null(False),
        other_group=(pl.col("group") != pl.col("group_b")).fill_null(False) & (pl.col("source") == pl.col("source_b")),
        one_group=pl.col("group").is_null() != pl.col("group_b").is_null(),
        other_category=(pl.col("category") != pl.col("category_b")).fill_null(False)
        & (pl.col("source") == pl.col("source_b")),
        same_content=pl.all_horizontal(pl.col(p).eq_missing(pl.col(f"{p}_b")) for p in ("offerer", *_PARTS)),
        same_delivery=pl.col("content_hash") == pl.col("content_hash_b"),
        says_something=pl.col("title").is_not_null() | pl.col("description").is_not_null(),
    )
    return flagged.with_columns(
        identifier=pl.when("same_gtin")
        .then(pl.lit("gtin ") + pl.col("gtin"))
        .when("same_part")
        .then(pl.lit("part number ") + pl.col("mpn") + pl.lit(" of ") + pl.col("brand")),
        product_a=pl.col("product_id"),
        product_b=pl.col("product_id_b"),
        source_a=pl.col("source"),
    )


def _same_family(seen: pl.DataFrame, products: pl.DataFrame) -> pl.Series:
    """One brand, and a code that one side gives as its model or part number is the other's too."""
    found = seen["same_brand"].to_numpy().copy()
    a, b = (places[found] for places in _places(seen))
    declared, own = (ones(sets_of(products[name])) for name in (DECLARED, OWN_CODES))
    found[found] = (overlap(declared, own, a, b) > 0) | (overlap(own, declared, a, b) > 0)
    return pl.Series("same_family", found)


def _other_brand(seen: pl.DataFrame) -> pl.Series:
    """Both brands are known, and none is a part of the other or named by its product ("Acme", "Acme Inc.")."""
    asked = seen.select(other_brand=(pl.col("brand") != pl.col("brand_b")).fill_null(False)).to_series().to_numpy()
    mine, theirs = pl.col("brand"), pl.col("brand_b")
    within = mine.str.contains(theirs, literal=True) | theirs.str.contains(mine, literal=True)
    words, other = (brand.str.extract_all(r"[\p{L}\p{M}\p{N}]+") for brand in (mine, theirs))
    common = words.list.set_intersection(other).list.len() > 0
    named = pl.col("title").str.contains(theirs, literal=True) | pl.col("title_b").str.contains(mine, literal=True)
    found = np.zeros(seen.height, bool)
    differing = seen.select("brand", "brand_b", "title", "title_b").filter(asked)
    found[asked] = differing.select(~within & ~common & ~named.fill_null(False)).to_series().to_numpy()
    return pl.Series(found)
