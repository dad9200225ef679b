"""What finding duplicates costs: the stages `compare` and `dedup` whole, on titles and descriptions.

    M5_REAL_DATA=… python -m benchmarks.duplicates_rate --products 30000 300000 3000000 [--shared 100000] [--runs 2]

Texts are made of real titles and real sentences of descriptions, about 490 characters each; every fifth product lists
an earlier one anew with a word more, mostly in another partition. `--shared` adds a run over so many rows with one
description, which must cost as much a row. Datasets are made partition by partition, so any number fits in memory.

Processor time is that of all processes, of a round as far as it was seen ten times a second; `peak` is the largest
single process. `2 cores` is twice the products by processor time: what two cores reach that do nothing else.
Near-duplicates of texts alone are measured beside datatrove and datasketch by `benchmarks.text_duplicates`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.records import sources
from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.manifest import FORMAT, StageEntry
from m5tools.partitions import ROWS_A_PARTITION

LENGTH = 490
RELISTED = 5
TABLES = ("products", "attributes", "media", "fetched", "signals_image", "corpus_assets")
PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


@cache
def phrases() -> tuple[list[str], list[str]]:
    """Real titles, and real sentences of descriptions."""
    records = list(sources())
    sentences = [s for r in records for s in re.split(r"(?<=[.!?])\s+", r["description"] or "") if 20 < len(s) < 200]
    return [r["title"] for r in records if r["title"]], sentences


def text(number: int, shared: bool) -> tuple[str, str]:
    """Title and description of one product, which depend on its number alone."""
    titles, sentences = phrases()
    rng = random.Random(number)
    if number % RELISTED == RELISTED - 1 and not shared:
        title, description = text(rng.randrange(number), shared)
        return title + " new", description
    words, other = rng.choice(titles).split(), rng.choice(titles).split()
    title = " ".join([*words[: 1 + len(words) // 2], *other[len(other) // 2 :], str(rng.randrange(10**5))])
    if shared:
        return title, " ".join(sentences[:6])
    said: list[str] = []
    length = len(title)
    while length < LENGTH:
        sentence = rng.choice(sentences)
        if length + len(sentence) / 2 > LENGTH:
            break
        said.append(sentence)
        length += 1 + len(sentence)
    return title, " ".join(said)


def texts(numbers: Sequence[int], shared: bool = False) -> pl.DataFrame:
    """Titles and descriptions of products."""
    made = [text(i, shared) for i in numbers]
    return pl.DataFrame(made, schema={"title": pl.String, "description": pl.String}, orient="row")


def dataset_of(folder: Path, count: int, shared: bool = False) -> Dataset:
    """A dataset whose products say nothing but these texts, each of another seller."""
    dataset = Dataset(folder)
    with dataset.changing() as manifest:
        partitions = max(4, count // ROWS_A_PARTITION)
        manifest |= {"format": FORMAT, "partitions": partitions, "crawls": [], "stages": {}}  # type: ignore[typeddict-item]
    deliver(dataset, "c1", range(count), shared)
    return dataset


def deliver(dataset: Dataset, crawl: str, numbers: range, shared: bool = False) -> None:
    """Another crawl of texts, as the stages up to `measure` would have left it.

    Args:
        dataset: where to.
        crawl: its name.
        numbers: of its products.
        shared: they all have one description.
    """
    partitions = dataset.partitions
    for i in range(partitions):
        mine = numbers[(i - numbers.start) % partitions :: partitions]
        ids = pl.Series([product_id(number, i, partitions) for number in mine], dtype=pl.String)
        products = texts(mine, shared).with_columns(
            product_id=ids, crawl_id=pl.lit(crawl), source=pl.lit("shop"), content_hash=ids,
            seller=pl.Series([f"seller {number % 997}" for number in mine], dtype=pl.String),
            category=pl.lit([], dtype=pl.List(pl.String)),
            origin_file=pl.lit("made"), origin_offset=pl.Series(mine, dtype=pl.Int64),
        )  # fmt: skip
        for table in TABLES:
            law = schema.law(table)
            part = f"{crawl}/part-{i:05d}" if "crawl_id" in law.key else f"part-{i:05d}"
            rows = filled(table, products.sort("product_id")) if table == "products" else schema.empty(table)
            dataset.write(table, part, rows)
    stages: dict[str, StageEntry] = {}
    for law in map(schema.law, TABLES):
        entry = f"ingest/{crawl}" if law.stage == "ingest" else law.stage
        stages[entry] = StageEntry(
            stage=law.stage, version=1, config={}, settings={}, run="0" * 16, inputs={}, fingerprint=entry, counts={},
            writes=[],
        )  # fmt: skip
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": crawl, "media_root": None})
        manifest["stages"] |= stages


def product_id(number: int, partition: int, partitions: int) -> str:
    """An id that falls into a partition."""
    drawn = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    first, beyond = (-(-(2**16) * i // partitions) for i in (partition, partition + 1))
    return f"{first + int(drawn[:4], 16) % (beyond - first):04x}{drawn[4:]}"


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


@dataclass
class Round:
    """What one round took so far."""

    name: str
    began: float
    wall: float = 0
    processor: float = 0
    peak: int = 0


@dataclass
class Rounds(Silent):
    """Watches this process and its workers, and lays what they use at the door of the round that is on."""

    done: list[Round] = field(default_factory=list)
    _used: dict[int, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._look()
        threading.Thread(target=self._watch, daemon=True).start()

    def round_started(self, entry: str, round_name: str, units: int, done: int) -> None:
        self._look()
        self.done.append(Round(f"{entry} {round_name}", time.perf_counter()))

    def _watch(self) -> None:
        while True:
            self._look()
            time.sleep(0.1)

    def _look(self) -> None:
        with self._lock:
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                pid, parent = int(entry.name), int(fields[1])
                if os.getpid() not in (pid, parent):
                    continue
                used = (int(fields[11]) + int(fields[12])) / TICK
                if self.done:
                    now = self.done[-1]
                    now.processor += used - self._used.get(pid, 0)
                    now.peak = max(now.peak, int(fields[21]) * PAGE)
                    now.wall = time.perf_counter() - now.began
                self._used[pid] = used


def measured(folder: Path, count: int, name: str, workers: int, shared: bool = False) -> None:
    dataset = dataset_of(folder, count, shared)
    said = dataset.scan("products").select(pl.col("title", "description").str.len_chars()).mean().collect()
    length = said.select(pl.sum_horizontal(pl.all())).item()
    rounds, counts = Rounds(), dict[str, int]()
    wall, processor = time.perf_counter(), spent()
    with Pool(workers) as pool:
        for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
            counts |= LocalEngine(pool, rounds).run(dataset, stage).counts
    wall, processor = time.perf_counter() - wall, spent() - processor
    peak = max(one.peak for one in rounds.done) / 2**30
    print(
        f"{f'{name} ({length:.0f} characters)':34}{count:>10,}{wall:>9.1f} s{processor:>9.1f} s{count / wall:>10,.0f}/s"
        f"{2 * count / processor:>10,.0f}/s{peak:>8.2f} GB"
    )
    for one in rounds.done:
        print(
            f"    {one.name:30}{'':10}{one.wall:>9.1f} s{one.processor:>9.1f} s"
            f"{one.processor / count * 1e6:>8.1f} µs a product{one.peak / 2**30:>12.2f} GB"
        )
    print("   ", {k: v for k, v in counts.items() if v}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[30_000])
    parser.add_argument("--shared", type=int, default=0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    print(f"{'':34}{'products':>10}{'wall':>11}{'processor':>11}{'by wall':>12}{'2 cores':>12}{'peak':>11}")
    for _ in range(arguments.runs):
        for count in arguments.products:
            with tempfile.TemporaryDirectory(prefix="m5-") as made:
                measured(Path(made), count, "texts", arguments.workers)
        if arguments.shared:
            with tempfile.TemporaryDirectory(prefix="m5-") as made:
                measured(Path(made), arguments.shared, "one description", arguments.workers, shared=True)


if __name__ == "__main__":
    main()
