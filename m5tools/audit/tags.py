"""Tags by band, and a small gallery of tagged products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from m5tools.audit import columns
from m5tools.audit.costs import BandRate
from m5tools.dataset import Dataset
from m5tools.vocabulary import Band

EXAMPLES = 6
TEXT_CHARS = 200
PICTURES_BYTES = 2_600_000
"""Previews on the page, before base64 makes them a third longer: keeps the page below 5 MB."""

_JPEG = b"\xff\xd8\xff"
_PREVIEWS = {
    "image": ("previews_image", "preview"),
    "video": ("previews_video", "preview"),
    "audio": ("previews_audio", "envelope"),
}


@dataclass(frozen=True)
class Tag:
    """One tag: the products that have it, over all and by band."""

    tag: str
    products: int
    share: float
    bands: tuple[BandRate, ...]


@dataclass(frozen=True)
class Example:
    """One tagged product.

    Attributes:
        signal, value, threshold: why it has the tag.
        text: what there is to read.
        jpeg: its picture or strip of frames, where a preview was made and the page has room.
        peaks: its waveform envelope, 0–255, where it is a sound.
    """

    product_id: str
    asset_id: str | None
    title: str
    text: str
    signal: str
    value: float | None
    threshold: float | None
    jpeg: bytes | None
    peaks: tuple[int, ...]


@dataclass(frozen=True)
class Gallery:
    """Examples of one tag."""

    tag: str
    examples: tuple[Example, ...]


def by_category(dataset: Dataset, policy: str) -> pl.DataFrame:
    """`tag, category, products`: products of every category that have each tag; tag null: that have any."""

    def of_partition(partition: int) -> pl.LazyFrame:
        tagged = dataset.scan("tags", partition=partition, policy=policy).select("product_id", "tag").unique()
        placed = tagged.join(columns.categories(dataset, partition), on="product_id")
        once = placed.select("product_id", "category", tag=pl.lit(None, pl.String)).unique("product_id")
        both = [
            frame.group_by("tag", "category").agg(pl.len().cast(pl.Int64).alias("products")) for frame in (placed, once)
        ]
        return pl.concat(both)

    return columns.summed(dataset, of_partition, ["tag", "category"])


def count(tagged: pl.DataFrame, ranks: pl.DataFrame, products: int) -> tuple[Tag, ...]:
    """Products of every tag by band, most frequent first.

    Args:
        tagged: what :func:`by_category` gave.
        ranks: `category, products, band` of every category.
        products: products of the dataset.
    """
    band_sizes = dict(ranks.group_by("band").agg(pl.col("products").sum()).iter_rows())
    counted = (
        tagged.drop_nulls("tag")
        .join(ranks.select("category", "band"), on="category", how="left")
        .group_by("tag", "band")
        .agg(pl.col("products").sum())
        .sort("tag", "band")
    )
    by_tag: dict[str, dict[str | None, int]] = {}
    for tag, band, n in counted.iter_rows():
        by_tag.setdefault(tag, {})[band] = n
    found = []
    for tag, inside in by_tag.items():
        rates = tuple(
            BandRate(band.value, inside.get(band.value, 0), inside.get(band.value, 0) / max(1, band_sizes.get(band, 0)))
            for band in Band
        )
        total = sum(inside.values())
        found.append(Tag(columns.shown(tag, 60), total, total / products, rates))
    return tuple(sorted(found, key=lambda t: (-t.products, t.tag)))


def gallery(dataset: Dataset, policy: str) -> tuple[Gallery, ...]:
    """A few examples of every tag, in order of the tags' names.

    Product ids are hashes, so the smallest ids are a sample without bias that is the same every time.
    """
    order = ["tag", "product_id", "asset_id"]
    wanted = [*order, "modality", "signal", "value", "threshold"]

    def firsts(frame: pl.LazyFrame) -> pl.LazyFrame:
        once = frame.sort(order).unique(["tag", "product_id"], keep="first", maintain_order=True)
        return once.group_by("tag", maintain_order=True).head(EXAMPLES)

    parts = [
        firsts(dataset.scan("tags", partition=i, policy=policy).select(wanted)).collect()
        for i in range(dataset.partitions)
    ]
    rows = firsts(pl.concat(parts).lazy()).sort(order).collect().to_dicts()
    texts = _texts(dataset, rows)
    pictures = _pictures(dataset, rows)
    found: dict[str, list[Example]] = {}
    for row in rows:
        found.setdefault(row["tag"], []).append(_example(row, texts, pictures))
    return tuple(Gallery(columns.shown(tag, 60), tuple(examples)) for tag, examples in found.items())


def _example(
    row: dict[str, Any], texts: Callable[[str, str], tuple[str, str]], pictures: dict[tuple[str, str], bytes]
) -> Example:
    title, text = texts(row["product_id"], row["modality"])
    preview = pictures.get((row["modality"], row["asset_id"]), b"")
    sound = row["modality"] == "audio"
    return Example(
        product_id=row["product_id"],
        asset_id=row["asset_id"],
        title=columns.shown(title, TEXT_CHARS),
        text=columns.shown(text, TEXT_CHARS),
        signal=columns.shown(row["signal"], 40),
        value=row["value"],
        threshold=row["threshold"],
        jpeg=preview if preview.startswith(_JPEG) and not sound else None,
        peaks=tuple(preview) if sound else (),
    )


def _texts(dataset: Dataset, rows: list[dict[str, Any]]) -> Callable[[str, str], tuple[str, str]]:
    """A look-up from product and judged modality to a title and the text that was judged."""
    ids = sorted({row["product_id"] for row in rows})
    tables = sorted({row["product_id"] for row in rows if row["modality"] == "table" or row["tag"].startswith("pair.")})
    start = pl.col("title", "description").str.slice(0, 4 * TEXT_CHARS)
    named = dataset.scan("products").filter(pl.col("product_id").is_in(ids)).select("product_id", start).collect()
    words = {product_id: (title, description) for product_id, title, description in named.iter_rows()}
    pairs: dict[str, list[str]] = {}
    listed = dataset.scan("attributes").filter(pl.col("product_id").is_in(tables)).sort("product_id", "position")
    for product_id, name, value in listed.select("product_id", "name_raw", "value_raw").collect().iter_rows():
        pairs.setdefault(product_id, []).append(f"{name[:80]}: {(value or '–')[:80]}")

    def look_up(product_id: str, modality: str) -> tuple[str, str]:
        title, description = words.get(product_id, (None, None))
        if product_id in pairs and modality != "text":
            return title or "", " · ".join(pairs[product_id])
        return title or "", (description or "") if modality == "text" else ""

    return look_up


def _pictures(dataset: Dataset, rows: list[dict[str, Any]]) -> dict[tuple[str, str], bytes]:
    """Previews by modality and asset, the first example of every tag first, until the page is full."""
    found: dict[tuple[str, str], bytes] = {}
    for modality, (table, column) in _PREVIEWS.items():
        ids = sorted({row["asset_id"] for row in rows if row["modality"] == modality and row["asset_id"]})
        if ids:
            previews = dataset.scan(table).filter(pl.col("asset_id").is_in(ids)).select("asset_id", column).collect()
            found |= {(modality, asset): data for asset, data in previews.iter_rows()}
    seen: dict[str, int] = {}
    turns = []
    for place, row in enumerate(rows):
        seen[row["tag"]] = seen.get(row["tag"], 0) + 1
        turns.append((seen[row["tag"]], place, (row["modality"], row["asset_id"])))
    room = PICTURES_BYTES
    kept: dict[tuple[str, str], bytes] = {}
    for _, _, key in sorted(turns, key=lambda turn: turn[:2]):
        if key in found and len(found[key]) <= room:
            kept[key] = found[key]
            room -= len(found[key])
    return kept
