"""First round of ingest: a chunk of input → typed columns, staged in the order of product ids; bad rows → rejects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl
import xxhash

from m5tools.ingest.extract import Columns, Extractor, Record
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.normalize import attributes as attribute_values
from m5tools.ingest.normalize import identifiers, locations, price
from m5tools.ingest.normalize.moments import moments
from m5tools.ingest.normalize.text import clean, plain
from m5tools.ingest.readers import Row
from m5tools.vocabulary import RejectReason

RAW_KEPT = 65_536
NOTHING = "no text, attribute or media"
_encode = msgspec.json.Encoder().encode


class Parsed(NamedTuple):
    """What one chunk gave: four tables that share `row`, and the rejects."""

    rows: int
    products: pl.DataFrame
    texts: pl.DataFrame
    attributes: pl.DataFrame
    media: pl.DataFrame
    rejects: pl.DataFrame


class Chunked(NamedTuple):
    """What is the same for all rows of a chunk."""

    source: str
    crawl_id: str
    file: str
    seed: int


def parse(rows: Iterable[Row], mapping: Mapping, about: Chunked, join: object = None) -> Parsed:
    """Extract and normalise all rows of a chunk.

    Args:
        rows: from a reader.
        mapping: the source's mapping.
        about: source, crawl, file, seed of the sample draw.
        join: adds companion values to a record.
    """
    extractor, columns = Extractor(mapping), Columns()
    rejects: list[tuple[int, str, str, bytes]] = []
    offsets: list[int] = []
    raws: list[bytes] = []
    count = 0
    for row in rows:
        count += 1
        record: Record | None = row.record
        if record is not None and callable(join):
            record = join(record)
        if record is None:
            assert row.reason is not None
            rejects.append((row.offset, row.reason.value, row.message, row.raw[:RAW_KEPT]))
            continue
        try:
            taken, reason, message = extractor.add(record, columns), RejectReason.NO_CONTENT, NOTHING
        except RecursionError as error:
            taken, reason, message = False, RejectReason.NOT_PARSEABLE, str(error)
        if taken:
            offsets.append(row.offset)
            raws.append(row.raw[:RAW_KEPT])
        else:
            rejects.append((row.offset, reason.value, message, row.raw[:RAW_KEPT]))
    products = _products(columns, mapping, about, offsets, raws)
    assert count == products.height + len(rejects)
    ids = products.select("row", "product_id")
    children = (_texts(columns, mapping), _attributes(columns, mapping), _media(columns, about.source))
    texts, attributes, media = (c.join(ids, on="row").sort("product_id", "row", "position") for c in children)
    products = products.sort("product_id", "content_hash", "row")
    return Parsed(count, products, texts, attributes, media, _rejects(rejects, about))


def _products(
    columns: Columns, mapping: Mapping, about: Chunked, offsets: list[int], raws: list[bytes]
) -> pl.DataFrame:
    given = pl.DataFrame(columns.fields, schema=dict.fromkeys(columns.fields, pl.String))
    for name in ("title", "description", *mapping.html):
        given = given.with_columns(plain(given[name]).alias(name))
    cleaned = given.select(clean(pl.col(c)).alias(c) for c in given.columns)
    cleaned = cleaned.with_columns(
        *price.prices(given["price"], given["currency"]),
        identifiers.gtins(given["gtin"]).alias("gtin"),
        pl.col("language").fill_null(pl.lit(mapping.language, pl.String)),
        moments(pl.col("crawled_at")),
    )
    contents = [_content_hash(raw, mapping) for raw in columns.raw]
    ids = [
        identifiers.product_id(about.source, *_key(native, url, content))
        for native, url, content in zip(cleaned["native_id"], cleaned["url"], contents, strict=True)
    ]
    raw_type = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
    return cleaned.with_columns(
        pl.Series("product_id", ids, pl.String),
        pl.Series("content_hash", contents, pl.String),
        pl.Series("category", columns.category, pl.List(pl.String)),
        pl.Series("raw", [[{"key": k, "value": v} for k, v in raw] for raw in columns.raw], raw_type),
        pl.Series("origin_offset", offsets, pl.Int64),
        pl.Series("delivered", raws, pl.Binary),
        pl.Series("draw", [xxhash.xxh3_64_intdigest(i.encode(), seed=about.seed) for i in ids], pl.UInt64),
        by_content=pl.col("native_id").is_null() & pl.col("url").is_null(),
        crawl_id=pl.lit(about.crawl_id),
        source=pl.lit(about.source),
        origin_file=pl.lit(about.file),
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    ).with_columns(pl.col("category").list.eval(clean(pl.element())).list.drop_nulls())


def _key(native: str | None, url: str | None, content: str) -> tuple[str, str]:
    """Which key names a product: the source's id, else the page address, else what was delivered."""
    if native is not None:
        return "id", native
    if url is not None:
        return "url", locations.canonical_url(url)
    return "content", content


def _content_hash(raw: list[tuple[str, str]], mapping: Mapping) -> str:
    """Over everything delivered but the time of the delivery."""
    volatile = mapping.fields.get("crawled_at", ())
    left_out = {volatile} if isinstance(volatile, str) else set(volatile)
    kept = sorted(pair for pair in raw if pair[0] not in left_out)
    return hashlib.sha256(_encode(kept)).hexdigest()[:32]


def _texts(columns: Columns, mapping: Mapping) -> pl.DataFrame:
    main = [
        (row, role, mapping.language, value)
        for role in ("title", "description")
        for row, value in enumerate(columns.fields[role])
        if value is not None
    ]
    schema = {"row": pl.Int64, "role": pl.String, "language": pl.String, "value": pl.String}
    frame = pl.DataFrame(main + columns.texts, schema=schema, orient="row")
    frame = frame.with_columns(plain(frame["value"])).with_columns(clean(pl.col("value")))
    return _numbered(frame.drop_nulls("value").sort("row", maintain_order=True), "row")


def _attributes(columns: Columns, mapping: Mapping) -> pl.DataFrame:
    schema = {"row": pl.Int64, "name_raw": pl.String, "value_raw": pl.String, "is_option": pl.Boolean}
    frame = pl.DataFrame(columns.attributes, schema=schema, orient="row").sort("row", maintain_order=True)
    frame = attribute_values.attributes(frame).with_columns(language=pl.lit(mapping.language, pl.String))
    return _numbered(frame, "row")


def _media(columns: Columns, source: str) -> pl.DataFrame:
    schema = {"row": pl.Int64, "modality": pl.String, "role": pl.String, "location_raw": pl.String}
    frame = pl.DataFrame(columns.media, schema=schema, orient="row")
    frame = frame.with_columns(location=locations.location(pl.col("location_raw")), source=pl.lit(source))
    frame = frame.with_columns(location_id=locations.location_ids(frame["location"], source))
    # One file listed twice (as main picture and in the gallery) is one file.
    frame = frame.unique(["row", "modality", "location_id"], keep="first", maintain_order=True)
    return _numbered(frame.sort("row", "modality", maintain_order=True), "row", "modality")


def _numbered(frame: pl.DataFrame, *group: str) -> pl.DataFrame:
    """Add `position`, the order within the group."""
    return frame.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int32).over(*group))


def _rejects(rejects: list[tuple[int, str, str, bytes]], about: Chunked) -> pl.DataFrame:
    schema = {"offset": pl.Int64, "reason": pl.String, "message": pl.String, "raw": pl.Binary}
    return pl.DataFrame(rejects, schema=schema, orient="row").with_columns(
        source=pl.lit(about.source), crawl_id=pl.lit(about.crawl_id), file=pl.lit(about.file)
    )


def staged_files(scratch: Path, table: str) -> list[Path]:
    """What the first round left of one table, in a fixed order (what a killed writer left has a dot in front)."""
    return sorted((scratch / "parsed").glob(f"[!.]*.{table}.parquet"))
