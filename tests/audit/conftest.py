"""Rows that the audit's tests build datasets from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m5tools import schema
from m5tools.vocabulary import MODALITIES, Reason, State

Row = dict[str, Any]


def product_id(number: int) -> str:
    """Ids spread over the partitions."""
    return f"{number * 7919 % 65_536:04x}{number:028x}"


@pytest.fixture
def product() -> Callable[..., Row]:
    """A row of `products`."""

    def build(number: int, category: list[str] | None = None, **more: Any) -> Row:
        return {
            "product_id": product_id(number),
            "crawl_id": "c1",
            "source": "shop",
            "title": f"product {number}",
            "category": category,
            "content_hash": "0" * 32,
            "origin_file": "a.jsonl",
            "origin_offset": number,
            **more,
        }

    return build


@pytest.fixture
def states() -> Callable[..., list[Row]]:
    """The five rows of `modalities` of one product: present where the mask's bit is set, else a dead link."""

    def build(number: int, mask: int) -> list[Row]:
        return [
            {
                "product_id": product_id(number),
                "modality": m.value,
                "state": State.PRESENT if mask >> m.bit & 1 else State.FAILED,
                "reason": Reason.NONE if mask >> m.bit & 1 else Reason.DEAD_LINK,
                "listed": 1,
                "usable": mask >> m.bit & 1,
                "tags": [],
            }
            for m in MODALITIES
        ]

    return build


@pytest.fixture
def text_signals() -> Callable[..., Row]:
    """A row of `signals_text` with this language found, zero in every column that may not be null."""

    def build(product: Row, language: str | None) -> Row:
        zeros = {c.name: 0 for c in schema.law("signals_text").columns if not c.nullable}
        return {**zeros, "product_id": product["product_id"], "language": language}

    return build
