"""The recipe `demo` on a simulated crawl: the local engine and a Ray on the same cores, in turn, and their ratio.

    python benchmarks/ray_overhead.py --products 12000 --runs 3 --workers 2 --least 300

Each run is a process of its own with a dataset of its own. Counted is the work, from the first stage to the last; what
it takes to start Ray is printed beside it. Ends with 1 where a run was shorter than `--least` seconds, or the files of
two runs differ. Processor time is that of the command and of all it started, Ray's own
processes and start included, for on a busy machine the clock is no measure. At the end both sides' files are compared.
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
from contextlib import suppress
from pathlib import Path

import psutil

SIDES = ("local", "ray")
SAMPLED_S = 0.5


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


def processor(process: subprocess.Popen[str]) -> float:
    """Seconds of processor time of a process and all below it, looked at until it ends."""
    seen: dict[tuple[int, float], float] = {}
    root = psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            for one in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    times = one.cpu_times()
                    seen[one.pid, one.create_time()] = times.user + times.system
        time.sleep(SAMPLED_S)
    return sum(seen.values())


def compare(products: int, runs: int, workers: int, seed: int, least: float) -> bool:
    """Print what both sides took; gives whether every run was long enough and all made the same bytes."""
    from m5tools.synth import SynthConfig, synthesize

    taken: dict[str, dict[str, list[float]]] = {side: {"clock": [], "processor": []} for side in SIDES}
    made = set()
    with tempfile.TemporaryDirectory(prefix="m5-bench-") as name:
        folder = Path(name)
        synthesize(folder / "synth", SynthConfig(products=products, seed=seed), workers=workers)
        for run in range(runs):
            for side in SIDES if run % 2 == 0 else SIDES[::-1]:
                dataset = folder / "dataset"  # the same path each time: some files name it
                arguments = ["--side", side, "--crawl", folder / "synth" / "crawl", "--dataset", dataset]
                command = [sys.executable, __file__, *map(str, arguments), "--workers", str(workers)]
                process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                spent = processor(process)
                assert process.stdout is not None
                said = json.loads(process.stdout.read())
                taken[side]["clock"].append(said["work"])
                taken[side]["processor"].append(spent)
                made.add(content(dataset))
                subprocess.run(["rm", "-rf", dataset], check=True)
                about = f"{said['start']:.1f} s to start, {said['units']:.0f} units, load {os.getloadavg()[0]:.1f}"
                print(
                    f"{side:5} {said['work']:7.1f} s by the clock, {spent:7.1f} s of processors ({about})", flush=True
                )
    for what in ("clock", "processor"):
        for side in SIDES:
            print(f"{what}, {side}: {spread(taken[side][what], 1)} s")
        pairs = zip(taken["ray"][what], taken["local"][what], strict=True)
        print(f"{what}, ray / local: {spread([ray / local for ray, local in pairs], 3)}")
    print("the same bytes" if len(made) == 1 else "NOT the same bytes")
    shortest = min(seconds for side in SIDES for seconds in taken[side]["clock"])
    print(f"the shortest run took {shortest:.0f} s" + ("" if shortest >= least else f", less than {least:.0f}"))
    return len(made) == 1 and shortest >= least


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--least", type=float, default=0.0, help="seconds that every run must take")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--crawl", type=Path)
    parser.add_argument("--dataset", type=Path)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(work(asked.side, asked.crawl, asked.dataset, asked.workers)))
    else:
        sys.exit(not compare(asked.products, asked.runs, asked.workers, asked.seed, asked.least))
