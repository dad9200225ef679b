"""Signals between a product's title and its attribute table (the brand counts as one attribute).

A title seldom repeats the table, so a value that is missing from it proves nothing. What tells is a *rival*: a value
that other products list under the same name. "… 256 GB" over a table that says 128 GB is a conflict; a title without
any capacity is none, nor is 1 l over 1000 ml. Not every name is told that way ("light" is a strength of lids and a
lamp), so two steps:

1. :func:`claims`: per partition, what the titles say about each attribute and brand;
2. :func:`reliable_names`, :func:`true_brands`: over the corpus, the names whose own value the titles mostly tell, and
   the words that stand in titles as brands. Only these make :func:`signals`.

A title that says nothing (n/a, Item 3) is no title here.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from m5tools import quantities, wording
from m5tools.measure.known import BRAND, Vocabulary, of_run

_ABBREVIATION: Final = r"^[a-z]{1,3}$"
_OWN: Final = "own"
_RIVAL: Final = "rival"


def claims(products: pl.DataFrame, attributes: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """What titles say.

    Args:
        products: `product_id`, `title`, `brand`.
        attributes: rows of `attributes` whose value says something.
        vocabulary: the short values that the corpus lists under each name, and its brands.

    Returns:
        `product_id`, `name`, `run` (words of the title), `says`: "own" where the run is one of the product's values
        under the name (or part of one, or holds it), "rival" where it is only other products'. Sorted.
    """
    rows = products.select("product_id", "title", "brand").with_row_index("row")
    own = _own_values(rows, attributes)
    runs = wording.runs(rows.select("row", words=wording.words(pl.col("title")))).with_columns(hash=of_run("run"))
    # A hash that two runs share lets one pass that is no value; below it is neither listed nor the product's own.
    values = pl.concat([vocabulary.holds(runs["hash"]), own.select(of_run("value")).to_series().alias("hash")])
    said = runs.filter(pl.col("hash").is_in(values.implode())).select("row", "run").unique()
    spoken = said.join(own, on="row")
    known = vocabulary.listed(spoken)
    literal = spoken.filter(pl.col("run") == pl.col("value"))
    same = _same_quantities(known)
    known = known.join(same, on=["row", "name", "run", "value"], how="left")
    literal = literal.with_columns(same=pl.lit(None, pl.Boolean))
    holds = _within("run", "value") | _within("value", "run") | pl.col("same").fill_null(False)
    return (
        pl.concat([known, literal])
        .group_by("row", "name", "run")
        .agg(is_own=holds.any())
        .join(rows.select("row", "product_id"), on="row")
        .select("product_id", "name", "run", says=pl.when("is_own").then(pl.lit(_OWN)).otherwise(pl.lit(_RIVAL)))
        .sort("product_id", "name", "run")
    )


def _own_values(rows: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """`row`, `name`, `value` (words): what each product's table says, and the brand field where the table has no brand:
    a table of another product has another brand, whatever the field says."""
    listed = attributes.select("product_id", "name", "value").join(rows.select("row", "product_id"), on="product_id")
    named = pl.when(pl.col("name").is_in(list(wording.BRAND_NAMES))).then(pl.lit(BRAND)).otherwise("name")
    table = listed.select("row", "value", name=named).select("row", "name", "value").drop_nulls("value")
    field = rows.select("row", name=pl.lit(BRAND), value="brand")
    unbranded = field.join(table.filter(pl.col("name") == BRAND), on="row", how="anti")
    said = pl.concat([table, unbranded]).drop_nulls("value")
    return said.with_columns(value=wording.words(pl.col("value"))).filter(pl.col("value") != "").unique()


def _same_quantities(known: pl.DataFrame) -> pl.DataFrame:
    """`row`, `name`, `run`, `value`, `same` (true): a title's words that are the quantity of the value in another unit,
    1 l over 1000 ml."""
    told = quantities.read_words(known, "run")
    listed = quantities.read_words(told.select("value").unique(), "value")
    both = told.join(listed, on=["value", "dimension"], suffix="_listed")
    other_unit = pl.col("factor") != pl.col("factor_listed")
    found = both.filter(other_unit, quantities.near(pl.col("amount"), pl.col("amount_listed")))
    return found.select("row", "name", "run", "value", same=pl.lit(True)).unique()


def _within(inner: str, outer: str) -> pl.Expr:
    """The words of one column stand, whole and in order, in those of another."""
    return (" " + pl.col(outer) + " ").str.contains(" " + pl.col(inner) + " ", literal=True)


def name_counts(said: pl.DataFrame) -> pl.DataFrame:
    """`name`, `own`, `rival`: in how many products the title tells the product's own value, or only a rival."""
    return (
        _verdicts(said)
        .group_by("name")
        .agg(own=(~pl.col("conflict")).sum().cast(pl.Int64), rival=pl.col("conflict").sum().cast(pl.Int64))
        .sort("name")
    )


def brand_counts(said: pl.DataFrame) -> pl.DataFrame:
    """`run`, `own`, `rival`: in how many titles a brand's words stand for the own brand, or for none of it."""
    return (
        said.filter(pl.col("name") == BRAND)
        .group_by("run")
        .agg(own=(pl.col("says") == _OWN).sum().cast(pl.Int64), rival=(pl.col("says") == _RIVAL).sum().cast(pl.Int64))
        .sort("run")
    )


def _verdicts(said: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `name`, `conflict`: the title tells only rivals of what the table says."""
    return said.group_by("product_id", "name").agg(conflict=(pl.col("says") == _RIVAL).all())


def reliable_names(counts: pl.LazyFrame, least_share: float) -> pl.LazyFrame:
    """Names whose own value the titles that speak of them tell in at least this share (one doubt added on each side).

    Args:
        counts: rows of :func:`name_counts`, of every partition.
        least_share: 0–1.
    """
    share = (pl.col("own").sum() + 1) / (pl.col("own").sum() + pl.col("rival").sum() + 2)
    return counts.group_by("name").agg(share=share).filter(pl.col("share") >= least_share).select("name")


def true_brands(counts: pl.LazyFrame, least_share: float) -> pl.LazyFrame:
    """Brands whose words, where a title holds them, mean the product's brand in at least this share.

    Args:
        counts: rows of :func:`brand_counts`, of every partition.
        least_share: 0–1.
    """
    share = pl.col("own").sum() / (pl.col("own").sum() + pl.col("rival").sum())
    return counts.group_by("run").agg(share=share).filter(pl.col("share") >= least_share).select("run")


def agreement(products: pl.DataFrame, said: pl.DataFrame, names: pl.DataFrame, brands: pl.DataFrame) -> pl.DataFrame:
    """The columns of `signals_pair` that compare title and table by what titles reliably tell; one row a product.

    Args:
        products: `product_id`, `title`, `brand`.
        said: the partition's :func:`claims`.
        names: `name`: reliable names.
        brands: `run`: true brands.
    """
    checked = (
        _verdicts(said.join(names, on="name", how="semi"))
        .group_by("product_id")
        .agg(title_table_checked=pl.len(), title_table_conflicts=pl.col("conflict").sum())
    )
    foreign = said.filter((pl.col("name") == BRAND) & (pl.col("says") == _RIVAL)).join(brands, on="run", how="semi")
    foreign = _as_brands_are_written(foreign, products)
    title, brand = wording.words(pl.col("title")), wording.words(pl.col("brand"))
    in_title = _run_or_part(title, brand)
    return (
        products.select("product_id", brand_in_title=pl.when((title != "") & (brand != "")).then(in_title))
        .join(checked, on="product_id", how="left")
        .with_columns(
            pl.col("title_table_checked", "title_table_conflicts").fill_null(0).cast(pl.Int32),
            title_table_agreement=1 - pl.col("title_table_conflicts") / pl.col("title_table_checked"),
            foreign_brand_in_title=pl.when(pl.col("brand_in_title").is_not_null()).then(
                ~pl.col("brand_in_title") & pl.col("product_id").is_in(foreign["product_id"].unique().implode())
            ),
        )
        .sort("product_id")
    )


def _as_brands_are_written(foreign: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Without abbreviations that the title does not write in capitals, or that it writes in capitals as all else: "hp
    murah" is a cheap phone in Indonesian, and no HP."""
    short = pl.col("run").str.contains(_ABBREVIATION)
    title = pl.col("title").fill_null("")
    around = title.str.replace_all(r"[^\p{L}\p{N}]+", " ")
    capitals = (" " + around + " ").str.contains(" " + pl.col("run").str.to_uppercase() + " ", literal=True)
    mixed = title.str.contains(r"\p{Ll}")
    titled = foreign.join(products.select("product_id", "title"), on="product_id", how="left", maintain_order="left")
    return titled.filter(~short | (capitals & mixed)).drop("title")


def _run_or_part(title: pl.Expr, brand: pl.Expr) -> pl.Expr:
    """The brand stands in the title; in scripts without spaces as a part of a word."""
    spaced = (" " + title + " ").str.contains(" " + brand + " ", literal=True)
    unspaced = brand.str.contains(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]") & title.str.contains(
        brand, literal=True
    )
    return spaced | unspaced


def spread(pictures: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `picture_categories`: the most categories among which one of its pictures is shared; products whose
    pictures no other category shows are left out.

    Args:
        pictures: `product_id`, `categories` of every listed picture that several categories share.
    """
    return pictures.group_by("product_id").agg(picture_categories=pl.col("categories").max().cast(pl.Int32))


def lengths(files: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `audio_video_ratio`: the length of the first sound file over that of the first video; products
    without either are left out.

    Args:
        files: `product_id`, `modality`, `duration_s`, in order of their positions.
    """
    first = files.filter(pl.col("duration_s") > 0).unique(["product_id", "modality"], keep="first", maintain_order=True)
    sides = [first.filter(pl.col("modality") == m).select("product_id", "duration_s") for m in ("audio", "video")]
    both = sides[0].join(sides[1], on="product_id", suffix="_video")
    return both.select("product_id", audio_video_ratio=pl.col("duration_s") / pl.col("duration_s_video"))
