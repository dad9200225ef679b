"""What is compared, per product, gathered partition by partition: normalised texts, keys and facts.

Rows are numbered by product id over the whole dataset (ids fall into partitions in ascending order), so a pair of rows
a < b is a pair of ids product_a < product_b, whatever files or partitions the products came in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic, wording
from m5tools.dataset import Dataset, Manifest, part_name
from m5tools.dedup.evidence.identifiers import declared_codes
from m5tools.dedup.evidence.table import product_facts
from m5tools.dedup.evidence.titles import model_codes, plain, stem, words_of
from m5tools.dedup.policy import ComparePolicy
from m5tools.vocabulary import State

_OFFSETS: Final = "offsets.json"
_JOINT = "\x1f"
"""Separates the parts of a key; a control character no normalised text holds."""


@dataclass(frozen=True)
class Gathered:
    """The scratch tables of one run: parts per partition, with `row` counted from 0 inside the part."""

    scratch: Path
    partitions: int

    def write(self, kind: str, part: int | str, rows: pl.DataFrame) -> None:
        """Write one part, whole or not at all."""
        with atomic.whole_file(self._file(kind, part, "parquet")) as temporary:
            rows.write_parquet(temporary, compression="lz4")

    def number(self) -> None:
        """Note where the rows of each partition begin, once all are gathered."""
        atomic.write_json(self.scratch / _OFFSETS, self._counted())

    def offsets(self) -> list[int]:
        """The first row of each partition, and the number of products at the end."""
        noted = self.scratch / _OFFSETS
        found: list[int] = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else self._counted()
        return found

    def _counted(self) -> list[int]:
        first = [0]
        for i in range(self.partitions):
            first.append(first[-1] + pl.scan_parquet(self.part("sought", i)).select(pl.len()).collect().item())
        return first

    def part(self, kind: str, partition: int) -> Path:
        """One part of a kind."""
        return self._file(kind, partition, "parquet")

    def scan(self, kind: str) -> pl.LazyFrame:
        """All parts of one kind, `row` counted over the dataset."""
        return pl.concat(self.parts(kind))

    def parts(self, kind: str) -> list[pl.LazyFrame]:
        """The parts of one kind, one by one, `row` counted over the dataset."""
        first = self.offsets()
        return [
            pl.scan_parquet(self.part(kind, i)).with_columns((pl.col("row") + first[i]).cast(pl.UInt32))
            for i in range(self.partitions)
        ]

    def keep(self, kind: str, part: int | str, rows: pl.DataFrame | pa.Table) -> None:
        """Write one part as it lies in memory, to be mapped: single rows, or a range of sorted ones, can be taken."""
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()) if isinstance(rows, pl.DataFrame) else rows
        with (
            atomic.whole_file(self._file(kind, part, "arrow")) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table.combine_chunks())

    def mapped(self, kind: str, part: int | str) -> pa.Table:
        """A part that :meth:`keep` wrote, mapped into memory."""
        with pa.memory_map(str(self._file(kind, part, "arrow"))) as file:
            return pa.ipc.open_file(file).read_all()

    def kept(self, kind: str, part: int | str) -> pl.DataFrame:
        """A part that :meth:`keep` wrote, mapped into memory."""
        return pl.DataFrame(pl.from_arrow(self.mapped(kind, part)))

    def between(self, kind: str, column: str, first: int, beyond: int, parts: Iterable[str]) -> list[pl.DataFrame]:
        """Of parts that are sorted by a column of row numbers the rows of a range; what else they hold is not read."""
        found = []
        for part in parts:
            rows = self.kept(kind, part)
            start, stop = np.searchsorted(rows[column].to_numpy(), (first, beyond))
            found.append(rows[int(start) : int(stop)])
        return found

    def take(self, kind: str, wanted: pl.Series) -> pl.DataFrame:
        """All rows of a kind that have one of some numbers, ascending and counted over the dataset."""
        found, first = [], self.offsets()
        bounds = np.searchsorted(wanted.to_numpy(), first)
        for i in (*np.flatnonzero(np.diff(bounds)), 0):
            part = self.kept(kind, int(i))
            local = wanted[int(bounds[i]) : int(bounds[i + 1])].to_numpy() - first[i]
            rows = part["row"].to_numpy()
            start, stop = np.searchsorted(rows, local), np.searchsorted(rows, local, side="right")
            places = np.repeat(stop - np.cumsum(stop - start), stop - start) + np.arange((stop - start).sum())
            found.append(part[places].with_columns((pl.col("row") + first[i]).cast(pl.UInt32)))
        return pl.concat([found[-1].clear(), *found[:-1]])

    def newcomers(self) -> pl.Series:
        """Rows of the products that no earlier crawl delivered."""
        return self.scan("sought").filter("is_new").select("row").collect()["row"]

    def files(self, kind: str) -> list[Path]:
        """The parts of one kind, in a fixed order; what a killed writer left is none of them."""
        return sorted((self.scratch / kind).glob("[!.]*.parquet"))

    def names(self, kind: str) -> list[str]:
        """The names of the parts of one kind that are kept, in a fixed order."""
        return sorted(file.stem for file in (self.scratch / kind).glob("[!.]*.arrow"))

    def _file(self, kind: str, part: int | str, suffix: str) -> Path:
        name = part_name(part) if isinstance(part, int) else part
        return self.scratch / kind / f"{name}.{suffix}"


def numbered(dataset: Dataset, partition: int) -> pl.DataFrame:
    """The products of a partition: row (in order of their ids), product_id, crawl_id (the latest that delivered it)."""
    listed = dataset.read("products", partition=partition, columns=("product_id", "crawl_id"))
    return listed.sort("product_id").with_row_index("row")


def gather(
    dataset: Dataset, partition: int, asked: pl.DataFrame, policy: ComparePolicy
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Products and facts of a partition.

    Args:
        dataset: the dataset.
        partition: which.
        asked: the products that are wanted, rows of :func:`numbered`.
        policy: how values are read.

    Returns:
        `products`: one row a product, sorted by id, see :func:`_products`; `facts`: see :func:`product_facts`.
    """
    attributes = _delivered(dataset, "attributes", partition, asked).collect()
    media = listed_media(dataset, _delivered(dataset, "media", partition, asked))
    products = _products(dataset, partition, asked, attributes, media, policy)
    facts = product_facts(products, attributes.join(asked.select("product_id", "row"), on="product_id"), policy)
    return products, facts


def _delivered(dataset: Dataset, table: str, partition: int, asked: pl.DataFrame) -> pl.LazyFrame:
    """What a table says about products, read from the parts of the crawls that delivered them."""
    crawls = set(asked["crawl_id"])
    parts = [part for part in dataset.parts(table, partition=partition) if part.parent.name in crawls]
    rows = pl.scan_parquet(parts, glob=False) if parts else dataset.scan(table, partition=partition).clear()
    names = asked.lazy().select("product_id", "crawl_id")
    return rows.join(names, on=["product_id", "crawl_id"], how="semi", maintain_order="left")


def listed_media(dataset: Dataset, media: pl.LazyFrame) -> pl.DataFrame:
    """Listed files with what became of them: product_id, modality, location_id, asset_id, state."""
    listed = media.select("product_id", "modality", "location_id").collect()
    fetched = dataset.scan("fetched").select("location_id", "asset_id", "state")
    known = fetched.join(listed.lazy().select("location_id").unique(), on="location_id", how="semi").collect()
    return listed.join(known, on="location_id", how="left")


def _products(
    dataset: Dataset,
    partition: int,
    asked: pl.DataFrame,
    attributes: pl.DataFrame,
    media: pl.DataFrame,
    policy: ComparePolicy,
) -> pl.DataFrame:
    """Per product: row, product_id, crawl_id, source, offerer, title, said, stem, description, brand, gtin, mpn,
    model, declared, own_codes, group, category, price, currency, content_hash, table_key, media_key, table_pairs,
    modalities, files, description_chars, whole. `whole` is everything said in words, `declared` the codes that it gives
    as its model or part number, `own_codes` these and those of its title, `category` its place in the tree of its
    source."""
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
    read = (
        _delivered(dataset, "products", partition, asked)
        .collect()
        .join(asked.select("product_id", "row"), on="product_id")
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
        .with_columns(stem=stem(pl.col("title"), policy), said=words_of(pl.col("title"), policy))
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
