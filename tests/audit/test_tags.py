"""Tags by band, and the examples in the gallery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m5tools.audit import audit, tags
from m5tools.dataset import Dataset

Make = Callable[..., Any]
JPEG = b"\xff\xd8\xff\xe0"


def tag(row: dict[str, Any], name: str, asset: str | None = None) -> dict[str, Any]:
    return {
        "product_id": row["product_id"], "asset_id": asset, "tag": name, "modality": name.partition(".")[0],
        "signal": "some_signal", "value": 0.25, "threshold": 0.5, "policy": "default",
    }  # fmt: skip


@pytest.fixture
def rows(product: Make) -> list[dict[str, Any]]:
    """50 products in the head, 40 in the middle, 10 in the tail, one without category."""
    names = ["big"] * 50 + ["middling"] * 40 + ["small"] * 10
    return [product(i, [name]) for i, name in enumerate(names)] + [product(100)]


def test_products_are_counted_once_a_tag_and_by_band(
    make_dataset: Callable[..., Dataset], rows: list[dict[str, Any]]
) -> None:
    tagged = [tag(row, "image.blank", asset) for row in rows[45:55] for asset in ("a", "b")]
    tagged += [tag(row, "text.short") for row in rows[95:]]
    found = audit(make_dataset({"products": rows, "tags": tagged}, partitions=4)).tags
    assert isinstance(found, tuple)
    assert [(t.tag, t.products) for t in found] == [("image.blank", 10), ("text.short", 6)]
    assert [(b.band, b.products, b.share) for b in found[0].bands] == [
        ("head", 5, 0.1),
        ("middle", 5, 0.125),
        ("tail", 0, 0.0),
    ]
    assert [b.products for b in found[1].bands] == [0, 0, 5]


def test_the_gallery_shows_six_of_each_the_same_every_time(
    make_dataset: Callable[..., Dataset], rows: list[dict[str, Any]]
) -> None:
    tagged = [tag(row, "text.short") for row in rows[:40]] + [tag(rows[3], "table.sparse")]
    one = audit(make_dataset({"products": rows, "tags": tagged}, partitions=1, name="one")).gallery
    many = audit(make_dataset({"products": rows[::-1], "tags": tagged[::-1]}, partitions=7, name="many")).gallery
    assert one == many
    assert isinstance(one, tuple)
    assert [(shelf.tag, len(shelf.examples)) for shelf in one] == [("table.sparse", 1), ("text.short", 6)]


def test_examples_carry_what_was_judged(make_dataset: Callable[..., Dataset], product: Make) -> None:
    row = product(1, description="many words")
    pair = {"product_id": row["product_id"], "crawl_id": "c1", "is_option": False, "name": "n", "value": "v"}
    dataset = make_dataset(
        {
            "products": [row],
            "attributes": [
                {**pair, "position": 0, "name_raw": "Colour", "value_raw": "red"},
                {**pair, "position": 1, "name_raw": "Size", "value_raw": None},
            ],
            "tags": [
                tag(row, "audio.silent", "sound"),
                tag(row, "image.blank", "picture"),
                tag(row, "image.small", "not a picture"),
                tag(row, "table.sparse"),
                tag(row, "text.short"),
            ],
            "previews_image": [
                {"asset_id": "picture", "preview": JPEG},
                {"asset_id": "not a picture", "preview": b"<svg onload=alert(1)>"},
            ],
            "previews_audio": [{"asset_id": "sound", "preview": b"OggS", "envelope": bytes([0, 128, 255])}],
        }
    )
    shelves = audit(dataset).gallery
    assert isinstance(shelves, tuple)
    found = {shelf.tag: shelf.examples[0] for shelf in shelves}
    assert found["audio.silent"].peaks == (0, 128, 255)
    assert found["image.blank"].jpeg == JPEG
    assert found["image.small"].jpeg is None
    assert found["table.sparse"].text == "Colour: red · Size: –"
    assert found["text.short"].text == "many words"


def test_pictures_stop_where_the_page_is_full(
    make_dataset: Callable[..., Dataset], rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "PICTURES_BYTES", 3_000)
    names = ("image.blank", "image.small")
    tagged = [tag(row, name, f"{name}{i}") for name in names for i, row in enumerate(rows[:6])]
    previews = [{"asset_id": t["asset_id"], "preview": JPEG + bytes(996)} for t in tagged]
    shelves = audit(make_dataset({"products": rows, "tags": tagged, "previews_image": previews})).gallery
    assert isinstance(shelves, tuple)
    assert [[e.jpeg is not None for e in shelf.examples] for shelf in shelves] == [
        [True, True, False, False, False, False],
        [True, False, False, False, False, False],
    ]
