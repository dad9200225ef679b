"""`m5 shard` against `tar cf` of the same files, and against webdataset's `ShardWriter` with the same encoding.

Real JPEGs under M5_REAL_DATA are repeated until there are as many as asked; products list two each, with a title, a
description and three attributes, and the tables are those that the stages before would have left. Everything is read
from the page cache; the sides alternate, and each first run, which may find cold files, does not count.

* untouched: `tar cf` over a list of the files, against all rounds of the stage with `media=untouched` (order, gather,
  write, card; checksums of members and tars, Parquet index, fsync): in one process, over two workers (their start
  counts), and as the whole command `m5 shard` with the start of Python and of the workers.
* encoded: a loop of `webdataset.ShardWriter` around the same decoder and encoder, in one process, against the whole
  stage in one process.

Outputs are comparable where the pictures in our tars are, byte for byte, those in the other side's, each as often.

    python benchmarks/shard_rate.py --files 60000 --runs 5
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from benchmarks import beside
from m5tools.dataset import Dataset
from m5tools.listing import FACTS
from m5tools.manifest import FORMAT, StageEntry
from m5tools.partitions import part_name, partition_of
from m5tools.shards import gather
from m5tools.shards.config import ShardConfig
from m5tools.shards.files import keep_facts, known
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
                stage=entry.partition("/")[0], version=1, config={}, settings={}, run="none", inputs={}, fingerprint="",
                counts={}, writes=list(writes),
            )  # fmt: skip
    return dataset


STAGE = """
import os, sys, time
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.shards.config import ShardConfig
from m5tools.shards.files import keep_facts, known
from m5tools.shards.stage import Shard
if __name__ == "__main__":
    before = os.times()
    with Pool(int(sys.argv[2])) as pool:
        LocalEngine(pool, Silent(), refresh=True).run(Dataset(sys.argv[1]), Shard(ShardConfig(media=sys.argv[3])))
    print(*(after - then for after, then in zip(os.times(), before)))
"""
PEER = """
import os, sys, json
import polars as pl
import webdataset
from m5tools.media import image
if __name__ == "__main__":
    rows = pl.read_ipc(sys.argv[1])
    before = os.times()
    with webdataset.ShardWriter(sys.argv[2] + "/train-%06d.tar", maxcount=1000, maxsize=1e12, verbose=0) as sink:
        for key, told, files in rows.select("product_id", "json", "files").iter_rows():
            sample = {"__key__": key, "json": told.encode()}
            for k, name in enumerate(files):
                with open(name, "rb") as file:
                    picture = image.decode(file.read(), at_least=512)
                sample[f"image_{k}.jpg"] = image.encode_jpeg(image.fit(picture.rgb, 512), 90)
            sink.write(sample)
    print(*(after - then for after, then in zip(os.times(), before)))
"""


class Time(NamedTuple):
    """Seconds by the clock and of processor time."""

    wall: float
    cpu: float


def command(words: list[str]) -> Time:
    """A process from its start to its end."""
    before = os.times()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    after = os.times()
    assert done.returncode == 0, done.stderr[-2000:]
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Time(after.elapsed - before.elapsed, used)


def inside(script: str, *arguments: object) -> Time:
    """What a script says of itself: imports do not count, its child processes do."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "side.py").write_text(script)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        words = [sys.executable, f"{folder}/side.py", *map(str, arguments)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *used, elapsed = map(float, done.stdout.split())
    return Time(elapsed, sum(used))


def alternating(sides: dict[str, Callable[[], Time]], runs: int) -> dict[str, list[Time]]:
    """Runs of every side in turn, one more than asked: the first does not count."""
    found: dict[str, list[Time]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            took = side()
            found[name] += [took] * (run > 0)
    return found


def pictures(tars: list[Path]) -> Counter[bytes]:
    """Hashes of the JPEGs in some tars, and how often each is there."""
    found: Counter[bytes] = Counter()
    for tar in tars:
        with tarfile.open(tar, "r|") as members:
            for member in members:
                body = members.extractfile(member) if member.name.endswith(".jpg") else None
                if body:
                    found[hashlib.sha256(body.read()).digest()] += 1
    return found


def shards(root: Path) -> list[Path]:
    return sorted((root / "shards").rglob("*.tar"))


def untouched(folder: Path, root: Path, files: list[Path], runs: int) -> tuple[dict[str, list[Time]], bool]:
    """Times of all sides, and whether both hold the same pictures."""
    names = folder / "files.txt"
    names.write_text("\n".join(map(str, files)))
    ours = [sys.executable, "-m", "m5tools.cli.main", "shard", "--dataset", str(root), "--refresh"]
    theirs = ["tar", "cf", str(folder / "peer.tar"), "-P", "-T", str(names)]
    sides = {
        "tar cf": lambda: command(theirs),
        "stage, 1 process": lambda: inside(STAGE, root, 0, "untouched"),
        "stage, 2 workers": lambda: inside(STAGE, root, 2, "untouched"),
        "m5 shard, 2 workers": lambda: command([*ours, "--workers", "2", "--set", "media=untouched"]),
    }
    times = alternating(sides, runs)
    return times, pictures(shards(root)) == pictures([folder / "peer.tar"])


def encoded(folder: Path, files: list[Path], runs: int) -> tuple[dict[str, list[Time]], bool]:
    """Times of both sides, and whether both hold the same pictures."""
    dataset = build(folder / "encoded", files)
    plan = gather.order(dataset.read("cut_products", columns=("product_id", "split")), 0, 1000)
    for table in FACTS:
        keep_facts(dataset, table, folder)
    parts = [gather.rows(dataset, i, ShardConfig(), plan, known(folder)) for i in range(PARTITIONS)]
    rows = pl.concat(parts).sort("number", "place").with_columns(pl.col("files").list.eval(pl.element().struct["uri"]))
    gather.save(folder / "rows.arrow", rows.select("product_id", "json", "files"))

    written: Counter[bytes] = Counter()

    def theirs() -> Time:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            took = inside(PEER, folder / "rows.arrow", out)
            written.update({} if written else pictures(sorted(Path(out).glob("*.tar"))))
            return took

    sides = {"ShardWriter": theirs, "stage, 1 process": lambda: inside(STAGE, dataset.root, 0, "encoded")}
    times = alternating(sides, runs)
    return times, pictures(shards(dataset.root)) == written


def results(found: dict[str, list[Time]], what: str, files: int, same: bool) -> list[beside.Beside]:
    """Each of our sides beside the first, by the clock."""
    peer, *sides = found
    name = "GNU tar" if peer == "tar cf" else beside.named("webdataset").replace(" ", " ShardWriter ")
    agreement = "the same pictures, byte for byte" if same else "other pictures"
    claim = f"shards of {files:,} files, {what}: {{}}"
    figures = {side: [time.wall for time in times] for side, times in found.items()}
    return [
        beside.Beside(claim.format(side), name, "s", figures[side], figures[peer], same, agreement) for side in sides
    ]


def report(found: dict[str, list[Time]], what: str, files: int, size: int) -> None:
    """Medians and ranges; rates as a share of the first side's."""
    print(f"{what}: {files:,} files, {size / 1e6:,.0f} MB, {len(next(iter(found.values())))} runs each")
    peer, *_ = found
    for name, times in found.items():
        line = f"  {name:20}"
        for kind in ("wall", "cpu"):
            took = sorted(getattr(time, kind) for time in times)
            pairs = [getattr(p, kind) / getattr(t, kind) for p, t in zip(found[peer], times, strict=True)]
            line += f"  {kind} {statistics.median(took):6.2f} s ({took[0]:.2f}–{took[-1]:.2f})"
            line += f"  rate × {statistics.median(pairs):.2f} ({min(pairs):.2f}–{max(pairs):.2f})" * (name != peer)
        print(line)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=60_000)
    options.add_argument("--encoded-files", type=int, default=2_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--json", type=Path, help="append the results to this file")
    asked = options.parse_args()
    if not DATA.is_dir():
        sys.exit(f"skipped: no real data at {DATA} (set M5_REAL_DATA)")
    with tempfile.TemporaryDirectory(prefix="shard-rate-") as name:
        folder = Path(name)
        files = replicate(folder / "files", max(asked.files, asked.encoded_files))
        for what, count in (("untouched", asked.files), ("encoded", asked.encoded_files)):
            some = files[:count]
            if what == "untouched":
                build(folder / "dataset", some)
                found, same = untouched(folder, folder / "dataset", some, asked.runs)
            else:
                found, same = encoded(folder, some, asked.runs)
            report(found, what, count, sum(path.stat().st_size for path in some))
            beside.told(results(found, what, count, same), asked.json)


if __name__ == "__main__":
    main()
