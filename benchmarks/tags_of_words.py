"""Tags of texts, tables and pairs against the simulator's truth.

    python -m benchmarks.tags_of_words --seed 91 [--profile m5product] [--products 20000]

Records only: what is judged here needs no media. Thresholds were fixed on seeds 11 (default) and 12 (m5product).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from m5tools import pipeline, truth
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.stage import Stage
from m5tools.synth import SynthConfig, synthesize

STAGES = ("ingest", "fetch", "survey", "measure", "tag")
JUDGED = ("text.", "table.", "pair.")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--profile", choices=("default", "m5product"), default="default")
    options.add_argument("--products", type=int, default=20_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        crawl, dataset = Path(folder) / "crawl", Dataset(Path(folder) / "dataset")
        config = {"products": given.products, "seed": given.seed, "profile": given.profile, "media": False}
        synthesize(crawl, SynthConfig.model_validate(config), workers=2)
        changes = (
            f"dataset={dataset.root}",
            f"ingest.sources.0.files=['{crawl}/crawl/*']",
            f"ingest.sources.0.mapping={'synth' if given.profile == 'default' else 'm5product'}",
            f"ingest.sources.0.media_root={crawl}/crawl",
            "fetch.download=false",
        )
        recipe, _ = pipeline.load("demo", changes)
        for step in recipe.stage_runs():
            if isinstance(step, Stage) and step.name in STAGES:
                run_stage(dataset, step, workers=2)
        print(f"| tag, {given.products:,} of {given.profile}, seed {given.seed} | planted | precision | recall |")
        for score in truth.tags(dataset, truth.planted_products(dataset, crawl / "truth.parquet"), "default"):
            if score.name.startswith(JUDGED):
                print(f"| {score.name} | {score.planted} | {score.precision:.4f} | {score.recall:.4f} |")


if __name__ == "__main__":
    main()
