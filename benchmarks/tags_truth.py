"""How well the tags, states and reasons of a simulated crawl agree with what the simulator planted.

Runs the line up to `tag` in a folder that is thrown away, and prints per tag precision and recall with the counts
behind them and a 95 % interval (Wilson), and every kind of product whose state or reason is not exactly the planted
one. Fix thresholds on one seed and profile, report on another:

    python benchmarks/tags_truth.py --products 20000 --seed 1                          # to look at thresholds
    python benchmarks/tags_truth.py --products 20000 --seed 2 --profile m5product      # to report

`--config` takes a YAML file with every knob of the simulator, `--policy` the policy to judge by, `--keep FOLDER` leaves
crawl and dataset there and, run again, goes on with them; `--examples` names products that were judged wrongly.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from math import sqrt
from pathlib import Path

import polars as pl
import yaml

from m5tools import truth
from m5tools.dataset import Dataset
from m5tools.tag.policy import load
from m5tools.truth import Score

M5 = (sys.executable, "-m", "m5tools.cli.main")


def simulate(folder: Path, arguments: argparse.Namespace) -> Path:
    """The crawl, in `<folder>/crawl`."""
    crawl = folder / "crawl"
    options = ["--products", arguments.products, "--seed", arguments.seed]
    for name in ("profile", "config"):
        if value := getattr(arguments, name):
            options += [f"--{name}", value]
    if not (crawl / "truth.parquet").is_file():
        _run("synth", crawl, *options, "--workers", arguments.workers)
    return crawl


def curate(folder: Path, crawl: Path, arguments: argparse.Namespace) -> Dataset:
    """Everything up to `tag`, as `m5 run` does it."""
    source = {"source": "shop", "mapping": "synth", "files": [f"{crawl}/crawl/*.jsonl"], "media_root": f"{crawl}/crawl"}
    stages = [{"stage": "ingest", "sources": [source]}, *({"stage": name} for name in ("fetch", "survey", "measure"))]
    stages.append({"stage": "tag", "policy": str(arguments.policy)})
    recipe = folder / "line.yaml"
    recipe.write_text(yaml.safe_dump({"dataset": str(folder / "dataset"), "stages": stages}))
    _run("run", recipe, "--workers", arguments.workers)
    return Dataset(folder / "dataset")


def _run(*arguments: object) -> None:
    started = time.perf_counter()
    subprocess.run([*M5, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    print(f"m5 {arguments[0]}: {time.perf_counter() - started:.0f} s", flush=True)


def interval(right: int, of: int) -> str:
    """A share with its 95 % interval by Wilson's score."""
    if not of:
        return "–"
    z, p = 1.96, right / of
    middle, half = p + z * z / (2 * of), z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)
    return f"{p:.4f} ({low:.3f}–{high:.3f})"


def print_tags(scores: list[Score], wrong: pl.DataFrame) -> None:
    print(f"\n{'tag':28}{'planted':>8}{'found':>8}{'right':>8}  {'precision':22}{'recall':22}false ones also are")
    for score in scores:
        shares = f"{interval(score.right, score.found):22}{interval(score.right, score.planted):22}"
        false = wrong.filter(pl.col("tag") == score.name, pl.col("wrong") == "false")["oddities"].to_list()
        kinds = Counter(kind for oddities in false for kind in (oddities or ["nothing odd"]))
        also = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda k: (-k[1], k[0])))
        print(f"{score.name:28}{score.planted:>8,}{score.found:>8,}{score.right:>8,}  {shares}{also}")


def print_states(scores: list[Score], wrong: pl.DataFrame) -> None:
    print("\nstates and reasons, both right")
    for score in scores:
        exact = "exact" if score.right == score.planted == score.found else f"{score.planted - score.right:,} wrong"
        print(f"{score.name:28}{score.planted:>8,}{score.found:>8,}{score.right:>8,}  {exact}")
    for row in wrong.iter_rows(named=True):
        planted = f"{row['planted_state']} ({row['planted_reason']})"
        found = f"{row['found_state']} ({row['found_reason']})"
        print(f"  {row['products']:,} × {row['modality']}: planted {planted}, found {found}, such as {row['example']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", help="default, or m5product")
    parser.add_argument("--config", type=Path, help="the simulator's knobs")
    parser.add_argument("--policy", default="default")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--examples", type=int, default=0, help="products named per tag and kind of mistake")
    arguments = parser.parse_args()
    policy = load(arguments.policy)
    with tempfile.TemporaryDirectory(prefix="m5-tags-truth-") as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        crawl = simulate(folder, arguments)
        dataset = curate(folder, crawl, arguments)
        planted = truth.planted_products(dataset, crawl / "truth.parquet")
        wrong = truth.wrong_tags(dataset, planted, policy.policy)
        settings = f"seed {arguments.seed}, profile {arguments.profile or 'default'}, policy {policy.policy}"
        print(f"\n{planted.height:,} products; {settings}")
        print_tags(truth.tags(dataset, planted, policy.policy), wrong)
        print_states(truth.states(dataset, planted, policy.policy), truth.wrong_states(dataset, planted, policy.policy))
        if arguments.examples:
            print()
            for (tag, kind), rows in wrong.group_by("tag", "wrong", maintain_order=True):
                print(f"{tag} {kind}: {', '.join(rows['product_id'].head(arguments.examples))}")


if __name__ == "__main__":
    main()
