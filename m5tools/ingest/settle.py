"""Last round of ingest: one partition of the staged rows → products, versions of known products, rejects of repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.ingest import staged_files
from m5tools.ingest.normalize.identifiers import occurrence_id
from m5tools.vocabulary import RejectReason

_KEYS = ("product_id", "content_hash", "by_content", "origin_file", "origin_offset", "place")
Delivered = Callable[[pl.Series], pl.Series]


class Settled(NamedTuple):
    """One partition: the rows to write and what became of all staged rows."""

    tables: dict[str, pa.Table]
    rejects: pl.DataFrame
    new: int
    updated: int
    unchanged: int


def settle(rows: pa.Table, crawl_id: str, known: pl.DataFrame, language: str | None, delivered: Delivered) -> Settled:
    """Decide which staged rows become products.

    Inside one crawl the first row of an id by content hash is the product; identical repeats and differing ones become
    rejects that name it. Rows without id and URL that are equal in content are products of their own, numbered.

    Args:
        rows: all staged rows of this partition.
        crawl_id: the crawl.
        known: product_id and content_hash of the latest version before this crawl.
        language: of title and description, where the source is in one.
        delivered: gives the delivered bytes of the rows at some places.
    """
    keys = _in_order(rows, delivered)
    nth = pl.int_range(pl.len()).over("product_id")
    keys = keys.with_columns(nth=pl.when("by_content").then(0).otherwise(nth), occurrence=nth)
    copies = keys["by_content"] & (keys["occurrence"] > 0)
    if copies.any():
        pairs = zip(keys["product_id"], keys["occurrence"], keys["by_content"], strict=True)
        ids = [occurrence_id(i, n) if by_content else i for i, n, by_content in pairs]
        keys = keys.with_columns(pl.Series("product_id", ids, pl.String)).sort("product_id")
    first = keys.filter(pl.col("nth") == 0)
    repeats = keys.filter(pl.col("nth") > 0).join(
        first.select("product_id", kept_hash="content_hash"), on="product_id", how="left", maintain_order="left"
    )
    versions = first.join(known.rename({"content_hash": "before"}), on="product_id", how="left", maintain_order="left")
    unchanged = versions.filter(pl.col("before") == pl.col("content_hash"))
    written = versions.filter(pl.col("before").is_null() | (pl.col("before") != pl.col("content_hash")))
    updated = written.filter(pl.col("before").is_not_null()).height
    assert rows.num_rows == written.height + unchanged.height + repeats.height
    tables = _tables(rows, written, crawl_id, language)
    rejects = _rejects(rows, repeats, crawl_id, delivered)
    return Settled(tables, rejects, written.height - updated, updated, unchanged.height)


def known_versions(dataset: Dataset, crawl_id: str, partition: int) -> pl.DataFrame:
    """product_id and content_hash of the latest version that crawls before this one delivered."""
    earlier = []
    for crawl in dataset.manifest()["crawls"]:
        if crawl["crawl_id"] == crawl_id:
            break
        earlier.append(crawl["crawl_id"])
    delivered = dataset.of_crawls("products", earlier, partition).select("product_id", "content_hash", "crawl_id")
    # Later crawls come later in the list, so `last` is the newest version.
    versions = delivered.collect().sort(pl.col("crawl_id").cast(pl.Enum(earlier)), maintain_order=True)
    return versions.drop("crawl_id").unique("product_id", keep="last", maintain_order=True)


def _in_order(rows: pa.Table, delivered: Delivered) -> pl.DataFrame:
    """The keys of the rows with their number, by product id, then by content, then by what was delivered.

    Rows of equal content may differ in the time of the crawl, and which of them stands must not depend on the files
    that hold them; only rows of one id are compared by their bytes.
    """
    keys = pl.DataFrame(pl.from_arrow(rows.select(_KEYS))).with_row_index("row")
    several = keys["product_id"].is_duplicated()
    if not several.any():
        return keys.sort("product_id")
    contested = keys.filter(several)
    order = ("product_id", "content_hash", "delivered", "origin_file", "origin_offset")
    contested = contested.with_columns(delivered=delivered(contested["place"])).sort(order).drop("delivered")
    return pl.concat([keys.filter(~several), contested]).sort("product_id", maintain_order=True)


def _tables(rows: pa.Table, written: pl.DataFrame, crawl_id: str, language: str | None) -> dict[str, pa.Table]:
    names = [n for n in rows.column_names if n in schema.law("products").names or n in staged_files.CHILDREN]
    taken = rows.select(names).take(written["row"].to_arrow()).combine_chunks()
    ids = written["product_id"].to_arrow().cast(pa.string())
    taken = taken.set_column(names.index("product_id"), "product_id", ids)
    owner = {"product_id": ids, "source": taken["source"].combine_chunks()}
    tables = {"products": _owned(taken.drop_columns(list(staged_files.CHILDREN)), crawl_id)}
    for table in ("attributes", "media"):
        lists = taken[table].combine_chunks()
        parents = pc.list_parent_indices(lists)
        child = pa.Table.from_struct_array(lists.flatten())
        for name in staged_files.OF_THE_OWNER:
            if name in owner and name in schema.law(table).names:
                child = child.append_column(name, owner[name].take(parents))
        tables[table] = _owned(child, crawl_id)
    tables["texts"] = _owned(_texts(taken, language), crawl_id)
    return tables


def _owned(table: pa.Table, crawl_id: str) -> pa.Table:
    return table.append_column("crawl_id", pa.repeat(crawl_id, table.num_rows))


def _texts(products: pa.Table, language: str | None) -> pa.Table:
    """Title and description as texts, and those that were staged beside them, in the order of the table's key."""
    count = products.num_rows
    lists = products["texts"].combine_chunks()
    extra = pa.Table.from_struct_array(lists.flatten())
    owners = [pc.list_parent_indices(lists).to_numpy()]
    parts = [extra]
    title = products["title"].combine_chunks()
    for role, position in (("title", pa.repeat(0, count)), ("description", title.is_valid().cast(pa.int64()))):
        values = products[role].combine_chunks()
        there = values.is_valid()
        columns = {
            "role": pa.repeat(role, count), "language": pa.repeat(pa.scalar(language, pa.string()), count),
            "position": position.cast(pa.int32()), "value": values,
        }  # fmt: skip
        parts.append(
            pa.Table.from_arrays([columns[name].filter(there) for name in extra.column_names], schema=extra.schema)
        )
        owners.append(np.flatnonzero(there.to_numpy(zero_copy_only=False)))
    texts, owner = pa.concat_tables(parts), np.concatenate(owners)
    order = pl.DataFrame({
        "owner": owner, "role": pl.from_arrow(texts["role"]), "position": pl.from_arrow(texts["position"]),
        "place": np.arange(len(owner)),
    }).sort("owner", "role", "position")["place"].to_numpy()  # fmt: skip
    ids = products["product_id"].combine_chunks().take(pa.array(owner[order]))
    return texts.take(order).append_column("product_id", ids)


def _rejects(rows: pa.Table, repeats: pl.DataFrame, crawl_id: str, delivered: Delivered) -> pl.DataFrame:
    same = pl.col("content_hash") == pl.col("kept_hash")
    words = pl.when(same).then(pl.lit("identical repeat of product ")).otherwise(pl.lit("differing repeat of product "))
    source = pl.Series(pl.from_arrow(rows["source"].take(repeats["row"].to_arrow())), dtype=pl.String)
    return (
        repeats.with_columns(source=source, raw=delivered(repeats["place"]))
        .select(
            "source",
            crawl_id=pl.lit(crawl_id),
            file="origin_file",
            offset="origin_offset",
            reason=pl.lit(RejectReason.REPEATED_ID.value),
            message=words + pl.col("product_id"),
            raw="raw",
        )
        .sort("file", "offset")
    )
