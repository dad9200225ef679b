"""How well SCALE tells products one of whose modalities is a stranger's: the AUC, on products it was not trained on.

Simulates a crawl in which of a share of the products each modality shows or tells of another product, runs the shipped
recipe `demo` up to shards, trains as `m5 demo` does and embeds val and test. Printed for each pair of modalities is the
AUC with which a low cosine of their two vectors tells products where either is a stranger's, and for each modality the
AUC of its match probability (`Embeddings.match`). Intervals: 95 %, bootstrap over families (copies and variants of a
product stay together).

    python benchmarks/mismatch_auc.py --products 4000 --seed 21

Two choices differ from `m5 demo`: strangers are planted in every modality, and the cut does not withhold the modality
for `pair.title_table_mismatch`, or the strangers that this tag finds would not be there to be found by the model.
`--keep FOLDER` leaves everything there and, run again, goes on with it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from m5tools import documents, pipeline, truth
from m5tools.dataset import Dataset
from m5tools.demo import JUDGED
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.resources import folder as shipped
from m5tools.scale.checkpoint import load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import Embeddings, embed
from m5tools.scale.source import Shards
from m5tools.scale.train import train
from m5tools.stage import Stage
from m5tools.synth import SynthConfig, synthesize
from m5tools.synth.config import NoiseShares
from m5tools.vocabulary import MODALITIES

BATCH = 64
FOUND_BY_RULES = "pair.title_table_mismatch"


class Judged(NamedTuple):
    """Products one by one: `wrong`, whether a stranger's; `suspicion`, higher where that is likelier; `family`."""

    name: str
    wrong: NDArray[np.bool_]
    suspicion: NDArray[np.float64]
    family: NDArray[np.int64]

    def auc(self) -> float:
        return float(roc_auc_score(self.wrong, self.suspicion))

    def interval(self, runs: int, seed: int) -> tuple[float, float]:
        """2.5th and 97.5th percentile over `runs` draws of families with replacement."""
        draw = np.random.default_rng(seed)
        _, family = np.unique(self.family, return_inverse=True)
        found = []
        for _ in range(runs):
            weight = np.bincount(draw.integers(0, family.max() + 1, family.max() + 1), minlength=family.max() + 1)
            mine = weight[family]
            if mine[self.wrong].any() and mine[~self.wrong].any():
                found.append(roc_auc_score(self.wrong, self.suspicion, sample_weight=mine))
        low, high = np.percentile(found, (2.5, 97.5))
        return float(low), float(high)


def curate(folder: Path, arguments: argparse.Namespace) -> Dataset:
    """The crawl with strangers, and its shards."""
    crawl = folder / "crawl"
    noise = NoiseShares(**{m.value: arguments.noise for m in MODALITIES})
    config = SynthConfig(products=arguments.products, seed=arguments.seed, noise=noise)
    if not (crawl / "truth.parquet").is_file():
        synthesize(crawl, config, workers=arguments.workers)
    cut = documents.read_object(shipped("pipelines") / "cuts" / "default.yaml")
    cut["withhold"] = [tag for tag in cut["withhold"] if tag != FOUND_BY_RULES]
    (folder / "cut.yaml").write_text(yaml.safe_dump(cut))
    dataset = Dataset(folder / "dataset")
    changes = (
        f"dataset={dataset.root}",
        f"ingest.sources.0.files=['{crawl}/crawl/*.jsonl']",
        f"ingest.sources.0.media_root={crawl}/crawl",
        f"cut.cut={folder / 'cut.yaml'}",
    )
    recipe, _ = pipeline.load("demo", changes)
    with Pool(arguments.workers) as pool:
        engine = LocalEngine(pool, Silent())
        for step in recipe.stage_runs():
            if isinstance(step, Stage):
                engine.run(dataset, step)
    return dataset


def embedded(shards: Path, out: Path, arguments: argparse.Namespace) -> Embeddings:
    """Vectors of the products that were not trained on."""
    settings = {"model": arguments.model, "steps": arguments.steps}
    chosen = {name: value for name, value in settings.items() if value is not None}
    report = train(TrainConfig(shards=str(shards), out=out, seed=arguments.training_seed, **chosen))
    trained = load(report.checkpoint)
    config = trained.config
    products = Shards(config.shards, config.cut, trained.tokenizer.config, config.image_size, config.seed)
    print(f"model {config.model}, {report.step} steps on {report.train_rows:,} products in {report.train_s:.0f} s")
    opened = [
        products.open(split, MODALITIES, batch_size=BATCH, shuffle=False, drop_last=False) for split in JUDGED
    ]  # fmt: skip
    return Embeddings.join([embed(trained, loader) for loader in opened])


def judged(found: Embeddings, planted: pl.DataFrame) -> Iterator[Judged]:
    """Every pair of modalities by its cosine, then every modality by its match probability."""
    order = pl.DataFrame({"product_id": found.ids}).join(planted, on="product_id", how="left", maintain_order="left")
    odd = pl.col("oddities")
    stranger = {m: order.select(odd.list.contains(f"{m}.stranger")).to_series().to_numpy() for m in MODALITIES}
    family = order.select(
        pl.when(pl.col("variant_group") >= 0).then("variant_group").otherwise(-1 - pl.col("instance"))
    ).to_series()
    families = family.to_numpy()
    for one, other in combinations(MODALITIES, 2):
        both = found.present[:, one.bit] & found.present[:, other.bit]
        cosine = np.einsum("nd,nd->n", found.z[both, one.bit], found.z[both, other.bit])
        wrong = (stranger[one] | stranger[other])[both]
        yield Judged(f"{one} – {other}", wrong, -cosine.astype(np.float64), families[both])
    for modality in MODALITIES:
        there = found.present[:, modality.bit]
        doubt = -found.match[there, modality.bit].astype(np.float64)
        yield Judged(f"{modality} by match", stranger[modality][there], doubt, families[there])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--noise", type=float, default=0.08, help="share of products, for each modality")
    parser.add_argument("--model", help="study, as m5 demo trains it, or compact")
    parser.add_argument("--steps", type=int, help="of training; 300, as m5 demo")
    parser.add_argument("--training-seed", type=int, default=0)
    parser.add_argument("--bootstraps", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="m5-mismatch-") as scratch:
        folder = (arguments.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        dataset = curate(folder, arguments)
        print(f"crawl and shards: {time.perf_counter() - started:.0f} s", flush=True)
        run = folder / f"run-{arguments.model or 'demo'}-{arguments.steps or 'demo'}-{arguments.training_seed}"
        found = embedded(dataset.root / "shards" / "default", run, arguments)
        planted = truth.planted_products(dataset, folder / "crawl" / "truth.parquet")
        print(f"seed {arguments.seed}, noise {arguments.noise:g}: {planted.height:,} products, {len(found):,} judged")
        print(f"\n{'':20}{'products':>9}{'strangers':>10}  AUC (95 %)")
        for pair in judged(found, planted):
            low, high = pair.interval(arguments.bootstraps, seed=0)
            counts = f"{len(pair.wrong):>9,}{int(pair.wrong.sum()):>10,}"
            print(f"{pair.name:20}{counts}  {pair.auc():.3f} ({low:.3f}–{high:.3f})")


if __name__ == "__main__":
    main()
