"""What a later crawl costs: `compare` and `dedup` of newcomers against a stored index, the full run beside it.

    M5_REAL_DATA=… python -m benchmarks.duplicates_append --products 100000 --append 1000 10000

The texts of `duplicates_rate`: about 490 characters each, every fifth product lists another anew. The crawl appended
is the end of the same list, so a fifth of it is related to old products. Processor time of this process, stage by stage
and round by round, and how the edges of newcomers compare with those that the full run finds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import polars as pl

from benchmarks.duplicates_rate import dataset_of, deliver
from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.stage import Counts


class Rounds(Silent):
    """Processor seconds by stage and round."""

    def __init__(self) -> None:
        self.spent: dict[tuple[str, str], float] = defaultdict(float)
        self._last = time.process_time()

    def unit_done(self, entry: str, round_name: str, key: str, counts: Counts, seconds: float) -> None:
        now = time.process_time()
        self.spent[entry, round_name] += now - self._last
        self._last = now


def run(dataset: Dataset, name: str, products: int) -> float:
    """Both stages; prints and gives their processor seconds."""
    rounds = Rounds()
    began = time.process_time()
    with Pool(0) as pool:
        engine = LocalEngine(pool, rounds)
        for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
            engine.run(dataset, stage)
    spent = time.process_time() - began
    print(f"{name:28}{products:>9,}{spent:>9.2f} s{1e6 * spent / products:>9,.0f} µs a product", flush=True)
    print("    " + ", ".join(f"{entry} {part} {s:.2f}" for (entry, part), s in rounds.spent.items()), flush=True)
    return spent


def edges_of(dataset: Dataset, newcomers: pl.Series) -> pl.DataFrame:
    """Pairs with a newcomer and how they are related."""
    pairs = dataset.read("edges").select("product_a", "product_b", "relation").unique()
    return pairs.filter(pl.any_horizontal(pl.col("product_a", "product_b").is_in(newcomers.implode())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--append", type=int, nargs="+", default=[1_000, 10_000])
    arguments = parser.parse_args()
    old = arguments.products
    for count in arguments.append:
        later = range(old, old + count)
        with tempfile.TemporaryDirectory(prefix="m5-") as made:
            grown = dataset_of(Path(made) / "grown", old)
            run(grown, "the first crawl", old)
            deliver(grown, "c2", later)
            appended = run(grown, "appended", count)
            whole = dataset_of(Path(made) / "whole", old)
            deliver(whole, "c2", later)
            full = run(whole, "both crawls in a full run", old + count)
            newcomers = grown.read("products").filter(crawl_id="c2")["product_id"]
            mine, theirs = edges_of(grown, newcomers), edges_of(whole, newcomers)
            both = mine.join(theirs, on=mine.columns, how="semi").height
        print(
            f"    {full / appended:.1f} times less than the full run, for {(old + count) / count:.0f} times less products"
        )
        print(f"    edges of newcomers: {mine.height:,}, full run {theirs.height:,}, in both {both:,}", flush=True)


if __name__ == "__main__":
    main()
