"""Trap 14: a modality of pure noise weighs least in SCALE, and what is absent changes nothing; by train and embed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from tests.media.files import Rgb, encoded, sound_file, video_file

from . import line
from .delivery import TO_SHARDS, Item, curate, item, store

pytestmark = pytest.mark.slow
PRODUCTS = 200
STEPS = 40
TELLING = ("image", "text", "table", "video")
NOISE = "audio"
COLOURS = {
    "crimson": (200, 30, 50), "navy": (20, 30, 110), "olive": (110, 120, 30), "ivory": (235, 230, 205),
    "teal": (20, 130, 130), "orange": (240, 140, 20), "purple": (120, 40, 140), "pink": (245, 150, 190),
}  # fmt: skip
Vectors = dict[tuple[str, str], npt.NDArray[np.float32]]
"""(product, modality) → its vector; `fused` is the product's own."""


@dataclass(frozen=True)
class Fabrics:
    """What the commands left.

    Attributes:
        steps: what `m5 train` told of every step, on the products that have everything.
        whole: vectors of these products, by the table of `m5 embed`.
        lacking: vectors of the same products, a third of which now list no picture.
        shares: (product, modality) → what it contributes to `fused`, of `whole` and of `lacking`.
        pictureless: those that list none.
    """

    steps: list[dict[str, dict[str, float]]]
    whole: Vectors
    lacking: Vectors
    shares: tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]
    pictureless: set[str]


@pytest.fixture(scope="module")
def fabrics(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Fabrics:
    folder = tmp_path_factory.mktemp("fabrics")
    run = folder / "run"
    places = {name: folder / name for name in ("whole", "lacking")}
    items = _fabrics(places["whole"])
    curate(places["whole"], scratch, items, TO_SHARDS)
    shutil.copytree(places["whole"] / "crawl", places["lacking"] / "crawl")
    for told in items[::3]:
        del told["images"]
    curate(places["lacking"], scratch, items, TO_SHARDS)
    shards = {name: str(place / "dataset" / "shards" / "default") for name, place in places.items()}
    sizes = {"steps": STEPS, "image_size": 32, "warmup": 5}
    sets = [word for key, value in sizes.items() for word in ("--set", f"{key}={value}")]
    line.complete([*line.M5, "train", shards["whole"], "--out", str(run), *sets], scratch)
    tables = {}
    for name, read in shards.items():
        line.complete([*line.M5, "embed", str(run), read, "--out", str(folder / f"{name} vectors")], scratch)
        tables[name] = pl.read_parquet(folder / f"{name} vectors" / "*.parquet")
    steps = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    media = pl.read_parquet(places["lacking"] / "dataset" / "tables" / "media" / "shop-1" / "*.parquet")
    listing = set(media.filter(modality="image")["product_id"])
    products = set(tables["whole"]["product_id"])
    return Fabrics(
        steps,
        _vectors(tables["whole"]),
        _vectors(tables["lacking"]),
        (_shares(tables["whole"]), _shares(tables["lacking"])),
        products - listing,
    )


def _fabrics(folder: Path) -> list[Item]:
    """Products whose colour four modalities tell; the sound of each is white noise."""
    draws = np.random.default_rng(0)
    items = []
    for number in range(PRODUCTS):
        colour = list(COLOURS)[draws.integers(len(COLOURS))]
        swatch = _swatch(COLOURS[colour], draws)
        film = video_file(np.roll(swatch, 4 * frame, 0) for frame in range(4))
        hiss = (0.1 * draws.standard_normal(8_000)).astype(np.float32)
        media = {
            "images": [store(folder, f"{number}.png", encoded(swatch, "PNG"))],
            "videos": [store(folder, f"{number}.mp4", film)],
            "audios": [store(folder, f"{number}.wav", sound_file(hiss))],
        }
        title = f"{colour} fabric {draws.integers(16**6):06x} {draws.integers(16**6):06x}"
        items.append(item(str(number), title, {"shade": colour, "roll": str(number)}, **media))
    return items


def _swatch(colour: tuple[int, int, int], draws: np.random.Generator) -> Rgb:
    """A picture of its own of a colour, or the shop would seem to show one picture for all."""
    swatch: Rgb = np.clip(np.array(colour) + draws.normal(0, 14, (64, 64, 3)), 0, 255).astype(np.uint8)
    left = int(draws.integers(0, 40))
    swatch[left : left + 20, 8:30] = 255 - swatch[left : left + 20, 8:30]
    return swatch


def _vectors(table: pl.DataFrame) -> Vectors:
    keys = table.select("product_id", "modality").rows()
    return dict(zip(keys, table["vector"].to_numpy(), strict=True))


def _shares(table: pl.DataFrame) -> dict[tuple[str, str], float]:
    rows = table.filter(pl.col("modality") != "fused").select("product_id", "modality", "share").rows()
    return {(product, modality): share for product, modality, share in rows}


def test_noise_weighs_least_in_losses_and_in_the_product(fabrics: Fabrics) -> None:
    assert len(fabrics.steps) == STEPS
    weight = fabrics.steps[-1]["weight"]
    assert set(weight) == {*TELLING, NOISE}
    assert weight[NOISE] < min(weight[modality] for modality in TELLING) / 2
    mean = {m: np.mean([share for (_, of), share in fabrics.shares[0].items() if of == m]) for m in weight}
    assert mean[NOISE] < 0.02
    assert mean[NOISE] < min(mean[modality] for modality in TELLING) / 5


def test_what_is_absent_changes_nothing(fabrics: Fabrics) -> None:
    """Of a product without a picture all else is as before, and its own vector is made of what is there."""
    pictureless, lacking = fabrics.pictureless, fabrics.lacking
    assert len(pictureless) == (PRODUCTS + 2) // 3
    gone = {(product, "image") for product in pictureless}
    assert fabrics.whole.keys() - lacking.keys() == gone
    assert lacking.keys() <= fabrics.whole.keys()
    changed = {(product, "fused") for product in pictureless}
    for key in lacking.keys() - changed:
        np.testing.assert_allclose(lacking[key], fabrics.whole[key], atol=1e-5, err_msg=str(key))
    shares = fabrics.shares[1]
    for product in pictureless:
        there = [m for m in (*TELLING, NOISE) if m != "image"]
        made = sum(shares[product, m] * lacking[product, m] for m in there)
        np.testing.assert_allclose(lacking[product, "fused"], made / np.linalg.norm(made), atol=1e-5)
        assert sum(shares[product, m] for m in there) == pytest.approx(1, abs=1e-5)
