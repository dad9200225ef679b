"""Last round of ingest: one partition of the staged rows → products, versions of known products, rejects of repeats."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.ingest.normalize.identifiers import occurrence_id
from m5tools.vocabulary import RejectReason


class Settled(NamedTuple):
    """One partition: the rows to write and what became of all staged rows."""

    tables: dict[str, pl.DataFrame]
    rejects: pl.DataFrame
    new: int
    updated: int
    unchanged: int


def settle(staged: dict[str, pl.LazyFrame], crawl_id: str, known: pl.DataFrame) -> Settled:
    """Decide which staged rows become products.

    Inside one crawl the first row of an id by content hash is the product; identical repeats and differing ones become
    rejects that name it. Rows without id and URL that are equal in content are products of their own, numbered.

    Args:
        staged: products, texts, attributes, media of this partition, each row named by `chunk` and `row`.
        crawl_id: the crawl.
        known: product_id and content_hash of the latest version before this crawl.
    """
    # By `delivered` before the place: rows of equal content may differ in the time of the crawl, and which of them
    # stands must not depend on the files that hold them.
    order = ("product_id", "content_hash", "delivered", "origin_file", "origin_offset")
    rows = staged["products"].collect().sort(order)
    nth = pl.int_range(pl.len()).over("product_id")
    rows = rows.with_columns(nth=pl.when("by_content").then(0).otherwise(nth), occurrence=nth)
    copies = rows["by_content"] & (rows["occurrence"] > 0)
    if copies.any():
        pairs = zip(rows["product_id"], rows["occurrence"], rows["by_content"], strict=True)
        ids = [occurrence_id(i, n) if by_content else i for i, n, by_content in pairs]
        rows = rows.with_columns(pl.Series("product_id", ids, pl.String)).sort("product_id")
    first = rows.filter(pl.col("nth") == 0)
    repeats = rows.filter(pl.col("nth") > 0).join(
        first.select("product_id", kept_hash="content_hash"), on="product_id", how="left", maintain_order="left"
    )
    versions = first.join(known.rename({"content_hash": "before"}), on="product_id", how="left", maintain_order="left")
    unchanged = versions.filter(pl.col("before") == pl.col("content_hash"))
    written = versions.filter(pl.col("before").is_null() | (pl.col("before") != pl.col("content_hash")))
    updated = written.filter(pl.col("before").is_not_null()).height
    assert rows.height == written.height + unchanged.height + repeats.height
    keys = written.select("chunk", "row", "product_id", crawl_id=pl.lit(crawl_id))
    tables = {"products": _lawful("products", written)}
    for table in ("texts", "attributes", "media"):
        child = keys.join(staged[table].drop("product_id").collect(), on=["chunk", "row"], how="inner")
        tables[table] = _lawful(table, child)
    return Settled(tables, _rejects(repeats), written.height - updated, updated, unchanged.height)


def known_versions(dataset: Dataset, crawl_id: str, partition: int) -> pl.DataFrame:
    """product_id and content_hash of the latest version that crawls before this one delivered."""
    earlier = []
    for crawl in dataset.manifest()["crawls"]:
        if crawl["crawl_id"] == crawl_id:
            break
        earlier.append(crawl["crawl_id"])
    empty = pl.DataFrame(schema={"product_id": pl.String, "content_hash": pl.String})
    frames = []
    for name in earlier:
        file = dataset.folder("products") / name / f"part-{partition:05d}.parquet"
        if file.is_file():
            frames.append(pl.read_parquet(file, columns=["product_id", "content_hash"]))
    # Later crawls come later in the list, so `last` is the newest version.
    return pl.concat([empty, *frames]).unique("product_id", keep="last", maintain_order=True)


def _lawful(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    wanted = schema.law(table)
    return frame.select(wanted.names).sort(wanted.key)


def _rejects(repeats: pl.DataFrame) -> pl.DataFrame:
    same = pl.col("content_hash") == pl.col("kept_hash")
    words = pl.when(same).then(pl.lit("identical repeat of product ")).otherwise(pl.lit("differing repeat of product "))
    return repeats.select(
        "source",
        "crawl_id",
        file="origin_file",
        offset="origin_offset",
        reason=pl.lit(RejectReason.REPEATED_ID.value),
        message=words + pl.col("product_id"),
        raw="delivered",
    ).sort("file", "offset")
