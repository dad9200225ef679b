"""The recipe `demo` on a simulated crawl: the local engine and a Ray on the same cores, in turn, and their ratio.

    python benchmarks/ray_overhead.py --products 3000 --runs 3 --workers 2

Each run is a process of its own with a dataset of its own. Counted is the work, from the first stage to the last; what
it takes to start Ray is printed beside it. At the end both sides' files are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIDES = ("local", "ray")


def work(side: str, crawl: Path, dataset: Path, workers: int) -> dict[str, float]:
    """One side once: seconds to start, and to work."""
    from m5tools import pipeline
    from m5tools.engine.local import LocalEngine
    from m5tools.engine.pool import Pool
    from m5tools.engine.progress import Silent
    from m5tools.engine.ray import RayPool
    from m5tools.stage import Stage

    sets = (f"dataset={dataset}", f"ingest.sources.0.files=['{crawl}/*.jsonl']", f"ingest.sources.0.media_root={crawl}")
    recipe, _ = pipeline.load("demo", sets)
    began = time.perf_counter()
    with RayPool("local", workers) if side == "ray" else Pool(workers) as pool:
        started = time.perf_counter()
        for step in recipe.stage_runs():
            if isinstance(step, Stage):
                LocalEngine(pool, Silent()).run(pipeline.dataset_of(recipe, None), step)
        ended = time.perf_counter()
    return {"start": started - began, "work": ended - started, "units": len(list(dataset.glob("runs/**/*.json")))}


def content(dataset: Path) -> str:
    """One checksum of all that a dataset holds but its markers."""
    total = hashlib.sha256()
    for path in sorted(p for p in dataset.rglob("*") if p.is_file()):
        name = path.relative_to(dataset).as_posix()
        if not name.startswith("runs/"):
            total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def compare(products: int, runs: int, workers: int, seed: int) -> None:
    from m5tools.synth import SynthConfig, synthesize

    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    made = set()
    with tempfile.TemporaryDirectory(prefix="m5-bench-") as name:
        folder = Path(name)
        synthesize(folder / "synth", SynthConfig(products=products, seed=seed), workers=workers)
        for run in range(runs):
            for side in SIDES if run % 2 == 0 else SIDES[::-1]:
                dataset = folder / "dataset"  # the same path each time: some files name it
                arguments = ["--side", side, "--crawl", folder / "synth" / "crawl", "--dataset", dataset]
                command = [sys.executable, __file__, *map(str, arguments), "--workers", str(workers)]
                said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                taken[side].append(said["work"])
                made.add(content(dataset))
                subprocess.run(["rm", "-rf", dataset], check=True)
                load = f"{said['units']:.0f} units, load {os.getloadavg()[0]:.1f}"
                print(f"{side:5} {said['work']:7.1f} s ({said['start']:.1f} s to start, {load})", flush=True)
    for side in SIDES:
        least, most = min(taken[side]), max(taken[side])
        print(f"{side}: median {statistics.median(taken[side]):.1f} s ({least:.1f}–{most:.1f})")
    ratios = [ray / local for ray, local in zip(taken["ray"], taken["local"], strict=True)]
    print(f"ray / local: median {statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})")
    print("the same bytes" if len(made) == 1 else "NOT the same bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--crawl", type=Path)
    parser.add_argument("--dataset", type=Path)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(work(asked.side, asked.crawl, asked.dataset, asked.workers)))
    else:
        compare(asked.products, asked.runs, asked.workers, asked.seed)
