"""The ingest that most pipelines write: a loop over row dictionaries, `Table.from_pylist`, Parquet.

It does for every record what `m5 ingest` does: ids from sha256, NFKC, HTML to text, prices, category path, attributes
with numbers and units, media locations with ids, a hash of the content, the delivered text of every field; four tables.

    python benchmarks/ingest_rows.py FILE.jsonl OUT
"""

from __future__ import annotations

import hashlib
import html
import re
import sys
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from price_parser import Price

from m5tools import schema

ROWS = 25_000
TAG = re.compile(r"<[a-zA-Z/!][^>]*>")
SPACE = re.compile(r"\s+")
LEVELS = re.compile(r"\s*(?:/|>|›|»|\|)\s*")
VALUE = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*(mm|cm|m|km|in|inch|inches|ft|mg|g|kg|oz|lb|ml|l|w|v|a|mah|hz|gb|tb|%)?")


def clean(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return SPACE.sub(" ", unicodedata.normalize("NFKC", value)).strip() or None


def plain(value: Any) -> str | None:
    if isinstance(value, str) and ("<" in value or "&" in value):
        value = html.unescape(TAG.sub(" ", value))
    return clean(value)


def sha(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def money(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        amount = Price.fromstring(value).amount
        return float(amount) if amount is not None else None


def rows(record: dict[str, Any], offset: int, to: dict[str, list[dict[str, Any]]]) -> None:
    product_id = sha("bench", "id", record["id"])
    raw = {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode() for key, value in record.items()
    }
    raw = {key: value for key, value in raw.items() if value.strip()}
    content = sha(*(f"{k}={v}" for k, v in sorted(raw.items()) if k != "crawled_at"))
    owner = {"product_id": product_id, "crawl_id": "bench-1"}
    title, description = plain(record["title"]), plain(record["description"])
    to["products"].append({
        **owner, "source": "bench", "native_id": clean(record["id"]), "url": clean(record["url"]), "title": title,
        "description": description, "brand": clean(record["brand"]), "mpn": clean(record["mpn"]),
        "price": money(record["price"]), "currency": clean(record["currency"]),
        "seller": clean(record["seller"]["name"]), "category": [p for p in LEVELS.split(record["category"]) if p],
        "crawled_at": datetime.fromisoformat(record["crawled_at"]), "content_hash": content, "raw": list(raw.items()),
        "origin_file": "bench", "origin_offset": offset,
    })  # fmt: skip
    for position, (role, value) in enumerate((("title", title), ("description", description))):
        if value:
            to["texts"].append({**owner, "role": role, "position": position, "value": value})
    for position, pair in enumerate(record["attributes"]):
        name, value = clean(pair["name"]) or "", clean(pair["value"])
        found = VALUE.fullmatch(value.lower()) if value else None
        to["attributes"].append({
            **owner, "position": position, "is_option": False, "name_raw": pair["name"], "value_raw": pair["value"],
            "name": name.lower(), "value": value, "number": float(found[1].replace(",", ".")) if found else None,
            "unit": found[2] if found else None,
        })  # fmt: skip
    for position, url in enumerate(dict.fromkeys(record["images"])):
        location = url.strip().lstrip("#")
        if location:
            to["media"].append({
                **owner, "source": "bench", "position": position, "modality": "image", "location_raw": url,
                "location": location, "location_id": sha(location),
            })  # fmt: skip


def main(file: Path, out: Path) -> None:
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in ("products", "texts", "attributes", "media")}
    part = offset = 0

    def write() -> None:
        for name, found in tables.items():
            law = schema.law(name).schema
            nullable = pa.schema([field.with_nullable(True) for field in law])
            pq.write_table(pa.Table.from_pylist(found, nullable), out / f"{name}-{part}.parquet", compression="zstd")
            found.clear()

    with file.open("rb") as lines:
        for line in lines:
            rows(msgspec.json.decode(line), offset, tables)
            offset += len(line)
            if len(tables["products"]) == ROWS:
                write()
                part += 1
    write()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
