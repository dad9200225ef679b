"""`m5 shard` against `tar cf` of the same files, and against webdataset's `ShardWriter` with the same encoding.

Real JPEGs under M5_REAL_DATA are repeated until there are as many as asked; products list two each, with a title and
three attributes, and the tables are those that the stages before would have left. Everything is read from the page
cache; the two sides alternate. Timed are whole processes:

* untouched: `m5 shard --set media=untouched` (command, workers and all its rounds: order, gather, write, card, with
  checksums of members and tars, Parquet index, fsync) and `tar cf` over a list of the files;
* encoded: the stage's *write* round in one process and a loop of ShardWriter around the same decoder and encoder.

    python benchmarks/shard_rate.py --files 60000 --runs 5
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from m5tools.dataset import FORMAT, Dataset, StageEntry, part_name, partition_of
from m5tools.vocabulary import MODALITIES

DATA = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
SMALLEST = 2_000  # bytes; icons are no product pictures
IMAGES_A_PRODUCT = 2
PARTITIONS = 4
A_FOLDER = 1_000
WORDS = ("kettle", "steel", "1.7 l", "cordless", "blue", "for tea", "with filter", "2200 W", "lid", "handle")


def replicate(folder: Path, files: int) -> list[Path]:
    """So many JPEGs, each in a file of its own; a number behind the end mark makes every one a different asset."""
    real = sorted(f for f in DATA.rglob("*.jpg") if f.stat().st_size > SMALLEST and f.read_bytes()[:2] == b"\xff\xd8")
    bodies = [file.read_bytes() for file in real]
    made = []
    for i in range(files):
        path = folder / f"{i // A_FOLDER:03d}" / f"{i:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bodies[i % len(bodies)] + i.to_bytes(8, "big"))
        made.append(path)
    return made


def build(root: Path, files: list[Path]) -> Dataset:
    """The tables that `shard` reads."""
    dataset = Dataset(root)
    draw = random.Random(0)
    products = len(files) // IMAGES_A_PRODUCT
    ids = [hashlib.sha256(b"%d" % i).hexdigest()[:32] for i in range(products)]
    listed = [ids[i // IMAGES_A_PRODUCT] for i in range(products * IMAGES_A_PRODUCT)]
    assets = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files[: len(listed)]]
    names = [str(path) for path in files[: len(listed)]]
    crawl = {"crawl_id": pl.lit("c1"), "source": pl.lit("shop")}
    title = pl.Series([" ".join(draw.choices(WORDS, k=6)) for _ in ids])
    text = pl.Series([" ".join(draw.choices(WORDS, k=60)) for _ in ids])
    attribute = pl.DataFrame({"position": [0, 1, 2], "name": ["colour", "power", "size"], "value": WORDS[:3]})
    codes = [1 if m.value in ("video", "audio") else 0 for m in MODALITIES]
    tables = {
        "products": pl.DataFrame({"product_id": ids}).with_columns(
            title=title, description=text, content_hash="product_id", origin_file=pl.lit("a"), **crawl,
            origin_offset=pl.lit(0, pl.Int64), category=pl.lit(["Home", "Kettles"]), price=pl.lit(9.5),
        ),
        "attributes": pl.DataFrame({"product_id": ids}).join(attribute, how="cross").with_columns(
            name_raw="name", value_raw="value", is_option=pl.lit(False), crawl_id=pl.lit("c1")
        ),
        "texts": pl.DataFrame({"product_id": ids}).with_columns(
            role=pl.lit("title"), value=title, position=pl.lit(0), crawl_id=pl.lit("c1"), language=pl.lit("en")
        ),
        "media": pl.DataFrame({"product_id": listed, "location_id": names}).with_columns(
            location_raw="location_id", location="location_id", modality=pl.lit("image"), **crawl,
            position=(pl.int_range(pl.len()) % IMAGES_A_PRODUCT).cast(pl.Int32),
        ),
        "tags": pl.DataFrame({"product_id": ids}).with_columns(
            tag=pl.lit("table.sparse"), modality=pl.lit("table"), signal=pl.lit("filled"), policy=pl.lit("default")
        ),
        "roles": pl.DataFrame({"product_id": ids}),
        "cut_products": pl.DataFrame({"product_id": ids}).with_columns(
            split=pl.lit("train"), category=pl.lit("Home > Kettles"), band=pl.lit("head"), present=pl.lit(7, pl.UInt8),
            state=pl.lit(codes), reason=pl.lit(codes), withheld_by=pl.lit([""] * len(MODALITIES)),
        ),
    }  # fmt: skip
    for name, rows in tables.items():
        home = rows.select(partition_of(pl.col("product_id"), PARTITIONS)).to_series()
        folder = "c1/" if name in ("products", "attributes", "texts", "media") else ""
        for i in range(PARTITIONS):
            dataset.write(name, folder + part_name(i), rows.filter(home == i))
    present = {"state": pl.lit(0, pl.UInt8), "reason": pl.lit(0, pl.UInt8)}
    sizes = [path.stat().st_size for path in files[: len(listed)]]
    facts = {"width": pl.lit(400, pl.Int32), "height": pl.lit(500, pl.Int32)}
    of_files = {
        "fetched": pl.DataFrame({"location_id": names, "asset_id": assets}).with_columns(**present),
        "assets": pl.DataFrame({"asset_id": assets, "uri": names, "length": sizes}).with_columns(
            modality=pl.lit("image"), mime=pl.lit("image/jpeg"), offset=pl.lit(0, pl.Int64)
        ),
        "signals_image": pl.DataFrame({"asset_id": assets}).with_columns(**present, **facts),
    }
    for name, rows in of_files.items():
        dataset.write(name, "part-00000", rows)
    entries = {
        "ingest/c1": [],
        "fetch": ["fetched", "assets"],
        "measure": ["signals_image", "signals_video", "signals_audio"],
        "tag/default": ["tags"],
        "split": ["roles"],
        "cut/default": ["cut_products", "cut_media", "cut_attributes"],
    }
    with dataset.changing() as manifest:
        manifest["format"], manifest["partitions"] = FORMAT, PARTITIONS
        manifest["crawls"].append({"source": "shop", "crawl_id": "c1", "media_root": None})
        for entry, writes in entries.items():
            manifest["stages"][entry] = StageEntry(
                stage=entry.partition("/")[0], version=1, config={}, settings={}, run="", inputs={}, fingerprint="",
                counts={}, writes=list(writes),
            )  # fmt: skip
    return dataset


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a process and its children."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - started, os.times()
    assert done.returncode == 0, done.stderr[-2000:]
    children = after.children_user + after.children_system - before.children_user - before.children_system
    return took, children


def untouched(folder: Path, root: Path, files: list[Path], runs: int, workers: int) -> dict[str, list[float]]:
    """Runs of either side, alternating; the first of each, which finds cold files, does not count."""
    names = folder / "files.txt"
    names.write_text("\n".join(map(str, files)))
    ours = [sys.executable, "-m", "m5tools.cli.main", "shard", "--dataset", str(root), "--refresh",
            "--workers", str(workers), "--set", "media=untouched"]  # fmt: skip
    theirs = ["tar", "cf", str(folder / "peer.tar"), "-P", "-T", str(names)]
    found: dict[str, list[float]] = {"m5_wall": [], "m5_cpu": [], "tar_wall": [], "tar_cpu": []}
    for run in range(runs + 1):
        for side, command in (("m5", ours), ("tar", theirs)):
            wall, cpu = timed(command)
            if run:
                found[f"{side}_wall"].append(wall)
                found[f"{side}_cpu"].append(cpu)
        (folder / "peer.tar").unlink()
    return found


def spread(values: list[float], unit: str, scale: float = 1.0) -> str:
    shown = sorted(scale * value for value in values)
    return f"{statistics.median(shown):8.2f} {unit} ({shown[0]:.2f}–{shown[-1]:.2f})"


def report_untouched(found: dict[str, list[float]], files: int, size: int) -> None:
    print(f"untouched: {files:,} files, {size / 1e6:,.0f} MB")
    for side in ("m5", "tar"):
        print(f"  {side:4} wall {spread(found[f'{side}_wall'], 's')}   processor {spread(found[f'{side}_cpu'], 's')}"
              f"   {size / 1e6 / statistics.median(found[f'{side}_wall']):,.0f} MB/s")  # fmt: skip
    for kind, word in (("wall", "by the clock"), ("cpu", "by processor time")):
        pairs = sorted(b / a for a, b in zip(found[f"m5_{kind}"], found[f"tar_{kind}"], strict=True))
        ratio = statistics.median(found[f"tar_{kind}"]) / statistics.median(found[f"m5_{kind}"])
        print(f"  rate of m5 / rate of tar {word}: {ratio:.2f} (pairs {pairs[0]:.2f}–{pairs[-1]:.2f})")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=60_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--encoded-files", type=int, default=2_000)
    asked = options.parse_args()
    if not DATA.is_dir():
        sys.exit(f"skipped: no real data at {DATA} (set M5_REAL_DATA)")
    with tempfile.TemporaryDirectory(prefix="shard-rate-") as name:
        folder = Path(name)
        files = replicate(folder / "files", asked.files)
        build(folder / "dataset", files)
        found = untouched(folder, folder / "dataset", files, asked.runs, asked.workers)
        report_untouched(found, len(files), sum(path.stat().st_size for path in files))
        print(json.dumps(found))


if __name__ == "__main__":
    main()
