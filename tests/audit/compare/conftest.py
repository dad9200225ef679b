"""A shop of two thousand products as several stages would have left it, with what a test plants in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from m5tools.audit.compare.sides import Side
from m5tools.dataset import Dataset
from m5tools.vocabulary import MODALITIES, Reason, State

from ..conftest import product_id

COUNT = 2000
CATEGORIES = (["Home", "Kettles"], ["Home", "Lamps"], ["Toys"], ["Toys", "Blocks"], ["Garden"])
Row = dict[str, Any]
Build = Callable[..., Side]


def delivered(i: int) -> dict[str, str]:
    """The fields of one product as they came."""
    return {"name": f"product {i}", "colour_name": f"colour {i % 40}", "stock": "yes" if i % 3 else "no"}


def attributes(i: int) -> dict[str, str]:
    """Its table."""
    return {"capacity": f"{i % 50} l", "voltage": "230 V", f"rare {i % 400}": "x"}


@pytest.fixture
def build(make_dataset: Callable[..., Dataset]) -> Build:
    """Build a side.

    Its options: which products (`numbers`); every `dead`-th has a dead link for a picture, every `repainted`-th another
    colour; categories by number; new names of `fields` and attributes (`names`); seed of the order of rows; partitions.
    """

    def make(
        name: str, *, numbers: Sequence[int] = range(COUNT), dead: int = 50, category: Callable[[int], Any] | None = None,
        fields: dict[str, str] | None = None, names: dict[str, str] | None = None, seed: int = 0, partitions: int = 2,
        repainted: int = 0, tagged: bool = True, **more: Callable[[int], Any],
    ) -> Side:  # fmt: skip
        order = list(numbers)
        random.Random(seed).shuffle(order)
        tables: dict[str, list[Row]] = {t: [] for t in ("products", "attributes", "media", "modalities", "fetched")}
        filled: dict[str, int] = {}
        for i in order:
            given = {(fields or {}).get(k, k): v for k, v in delivered(i).items()}
            if repainted and i % repainted == 0:
                given[(fields or {}).get("colour_name", "colour_name")] = "another"
            for field in given:
                filled[field] = filled.get(field, 0) + 1
            pid = product_id(i)
            is_dead = i % dead == 0
            tables["products"].append(
                {
                    "product_id": pid, "crawl_id": "c1", "source": "shop", "native_id": str(i),
                    "title": f"product {i}", "description": "word " * (i % 97), "price": float(i % 500),
                    "currency": "EUR", "brand": f"brand {i % 11}", "content_hash": f"{i:032d}",
                    "origin_file": "a.jsonl", "origin_offset": i, "raw": list(given.items()),
                    "category": category(i) if category else CATEGORIES[i % 5],
                    **{column: value(i) for column, value in more.items()},
                }
            )  # fmt: skip
            for k, (key, value) in enumerate(attributes(i).items()):
                key = (names or {}).get(key, key)
                tables["attributes"].append(
                    {"product_id": pid, "crawl_id": "c1", "position": k, "is_option": False, "name_raw": key,
                     "value_raw": value, "name": key, "value": value}
                )  # fmt: skip
            location = f"{i:032x}"
            tables["media"].append(
                {"product_id": pid, "crawl_id": "c1", "source": "shop", "position": 0, "modality": "image",
                 "location_raw": f"{i}.jpg", "location": f"{i}.jpg", "location_id": location[::-1]}
            )  # fmt: skip
            state = State.FAILED if is_dead else State.PRESENT
            reason = Reason.DEAD_LINK if is_dead else Reason.NONE
            tables["fetched"].append({"location_id": location[::-1], "state": state, "reason": reason})
            for m in MODALITIES:
                mine = {"image": (state, reason), "text": (State.PRESENT, Reason.NONE)}
                s, r = mine.get(m.value, (State.ABSENT, Reason.NOT_LISTED))
                tables["modalities"].append(
                    {"product_id": pid, "modality": m.value, "state": s, "reason": r, "listed": 1, "usable": 0,
                     "tags": []}
                )  # fmt: skip
        tables["fields"] = [
            {"source": "shop", "crawl_id": "c1", "field": field, "rows": len(order), "filled": n, "mapped_to": []}
            for field, n in filled.items()
        ]
        if not tagged:
            del tables["modalities"], tables["fetched"]
        return Side(name, make_dataset(tables, partitions=partitions, name=name))

    return make
