"""First round of ingest: a chunk of input → typed, normalised rows to be staged; bad rows → rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.ingest import staged_files
from m5tools.ingest.delivered import Record, Records, is_writable, selector, structure_of, text_of
from m5tools.ingest.extract import Extracted, Extractor
from m5tools.ingest.fields import FieldCounts, inner_paths, named_paths
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.normalize import attributes as attribute_values
from m5tools.ingest.normalize import identifiers, locations, price
from m5tools.ingest.normalize.mojibake import repaired
from m5tools.ingest.normalize.moments import moments
from m5tools.ingest.normalize.numbers import decimal_signs
from m5tools.ingest.normalize.text import clean, plain
from m5tools.ingest.readers import Batch, Row
from m5tools.ingest.wide import raw_of
from m5tools.vocabulary import RejectReason

RAW_KEPT = 65_536
# Fields for people to read. Ids and addresses are names of things: they stay as they were delivered, broken or not.
_PROSE = frozenset(["title", "description", "brand", "seller", "condition", "availability"])
NOTHING = "no text, attribute or media"
Reject = tuple[int, str, str, bytes]


class Parsed(NamedTuple):
    """What one chunk gave: rows to be staged, rejects under their law, how its fields are filled."""

    rows: int
    staged: list[pa.RecordBatch]
    rejects: pl.DataFrame
    fields: FieldCounts


class Chunked(NamedTuple):
    """What is the same for all rows of a chunk."""

    source: str
    crawl_id: str
    file: str


def parse(
    batches: Iterable[Batch], mapping: Mapping, about: Chunked, join: Callable[[Record], Record] | None = None
) -> Parsed:
    """Extract and normalise all rows of a chunk.

    Args:
        batches: from a reader.
        mapping: the source's mapping.
        about: source, crawl, file.
        join: adds companion values to a record.
    """
    extractor = Extractor(mapping)
    fields, inner = FieldCounts(named=named_paths(mapping)), inner_paths(mapping)
    found: list[pa.RecordBatch] = []
    rejects: list[Reject] = []
    count = 0
    for batch in batches:
        count += len(batch)
        for row in batch.refused:
            assert row.reason is not None
            rejects.append((row.offset, row.reason.value, row.message, row.raw[:RAW_KEPT]))
        if not batch.records:
            continue
        if mapping.requires:
            batch = _without_parts(batch, mapping.requires, rejects)
            if not batch.records:
                continue
        records = _joined(batch, join)
        try:
            taken = extractor.take(records)
        except RecursionError:
            batch = _without_endless(batch, rejects)
            if not batch.records:
                continue
            records = _joined(batch, join)
            taken = extractor.take(records)
        fields.see(taken.raw, records, inner)
        staged_rows, filled = _rows(taken, batch, mapping, about)
        if not filled.all():
            empty = np.flatnonzero(~filled)
            reason = RejectReason.NO_CONTENT.value
            rejects += [(batch.offsets[i], reason, NOTHING, batch.raws[i][:RAW_KEPT]) for i in empty]
            staged_rows = staged_rows.filter(pa.array(filled))
        found.append(staged_rows)
        del batch, records, taken  # before the next is read
    assert count == sum(rows.num_rows for rows in found) + len(rejects)
    return Parsed(count, found, _rejects(rejects, about), fields)


def _joined(batch: Batch, join: Callable[[Record], Record] | None) -> Records:
    return Records(map(join, batch.records) if join else batch.records)


def _without_parts(batch: Batch, requires: tuple[str, ...], rejects: list[Reject]) -> Batch:
    """The batch without rows that are no product of their own, which become rejects."""
    kept = Batch()
    filled = [selector(name)(batch.records) for name in requires]
    for offset, raw, record, *values in zip(batch.offsets, batch.raws, batch.records, *filled, strict=True):
        missing = [name for name, value in zip(requires, values, strict=True) if text_of(value) is None]
        if missing:
            message = f"'{missing[0]}' is blank: it belongs to another row"
            rejects.append((offset, RejectReason.NOT_A_PRODUCT.value, message, raw[:RAW_KEPT]))
        else:
            kept.add(Row(offset, raw, record))
    return kept


def _without_endless(batch: Batch, rejects: list[Reject]) -> Batch:
    """The batch without records that are nested too deeply, also in a cell of JSON; they become rejects."""
    kept = Batch()
    for offset, raw, record in zip(batch.offsets, batch.raws, batch.records, strict=True):
        if is_writable({name: structure_of(value) for name, value in record.items()}):
            kept.add(Row(offset, raw, record))
        else:
            rejects.append((offset, RejectReason.NOT_PARSEABLE.value, "nested too deeply", raw[:RAW_KEPT]))
    return kept


def _rows(found: Extracted, batch: Batch, mapping: Mapping, about: Chunked) -> tuple[pa.RecordBatch, np.ndarray]:
    """The staged rows of a batch, and which of them hold any content."""
    count = len(batch.records)
    cleaned = {}
    for given in found.fields:
        text = plain(given) if given.name in ("title", "description", *mapping.html) else given
        cleaned[given.name] = clean(repaired(text) if given.name in _PROSE else text)
    for name in ("mpn", "sku", "group_id"):
        cleaned[name] = identifiers.codes(cleaned[name])
    cleaned["native_id"] = identifiers.named(cleaned["native_id"])
    texts = _texts(found.texts, cleaned, mapping)
    language = cleaned["language"].fill_null(mapping.language) if mapping.language else cleaned["language"]
    decimals = decimal_signs(language, mapping.decimal)
    attributes = _attributes(found.attributes, mapping, decimals)
    media = _media(found.media, about.source)
    filled = (cleaned["title"].is_not_null() | cleaned["description"].is_not_null()).to_numpy().copy()
    for rows in (texts["row"], attributes.filter(pl.col("value").is_not_null())["row"], media["row"]):
        filled[rows.to_numpy()] = True

    raw = raw_of(found.raw, count, last=_volatile(mapping))
    contents = raw.hashes()
    named = identifiers.product_ids(about.source, cleaned["native_id"], cleaned["url"], contents)
    ids = pl.Series(named, dtype=pl.String)
    columns: dict[str, Any] = {
        **{name: _arrow(column) for name, column in cleaned.items()},
        "price": None,
        "product_id": _arrow(ids),
        "source": pa.repeat(about.source, count),
        "gtin": _arrow(identifiers.gtins(found.fields["gtin"])),
        "category": _arrow(_clean_paths(found.paths).gather(found.path)),
        "language": _arrow(language),
        "crawled_at": _arrow(moments(cleaned["crawled_at"])),
        "content_hash": pa.array(contents, pa.string()),
        "raw": raw.map(),
        "origin_file": pa.repeat(about.file, count),
        "origin_offset": pa.array(batch.offsets, pa.int64()),
        "texts": _lists("texts", texts, count),
        "attributes": _lists("attributes", attributes, count),
        "media": _lists("media", media, count),
        "home": _arrow(ids.str.slice(0, 4).str.to_integer(base=16).cast(pl.UInt16)),
        "by_content": _arrow(cleaned["native_id"].is_null() & cleaned["url"].is_null()),
        "delivered": pa.array(
            batch.raws if max(map(len, batch.raws)) <= RAW_KEPT else [r[:RAW_KEPT] for r in batch.raws], pa.binary()
        ),
    }
    for name, column in zip(
        ("price", "currency"),
        price.prices(found.fields["price"], found.fields["currency"], cleaned["url"], decimals),
        strict=True,
    ):
        columns[name] = _arrow(column)
    layout = staged_files.layout()
    arrays = [columns[field.name].cast(field.type) for field in layout]
    return pa.RecordBatch.from_arrays(arrays, schema=layout), filled


def _arrow(column: pl.Series) -> pa.Array:
    return column.to_arrow()


def _volatile(mapping: Mapping) -> tuple[str, ...]:
    """Keys of what belongs to the delivery, not to what was delivered."""
    given = mapping.fields.get("crawled_at", ())
    return (given,) if isinstance(given, str) else given


def _clean_paths(paths: pl.Series) -> pl.Series:
    counts = paths.list.len().to_numpy()
    levels = pl.Series(pl.from_arrow(paths.to_arrow().flatten())).cast(pl.String)
    cleaned = clean(repaired(levels))
    if cleaned.null_count():
        owner = np.repeat(np.arange(len(counts)), counts)[cleaned.is_not_null().to_numpy()]
        counts, cleaned = np.bincount(owner, minlength=len(counts)), cleaned.drop_nulls()
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, cleaned.to_arrow().cast(pa.large_string()))))


def _texts(found: pl.DataFrame, cleaned: dict[str, pl.Series], mapping: Mapping) -> pl.DataFrame:
    """Texts beside title and description, numbered behind those two."""
    found = found.with_columns(value=clean(repaired(plain(found["value"])))).drop_nulls("value")
    found = found.with_columns(pl.col("language").fill_null(pl.lit(mapping.language, pl.String)))
    if found.is_empty():
        return found.with_columns(position=pl.lit(0, pl.Int32))
    main = cleaned["title"].is_not_null().cast(pl.Int32) + cleaned["description"].is_not_null().cast(pl.Int32)
    return _numbered(found, "row").with_columns(position=pl.col("position") + main.gather(found["row"]))


def _attributes(found: pl.DataFrame, mapping: Mapping, decimals: pl.Series) -> pl.DataFrame:
    found = attribute_values.attributes(found, decimals.gather(found["row"])).with_columns(
        pl.col("language").fill_null(pl.lit(mapping.language, pl.String))
    )
    return _numbered(found, "row")


def _media(found: pl.DataFrame, source: str) -> pl.DataFrame:
    found = found.with_columns(location=locations.location(pl.col("location_raw")))
    found = found.with_columns(location_id=locations.location_ids(found["location"], source))
    # One file listed twice (as main picture and in the gallery) is one file.
    found = found.unique(["row", "modality", "location_id"], keep="first", maintain_order=True)
    return _numbered(found.sort("row", "modality", maintain_order=True), "row", "modality")


def _numbered(frame: pl.DataFrame, *group: str) -> pl.DataFrame:
    """Add `position`, the order within the group; a group's rows lie together."""
    place = pl.int_range(pl.len(), dtype=pl.Int32)
    changes = pl.any_horizontal(pl.col(c) != pl.col(c).shift() for c in group).fill_null(True)
    return frame.with_columns(position=place - pl.when(changes).then(place).forward_fill())


def _lists(table: str, frame: pl.DataFrame, count: int) -> pa.ListArray:
    """Child rows, sorted by `row`, as one list a product."""
    offsets = np.searchsorted(frame["row"].to_numpy(), np.arange(count + 1)).astype(np.int32)
    kind = staged_files.child_type(table)
    values = [_arrow(frame[field.name]).cast(field.type) for field in kind]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(values, fields=list(kind)))


def _rejects(rejects: list[Reject], about: Chunked) -> pl.DataFrame:
    schema = {"offset": pl.Int64, "reason": pl.String, "message": pl.String, "raw": pl.Binary}
    return pl.DataFrame(rejects, schema=schema, orient="row").with_columns(
        source=pl.lit(about.source), crawl_id=pl.lit(about.crawl_id), file=pl.lit(about.file)
    )
