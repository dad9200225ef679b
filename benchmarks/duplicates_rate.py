"""How fast duplicates of texts are found: `compare` and `dedup` on titles and descriptions, datatrove beside them.

    M5_REAL_DATA=… python -m benchmarks.duplicates_rate --products 30000 [--datatrove PYTHON] [--shared 100000]

Texts are made of real titles and real sentences of descriptions, about 490 characters each; every fifth product lists
another one anew with a word more. `--datatrove` is the Python of an environment that has datatrove 0.10.1: its four
MinHash stages run on the same texts (title and description in one) with as many tasks and workers. `--shared` adds a
run over so many rows with one description, which must cost as much a row. Processor time is that of all processes that
were waited for; datatrove's workers are not, so both sides are compared by wall time, in one run on one machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.records import sources
from m5tools import schema
from m5tools.dataset import FORMAT, Dataset, StageEntry, partition_of
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.ingest.stage import ROWS_A_PARTITION

LENGTH = 490
TABLES = ("products", "attributes", "media", "fetched", "signals_image", "corpus_assets")

DATATROVE = """
import json, sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
folder, tasks = sys.argv[1], int(sys.argv[2])
WORKERS = tasks
config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)
if __name__ == "__main__":
    read = lambda: JsonlReader(f"{folder}/texts")
    def run(steps, tasks):
        LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=min(tasks, WORKERS), skip_completed=False).run()
    run([read(), MinhashDedupSignature(output_folder=f"{folder}/signatures", config=config)], tasks)
    run([MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)], 14)
    run([MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove", config=config)], 1)
    run([read(), MinhashDedupFilter(f"{folder}/remove"), JsonlWriter(f"{folder}/kept")], tasks)
"""


def texts(count: int, shared: bool = False) -> pl.DataFrame:
    """Titles and descriptions."""
    records = list(sources())
    titles = [r["title"] for r in records if r["title"]]
    sentences = [s for r in records for s in re.split(r"(?<=[.!?])\s+", r["description"] or "") if 20 < len(s) < 200]
    rng = random.Random(7)
    made: list[tuple[str, str]] = []
    same = " ".join(rng.sample(sentences, 6))
    for i in range(count):
        if i % 5 == 4 and not shared:
            title, description = made[rng.randrange(len(made))]
            made.append((title + " new", description))
            continue
        words = rng.choice(titles).split()
        other = rng.choice(titles).split()
        title = " ".join([*words[: 1 + len(words) // 2], *other[len(other) // 2 :], str(rng.randrange(10**5))])
        description = same
        while not shared and len(title) + len(description) < LENGTH + len(same):
            description += " " + rng.choice(sentences)
        made.append((title, same if shared else description[len(same) + 1 :]))
    return pl.DataFrame(made, schema=["title", "description"], orient="row")


def dataset_of(folder: Path, rows: pl.DataFrame) -> Dataset:
    """A dataset whose products say nothing but these texts, each of another seller."""
    dataset = Dataset(folder)
    ids = [hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(rows.height)]
    products = rows.with_columns(
        product_id=pl.Series(ids), crawl_id=pl.lit("c1"), source=pl.lit("shop"), content_hash=pl.Series(ids),
        seller=pl.Series([f"seller {i % 997}" for i in range(rows.height)]),
        category=pl.lit([], dtype=pl.List(pl.String)),
        origin_file=pl.lit("made"), origin_offset=pl.int_range(rows.height),
    )  # fmt: skip
    partitions = max(4, rows.height // ROWS_A_PARTITION)
    home = products.select(partition_of(pl.col("product_id"), partitions)).to_series()
    stages: dict[str, StageEntry] = {}
    for table in TABLES:
        law = schema.law(table)
        for i in range(partitions):
            part = f"c1/part-{i:05d}" if "crawl_id" in law.key else f"part-{i:05d}"
            mine = products.filter(home == i).sort("product_id") if table == "products" else None
            data = schema.empty(table) if mine is None else filled(table, mine)
            dataset.write(table, part, data)
        entry = "ingest/c1" if law.stage == "ingest" else law.stage
        stages[entry] = StageEntry(
            stage=law.stage,
            version=1,
            config={},
            settings={},
            run="0" * 16,
            inputs={},
            fingerprint=entry,
            counts={},
            writes=[],
        )
    with dataset.changing() as manifest:
        crawls = [{"source": "shop", "crawl_id": "c1", "media_root": None}]
        manifest |= {"format": FORMAT, "partitions": partitions, "crawls": crawls, "stages": stages}  # type: ignore[typeddict-item]
    return dataset


def filled(table: str, rows: pl.DataFrame) -> pa.Table:
    law = schema.law(table)
    arrow = rows.to_arrow()
    arrays = [
        arrow[c.name].cast(c.type) if c.name in arrow.column_names else pa.nulls(arrow.num_rows, c.type)
        for c in law.columns
    ]
    return pa.Table.from_arrays(arrays, names=list(law.names))


def spent() -> float:
    """Processor seconds of this process and of those that ended below it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def timed(name: str, count: int, run: object) -> float:
    wall, processor = time.perf_counter(), spent()
    run()  # type: ignore[operator]
    wall, processor = time.perf_counter() - wall, spent() - processor
    peak = max(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20
    print(
        f"{name:34}{count:>9,}{wall:>9.1f} s{processor:>9.1f} s{count / wall:>10,.0f}/s"
        f"{2 * count / processor:>10,.0f}/s{peak:>7.1f} GB", flush=True,
    )  # fmt: skip
    return wall


def ours(folder: Path, rows: pl.DataFrame, name: str, workers: int) -> float:
    dataset = dataset_of(folder, rows)
    counts: dict[str, int] = {}

    def both() -> None:
        for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
            counts.update(run_stage(dataset, stage, workers=workers).counts)

    took = timed(name, rows.height, both)
    print("   ", {k: v for k, v in counts.items() if v}, flush=True)
    return took


def theirs(folder: Path, rows: pl.DataFrame, python: str, workers: int) -> float:
    (folder / "texts").mkdir(parents=True)
    lines = [json.dumps({"id": str(i), "text": f"{t}. {d}"}) for i, (t, d) in enumerate(rows.iter_rows())]
    for i in range(workers):
        (folder / "texts" / f"{i}.jsonl").write_text("\n".join(lines[i::workers]) + "\n")
    script = folder / "run.py"
    script.write_text(DATATROVE)
    command = [python, str(script), str(folder), str(workers)]
    return timed(
        "datatrove, four MinHash stages", rows.height, lambda: subprocess.run(command, check=True, capture_output=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[30_000])
    parser.add_argument("--datatrove", help="Python of an environment with datatrove")
    parser.add_argument("--shared", type=int, default=0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    print(f"{'':34}{'products':>9}{'wall':>11}{'processor':>11}{'by wall':>12}{'2 cores':>12}{'peak':>10}")
    with tempfile.TemporaryDirectory(prefix="m5-") as made:
        for run in range(arguments.runs):
            for count in arguments.products:
                rows = texts(count)
                length = rows.select(
                    (pl.col("title").str.len_chars() + pl.col("description").str.len_chars()).mean()
                ).item()
                mine = ours(
                    Path(made) / f"ours-{count}-{run}", rows, f"m5 dedup ({length:.0f} characters)", arguments.workers
                )
                if arguments.datatrove:
                    other = theirs(Path(made) / f"theirs-{count}-{run}", rows, arguments.datatrove, arguments.workers)
                    print(f"    {other / mine:.1f} times our wall time", flush=True)
            if arguments.shared:
                rows = texts(arguments.shared, shared=True)
                ours(Path(made) / f"shared-{run}", rows, "m5 dedup, one description", arguments.workers)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
