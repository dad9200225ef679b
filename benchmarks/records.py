"""Records for the ingest benchmarks, made from the real data sets: JSON Lines of about 1 kB each.

Real titles, descriptions, pictures and attribute tables of several shops are taken in turn; every copy after the first
gets another id, price, and (for two of three) another title, built from the words of two real ones, so that no cache of
seen strings makes a parser look faster than it is.

    python benchmarks/records.py OUT.jsonl --records 300000
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

csv.field_size_limit(1 << 26)
DATA = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
Record = dict[str, Any]


def table(name: str, delimiter: str = ",", encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    with (DATA / name).open(encoding=encoding, errors="replace", newline="") as file:
        return [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(file, delimiter=delimiter)]


def pairs(text: str) -> list[dict[str, str]]:
    """A JSON list of name/value objects; anything else is no table."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [{"name": str(p["name"]), "value": str(p.get("value") or "")} for p in found or [] if isinstance(p, dict)]


def listed(text: str) -> list[str]:
    try:
        return [str(url) for url in json.loads(text) or []]
    except ValueError:
        return []


def sources() -> Iterator[Record]:
    """Every distinct real record in one common layout."""
    for shop in ("abt", "buy"):
        for row in table(f"abt_buy/{shop}.csv", "|"):
            yield {"title": row["name"], "description": row["description"], "price": row["price"], "seller": shop}
    for shop in ("amazon", "gp"):
        for row in table(f"amazon_googleproducts/{shop}.csv", "#"):
            yield {
                "title": row["title"], "description": row["description"], "price": row["price"],
                "brand": row["manufacturer"], "seller": shop,
            }  # fmt: skip
    for row in table("brightdata_lazada/lazada-products.csv"):
        yield {
            "title": row["title"], "description": row["product_description"], "price": row["final_price"],
            "currency": row["currency"], "brand": row["brand"], "seller": row["seller_name"], "mpn": row["mpn"],
            "category": " > ".join(listed(row["breadcrumb"])), "images": listed(row["image"])[:6],
            "attributes": pairs(row["product_specifications"]),
        }  # fmt: skip
    for row in table("brightdata_shein/shein-products.csv"):
        yield {
            "title": row["product_name"], "description": row["description"], "price": row["final_price"],
            "currency": row["currency"], "brand": row["brand"], "seller": row["domain"], "mpn": row["model_number"],
            "category": " > ".join(p["name"] for p in pairs(row["category_tree"])),
            "images": listed(row["image_urls"])[:6], "attributes": pairs(row["other_attributes"]),
        }  # fmt: skip
    for row in table("amazon_promptcloud_1000/test_sample_1000.csv"):
        yield {
            "title": row["Product Name"], "description": row["About Product"], "price": row["Selling Price"],
            "mpn": row["Model Number"], "category": row["Category"], "images": row["Image"].split("|")[:6],
            "attributes": [{"name": "Shipping Weight", "value": row["Shipping Weight"]}], "seller": "amazon",
        }  # fmt: skip
    for row in table("magento_luma/ConfigurableSampleData/fixtures/products.csv"):
        given = [pair.partition("=") for pair in row["additional_attributes"].split(",") if "=" in pair]
        yield {
            "title": row["name"], "description": row["description"], "price": row["price"], "seller": "luma",
            "category": row["categories"].split(",")[0], "images": [row["base_image"]],
            "attributes": [{"name": name, "value": value} for name, _, value in given],
        }  # fmt: skip


def records(count: int, bytes_each: int = 1_000, seed: int = 0) -> Iterator[bytes]:
    """`count` lines; descriptions are cut or joined so that a record has about `bytes_each` bytes."""
    draw = random.Random(seed)
    real = [r for r in sources() if r["title"].strip()]
    for i in range(count):
        base, other = real[i % len(real)], draw.choice(real)
        title = base["title"]
        if i >= len(real) and i % 3:
            words = title.split()
            title = " ".join(
                [*words[: max(2, len(words) * 2 // 3)], *other["title"].split()[:3], str(draw.randrange(10**5))]
            )
        record = {
            "id": f"P{i:08d}",
            "url": f"https://shop.example/p/{i}?utm_source=feed",
            "title": title,
            "brand": base.get("brand", ""),
            "category": base.get("category", ""),
            "price": base["price"] or f"${draw.randrange(100, 99999) / 100}",
            "currency": base.get("currency", ""),
            "mpn": base.get("mpn", ""),
            "seller": {"name": base["seller"], "rating": draw.randrange(50) / 10},
            "images": base.get("images", []),
            "attributes": base.get("attributes", [])[:12],
            "crawled_at": f"2026-11-{1 + i % 28:02d}T08:{i % 60:02d}:00Z",
            "description": "",
        }
        room = bytes_each - len(json.dumps(record, ensure_ascii=False).encode())
        text = base["description"]
        while 0 < len(text.encode()) < room and len(text) < 4_000:
            text += " " + draw.choice(real)["description"][: room - len(text.encode()) + 1]
        record["description"] = text[: max(0, room)]
        yield json.dumps(record, ensure_ascii=False).encode() + b"\n"


def write(path: Path, count: int) -> Path:
    """The file of so many records; one that is there is taken as it is."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            file.writelines(records(count))
        temporary.rename(path)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--records", type=int, default=300_000)
    arguments = parser.parse_args()
    print(write(arguments.out, arguments.records), arguments.out.stat().st_size, "bytes")
