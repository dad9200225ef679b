"""A small shop to deduplicate: products by a short name, with their attributes and real pictures."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageDraw

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.dedup.policy import load_policy
from m5tools.measure.image import signals
from m5tools.media.image import decode
from m5tools.partitions import part_name, partition_of
from m5tools.vocabulary import Reason, State

POLICY = load_policy("duplicates")
KETTLE = {"material": "steel", "type": "kettle", "warranty": "two years", "lid": "hinged"}
SHIRT = {"material": "cotton", "fit": "regular", "neck": "crew", "sleeve": "short"}


@dataclass
class Listing:
    """One product as a test writes it down."""

    name: str
    title: str | None = None
    description: str | None = None
    attributes: dict[str, Any] | None = None
    """name → text, or (number, unit), or an `Option`."""
    images: tuple[bytes | None, ...] = ()
    """Encoded pictures; None stands for a file that could not be had."""
    source: str = "shop"
    seller: str | None = None
    brand: str | None = None
    gtin: str | None = None
    mpn: str | None = None
    url: str | None = None
    group_id: str | None = None
    price: float | None = None
    category: tuple[str, ...] = ("Things",)

    @property
    def product_id(self) -> str:
        return product_id(self.name)


@dataclass(frozen=True)
class Option:
    """The value of an attribute that the source declares an option."""

    value: str


def product_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def tables_of(listings: Iterable[Listing], hubs: dict[bytes, int] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The tables that `dedup` reads; `hubs` gives files that so many titles of the corpus share."""
    tables: dict[str, list[dict[str, Any]]] = {
        t: []
        for t in (
            "products",
            "attributes",
            "media",
            "fetched",
            "signals_image",
            "signals_video",
            "signals_audio",
            "corpus_assets",
        )
    }
    assets: dict[str, bytes] = {}
    for place, listing in enumerate(listings):
        delivered = {k: v for k, v in vars(listing).items() if k not in ("name",)}
        fields = ("source", "title", "description", "seller", "brand", "gtin", "mpn", "url", "group_id", "price")
        own = {"product_id": listing.product_id, "crawl_id": "c1"}
        tables["products"].append(
            {
                **own,
                **{f: getattr(listing, f) for f in fields},
                "category": list(listing.category),
                "content_hash": hashlib.sha256(repr(sorted(delivered.items())).encode()).hexdigest()[:32],
                "origin_file": "part.jsonl",
                "origin_offset": place,
            }
        )
        for position, (name, value) in enumerate((listing.attributes or {}).items()):
            text = value.value if isinstance(value, Option) else value
            number, unit = text if isinstance(text, tuple) else (None, None)
            shown = f"{number:g} {unit}" if number is not None else text
            pair = {"position": position, "is_option": isinstance(value, Option), "name_raw": name, "name": name}
            tables["attributes"].append({**own, **pair, "value": shown, "number": number, "unit": unit})
        for position, data in enumerate(listing.images):
            location = hashlib.sha256(f"{listing.name}/{position}".encode()).hexdigest()[:32]
            asset = hashlib.sha256(data).hexdigest() if data is not None else None
            place_of = {"source": listing.source, "position": position, "modality": "image"}
            where = {"location_raw": location, "location": location, "location_id": location}
            tables["media"].append({**own, **place_of, **where})
            state, reason = (State.PRESENT, Reason.NONE) if asset else (State.FAILED, Reason.MISSING_FILE)
            tables["fetched"].append({"location_id": location, "asset_id": asset, "state": state, "reason": reason})
            if asset is not None and data is not None:
                assets[asset] = data
    for asset, data in sorted(assets.items()):
        tables["signals_image"].append({"asset_id": asset, **_signals(data)})
        titles = (hubs or {}).get(data, 1)
        tables["corpus_assets"].append({"asset_id": asset, "products": titles, "titles": titles, "categories": 1})
    return tables


def deliver(dataset: Dataset, crawl: str, listings: Iterable[Listing], before: Iterable[Listing]) -> None:
    """A later crawl of listings, as the stages up to `measure` would have left it; `before` are those already there."""
    fresh = list(listings)
    latest = {listing.name: listing for listing in [*before, *fresh]}
    new, every = tables_of(fresh), tables_of(latest.values())
    for table in new:
        law = schema.law(table)
        if "crawl_id" not in law.key:
            dataset.write(table, "part-00000", pl.DataFrame(every[table], schema=_columns(table)))
            continue
        rows = pl.DataFrame(new[table], schema=_columns(table)).with_columns(crawl_id=pl.lit(crawl))
        home = rows.select(partition_of(pl.col("product_id"), dataset.partitions)).to_series()
        for i in range(dataset.partitions):
            dataset.write(table, f"{crawl}/{part_name(i)}", rows.filter(home == i))
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": crawl, "media_root": None})
        manifest["stages"][f"ingest/{crawl}"] = {**manifest["stages"]["ingest/c1"], "fingerprint": crawl}


def _columns(table: str) -> pl.Schema:
    return pl.DataFrame(pl.from_arrow(schema.empty(table))).schema


def _signals(data: bytes) -> dict[str, Any]:
    if data.startswith(b"garbage"):
        return {"state": State.FAILED, "reason": Reason.UNDECODABLE}
    return {"state": State.PRESENT, "reason": Reason.NONE, **signals(decode(data))[0]}


@dataclass(frozen=True)
class Found:
    """What the stage wrote, by the short names of the test."""

    dataset: Dataset
    names: dict[str, str]
    counts: dict[str, int]

    @property
    def edges(self) -> pl.DataFrame:
        return self.dataset.read("edges")

    @property
    def clusters(self) -> pl.DataFrame:
        return self.dataset.read("clusters")

    @property
    def relations(self) -> dict[frozenset[str], str]:
        """Pair of names → relation."""
        rows = self.edges.select("product_a", "product_b", "relation").unique().iter_rows()
        return {frozenset((self.names[a], self.names[b])): relation for a, b, relation in rows}

    def relation(self, a: str, b: str) -> str | None:
        return self.relations.get(frozenset((a, b)))

    def groups(self, relation: str) -> set[frozenset[str]]:
        """The clusters of a relation as sets of names."""
        rows = self.clusters.filter(pl.col("relation") == relation).group_by("cluster_id").agg("product_id")
        return {frozenset(self.names[p] for p in members) for members in rows["product_id"].to_list()}


def drawing(seed: int, colour: tuple[int, int, int] = (200, 40, 40), side: int = 400) -> Image.Image:
    """A textured thing on white, unlike that of any other seed, in one colour."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(image)
    body = [tuple(int(v) for v in p) for p in rng.integers(side // 10, side - side // 10, (9, 2))]
    pen.polygon(body, fill=colour)
    pen.rectangle([side // 12, side // 12, side - side // 12, side - side // 3], outline=colour, width=9)
    for _ in range(40):
        x, y = (int(v) for v in rng.integers(side // 10, side - side // 5, 2))
        w, h = (int(v) for v in rng.integers(side // 40, side // 6, 2))
        shade = float(rng.uniform(0.3, 1.2))
        pen.ellipse([x, y, x + w, y + h], fill=tuple(min(255, int(c * shade)) for c in colour))
    return image


def encoded(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def with_margin(image: Image.Image, share: float) -> Image.Image:
    """More white around a picture, a share of its width on every side."""
    border = int(image.width * share)
    wider = Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), "white")
    wider.paste(image, (border, border))
    return wider


Find = Callable[..., Found]
"""What the fixture `find` gives."""
