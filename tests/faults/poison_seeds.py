"""Whole files of every kind that is read: made on the spot, and small real ones where they are at hand."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.conftest import REPOSITORY
from tests.media.files import encoded, photo, sound_file, tone, video_file

LARGEST: Final = 16_000
_MOST: Final = 40
_PRODUCTS: Final = [
    {
        "id": f"A{i}",
        "title": ("USB cable 2 m", "Blue mug, 0,3 l", "Kettle “Größe” №5", "T-shirt red size 42")[i % 4],
        "description": "<p>Strong &amp; light.</p>\nWeighs 1,250 g." if i % 2 else None,
        "price": ("9.99", "1.299,00 €", "$5", "")[i % 4],
        "brand": "Acme",
        "gtin": "4006381333931",
        "categories": ["Home", "Kitchen", "Mugs"][: i % 4],
        "attributes": [{"name": "Weight", "value": "250 g"}, {"name": "Color", "value": "red"}],
        "images": [f"https://shop.example/{i}/main.jpg", "img/b.png"],
        "url": f"https://shop.example/p/{i}?utm_source=x",
    }
    for i in range(12)
]


def real_folder() -> Path | None:
    """The folder of public data sets, where there is one."""
    folder = Path(os.environ.get("M5_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@cache
def made(kind: str) -> tuple[bytes, ...]:
    """Files of a kind that hold what their reader wants, always in the same order."""
    return tuple(_MADE[kind]())


@cache
def whole(kind: str) -> tuple[bytes, ...]:
    """The same, and real ones, which are odd now and then."""
    return (*made(kind), *_real(kind))


def _real(kind: str) -> list[bytes]:
    folder, patterns = real_folder(), _REAL.get(kind, ())
    if folder is None:
        return []
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()]
    if kind in _TEXT_KINDS:  # of a long table the first rows are a table too
        return [_unpacked(path)[:LARGEST] for path in found][:_MOST]
    return [path.read_bytes() for path in found if path.stat().st_size <= LARGEST][:_MOST]


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _lines(products: list[dict[str, Any]] = _PRODUCTS) -> bytes:
    return "".join(json.dumps(p, ensure_ascii=False) + "\n" for p in products).encode()


def _table(delimiter: str) -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(_PRODUCTS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows({k: json.dumps(v) if isinstance(v, list) else v for k, v in p.items()} for p in _PRODUCTS)
    return sink.getvalue().encode()


def _plain_table(delimiter: str) -> bytes:
    """Without a quote, so that its rows are its lines."""
    names = ("id", "title", "price", "brand", "gtin", "url")
    rows = [[str(p[name]).replace(delimiter, " ") for name in names] for p in _PRODUCTS]
    return "".join(f"{delimiter.join(row)}\n" for row in [names, *rows]).encode()


def _xml() -> bytes:
    items = "".join(
        f"<item><g:id>{p['id']}</g:id><title>{p['title']}</title><g:price>{p['price']}</g:price>"
        f"<description><![CDATA[{p['description']}]]></description><g:image_link>{p['images'][0]}</g:image_link></item>"
        for p in _PRODUCTS
    )
    return (
        f'<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>{items}</channel></rss>'.encode()
    )


def _parquet(**options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_PRODUCTS), sink, **options)
    return sink.getvalue()


def page(number: int = 0) -> bytes:
    """A saved product page."""
    p = _PRODUCTS[number]
    told = {"@context": "https://schema.org", "@type": "Product", "name": p["title"], "sku": p["id"], "offers": {
        "@type": "Offer", "price": "9.99", "priceCurrency": "EUR"}}  # fmt: skip
    return (
        f'<!doctype html><html><head><title>{p["title"]}</title><meta property="og:title" content="{p["title"]}">'
        f'<script type="application/ld+json">{json.dumps(told)}</script></head><body><h1>{p["title"]}</h1>'
        f'<div itemscope itemtype="https://schema.org/Product"><span itemprop="name">{p["title"]}</span></div>'
        "<table><tr><th>Weight</th><td>250 g</td></tr></table><p>Price: 9,99 €</p></body></html>"
    ).encode()


def warc(pages: int = 3) -> bytes:
    """A web archive of saved pages."""
    records = []
    for number in range(pages):
        body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page(number)
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:0000000{number}-0000-0000-0000-000000000000>\r\n"
            f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: https://shop.example/{number}\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        records.append(head.encode() + body + b"\r\n\r\n")
    return b"".join(records)


def _members(data: bytes) -> bytes:
    """Each record of an archive compressed by itself, as WARC asks."""
    return b"".join(gzip.compress(b"WARC/1.0" + part, mtime=0) for part in data.split(b"WARC/1.0")[1:])


def archive(names: dict[str, bytes]) -> bytes:
    """A zip archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in names.items():
            file.writestr(zipfile.ZipInfo(name), data)
    return sink.getvalue()


def _zstd(data: bytes) -> bytes:
    sink = io.BytesIO()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
        stream.flush()
        return sink.getvalue()


def _pictures() -> list[bytes]:
    small = photo(96, 64)
    kinds = [encoded(small, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "ICO", "AVIF")]
    return [*kinds, encoded(small, "JPEG", progressive=True), encoded(small, "TIFF", compression="tiff_lzw")]


def _films() -> list[bytes]:
    frames = [photo(64, 48, seed) for seed in range(6)]
    with_sound = tone(0.6)
    return [
        video_file(frames, sound=with_sound), video_file(frames), video_file(frames, sound=with_sound, kind="webm")
    ]  # fmt: skip


PACKINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "zip": lambda data: archive({"a.jsonl": data, "b/c.jsonl.gz": gzip.compress(data, mtime=0)}),
}


def packed(packing: str, data: bytes) -> bytes:
    """Records in one of the packings that are unpacked while they are read."""
    return PACKINGS[packing](data)


_YAML: Final = ("schemas/sources/*.yaml", "pipelines/*.yaml", "pipelines/policies/*.yaml", "pipelines/cuts/*.yaml")
_MADE: Final[dict[str, Callable[[], list[bytes]]]] = {
    "json_lines": lambda: [_lines(), "".join(json.dumps(p) + "\n" for p in _PRODUCTS).encode("utf-16")],
    "json": lambda: [
        json.dumps(_PRODUCTS, indent=1).encode(),
        json.dumps({"data": {"products": _PRODUCTS}}).encode(),
        json.dumps({str(i): p for i, p in enumerate(_PRODUCTS)}).encode(),
    ],
    "csv": lambda: [
        _plain_table(","),
        _table(","),
        _table(";"),
        _table("|").replace(b"\n", b"\r\n"),
        _table(",").decode().encode("utf-16"),
    ],
    "tsv": lambda: [_plain_table("\t"), _table("\t")],
    "xml": lambda: [_xml(), _xml().replace(b'"1.0"', b'"1.0" encoding="iso-8859-1"')],
    "parquet": lambda: [
        _parquet(),
        _parquet(row_group_size=4),
        _parquet(compression="zstd", use_dictionary=False),
        _parquet(compression="none", use_dictionary=False),
    ],
    "page": lambda: [page(i) for i in range(3)],
    "warc": lambda: [warc()],
    "warc.gz": lambda: [_members(warc())],
    "wacz": lambda: [archive({"archive/a.warc.gz": _members(warc()), "datapackage.json": b"{}"})],
    "image": _pictures,
    "audio": lambda: [sound_file(tone(0.3), kind) for kind in ("WAV", "FLAC", "OGG", "AIFF", "MP3")],
    "video": _films,
    "yaml": lambda: [p.read_bytes() for pattern in _YAML for p in sorted(REPOSITORY.glob(pattern))],
    **{name: (lambda name=name: [PACKINGS[name](_lines())]) for name in PACKINGS},  # type: ignore[misc]
}
_TEXT_KINDS: Final = ("json_lines", "csv", "tsv", "page")
_REAL: Final[dict[str, tuple[str, ...]]] = {
    "json_lines": ("oa_mine_attributes/*.jsonl",),
    "json": ("odd_json_jsontestsuite/*.json",),
    "csv": ("abt_buy/*.csv", "odd_tables_messytables/*.csv", "icecat_spryker/product_*.csv", "brightdata_*/*.csv"),
    "tsv": ("odd_tables_messytables/*.tsv", "product1m_dev_zh/*.txt"),
    "parquet": ("odd_parquet/*.parquet",),
    "page": ("product_pages_html/html/*.html.gz",),
    "image": ("odd_images_pillow/*", "tuxpaint_stamps/**/*.png"),
    "audio": ("odd_audio_mutagen/*", "spoken_digits/*.wav"),
    "video": ("torchcodec_av/*.mp4", "mdn_video/*", "moviepy_av/*"),
}


def yaml_mapping() -> dict[str, Any]:
    """A mapping that finds something in all of these files."""
    text = """
        source: poison
        format: json_lines
        fields:
          native_id: [id, uniq_id, product_id, "g:id", sku]
          title: [title, name, product_name, "1"]
          description: [description, text]
          brand: [brand, manufacturer]
          price: [price, "g:price", final_price]
          url: [url, link]
          gtin: gtin
          crawled_at: [timestamp, seen_at]
        html: [description]
        category: {from: [categories, category, breadcrumb]}
        attributes:
          - {from: [attributes, specifications]}
          - {from: color, name: Color}
        texts:
          - {from: [bullets, features], role: bullet}
        media:
          image: [{from: [images, image, "g:image_link", image_urls]}]
          video: [{from: [videos, video]}]
    """
    found: dict[str, Any] = yaml.safe_load(text)
    return found
