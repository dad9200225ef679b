"""Duplicates of a simulated crawl against what the simulator planted: pairs of each relation.

    python benchmarks/duplicates_truth.py --products 20000 --seed 2

Runs the line up to `measure` in a folder that is thrown away (`--keep FOLDER` leaves it there and, run again, goes on
with it), then `compare` and `dedup`. `--examples` shows wrong pairs with their titles and what was planted about them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.tags_truth import curate, interval, simulate
from m5tools import truth
from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.vocabulary import Relation


def judged(dataset: Dataset, truth_file: Path, examples: int) -> None:
    planted = truth.planted_products(dataset, truth_file)
    print(f"{'relation':14}{'planted':>9}{'found':>9}{'right':>9}  {'precision':24}recall")
    for score in truth.duplicates(dataset, planted):
        shares = f"{interval(score.right, score.found):24}{interval(score.right, score.planted)}"
        print(f"{score.name:14}{score.planted:>9,}{score.found:>9,}{score.right:>9,}  {shares}")
    if not examples:
        return
    pairs = truth.relation_pairs(dataset, planted)
    about = dataset.read("products", columns=("product_id", "title", "seller", "brand", "gtin"))
    odd = planted.select("product_id", "oddities", "variant_group", "instance")
    told = {row[0]: row[1:] for row in about.join(odd, on="product_id").iter_rows()}
    for relation in Relation:
        expected, found = pairs[relation]
        for what, rows in (
            ("missed", expected.join(found, on=["a", "b"], how="anti")),
            ("false", found.join(expected, on=["a", "b"], how="anti")),
        ):
            rows = rows.sort("a", "b")
            print(f"\n{relation.value}: {rows.height} {what}")
            for a, b in rows.gather_every(max(1, rows.height // examples)).head(examples).iter_rows():
                print(f"    {told[a]}\n    {told[b]}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--profile")
    parser.add_argument("--config")
    parser.add_argument("--policy", default="default", help="of tags, which the line also makes")
    parser.add_argument("--duplicates", default="duplicates", help="policy of duplicates")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--keep")
    parser.add_argument("--examples", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="m5-") as made:
        folder = Path(arguments.keep or made)
        crawl = simulate(folder, arguments)
        dataset = curate(folder, crawl, arguments)
        policy = arguments.duplicates
        for stage in (Compare(CompareConfig(policy=policy)), Dedup(DedupConfig(policy=policy))):
            run_stage(dataset, stage, workers=arguments.workers)
        judged(dataset, crawl / "truth.parquet", arguments.examples)


if __name__ == "__main__":
    main()
