"""Copies of pictures, and the pairing of picture sets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image, ImageDraw, ImageOps

from m5tools.dedup.evidence.files import in_order
from m5tools.dedup.evidence.image import COLUMNS, copies
from m5tools.dedup.evidence.image import picture_pairs as pairs_of_parts
from m5tools.dedup.policy import ComparePolicy
from m5tools.measure.image import signals
from m5tools.media.image import decode
from tests.dedup.shop import POLICY, drawing, encoded, with_margin


def pictures(rows: list[tuple[int, bytes]]) -> pl.DataFrame:
    told = [(row, f"file {i:03d}", signals(decode(data))[0]) for i, (row, data) in enumerate(rows)]
    frame = pl.DataFrame(
        [{"row": r, "stem": f"thing {r}", "asset_id": a, **{c: s[c] for c in COLUMNS}} for r, a, s in told]
    )
    return frame.with_columns(pl.col("row").cast(pl.UInt32))


def picture_pairs(frame: pl.DataFrame, policy: ComparePolicy) -> tuple[pl.DataFrame, int]:
    with tempfile.TemporaryDirectory() as scratch:
        return pairs_of_parts([frame.lazy()], policy, Path(scratch))


def badged(image: Image.Image) -> Image.Image:
    marked, side = image.copy(), int(0.28 * image.width)
    ImageDraw.Draw(marked).ellipse([image.width - side, 0, image.width - 1, side], fill=(20, 160, 60))
    return marked


def cropped(image: Image.Image, share: float = 0.05) -> Image.Image:
    rim = int(image.width * share)
    return image.crop((rim, rim, image.width - rim, image.height - rim))


EDITS: dict[str, Callable[[Image.Image], bytes]] = {
    "quality": lambda image: encoded(image, 50),
    "small": lambda image: encoded(image.resize((150, 150))),
    "margin 5 %": lambda image: encoded(with_margin(image, 0.05)),
    "margin 40 %, small": lambda image: encoded(with_margin(image, 0.4).resize((300, 300)), 50),
    "mirrored": lambda image: encoded(ImageOps.mirror(image)),
    "turned": lambda image: encoded(image.rotate(90)),
    "cropped": lambda image: encoded(cropped(image)),
    "badge": lambda image: encoded(badged(image)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_copy_is_the_same_picture(edit: str) -> None:
    rows = [(0, encoded(drawing(1))), (1, EDITS[edit](drawing(1))), (2, encoded(drawing(2)))]
    pairs, _ = picture_pairs(pictures(rows), POLICY)
    assert pairs.select("a", "b", "pictures", "grey").rows() == [(0, 1, 1.0, 0.0)]


def test_a_grey_copy_is_the_same_picture_and_a_grey_variant_is_not() -> None:
    red = drawing(3, (190, 40, 40))
    pairs, _ = picture_pairs(
        pictures([(0, encoded(red)), (1, encoded(ImageOps.grayscale(red).convert("RGB")))]), POLICY
    )
    assert pairs.select("pictures", "recoloured", "grey").rows() == [(1.0, 0.0, 1.0)]
    pairs, _ = picture_pairs(pictures([(0, encoded(red)), (1, encoded(drawing(3, (170, 170, 170))))]), POLICY)
    assert pairs.select("pictures", "recoloured", "grey").rows() == [(0.0, 1.0, 0.0)]


def test_another_colour_is_told_apart() -> None:
    red, blue = encoded(drawing(3, (190, 40, 40))), encoded(drawing(3, (40, 80, 190)))
    pairs, _ = picture_pairs(pictures([(0, red), (1, blue)]), POLICY)
    assert pairs.select("pictures", "recoloured").rows() == [(0.0, 1.0)]


def test_black_and_light_grey_are_two_colours() -> None:
    black, light = encoded(drawing(3, (30, 30, 30))), encoded(drawing(3, (160, 160, 160)))
    pairs, _ = picture_pairs(pictures([(0, black), (1, light)]), POLICY)
    assert pairs.select("pictures", "recoloured").rows() == [(0.0, 1.0)]


def test_sets_of_pictures_match_in_any_order() -> None:
    one, two, three = (encoded(drawing(seed)) for seed in (1, 2, 3))
    pairs, _ = picture_pairs(pictures([(0, one), (0, two), (1, two), (1, one), (2, three)]), POLICY)
    assert pairs.select("a", "b", "pictures", "matched").rows() == [(0, 1, 1.0, 2)]


def test_five_pictures_against_three() -> None:
    """Two of the three are among the five, in other sizes; the third is not."""
    five = [(0, encoded(drawing(seed))) for seed in range(5)]
    three = [(1, encoded(drawing(seed), 60)) for seed in (4, 1, 9)]
    pairs, _ = picture_pairs(pictures(five + three), POLICY)
    assert pairs.select("matched").item() == 2
    assert pairs.select("pictures").item() == pytest.approx(2 / 3)


def test_a_picture_is_matched_once() -> None:
    """Three sizes of one picture on one side are one of the other's two pictures, not both."""
    sizes = [(0, encoded(drawing(1).resize((side, side)))) for side in (400, 300, 200)]
    other = [(1, encoded(drawing(1), 70)), (1, encoded(drawing(2)))]
    pairs, _ = picture_pairs(pictures(sizes + other), POLICY)
    assert pairs.select("matched", "pictures").rows() == [(1, 0.5)]


def test_a_placeholder_in_many_sizes_welds_nothing() -> None:
    """No file is shared and none is a hub by itself; together they stand under thirty titles."""
    rows = [(n, encoded(with_margin(drawing(5), n / 100).resize((300 + n, 300 + n)))) for n in range(30)]
    pairs, hubs = picture_pairs(pictures(rows), POLICY)
    assert pairs.is_empty()
    assert hubs >= 30
    titled_alike = pictures(rows).with_columns(stem=pl.lit("one shirt in thirty colours"))
    assert picture_pairs(titled_alike, POLICY)[0].height > 0


def test_a_placeholder_under_many_names_welds_nothing() -> None:
    """Sixty files of one look, ten products each for six looks: nobody is compared with more than a few of them."""
    looks = pictures([(n, encoded(drawing(5), 80 - n)) for n in range(6)])
    rows = pl.concat(
        looks.with_columns(asset_id=pl.format("{} {}", "asset_id", pl.lit(n)), stem=pl.lit(f"title {n}"))
        .with_row_index("place")
        .with_columns(row=(pl.col("place") + 6 * n).cast(pl.UInt32), stem=pl.format("{} {}", "stem", "place"))
        .drop("place")
        for n in range(10)
    )
    assert picture_pairs(rows, POLICY)[0].is_empty()
    assert picture_pairs(rows.with_columns(stem=pl.lit("one title")), POLICY)[0].height > 60


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [(n, encoded(drawing(n % 4), 60 + n)) for n in range(12)]
    frame = pictures(rows)
    plain = picture_pairs(frame, POLICY)[0]
    assert plain.height == 12
    for seed in range(3):
        assert picture_pairs(frame.sample(fraction=1, shuffle=True, seed=seed), POLICY)[0].equals(plain)


def test_parts_make_no_difference(tmp_path: Path) -> None:
    """A file that several parts list is one file, wherever its row lies."""
    rows = [(n, encoded(drawing(n % 4), 60 + n)) for n in range(12)]
    frame = pictures(rows)
    again = frame.with_columns(row=pl.col("row") + 12, stem=pl.format("another {}", "stem"))
    every = pl.concat([frame, again])
    whole = picture_pairs(every, POLICY)
    assert whole[0].height > 12
    for sizes in ([7, 10, 7], [24, 0, 0], [0, 1, 23]):
        starts = [sum(sizes[:i]) for i in range(3)]
        parts = [every.slice(start, size).lazy() for start, size in zip(starts, sizes, strict=True)]
        found, hubs = pairs_of_parts(parts, POLICY, tmp_path)
        assert found.equals(whole[0])
        assert hubs == whole[1]
    assert list(tmp_path.iterdir()) == []


def test_null_hashes_match_nothing() -> None:
    frame = pictures([(0, encoded(drawing(1))), (1, encoded(drawing(2)))])
    nulls = frame.with_columns(pl.lit(None, pl.Binary).alias(column) for column in COLUMNS if column.startswith("pdq"))
    assert picture_pairs(nulls, POLICY)[0].is_empty()


def test_no_pictures() -> None:
    pairs, hubs = picture_pairs(pictures([(0, encoded(drawing(1)))]).clear(), POLICY)
    assert pairs.is_empty()
    assert hubs == 0


@pytest.mark.real_data
def test_real_copies_and_real_colour_variants(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "neardup_ukbench"
    names = ["base_images/ukbench00120.jpg", "mixed_images/ukbench00120_hflip.jpg", "ukbench00120_gray.jpg",
             "mixed_images/ukbench00120_resize.jpg", "base_images/ukbench01380.jpg"]  # fmt: skip
    shirts = sorted((real_data / "magento_luma").rglob("mp03-*_main.jpg"))
    files = [folder / name for name in names] + shirts
    frame = pictures([(n, file.read_bytes()) for n, file in enumerate(files)]).drop("row", "stem")
    found, _ = copies(in_order(frame.sort("asset_id")), POLICY.picture, POLICY.join, tmp_path)
    assert found.filter("alike").select("a", "b").rows() == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert found.filter(~pl.col("alike")).height == len(shirts) * (len(shirts) - 1) // 2
