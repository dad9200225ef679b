"""The main job end to end on a simulated crawl: curate it, judge that by the truth, train SCALE on the shards."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m5tools import pipeline
from m5tools.audit import audit, gallery, write
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.stage import Stage
from m5tools.synth import SynthConfig, SynthReport, synthesize
from m5tools.truth import Score, compare, other_sellers

if TYPE_CHECKING:
    from m5tools.scale.train import TrainReport
    from m5tools.tasks.report import Evaluation

JUDGED = ("val", "test")


@dataclass(frozen=True)
class Curated:
    """What curation made of the crawl.

    Attributes:
        dataset: the dataset.
        scores: against the simulator's truth, by group.
        report: path of the audit page.
        shards: the shard folder.
        truth: the crawl's truth file.
    """

    dataset: Dataset
    scores: dict[str, list[Score]]
    report: Path
    shards: Path
    truth: Path


def simulate(folder: Path, products: int, seed: int, workers: int, progress: Callable[[int, int], None]) -> SynthReport:
    """The messy crawl, in `<folder>/crawl`."""
    return synthesize(folder / "crawl", SynthConfig(products=products, seed=seed), workers=workers, progress=progress)


def curate(folder: Path, engine: LocalEngine) -> Curated:
    """Everything up to shards and report, by the shipped recipe `demo`."""
    dataset = Dataset(folder / "dataset")
    crawl = f"{folder}/crawl/crawl"
    # Named, so that a crawl which was simulated anew takes the place of the one before.
    ingest = (f"files=['{crawl}/*.jsonl']", f"media_root={crawl}", "crawl_id=shop-1")
    changes = (f"dataset={dataset.place}", *(f"ingest.sources.0.{change}" for change in ingest))
    recipe, _ = pipeline.load("demo", changes)
    for step in recipe.stage_runs():
        if isinstance(step, Stage):
            engine.run(dataset, step)
    reports = dataset.root / "reports"
    page = write(audit(dataset, cut="default", shards="default"), reports, gallery.write(dataset, reports))[0]
    truth = folder / "crawl" / "truth.parquet"
    return Curated(dataset, compare(dataset, truth), page, dataset.root / "shards" / "default", truth)


def can_train() -> bool:
    """Whether the `train` extra is installed."""
    return all(importlib.util.find_spec(name) for name in ("torch", "tokenizers"))


def learn(curated: Curated, out: Path, show: Callable[[Any], TrainReport]) -> tuple[TrainReport, Evaluation]:
    """Train a small SCALE on the shards and judge it on products it has not seen.

    Args:
        curated: the shards.
        out: folder of the run.
        show: trains by a `TrainConfig`, with whatever display.
    """
    from m5tools.scale.config import TrainConfig
    from m5tools.tasks.config import EvaluateConfig
    from m5tools.tasks.evaluate import evaluate

    report = show(TrainConfig(shards=str(curated.shards), out=out))
    identity = other_sellers(curated.dataset, curated.truth)
    # A demo is small: everyone asks, and only what takes seconds is judged.
    brief = EvaluateConfig(splits=JUDGED, roles=False, combinations=False, removed=(), fine_tune_epochs=0)
    return report, evaluate(report.checkpoint, str(curated.shards), brief, identity=identity)
