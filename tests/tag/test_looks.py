"""A drawing that shops re-encode counts as one picture; photos and strangers do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from m5tools.dataset import Dataset
from m5tools.measure.image import signals
from m5tools.media import image
from m5tools.tag.looks import alike


def drawing(kind: int) -> image.Rgb:
    canvas = np.full((320, 320, 3), 235, np.uint8)
    if kind:
        cv2.circle(canvas, (160, 150), 90, (120, 120, 120), 12)
        cv2.putText(canvas, "?", (125, 190), cv2.FONT_HERSHEY_SIMPLEX, 4, (90, 90, 90), 12)
    else:
        cv2.rectangle(canvas, (60, 70), (260, 210), (120, 120, 120), 8)
        cv2.line(canvas, (60, 210), (170, 110), (120, 120, 120), 8)
        cv2.putText(canvas, "NO IMAGE", (80, 270), cv2.FONT_HERSHEY_SIMPLEX, 1, (90, 90, 90), 3)
    return canvas


def encoded(rgb: image.Rgb, side: int, quality: int) -> bytes:
    small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
    return image.encode_jpeg(np.asarray(small, np.uint8), quality)


def listing(files: dict[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """Tables of one product a picture."""
    rows: dict[str, list[dict[str, Any]]] = {
        table: [] for table in ("products", "media", "fetched", "corpus_assets", "signals_image")
    }
    for number, (name, data) in enumerate(files.items()):
        key = {"product_id": f"{number:032x}", "crawl_id": "c1", "source": "shop"}
        rows["products"].append(
            {**key, "title": f"Thing {name}", "category": [f"Kind {number % 4}"], "content_hash": name,
             "origin_file": "f", "origin_offset": 0}
        )  # fmt: skip
        rows["media"].append(
            {**key, "position": 0, "modality": "image", "location_raw": name, "location": name, "location_id": name}
        )
        rows["corpus_assets"].append({"asset_id": name, "products": 1, "titles": 1, "categories": 1})
        rows["fetched"].append({"location_id": name, "asset_id": name, "state": 0, "reason": 0})
        measured = signals(image.decode(data))[0]
        rows["signals_image"].append({"asset_id": name, "state": 0, "reason": 0, **measured})
    return rows


def test_encodings_of_one_drawing_are_counted_together(make_dataset: Callable[..., Dataset]) -> None:
    files = {f"a{n}": encoded(drawing(0), 112 + 9 * n, 50 + 2 * n) for n in range(24)}
    files |= {f"b{n}": encoded(drawing(1), 150 + 20 * n, 80) for n in range(3)}
    random = np.random.default_rng(3)
    files["photo"] = encoded(random.integers(0, 256, (200, 200, 3)).astype(np.uint8), 200, 90)
    found = {row["asset_id"]: row for row in alike(make_dataset(listing(files))).iter_rows(named=True)}
    assert "photo" not in found
    assert np.mean([found[name]["alike_titles"] >= 8 for name in files if name.startswith("a")]) > 0.8
    assert all(found[f"a{n}"]["alike_categories"] == 4 for n in range(4, 9))
    assert all(found[f"b{n}"]["alike_titles"] <= 3 for n in range(3))


def test_a_look_of_one_product_alone_is_one_title(make_dataset: Callable[..., Dataset]) -> None:
    rows = listing({"one": encoded(drawing(0), 200, 90), "other": encoded(drawing(1), 200, 90)})
    found = alike(make_dataset(rows)).rows()
    assert found == [("one", 1, 1, 1), ("other", 1, 1, 1)]


def test_sellers_of_one_product_show_one_brand_and_a_placeholder_many(make_dataset: Callable[..., Dataset]) -> None:
    rows = listing({f"{k}{n}": encoded(drawing(k), 180 + 8 * n, 85) for k in (0, 1) for n in range(6)})
    for number, row in enumerate(rows["products"]):
        row["brand"] = f"Brand {number}" if number < 6 else "Acme"
    rows["products"][0]["brand"] = "no brand"
    found = {row["asset_id"]: row["alike_brands"] for row in alike(make_dataset(rows)).iter_rows(named=True)}
    assert [found[f"0{n}"] for n in range(6)] == [5] * 6
    assert [found[f"1{n}"] for n in range(6)] == [1] * 6


def test_different_pictures_that_share_a_part_of_their_hashes_are_not_one_look(
    make_dataset: Callable[..., Dataset],
) -> None:
    rows = listing({f"p{n}": encoded(drawing(n % 2), 200, 90) for n in range(20)})
    random = np.random.default_rng(5)
    shared, one = random.bytes(4), random.bytes(32)
    for number, row in enumerate(rows["signals_image"]):
        # Ten strangers with one word of 32 bits in common; ten of one look, each with three other bits.
        bits = np.unpackbits(np.frombuffer(one, np.uint8))
        bits[random.choice(224, 3)] ^= 1
        row["pdq"] = shared + random.bytes(28) if number < 10 else np.packbits(bits).tobytes()
    # The first stranger is shown by two products more, which are its own whoever else has its word.
    rows["media"] += [row | {"location": "p0", "location_id": "p0"} for row in rows["media"][18:20]]
    rows["corpus_assets"][0]["products"] = 3
    found = {row["asset_id"]: row["alike_titles"] for row in alike(make_dataset(rows)).iter_rows(named=True)}
    assert found["p0"] == 3
    assert [found[f"p{n}"] for n in range(1, 10)] == [1] * 9
    assert [found[f"p{n}"] for n in range(10, 20)] == [10] * 10


def test_no_picture_at_all(make_dataset: Callable[..., Dataset]) -> None:
    empty = make_dataset({table: [] for table in ("products", "media", "fetched", "corpus_assets", "signals_image")})
    assert alike(empty).is_empty()


def test_pictures_of_fewer_points_than_the_hash_looks_at_have_no_look(make_dataset: Callable[..., Dataset]) -> None:
    rows = listing({f"{side}": encoded(drawing(0), side, 90) for side in (32, 40, 63, 64, 200)})
    assert alike(make_dataset(rows))["asset_id"].to_list() == ["200", "64"]
