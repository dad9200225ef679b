"""Survey and measuring of texts, tables and pairs: products a second, by stage and by signal.

    M5_REAL_DATA=… python -m benchmarks.measure_words [--products 120000] [--runs 5]

Six real record sets are copied until there are enough products; every copy has one more word in its title and in each
sentence, so no two texts are equal. Each stage runs in a process of its own, on one worker and on two, and is charged
the processor time of all its processes: on a shared machine that says what the work costs, the clock what else runs.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.manifest import FORMAT, StageEntry
from m5tools.measure import language, table, text
from m5tools.measure.corpus import corpus
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.partitions import partition_of
from m5tools.survey.stage import Survey, SurveyConfig

SETS = {
    "brightdata_shein/shein-products.csv": "brightdata",
    "mwpd_categories/task2_train_val_with_labels.zip": "mwpd",
    "brightdata_lazada/lazada-products.csv": "lazada",
    "webmall_shops_1_2/*1*.csv": "woocommerce",
    "abt_buy/abt.csv": "abt_buy",
    "amazon_promptcloud_1000/test_sample_1000.csv": "amazon_promptcloud",
}
ROWS_A_PARTITION = 25_000
ONE_BY_ONE = "py3langid, text by text"
CHILD_SUBREAPER = 36  # prctl: processes whose parent has gone become ours, and so does their processor time


def real(data: Path, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Products and attributes of the record sets."""
    products, attributes = [], []
    for number, (pattern, mapping) in enumerate(SETS.items()):
        files = tuple(str(p) for p in sorted(data.glob(pattern)))
        config = {"source": f"s{number}", "mapping": mapping, "files": files, "media_root": str(folder)}
        dataset = Dataset(folder / f"set{number}")
        run_stage(dataset, Ingest(IngestConfig.model_validate(config)), workers=0)
        products.append(dataset.read("products").drop("raw"))
        attributes.append(dataset.read("attributes"))
    return pl.concat(products), pl.concat(attributes)


def copied(products: pl.DataFrame, attributes: pl.DataFrame, count: int, root: Path) -> Dataset:
    """A dataset of so many products, as ingest and fetch would have left it."""
    dataset = Dataset(root)
    partitions = 1 << max(2, (-(-count // ROWS_A_PARTITION) - 1).bit_length())
    several = -(-count // products.height)
    words = [f"{word}{'' if n < 26 else n // 26}" for n in range(several) for word in [chr(97 + n % 26) * 3]]

    def copy(frame: pl.DataFrame, number: int) -> pl.DataFrame:
        key = pl.col("product_id")  # turned by so many digits: another id in another partition
        changed = frame.with_columns(product_id=key.str.slice(number) + key.str.slice(0, number), crawl_id=pl.lit("c1"))
        if "title" in frame.columns:
            word = words[number]
            changed = changed.with_columns(
                source=pl.lit("s"),
                title=pl.col("title") + f" {word}",
                description=pl.col("description").str.replace_all(r"([.!?])( |$)", f" {word}$1$2") + f" {word}",
            )
        return changed

    for name, frame in {"products": products, "attributes": attributes}.items():
        whole = pl.concat([copy(frame, n) for n in range(several)])
        if name == "products":
            whole = whole.head(count)
            kept = whole["product_id"]
        whole = whole.filter(pl.col("product_id").is_in(kept.implode()))
        home = whole.select(partition_of(pl.col("product_id"), partitions)).to_series()
        for i in range(partitions):
            dataset.write(name, f"c1/part-{i:05d}", whole.filter(home == i))
    for name in ("media", "fetched", "assets"):
        for i in range(partitions):
            part = f"part-{i:05d}"
            dataset.write(name, f"c1/{part}" if name == "media" else part, schema.empty(name))
    with dataset.changing() as manifest:
        crawl = {"source": "s", "crawl_id": "c1", "media_root": None}
        stages = {name: _entry(name) for name in ("ingest/c1", "fetch")}
        manifest |= {"format": FORMAT, "partitions": partitions, "crawls": [crawl], "stages": stages}  # type: ignore[typeddict-item]
    return dataset


def _entry(name: str) -> StageEntry:
    stage = name.partition("/")[0]
    return StageEntry(stage=stage, version=1, config={}, settings={}, run="0" * 16, inputs={}, fingerprint=name,
                      counts={}, writes=[])  # fmt: skip


def stage(root: Path, what: str, workers: int) -> None:
    """Run one stage anew; called in a process of its own."""
    dataset = Dataset(root)
    with dataset.changing() as manifest:
        for entry in ("survey", "measure") if what == "survey" else ("measure",):
            manifest["stages"].pop(entry, None)
    chosen: Any = Survey(SurveyConfig()) if what == "survey" else Measure(MeasureConfig(languages=what == "languages"))
    run_stage(dataset, chosen, workers=workers)


def charged(root: Path, what: str, workers: int) -> tuple[float, float]:
    """Seconds by the clock and of processor time that a stage took, start of its processes included."""
    before, started = os.times(), time.perf_counter()
    environment = os.environ | ({"POLARS_MAX_THREADS": "1"} if workers == 1 else {})
    command = [sys.executable, "-m", "benchmarks.measure_words", "--stage", what, "--at", str(root)]
    subprocess.run([*command, "--workers", str(workers)], check=True, env=environment)
    clock = time.perf_counter() - started
    while True:  # the server that started the workers ends after the process that used it
        try:
            os.wait()
        except ChildProcessError:
            break
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return clock, spent


def signals(dataset: Dataset, runs: int) -> dict[str, list[float]]:
    """µs of processor time a product of each function, in this process, on one thread."""
    products = dataset.read(
        "products", partition=0, columns=("product_id", "source", "title", "description", "brand", "category")
    )
    products = products.sort("product_id")
    attributes = dataset.read("attributes", partition=0)
    config = MeasureConfig()
    counts = corpus(dataset, config)
    homes = table.category_keys(products)
    whole = products["title"].fill_null("") + "\n" + products["description"].fill_null("")
    language.identifier()
    work: dict[str, Callable[[], object]] = {
        "text, no language": lambda: text.signals(products, counts.phrases, languages=False),
        "language": lambda: text.language(whole),
        "table": lambda: table.signals(
            homes, table.judged(attributes, config.placeholders), counts.usual, counts.lists
        ),
    }
    few = whole.head(2000).str.slice(0, 200).to_list()
    alone = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    found: dict[str, list[float]] = {name: [] for name in (*work, ONE_BY_ONE)}
    for _ in range(runs):
        for name, do in work.items():
            started = time.process_time()
            do()
            found[name].append((time.process_time() - started) / products.height * 1e6)
        started = time.process_time()
        for one in few:
            alone.classify(one)
        found[ONE_BY_ONE].append((time.process_time() - started) / len(few) * 1e6)
    return found


def told(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--products", type=int, default=120_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--stage")
    options.add_argument("--functions", action="store_true")
    options.add_argument("--at", type=Path)
    options.add_argument("--workers", type=int, default=1)
    given = options.parse_args()
    if given.stage:
        stage(given.at, given.stage, given.workers)
        return
    if given.functions:
        print(json.dumps(signals(Dataset(given.at), given.runs)))
        return
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    data = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
    with tempfile.TemporaryDirectory() as folder:
        dataset = copied(*real(data, Path(folder)), given.products, Path(folder) / "dataset")
        count = dataset.scan("products").select(pl.len()).collect().item()
        lengths = dataset.scan("products").select(pl.col("title", "description").str.len_bytes().mean()).collect()
        print(f"{count:,} products, title {lengths['title'][0]:.0f} B, description {lengths['description'][0]:.0f} B")
        clock: dict[tuple[str, int], list[float]] = {}
        spent: dict[tuple[str, int], list[float]] = {}
        for _ in range(given.runs):
            for workers in (1, 2):
                for what in ("survey", "no languages", "languages"):
                    seconds, cpu = charged(dataset.root, what, workers)
                    clock.setdefault((what, workers), []).append(count / seconds)
                    spent.setdefault((what, workers), []).append(cpu / count * 1e6)
        for (what, workers), values in spent.items():
            rates = [2e6 / value for value in values]
            print(f"| {what} | {workers} | {told(values)} | {told(rates, 0)} | {told(clock[what, workers], 0)} |")
        command = [sys.executable, "-m", "benchmarks.measure_words", "--functions", "--at", str(dataset.root)]
        environment = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
        answer = subprocess.run([*command, "--runs", str(given.runs)], check=True, env=environment, capture_output=True)
        functions = json.loads(answer.stdout)
        for name, values in functions.items():
            print(f"| {name} | {told(values)} |")
        plain = [a + b for a, b in zip(functions["text, no language"], functions["table"], strict=True)]
        full = [a + b for a, b in zip(plain, functions["language"], strict=True)]
        print("text + table, products/s on two cores:", told([2e6 / v for v in plain], 0))
        print("… with language:", told([2e6 / v for v in full], 0))


if __name__ == "__main__":
    main()
