"""What the rounds of `dedup` cost and hold alone: on a dataset of one crawl with comparisons, and on copies of these.

    python -m benchmarks.duplicates_rounds DATASET [--copies 10]

So many copies of comparisons, each among products of its own, make the pairs of so many times the products in so many
times the partitions, where comparing these would take hours. Pairs reach all partitions of their copy, not those of
other copies. One process does all units; processor time of a round, and the largest it was in memory (with what it
mapped). The dataset is read only; what is written goes into a folder that is thrown away.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup import Dedup, DedupConfig
from m5tools.partitions import part_name
from m5tools.stage import Terms, Work

PREFIXES = 2**16
MOVED = {"comparisons": ("product_a", "product_b"), "compared": ("product_id",)}


def first_of(partition: int, partitions: int) -> int:
    """The first 16 bits of the ids in a partition."""
    return -(-PREFIXES * partition // partitions)


def moved(column: str, source: Dataset, copy: int, copies: int) -> pl.Expr:
    """Ids as they are in a copy: in the partition of the copy that stands for theirs, in the same order."""
    became = []
    for partition in range(source.partitions):
        low, high = (first_of(partition + i, source.partitions) for i in (0, 1))
        home = copy * source.partitions + partition
        start, end = (first_of(home + i, source.partitions * copies) for i in (0, 1))
        became += [f"{start + (x - low) * (end - start) // (high - low):04x}{x - low:04x}" for x in range(low, high)]
    head = pl.col(column).str.slice(0, 4).replace_strict([f"{x:04x}" for x in range(PREFIXES)], became)
    return (head + pl.col(column).str.slice(4, 24)).alias(column)


def copied(source: Dataset, folder: Path, copies: int) -> Dataset:
    """A dataset with the comparisons of another so many times over."""
    crawl = source.manifest()["crawls"][-1]["crawl_id"]
    for copy in range(copies):
        for table, columns in MOVED.items():
            ids = [moved(column, source, copy, copies) for column in columns]
            for partition in range(source.partitions):
                rows = pl.read_parquet(source.folder(table) / crawl / f"{part_name(partition)}.parquet")
                home = folder / table / crawl / f"{part_name(copy * source.partitions + partition)}.parquet"
                home.parent.mkdir(parents=True, exist_ok=True)
                rows.with_columns(ids).write_parquet(home, compression="zstd", compression_level=1)
    manifest = {**source.manifest(), "partitions": source.partitions * copies}
    (folder / "dataset.json").write_text(json.dumps(manifest), encoding="utf-8")
    return Dataset(folder)


def largest() -> float:
    """Gigabytes that this process held at most since it was asked last."""
    told = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    held = next(int(line.split()[1]) for line in told if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return held / 2**20


def measured(dataset: Dataset, scratch: Path) -> None:
    """Does all rounds; prints what they took."""
    stage, work = Dedup(DedupConfig()), Work(dataset, scratch, terms=Terms(refresh=True))
    products = dataset.scan("compared").select(pl.len()).collect().item()
    pairs = dataset.scan("comparisons").select(pl.len()).collect().item()
    print(f"{products:,} products, {pairs:,} pairs, {dataset.partitions} partitions")
    began = time.process_time()
    for name in stage.rounds():
        largest()
        before = time.process_time()
        for unit in stage.units(dataset, name):
            stage.process(name, unit, work)
        spent = 1e6 * (time.process_time() - before) / products
        print(f"    {name:12}{spent:>8.1f} µs a product{largest():>8.2f} GB", flush=True)
    print(f"    {'all':12}{1e6 * (time.process_time() - began) / products:>8.1f} µs a product", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--copies", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    for copies in arguments.copies:
        with tempfile.TemporaryDirectory(prefix="m5-") as made:
            dataset = copied(Dataset(arguments.dataset), Path(made) / "copies", copies)
            measured(dataset, Path(made) / "scratch")


if __name__ == "__main__":
    main()
