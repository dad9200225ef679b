"""What deduplication looks at, per product, gathered once per partition: normalised texts, keys, facts and pictures.

Rows are numbered by product id over the whole dataset (ids fall into partitions in ascending order), so a pair of rows
a < b is a pair of ids product_a < product_b, whatever files or partitions the products came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from m5tools import atomic, wording
from m5tools.dataset import Dataset, Manifest, part_name
from m5tools.dedup.identifiers import declared_codes
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.shown import FILES, files_of
from m5tools.dedup.table import product_facts
from m5tools.dedup.titles import codes, model_codes, plain, stem, words_of
from m5tools.vocabulary import State

_JOINT = "\x1f"
"""Separates the parts of a key; a control character no normalised text holds."""


@dataclass(frozen=True)
class Gathered:
    """The scratch tables of one run: parts per partition, with `row` counted from 0 inside the part."""

    scratch: Path
    partitions: int

    def write(self, kind: str, part: int | str, rows: pl.DataFrame) -> None:
        """Write one part, whole or not at all."""
        name = part_name(part) if isinstance(part, int) else part
        with atomic.whole_file(self.scratch / kind / f"{name}.parquet") as temporary:
            rows.write_parquet(temporary, compression="lz4")

    def offsets(self) -> list[int]:
        """The first row of each partition, and the number of products at the end."""
        first = [0]
        for i in range(self.partitions):
            file = self.scratch / "products" / f"{part_name(i)}.parquet"
            first.append(first[-1] + pl.scan_parquet(file).select(pl.len()).collect().item())
        return first

    def scan(self, kind: str) -> pl.LazyFrame:
        """All parts of one kind, `row` counted over the dataset."""
        first = self.offsets()
        return pl.concat(
            pl.scan_parquet(self.scratch / kind / f"{part_name(i)}.parquet").with_columns(
                (pl.col("row") + first[i]).cast(pl.UInt32)
            )
            for i in range(self.partitions)
        )

    def files(self, kind: str) -> list[Path]:
        """The parts of one kind, in a fixed order; what a killed writer left is none of them."""
        return sorted((self.scratch / kind).glob("[!.]*.parquet"))


def gather(
    dataset: Dataset, partition: int, policy: ComparePolicy
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, pl.DataFrame]]:
    """Products, facts and files of one partition.

    Returns:
        `products`: one row a product, sorted by id, see :func:`_products`; `facts`: see :func:`product_facts`;
        pictures, clips and sounds that can tell products apart by their kind, see :func:`files_of`.
    """
    attributes = dataset.read("attributes", partition=partition)
    media = _media(dataset, partition)
    products = _products(dataset, partition, attributes, media, policy)
    rows = products.select("product_id", "row")
    facts = product_facts(products, attributes.join(rows, on="product_id"), policy)
    shown = media.join(products.select("product_id", "row", "stem"), on="product_id")
    return products, facts, {kind: files_of(dataset, shown, kind, policy) for kind in FILES}


def _media(dataset: Dataset, partition: int) -> pl.DataFrame:
    """Listed files of a partition with what became of them: product_id, modality, location_id, asset_id, state."""
    media = dataset.read("media", partition=partition, columns=("product_id", "modality", "location_id"))
    fetched = dataset.scan("fetched").select("location_id", "asset_id", "state")
    known = fetched.join(media.lazy().select("location_id").unique(), on="location_id", how="semi").collect()
    return media.join(known, on="location_id", how="left")


def _products(
    dataset: Dataset, partition: int, attributes: pl.DataFrame, media: pl.DataFrame, policy: ComparePolicy
) -> pl.DataFrame:
    """Per product: row, product_id, crawl_id, source, offerer, title, said, stem, description, codes, brand, gtin, mpn,
    model, declared, own_codes, group, category, origin, once, price, currency, content_hash, table_key, media_key,
    table_pairs, modalities, files, description_chars, whole. `whole` is everything said in words, `origin` is the
    source as a number, `once` whether it lists each product once, `declared` the codes that it gives as its model or
    part number, `own_codes` these and those of its title, `category` its place in the tree of its source."""
    filled = attributes.drop_nulls("value").select(
        "product_id", "value", pair=pl.concat_str("name", pl.col("value").str.to_lowercase(), separator=_JOINT)
    )
    tables = filled.group_by("product_id").agg(
        table_key=pl.col("pair").unique().sort().str.join(_JOINT).hash(),
        listed=plain(pl.col("value").unique().sort().str.join(" ")),
        table_pairs=pl.len(),
    )
    files = media.group_by("product_id").agg(
        media_key=pl.coalesce("asset_id", "location_id").unique().sort().str.join(_JOINT).hash(),
        files=pl.len(),
        media_present=pl.col("modality").filter(pl.col("state") == State.PRESENT).n_unique(),
    )
    manifest = dataset.manifest()
    number = {source: i for i, source in enumerate(sources(manifest))}
    read = dataset.read("products", partition=partition).sort("product_id")
    makers, models = (_listed(attributes, names) for names in (policy.brand_names, policy.part_names))
    texts = read.select(
        "product_id",
        "crawl_id",
        "content_hash",
        "source",
        offerer=pl.coalesce(plain(pl.col("seller")), "source"),
        title=plain(pl.col("title")),
        description=plain(pl.col("description")),
        brand=plain(_told(pl.col("brand"))),
        gtin=plain(pl.col("gtin")).str.strip_chars_start("0"),
        mpn=_compact(pl.col("mpn")),
        part=plain(pl.col("mpn")),
        group=pl.concat_str("source", plain(pl.col("group_id")), separator=_JOINT),
        category=pl.concat_str("source", plain(pl.col("category").list.join("/")), separator=_JOINT),
        origin=pl.col("source").replace_strict(number, default=0, return_dtype=pl.UInt16),
        once=pl.col("source").is_in(listing_once(manifest)),
        price="price",
        currency="currency",
    )
    gathered = (
        texts.with_row_index("row")
        .with_columns(gtin=pl.when(pl.col("gtin") != "").then("gtin"))
        .with_columns(stem=stem(pl.col("title"), policy), said=words_of(pl.col("title"), policy))
        .with_columns(codes=codes(pl.col("stem")))
        .join(makers.rename({"value": "maker"}), on="product_id", how="left")
        .join(models.rename({"value": "model"}), on="product_id", how="left")
        .with_columns(brand=pl.coalesce("brand", plain(pl.col("maker"))), named=plain(pl.col("model")))
        .with_columns(model=_compact(pl.col("named")), declared=declared_codes("part", "named", policy))
        .with_columns(own_codes=pl.col("declared").list.set_union(model_codes(pl.col("title"), policy).fill_null([])))
        .drop("maker", "part", "named")
        .join(tables, on="product_id", how="left")
        .join(files, on="product_id", how="left")
        .with_columns(pl.col("table_pairs", "files", "media_present").fill_null(0))
        .sort("row")
    )
    return gathered.with_columns(
        description_chars=pl.col("description").str.len_chars().fill_null(0),
        whole=words_of(
            pl.concat_str(pl.col("title", "brand", "mpn", "description", "listed").fill_null(""), separator=" "), policy
        ),
        modalities=pl.col("media_present")
        + (pl.col("title").is_not_null() | pl.col("description").is_not_null())
        + (pl.col("table_pairs") > 0),
    ).drop("media_present", "listed")


def listing_once(manifest: Manifest) -> list[str]:
    """Sources of which every crawl was declared `unique_products`."""
    crawls = manifest["crawls"]
    often = {crawl["source"] for crawl in crawls if not crawl.get("unique_products", False)}
    return sorted({crawl["source"] for crawl in crawls} - often)


def sources(manifest: Manifest) -> list[str]:
    """All sources, by name."""
    return sorted({crawl["source"] for crawl in manifest["crawls"]})


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
