"""Re-tagging: how long a policy with a changed threshold takes on a million products that were tagged before.

Signals are written by columns, in parts as `measure` writes them by default (256 pictures, 24 clips, 64 sounds, or more
where that gives more than 2,000 parts), with values that every tag of the default policy finds somewhere. Timed is
`m5 tag --set policy=…` as a process of its own, reading from the page cache, each run with another threshold, so that
each is work and none is up to date.

    python benchmarks/retag_rate.py --products 1000000 --runs 5 --workers 2
    python benchmarks/retag_rate.py --products 200000 --profile      # where the time goes, in one process
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.documents import read_object
from m5tools.manifest import FORMAT, StageEntry
from m5tools.measure.stage import MOST_SLICES
from m5tools.partitions import ROWS_A_PARTITION, part_name, partition_of
from m5tools.resources import folder
from m5tools.tag.policy import Condition, load
from m5tools.vocabulary import Reason, State

LISTED = {"image": 1.8, "video": 0.7, "audio": 0.3}  # files a product, on average
A_PART = {"image": 256, "video": 24, "audio": 64}  # as measure writes them
FLAT = 0.3  # of the pictures
PLACEHOLDERS = 400  # encodings of "no image" …
PLACEHOLDER_SHARE = 0.01  # … that so many listings show
TAGGED = 0.03  # of what a rule judges
GONE = 0.03  # of the locations
TABLES = ("products", "media", "fetched", "corpus_assets", "corpus_categories",
          *(f"signals_{m}" for m in ("text", "table", "pair", "image", "video", "audio")))  # fmt: skip


def build(root: Path, products: int, seed: int, rows_a_part: int | None) -> Dataset:
    """The tables that `tag` reads, with the manifest that the stages before it would have left."""
    dataset = Dataset(root)
    partitions = max(4, 1 << (-(-products // ROWS_A_PARTITION) - 1).bit_length())
    draw = np.random.default_rng(seed)
    ids = pl.Series(_hex(draw, products, 16)).sort()
    home = pl.DataFrame({"product_id": ids}).select(partition_of(pl.col("product_id"), partitions)).to_series()
    listed = {m: _media(draw, ids, m, share) for m, share in LISTED.items()}
    for name, rows in _of_products(draw, ids):
        _write(dataset, name, rows, home)
    media = pl.concat([rows for rows, _ in listed.values()])
    where = media.select(partition_of(pl.col("product_id"), partitions)).to_series()
    _write(dataset, "media", media, where)
    fetched = pl.concat([rows for _, rows in listed.values()]).unique("location_id").sort("location_id")
    for number, rows in enumerate(fetched.iter_slices(10_000)):
        _part(dataset, "fetched", part_name(number), rows)
    shown = media.join(fetched, on="location_id").group_by("asset_id").agg(products=pl.len().cast(pl.Int64))
    spread = shown.drop_nulls("asset_id").with_columns(titles="products", categories=pl.col("products").clip(0, 900))
    _part(dataset, "corpus_assets", "part-00000", spread.sort("asset_id"))
    for modality in LISTED:
        assets = listed[modality][1]["asset_id"].drop_nulls().unique().sort()
        for name, rows in _of_files(draw, modality, assets):
            size = rows_a_part or max(A_PART[modality], -(-rows.height // MOST_SLICES))
            for number, part in enumerate(rows.iter_slices(size)):
                _part(dataset, name, f"{modality}-{number:05d}", part)
    _manifest(dataset, partitions)
    return dataset


def _hex(draw: np.random.Generator, count: int, size: int) -> list[str]:
    data = draw.bytes(count * size).hex()
    return [data[i : i + 2 * size] for i in range(0, len(data), 2 * size)]


def _media(draw: np.random.Generator, ids: pl.Series, modality: str, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `media` and of `fetched` for one modality."""
    counts = draw.poisson(share, len(ids)) if modality == "image" else draw.random(len(ids)) < share
    owner = np.repeat(np.arange(len(ids)), counts.astype(int))
    position = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts.astype(int))
    places = pl.Series(_hex(draw, len(owner), 16))
    media = pl.DataFrame(
        {"product_id": ids[owner], "position": position.astype(np.int32), "location_id": places}
    ).with_columns(crawl_id=pl.lit("c1"), source=pl.lit("shop"), modality=pl.lit(modality),
                   location_raw="location_id", location="location_id")  # fmt: skip
    assets = np.array(_hex(draw, len(owner), 32))
    if modality == "image":
        shared = draw.random(len(owner)) < PLACEHOLDER_SHARE
        assets[shared] = np.array(_hex(draw, PLACEHOLDERS, 32))[draw.integers(0, PLACEHOLDERS, shared.sum())]
    gone = draw.random(len(owner)) < GONE
    fetched = pl.DataFrame({"location_id": places, "asset_id": assets}).with_columns(
        asset_id=pl.when(pl.Series(gone)).then(None).otherwise("asset_id"),
        state=pl.Series(np.where(gone, State.FAILED.value, 0).astype(np.uint8)),
        reason=pl.Series(np.where(gone, Reason.DEAD_LINK.value, 0).astype(np.uint8)),
    )
    return media, fetched


def _of_products(draw: np.random.Generator, ids: pl.Series) -> Iterator[tuple[str, pl.DataFrame]]:
    count = len(ids)
    number = pl.Series(draw.integers(0, 10**6, count)).cast(pl.String)
    kind = pl.Series((1000 * draw.random(count) ** 3).astype(int)).cast(pl.String)
    frame = pl.DataFrame({"product_id": ids, "number": number, "kind": kind})
    yield "products", frame.select(
        "product_id", crawl_id=pl.lit("c1"), source=pl.lit("shop"), title="Steel bottle with lid " + pl.col("number"),
        description="Keeps drinks warm. " + pl.col("number") + " words of its own. " * 20,
        category=pl.concat_list(pl.lit("Home"), pl.col("kind")), content_hash="product_id", origin_file=pl.lit("a"),
        origin_offset=pl.lit(0, pl.Int64),
    )  # fmt: skip
    for table in ("text", "table", "pair"):
        yield f"signals_{table}", pl.DataFrame({"product_id": ids} | _signals(draw, table, count))
    yield "corpus_categories", (
        frame.select(category="Home > " + pl.col("kind")).group_by("category").agg(products=pl.len().cast(pl.Int64))
        .sort(["products", "category"], descending=[True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1), band=pl.lit("middle"))
    )  # fmt: skip


def _of_files(draw: np.random.Generator, modality: str, assets: pl.Series) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows of the signals of a modality's files; of a clip also those of its sound."""
    for table in (modality, *(["audio"] if modality == "video" else [])):
        rows: dict[str, Any] = {"asset_id": assets} | _signals(draw, table, len(assets))
        failed = draw.random(len(assets)) < GONE
        rows["state"] = np.where(failed, State.FAILED.value, 0).astype(np.uint8)
        rows["reason"] = np.where(failed, Reason.TRUNCATED.value, 0).astype(np.uint8)
        if table == "image":
            rows["flat_share"] = np.where(draw.random(len(assets)) < FLAT, 0.75, 0.2).astype(np.float32)
            data = draw.bytes(32 * len(assets))
            rows["pdq"] = [data[i : i + 32] for i in range(0, len(data), 32)]
        if table == "audio" and modality == "video":
            rows["derived_from"] = assets
        yield f"signals_{table}", pl.DataFrame(rows)


def _signals(draw: np.random.Generator, table: str, count: int) -> dict[str, Any]:
    """Every number of a signal table, such that each rule of the default policy holds for its share of the rows."""
    columns = [c for c in schema.law(f"signals_{table}").columns if schema.is_number(c.type)]
    values = {c.name: draw.random(count) for c in columns}
    rules = [rule for _, rule in load("default").of(table)]
    for rule in rules:
        _set(values, rule.when[0], slice(None), False)
    for rule in rules:
        chosen = draw.random(count) < TAGGED
        for condition in rule.when:
            _set(values, condition, chosen, True)
    return {c.name: pa.array(values[c.name]).cast(c.type, safe=False) for c in columns}


def _set(values: dict[str, Any], condition: Condition, where: Any, holds: bool) -> None:
    """Make a condition hold, or not, in some rows."""
    if condition.signal in values:
        low = condition.comparison in ("below", "at_most")
        away = 1 if condition.comparison in ("below", "above") or not holds else 0
        values[condition.signal][where] = condition.threshold + away * (-1 if low == holds else 1)


def _write(dataset: Dataset, table: str, rows: pl.DataFrame, home: pl.Series) -> None:
    """A table of products by partition; one without product ids whole."""
    law = schema.law(table)
    if "product_id" not in law.names:
        _part(dataset, table, "part-00000", rows)
        return
    folder_of = "c1/" if "crawl_id" in law.key else ""
    for (partition,), part in rows.with_columns(home=home).partition_by("home", as_dict=True).items():
        _part(dataset, table, f"{folder_of}{part_name(int(partition))}", part.drop("home"))


def _part(dataset: Dataset, table: str, part: str, rows: pl.DataFrame) -> None:
    """As `Dataset.write`, without the fsync and the checksum that thousands of parts would wait for."""
    path = dataset.folder(table) / f"{part}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    names = schema.law(table).repeating
    data = schema.conform(table, rows.to_arrow())
    pq.write_table(data, path, compression="zstd", row_group_size=65_536, use_dictionary=names, write_statistics=names)


def _manifest(dataset: Dataset, partitions: int) -> None:
    stages: dict[str, StageEntry] = {}
    for table in TABLES:
        stage = schema.law(table).stage
        name = "ingest/c1" if stage == "ingest" else stage
        stages[name] = StageEntry(stage=stage, version=1, config={}, settings={}, run="0" * 16, inputs={},
                                  fingerprint=name, counts={}, writes=[table])  # fmt: skip
    body = {"format": FORMAT, "partitions": partitions, "stages": stages,
            "crawls": [{"source": "shop", "crawl_id": "c1", "media_root": None}]}  # fmt: skip
    (dataset.root / "dataset.json").write_text(json.dumps(body))


def policy(path: Path, number: int) -> Path:
    """The default policy with another threshold."""
    body = read_object(folder("pipelines") / "policies" / "default.yaml")
    body["policy"] = "mine"
    body["rules"][0]["when"][0] |= {next(k for k in body["rules"][0]["when"][0] if k != "signal"): 6.0 + number / 8}
    path.write_text(json.dumps(body))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows-a-part", type=int, help="other parts of the signals of files than measure writes")
    parser.add_argument("--dataset", type=Path, help="keep the signals here and use them again")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="m5-retag-") as scratch:
        root = arguments.dataset or Path(scratch) / "dataset"
        dataset = Dataset(root)
        if not dataset.exists:
            started = time.perf_counter()
            build(root, arguments.products, arguments.seed, arguments.rows_a_part)
            print(f"signals written in {time.perf_counter() - started:.0f} s")
        for table in TABLES:
            parts = dataset.parts(table)
            rows = sum(pq.read_metadata(p).num_rows for p in parts)
            print(f"{table:18} {rows:>10,} rows in {len(parts):>6,} parts")
        rules = Path(scratch) / "mine.yaml"
        if arguments.profile:
            _profile(dataset, policy(rules, os.getpid() % 64))
            return
        _time(root, rules, arguments)


def _profile(dataset: Dataset, rules: Path) -> None:
    from m5tools.engine.local import run_stage
    from m5tools.tag.stage import Tag, TagConfig

    profile = cProfile.Profile()
    profile.runcall(run_stage, dataset, Tag(TagConfig(policy=str(rules))))
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


def _time(root: Path, rules: Path, arguments: argparse.Namespace) -> None:
    wall: list[float] = []
    cpu: list[float] = []
    command = [sys.executable, "-m", "m5tools.cli.main", "tag", "--dataset", str(root), "--set", f"policy={rules}"]
    for number in range(arguments.runs + 1):
        policy(rules, number)
        started = time.perf_counter()
        with subprocess.Popen(
            [*command, "--workers", str(arguments.workers)], stderr=subprocess.PIPE, start_new_session=True, text=True
        ) as process:
            used = 0.0
            while process.poll() is None:
                used = max(used, _processor(process.pid))
                time.sleep(0.02)
            said = process.stderr.read() if process.stderr else ""
        taken = time.perf_counter() - started
        if process.returncode:
            raise SystemExit(said)
        if number == 0:  # brings the tables into the page cache
            continue
        wall.append(taken)
        cpu.append(used)
        print(f"run {number}: {taken:.1f} s wall, {used:.1f} s processor; {said.strip().splitlines()[-1]}")
    for name, found in (("wall", wall), ("processor", cpu)):
        print(f"{name}: median {statistics.median(found):.1f} s ({min(found):.1f}–{max(found):.1f}, {len(found)} runs)")


def _processor(session: int) -> float:
    """Seconds that the living processes of a session have worked so far."""
    found = 0.0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if os.getsid(int(status.parent.name)) == session:
                fields = status.read_text().rpartition(")")[2].split()
                found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            continue
    return found


if __name__ == "__main__":
    main()
