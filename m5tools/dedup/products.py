"""What is compared, per product, gathered partition by partition: normalised texts, keys and facts.

Rows are numbered by product id over the whole dataset (ids fall into partitions in ascending order), so a pair of rows
a < b is a pair of ids product_a < product_b, whatever files or partitions the products came in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from m5tools import wording
from m5tools.addresses import product_page
from m5tools.dataset import Dataset
from m5tools.dedup.evidence.facts import product_facts
from m5tools.dedup.evidence.identifiers import declared_codes
from m5tools.dedup.evidence.titles import compound_codes, model_codes, plain, stem, words_of
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins import looked_up
from m5tools.manifest import Manifest
from m5tools.vocabulary import State

_JOINT = "\x1f"
"""Separates the parts of a key; a control character no normalised text holds."""
_READ: Final = {
    "products": (
        "product_id", "crawl_id", "content_hash", "source", "seller", "title", "description", "brand", "gtin", "url",
        "mpn", "group_id", "category", "price", "currency",
    ),
    "attributes": ("product_id", "position", "name", "value", "number", "unit", "is_option"),
    "media": ("product_id", "modality", "location_id"),
}  # fmt: skip
"""What is compared of each table. The rest is not read: the records as they were delivered are in it once more."""


def numbered(dataset: Dataset, partition: int) -> pl.DataFrame:
    """The products of a partition: row (in order of their ids), product_id, crawl_id (the latest that delivered it)."""
    listed = dataset.read("products", partition=partition, columns=("product_id", "crawl_id"))
    return listed.sort("product_id").with_row_index("row")


def gather(
    dataset: Dataset, partition: int, asked: pl.DataFrame, policy: ComparePolicy, had: Path | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Products and facts of a partition.

    Args:
        dataset: the dataset.
        partition: which.
        asked: the products that are wanted, rows of :func:`numbered`.
        policy: how values are read.
        had: what :func:`keep_files_had` kept; without, the table `fetched` is read, which is for a few products.

    Returns:
        `products`: one row a product, sorted by id, see :func:`_products`; `facts`: see :func:`product_facts`.
    """
    delivered, attributes, media = _delivered(dataset, partition, asked)
    listed = attributes.collect()
    numbers = asked.select("product_id", "row")
    read = delivered.collect().join(numbers, on="product_id")
    products = _products(read, listed, listed_media(dataset, media, had), policy)
    return products, product_facts(products, listed.drop("position").join(numbers, on="product_id"), policy)


def _delivered(dataset: Dataset, partition: int, asked: pl.DataFrame) -> list[pl.LazyFrame]:
    """What the tables say about products, read from the parts of the crawls that delivered them."""
    crawls = set(asked["crawl_id"])
    tables = [dataset.of_crawls(table, crawls, partition) for table in _READ]
    if len(crawls) > 1 or tables[0].select(pl.len()).collect().item() > asked.height:
        names = asked.lazy().select("product_id", "crawl_id")
        tables = [rows.join(names, on=["product_id", "crawl_id"], how="semi", maintain_order="left") for rows in tables]
    return [rows.select(columns) for rows, columns in zip(tables, _READ.values(), strict=True)]


def keep_files_had(dataset: Dataset, folder: Path) -> None:
    """Keep which files were had, for :func:`listed_media` of every partition; of the others nothing is asked."""
    looked_up.keep(folder, _fetched(dataset).filter(pl.col("asset_id").is_not_null()), "location_id")


def listed_media(dataset: Dataset, media: pl.LazyFrame, had: Path | None = None) -> pl.DataFrame:
    """Listed files with what became of them: product_id, modality, location_id, asset_id, state (null as well where it
    was not had).

    Args:
        dataset: the dataset.
        media: rows of `media`.
        had: what :func:`keep_files_had` kept.
    """
    listed = media.select("product_id", "modality", "location_id").collect()
    if had is not None:
        known = looked_up.rows_of(had, listed["location_id"])
    else:
        asked = listed.lazy().select("location_id").unique()
        known = _fetched(dataset).join(asked, on="location_id", how="semi").collect()
    return listed.join(known, on="location_id", how="left")


def _fetched(dataset: Dataset) -> pl.LazyFrame:
    return dataset.scan("fetched").select("location_id", "asset_id", "state")


def _products(read: pl.DataFrame, attributes: pl.DataFrame, media: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """Per product: row, product_id, crawl_id, source, offerer, title, said, stem, description, brand, gtin, url,
    mpn, model, declared, title_codes, own_codes, group, category, price, currency, content_hash, table_key, media_key,
    table_pairs, modalities, files, description_chars, whole. `whole` is everything said in words, `declared` the codes
    that it gives as its model or part number, `own_codes` these and those of its title, `category` its place in the
    tree of its source."""
    filled = attributes.drop_nulls("value").select(
        "product_id", "value", pair=pl.concat_str("name", pl.col("value").str.to_lowercase(), separator=_JOINT)
    )
    tables = filled.group_by("product_id").agg(
        table_key=pl.col("pair").unique().sort().str.join(_JOINT).hash(),
        listed=pl.col("value").unique().sort().str.join(" "),
        table_pairs=pl.len(),
    )
    tables = tables.with_columns(plain(pl.col("listed")))
    files = media.group_by("product_id").agg(
        media_key=pl.coalesce("asset_id", "location_id").unique().sort().str.join(_JOINT).hash(),
        files=pl.len(),
        media_present=pl.col("modality").filter(pl.col("state") == State.PRESENT).n_unique(),
    )
    makers, models = (_listed(attributes, names) for names in (policy.brand_names, policy.part_names))
    texts = read.select(
        "row",
        "product_id",
        "crawl_id",
        "content_hash",
        "source",
        offerer=pl.coalesce(plain(pl.col("seller")), "source"),
        title=plain(pl.col("title")),
        description=plain(pl.col("description")),
        brand=plain(_told(pl.col("brand"))),
        gtin=plain(pl.col("gtin")).str.strip_chars_start("0"),
        url=product_page(pl.col("url")),
        mpn=_compact(pl.col("mpn")),
        part=plain(pl.col("mpn")),
        group=pl.concat_str("source", plain(pl.col("group_id")), separator=_JOINT),
        category=pl.concat_str("source", plain(pl.col("category").list.join("/")), separator=_JOINT),
        price="price",
        currency="currency",
    )
    gathered = (
        texts.sort("row")
        .with_columns(gtin=pl.when(pl.col("gtin") != "").then("gtin"))
        .with_columns(stem=stem(pl.col("title"), policy), compound=compound_codes(pl.col("title"), policy))
        .with_columns(
            said=words_of(pl.col("title"), pl.col("compound")),
            title_codes=model_codes(pl.col("title"), policy).list.set_union("compound").fill_null([]),
        )
        .join(makers.rename({"value": "maker"}), on="product_id", how="left")
        .join(models.rename({"value": "model"}), on="product_id", how="left")
        .with_columns(brand=pl.coalesce("brand", plain(pl.col("maker"))), named=plain(pl.col("model")))
        .with_columns(model=_compact(pl.col("named")), declared=declared_codes("part", "named", policy))
        .with_columns(own_codes=pl.col("declared").list.set_union("title_codes"))
        .drop("maker", "part", "named", "compound")
        .join(tables, on="product_id", how="left")
        .join(files, on="product_id", how="left")
        .with_columns(pl.col("table_pairs", "files", "media_present").fill_null(0))
        .with_columns(
            text=pl.concat_str(pl.col("title", "brand", "mpn", "description", "listed").fill_null(""), separator=" ")
        )
        .sort("row")
    )
    return gathered.with_columns(
        description_chars=pl.col("description").str.len_chars().fill_null(0),
        whole=words_of(pl.col("text"), compound_codes(pl.col("text"), policy)),
        modalities=pl.col("media_present")
        + (pl.col("title").is_not_null() | pl.col("description").is_not_null())
        + (pl.col("table_pairs") > 0),
    ).drop("media_present", "listed", "text")


def listing_once(manifest: Manifest) -> list[str]:
    """Sources of which every crawl was declared `unique_products`."""
    crawls = manifest["crawls"]
    often = {crawl["source"] for crawl in crawls if not crawl.get("unique_products", False)}
    return sorted({crawl["source"] for crawl in crawls} - often)


def of_many_sellers(manifest: Manifest) -> list[str]:
    """Sources of which a crawl was declared `many_sellers`."""
    return sorted({crawl["source"] for crawl in manifest["crawls"] if crawl.get("many_sellers", False)})


def origins(source: pl.Expr, manifest: Manifest) -> pl.Expr:
    """Sources as numbers, in order of their names."""
    number = {name: i for i, name in enumerate(sorted({crawl["source"] for crawl in manifest["crawls"]}))}
    return source.replace_strict(number, default=0, return_dtype=pl.UInt16)


def _listed(attributes: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """The first value a table gives under one of these names: product_id, value."""
    named = attributes.filter(pl.col("name").is_in(list(names)), ~wording.says_nothing(pl.col("value")))
    named = named.sort("product_id", "position")
    return named.group_by("product_id", maintain_order=True).agg(pl.col("value").first())


def _told(value: pl.Expr) -> pl.Expr:
    """A value, null where it says nothing: two "unbranded" products share no brand."""
    return pl.when(~wording.says_nothing(value)).then(value)


def _compact(identifier: pl.Expr) -> pl.Expr:
    """A part number without separators; null when nothing is left."""
    bare = plain(identifier).str.replace_all(r"[^\p{L}\p{N}]+", "")
    return pl.when(bare != "").then(bare)
