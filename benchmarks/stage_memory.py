"""What the largest process of each stage holds, over the number of products: texts and tables of a simulated crawl.

    python benchmarks/stage_memory.py --products 100000 200000

Each stage is a run of its own, whose system says what the largest of its processes (workers included) had resident at
most. Flat means that twice the products take the same.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

M5 = (sys.executable, "-m", "m5tools.cli.main")
STAGES = ("ingest", "fetch", "survey", "measure", "tag")


def largest(*arguments: object) -> float:
    """MB that the largest process of a command had resident."""
    with subprocess.Popen([*M5, *map(str, arguments)], stdout=subprocess.DEVNULL) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        sys.exit(f"m5 {arguments[0]} ended with {running.returncode}")
    return used.ru_maxrss / 1e3


def stages(products: int, seed: int, workers: int, folder: Path) -> list[float]:
    """MB of each stage of a crawl."""
    crawl = folder / "crawl"
    largest("synth", crawl, "--products", products, "--seed", seed, "--no-media", "--workers", workers)
    source = {"source": "shop", "mapping": "synth", "files": [f"{crawl}/crawl/*.jsonl"], "media_root": f"{crawl}/crawl"}
    settings = {"ingest": {"sources": [source]}, "fetch": {"download": False}}
    recipe, held = folder / "line.yaml", []
    for count in range(1, len(STAGES) + 1):
        line = [{"stage": name} | settings.get(name, {}) for name in STAGES[:count]]
        recipe.write_text(yaml.safe_dump({"dataset": str(folder / "dataset"), "stages": line}))
        held.append(largest("run", recipe, "--workers", workers))
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="*", default=[100_000, 200_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    print(f"{'products':>10}" + "".join(f"{name:>10}" for name in STAGES) + "  (MB)")
    for products in arguments.products:
        with tempfile.TemporaryDirectory(prefix="m5-memory-") as folder:
            held = stages(products, arguments.seed, arguments.workers, Path(folder))
        print(f"{products:>10,}" + "".join(f"{megabytes:>10,.0f}" for megabytes in held), flush=True)


if __name__ == "__main__":
    main()
