"""Which edited copies of pictures are found, and which other pictures are taken for copies, by `measure` and `dedup`.

Usage: python -m benchmarks.duplicate_pictures DATA [SET …]

Up to 60 real pictures of each set are re-encoded, shrunk, framed, mirrored, made grey, cropped and given a badge; all
of a set go through the real signals and the real search at once. Told are the share of copies found (by hash and
colour), those that only the hashes find, and pairs of different pictures. Of magento_luma, all pictures against all:
one garment in another colour, and anything else; of neardup_ukbench, the pairs that its file names tell.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image, ImageDraw

from benchmarks.picture_copies import cropped, framed, jpeg, shrunk
from m5tools.dedup.evidence.files import in_order
from m5tools.dedup.evidence.image import COLUMNS, copies
from m5tools.dedup.policy import load_policy
from m5tools.measure.image import DECODED, look, rows
from m5tools.media import image
from m5tools.media.guard import DecodeError

Rgb = npt.NDArray[np.uint8]
MOST = 60
SETS = {
    "tuxpaint_stamps": "**/*.png", "clothing_categories": "**/*.jpg", "grocery_fresh": "**/*Iconic.jpg",
    "icecat_spryker": "**/big_*", "neardup_ukbench": "base_images/*.jpg", "magento_luma": "**/*.jpg",
}  # fmt: skip


def grey(rgb: Rgb) -> Rgb:
    return np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))


def badged(rgb: Rgb, share: float, corner: int) -> Rgb:
    """A red disc in a corner, as wide as a share of the short side."""
    height, width = rgb.shape[:2]
    side = int(min(height, width) * share)
    left, top = (0, width - side)[corner % 2], (0, height - side)[corner // 2]
    picture = Image.fromarray(rgb)
    ImageDraw.Draw(picture).ellipse([left, top, left + side - 1, top + side - 1], fill=(220, 20, 30))
    return np.asarray(picture)


EDITS: dict[str, Callable[[Rgb], bytes]] = {
    "quality 50": lambda rgb: jpeg(rgb, 50),
    "to 300 px": lambda rgb: jpeg(shrunk(rgb, 300)),
    "margin 5 %": lambda rgb: jpeg(framed(rgb, 0.05)),
    "margin 15 %": lambda rgb: jpeg(framed(rgb, 0.15)),
    "margin 40 %": lambda rgb: jpeg(framed(rgb, 0.4)),
    "margin 15 %, 300 px, quality 50": lambda rgb: jpeg(shrunk(framed(rgb, 0.15), 300), 50),
    "margin 40 %, 300 px, quality 50": lambda rgb: jpeg(shrunk(framed(rgb, 0.4), 300), 50),
    "mirrored": lambda rgb: jpeg(np.ascontiguousarray(rgb[:, ::-1])),
    "turned by 90°": lambda rgb: jpeg(np.ascontiguousarray(np.rot90(rgb))),
    "grey": lambda rgb: jpeg(grey(rgb)),
    "crop 5 % a side": lambda rgb: jpeg(cropped(rgb, 0.05)),
    "crop 3 % a side": lambda rgb: jpeg(cropped(rgb, 0.03)),
    "crop 8 % a side": lambda rgb: jpeg(cropped(rgb, 0.08)),
    "badge 15 %, upper right": lambda rgb: jpeg(badged(rgb, 0.15, 1)),
    "badge 20 %, upper left": lambda rgb: jpeg(badged(rgb, 0.2, 0)),
    "badge 28 %, lower right": lambda rgb: jpeg(badged(rgb, 0.28, 3)),
}


def measured(files: Sequence[bytes]) -> pl.DataFrame:
    """Signals of those that can be decoded, numbered by their place."""
    seen = {}
    for place, data in enumerate(files):
        try:
            seen[place] = look(image.decode(data, DECODED))
        except DecodeError as error:
            print(f"  file {place}: {error.reason.name.lower()}")
    told = rows(list(seen.values()))
    schema = {"file": pl.UInt32} | dict.fromkeys(COLUMNS, pl.Binary)
    return pl.DataFrame([{"file": f, **{c: r[c] for c in COLUMNS}} for f, r in zip(seen, told, strict=True)], schema)


def found(files: Sequence[bytes]) -> dict[tuple[int, int], tuple[int, bool, bool]]:
    """Pairs of places → distance, alike, grey."""
    policy = load_policy("duplicates")
    signals = measured(files).with_row_index("kept")
    with tempfile.TemporaryDirectory() as scratch:
        pairs, _ = copies(in_order(signals.drop("file", "kept")), policy.picture, policy.join, Path(scratch))
    place = signals["file"].to_list()
    return {(place[a], place[b]): (d, alike, made_grey) for a, b, d, alike, made_grey in pairs.iter_rows()}


def edits(folder: str, pictures: list[Rgb]) -> None:
    count = len(pictures)
    files = [jpeg(rgb, 92) for rgb in pictures] + [edit(rgb) for edit in EDITS.values() for rgb in pictures]
    pairs = found(files)
    print(f"{folder}: {count} pictures")
    for number, name in enumerate(EDITS, 1):
        told = [pairs.get((i, number * count + i)) for i in range(count)]
        alike = sum(t is not None and t[1] for t in told) / count
        by_hash = sum(t is not None for t in told) / count
        print(f"  {name:34}{alike:6.3f}   hashes alone {by_hash:.3f}")
    strangers = [t for (a, b), t in pairs.items() if a < count and b < count]
    alike = sum(t[1] for t in strangers)
    print(
        f"  of {count * (count - 1) // 2} pairs of different pictures: {alike} alike, {len(strangers)} by hashes alone"
    )


def magento(root: Path) -> None:
    """Names are style-colour_view; pairs that differ in the colour alone are one garment in two colours."""
    files = sorted((root / "magento_luma").rglob("*.jpg"))
    pairs = found([file.read_bytes() for file in files])

    def parts(file: Path) -> tuple[str, str]:
        style, _, rest = file.stem.rpartition("-")
        return style, rest.partition("_")[2]

    every = set(combinations(range(len(files)), 2))
    variants = {(i, j) for i, j in every if all(parts(files[i])) and parts(files[i]) == parts(files[j])}
    for name, some in (
        ("colour variants", variants),
        ("other pairs", every - variants),
    ):
        alike = sorted(p for p in some if p in pairs and pairs[p][1])
        print(f"magento_luma, {name}: {len(alike)} of {len(some)} alike, {len(some & pairs.keys())} by hashes alone")
        for i, j in alike:
            print(f"  {files[i].name} {files[j].name} {pairs[i, j]}")


def ukbench(root: Path) -> None:
    files = sorted((root / "neardup_ukbench").rglob("*.*"))
    files = [file for file in files if file.suffix != ".md"]
    pairs = found([file.read_bytes() for file in files])
    subject = [file.stem.partition("_")[0] for file in files]
    true = {p for p in combinations(range(len(files)), 2) if subject[p[0]] == subject[p[1]]}
    true = {p for p in true if not any("corrupt" in files[i].stem for i in p)}
    alike = {p for p, told in pairs.items() if told[1]}
    print(f"neardup_ukbench: {len(alike & true)} of {len(true)} true pairs alike, {len(alike - true)} others")
    for i, j in sorted(true - alike):
        print(f"  missed: {files[i].name} {files[j].name} {pairs.get((i, j))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    for folder in arguments.sets:
        chosen = sorted((arguments.data / folder).glob(SETS[folder]))[:MOST]
        edits(folder, [image.decode(f.read_bytes(), 4_000).rgb for f in chosen])
    if "magento_luma" in arguments.sets:
        magento(arguments.data)
    if "neardup_ukbench" in arguments.sets:
        ukbench(arguments.data)


if __name__ == "__main__":
    main()
