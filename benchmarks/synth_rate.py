"""How many products a second the simulator writes without media, and how much memory it takes.

python benchmarks/synth_rate.py --products 1000000 --runs 3
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from m5tools.synth import SynthConfig, synthesize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    for profile in ("default", "m5product"):
        rates = []
        for _ in range(arguments.runs):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                config = SynthConfig(products=arguments.products, seed=0, media=False, profile=profile)
                synthesize(Path(folder) / "crawl", config, workers=cores)
                rates.append(arguments.products / (time.perf_counter() - started))
        spread = f"{min(rates):,.0f}–{max(rates):,.0f}"
        print(f"{profile}: median {statistics.median(rates):,.0f} products/s ({spread}) on {cores} cores")
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"largest process: {largest / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
