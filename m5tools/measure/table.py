"""Signals of a product's attribute table, over whole columns."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from m5tools import quantities, wording


def judged(attributes: pl.DataFrame, placeholders: Collection[str]) -> pl.DataFrame:
    """The rows with `empty`: the value says nothing; null where there is none. Each different value is judged once.

    Args:
        attributes: `value`.
        placeholders: values that say nothing, lower case.
    """
    coded = attributes["value"].to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    different = pl.DataFrame({"value": pl.from_arrow(coded.dictionary)}, schema={"value": pl.String})
    empty = different.select(wording.says_nothing(pl.col("value"), placeholders)).to_series()
    return attributes.with_columns(pl.Series("empty", empty.to_arrow().take(coded.indices), dtype=pl.Boolean))


def signals(products: pl.DataFrame, attributes: pl.DataFrame, usual: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """Rows of `signals_table`, one for every product, listed attributes or not.

    Args:
        products: `product_id`, `source`, `category` (key).
        attributes: rows of `attributes`, as :func:`judged` gives them.
        usual: `category`, `name`: the names that a category usually lists.
        lists: `source`, `name`: the names that hold lists, so that several values are no contradiction.
    """
    pairs = attributes.with_columns(pl.col("empty").fill_null(False))
    filled = pl.col("value").is_not_null()
    counted = pairs.group_by("product_id").agg(
        attributes=pl.len(),
        filled=filled.sum(),
        placeholders=pl.col("empty").sum(),
        placeholder_share=pl.col("empty").sum() / filled.sum(),
        parsed_share=(pl.col("number").is_not_null() & filled).sum() / filled.sum(),
    )
    repeated = _repeated(pairs, products, lists)
    counts = ("attributes", "filled", "placeholders", "repeated_names", "contradictory_names")
    zero = pl.col(counts).fill_null(0).cast(pl.Int32)
    return (
        products.select("product_id")
        .join(counted, on="product_id", how="left")
        .join(repeated, on="product_id", how="left")
        .join(_coverage(products, pairs, usual), on="product_id", how="left")
        .with_columns(zero, pl.col("placeholder_share", "parsed_share").fill_nan(None))
        .sort("product_id")
    )


def _repeated(pairs: pl.DataFrame, products: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `repeated_names`, `contradictory_names`, for products that list a name more than once.

    Two values contradict each other where neither holds all the words of the other ("steel", "stainless steel") and
    they are not one quantity in two spellings (15.6 in, 15.6") or in two units (125 g, 4.4 oz).
    """
    listed = ["product_id", "name", "language"]
    again = pairs.filter(pl.struct(listed).is_duplicated())
    told = (
        again.filter(~pl.col("empty"), ~pl.col("is_option"), pl.col("value").is_not_null())
        .with_columns(words=wording.words(pl.col("value")))
        .with_columns(
            meaning=pl.when(pl.col("number").is_not_null())
            .then(pl.concat_str(pl.col("number").cast(pl.String), pl.col("unit").fill_null(""), separator=" "))
            .otherwise("words")
        )
        .unique([*listed, "meaning"], keep="first", maintain_order=True)
    )
    told = told.join(quantities.one_in_several_units(told, listed), on=listed, how="anti", nulls_equal=True)
    longest = told.sort(pl.col("words").str.len_bytes(), descending=True, maintain_order=True).group_by(
        listed, maintain_order=True
    )
    differs = ~(" " + pl.col("longest") + " ").str.contains(" " + pl.col("words") + " ", literal=True)
    contradicting = (
        told.join(longest.agg(longest=pl.col("words").first()), on=listed, nulls_equal=True)
        .filter(differs | (pl.col("words") == ""))
        .join(products.select("product_id", "source"), on="product_id")
        .join(lists, on=["source", "name"], how="anti")
        .group_by("product_id")
        .agg(contradictory_names=pl.col("name").n_unique())
    )
    repeated = again.group_by("product_id").agg(repeated_names=pl.col("name").n_unique())
    return repeated.join(contradicting, on="product_id", how="left")


def usual_names(
    attributes: pl.DataFrame, categories: pl.DataFrame, least_products: int, least_share: float
) -> pl.DataFrame:
    """`category`, `name` that at least this share of a category's products list; small categories have none.

    Args:
        attributes: `corpus_attributes`.
        categories: `corpus_categories`.
        least_products: size from which a category tells what is usual.
        least_share: share of its products that list the name.
    """
    sizes = categories.filter(pl.col("products") >= least_products).select("category", size="products")
    listed = attributes.join(sizes, on="category")
    return listed.filter(pl.col("products") >= least_share * pl.col("size")).select("category", "name")


def list_names(names: pl.DataFrame, least_share: float, least_of_all: float) -> pl.DataFrame:
    """`source`, `name` under which shops list several values as a habit: occasions, styles, features.

    A product is judged by the others, itself left out: the one product that gives two materials contradicts itself,
    not the habit. Ten others make a habit, or three where the share is four times what is asked. A source that repeats
    names all over writes its lists that way, so all its names may hold some.

    Args:
        names: `corpus_names`.
        least_share: share of the other products that list the name with different values.
        least_of_all: share of all entries of a source, name by name and product by product, with different values.
    """
    others, of = pl.col("several") - 1, pl.col("products") - 1
    often, many = others >= 4 * least_share * of, others >= 10
    habit = (others >= least_share * of) & (many | (often & (others >= 3)))
    everywhere = pl.col("several").sum().over("source") >= least_of_all * pl.col("products").sum().over("source")
    return names.filter(habit | everywhere).select("source", "name")


def _coverage(products: pl.DataFrame, pairs: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `category_coverage`, for products whose category usually lists something."""
    expected = usual.group_by("category").agg(expected=pl.len())
    has = pairs.filter(pl.col("value").is_not_null()).select("product_id", "name").unique()
    found = (
        has.join(products.select("product_id", "category"), on="product_id")
        .join(usual, on=["category", "name"], how="semi")
        .group_by("product_id")
        .agg(found=pl.len())
    )
    return (
        products.select("product_id", "category")
        .join(expected, on="category")
        .join(found, on="product_id", how="left")
        .select("product_id", category_coverage=pl.col("found").fill_null(0) / pl.col("expected"))
    )


def category_keys(products: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `source`, `category` as a key."""
    return products.select("product_id", "source", category=wording.category_key(pl.col("category")))
