"""Near copies in an evaluation set: edited pictures, clips that share their seconds; placeholders are nobody's."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from m5tools.dataset import Dataset
from m5tools.measure.image import signals
from m5tools.media.image import decode
from m5tools.split import files
from m5tools.split.copies import copied, looks, telling
from m5tools.vocabulary import Reason, State

_TABLES = ("products", "media", "fetched", "signals_image", "signals_video")


def _drawn(seed: int) -> Image.Image:
    draw = np.random.default_rng(seed)
    picture = Image.new("RGB", (480, 400), tuple(int(v) for v in draw.integers(150, 250, 3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(24):
        x, y, w, h = (int(v) for v in draw.integers(0, 300, 4))
        colour = tuple(int(v) for v in draw.integers(0, 255, 3))
        (pen.ellipse if draw.random() < 0.5 else pen.rectangle)((x, y, x + w // 2 + 8, y + h // 2 + 8), fill=colour)
    return picture


def _jpeg(picture: Image.Image, quality: int = 92) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _shown(pictures: dict[str, bytes], clips: dict[str, list[bytes]] | None = None) -> dict[str, Any]:
    """Tables of products that show one file each; `_` and what follows in a name tells products of one file apart."""
    tables: dict[str, Any] = {name: [] for name in _TABLES}
    measured: set[str] = set()
    for modality, contents in (("image", pictures), ("video", clips or {})):
        for name, content in contents.items():
            product, asset = f"{len(tables['products']):032x}", name.split("_")[0]
            own = {"product_id": product, "crawl_id": "c1", "source": "shop"}
            origin = {"content_hash": "0", "origin_file": "f", "origin_offset": 0, "title": name}
            tables["products"].append(own | origin)
            where = {"location_raw": name, "location": name, "location_id": name, "position": 0, "modality": modality}
            tables["media"].append(own | where)
            present = {"state": State.PRESENT, "reason": Reason.NONE}
            tables["fetched"].append({"location_id": name, "asset_id": asset} | present)
            if asset in measured:
                continue
            measured.add(asset)
            if isinstance(content, bytes):
                tables["signals_image"].append({"asset_id": asset} | present | signals(decode(content))[0])
            else:
                frames = {"frame_pdq": content, "frame_pdq_quality": [80] * len(content)}
                tables["signals_video"].append({"asset_id": asset} | present | frames)
    return tables


def _found(make_dataset: Callable[..., Dataset], mine: dict[str, Any], theirs: dict[str, Any]) -> set[str]:
    """Titles of the products that show what the others show."""
    dataset, other = make_dataset(mine, 1, "mine"), make_dataset(theirs, 1, "theirs")
    shown = []
    for whose, turned in ((dataset, True), (other, False)):
        kept = whose.root / "kept"
        for kind in files.KINDS:
            files.keep(whose, kept, kind)
        shown.append(looks(whose, 0, kept, turned=turned))
    met = copied(shown[0], telling(shown[1]))
    titles = dict(dataset.read("products").select("product_id", "title").iter_rows())
    return {titles[product] for product in met["product_id"]}


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: _jpeg(p, 50),
        lambda p: _jpeg(p.resize((300, 250))),
        lambda p: _jpeg(ImageOps.mirror(p)),
        lambda p: _jpeg(p.rotate(90, expand=True)),
        lambda p: _jpeg(ImageOps.expand(p, 70, "white")),
    ],
    ids=["quality", "size", "mirrored", "turned", "margin"],
)
def test_an_edited_picture_is_a_copy(make_dataset: Callable[..., Dataset], edit: Callable[[Any], bytes]) -> None:
    mine = _shown({"copy": edit(_drawn(1)), "other": _jpeg(_drawn(2))})
    assert _found(make_dataset, mine, _shown({"original": _jpeg(_drawn(1)), "third": _jpeg(_drawn(3))})) == {"copy"}


def test_a_picture_that_many_of_the_evaluation_set_show_tells_nothing(make_dataset: Callable[..., Dataset]) -> None:
    mine = _shown({"placeholder": _jpeg(_drawn(1), 60)})
    theirs = {f"drawing_{i}": _jpeg(_drawn(1)) for i in range(21)}
    assert _found(make_dataset, mine, _shown(theirs)) == set()
    assert _found(make_dataset, mine, _shown(dict(list(theirs.items())[:20]))) == {"placeholder"}


def test_a_clip_is_a_copy_where_half_of_its_seconds_are(make_dataset: Callable[..., Dataset]) -> None:
    frames = [np.random.default_rng(i).bytes(32) for i in range(10)]
    near = bytes([frames[0][0] ^ 0b111, *frames[0][1:]])
    mine = _shown(
        {}, {"half": [near, frames[1], frames[7]], "third": [frames[0], frames[8], frames[9]], "none": frames[7:]}
    )
    assert _found(make_dataset, mine, _shown({}, {"evaluated": frames[:4]})) == {"half"}


def test_what_is_not_measured_shows_nothing(make_dataset: Callable[..., Dataset]) -> None:
    unmeasured = _shown({"a": _jpeg(_drawn(1))}) | {"signals_image": []}
    assert _found(make_dataset, _shown({"a": _jpeg(_drawn(1))}), unmeasured) == set()
