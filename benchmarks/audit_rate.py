"""How long `m5 audit` takes and how much memory it needs, by the number of products; and how large its page is.

A simulated crawl of the M5Product profile without media goes through `ingest`, `fetch` (which asks nobody), `survey`,
`measure` and `tag`. Tables of stages that would take hours for so many products (`edges`, `clusters`, `splits`, a cut)
are drawn in the shape those stages leave. More than 100,000 products are copies of such a dataset, each with ids and
partitions of its own, as many partitions as ingest would have made: ten copies are a million products in a million ids.
Timed is the whole command in a process of its own, start-up and drawing of the page included.

    python -m benchmarks.audit_rate --products 100000 --products 1000000 --runs 5
    python -m benchmarks.audit_rate --products 100000 --folder /tmp/audit       # keep the datasets and use them again
    python -m benchmarks.audit_rate --products 1000000 --folder /tmp/audit --profile
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import schema
from m5tools.audit import columns
from m5tools.dataset import Dataset
from m5tools.manifest import StageEntry
from m5tools.partitions import part_name
from m5tools.vocabulary import Relation

M5 = (sys.executable, "-m", "m5tools.cli.main")
PAGE_LIMIT = 5_000_000
PAIRED, TRIPLED = 0.10, 0.05
"""Shares of products in clusters of two and of three."""
LEFT_OUT = 0.2
BASE = 100_000
"""Products that go through the stages; more are copies."""


@dataclass(frozen=True)
class Run:
    """One audit: seconds by the clock and of processors, MiB of the largest resident set, bytes of the page."""

    wall: float
    processor: float
    memory: float
    page: int


def build(root: Path, products: int, seed: int, workers: int) -> None:
    """The dataset, from the crawl to the tags, and what later stages would add."""
    with tempfile.TemporaryDirectory(prefix="m5-audit-", dir=root.parent) as scratch:
        crawl = Path(scratch) / "crawl"
        shape = ["--profile", "m5product", "--no-media", "--products", str(products), "--seed", str(seed)]
        _run("synth", str(crawl), *shape, "--workers", str(workers))
        files = f"files=['{crawl}/crawl/products.json']"
        source = [w for s in ("source=shop", "mapping=m5product", files) for w in ("--set", s)]
        _run("ingest", "--dataset", str(root), *source, "--workers", str(workers))
    _run("fetch", "--dataset", str(root), "--set", "download=false", "--workers", str(workers))
    for stage in ("survey", "measure", "tag"):
        _run(stage, "--dataset", str(root), "--workers", str(workers))
    dataset = Dataset(root)
    draw = np.random.default_rng(seed)
    for partition in range(dataset.partitions):
        _later(dataset, partition, draw)
    stages = {
        "edges": ["edges", "clusters"], "split": ["splits"], "cut/default": ["cut_products", "cut_losses"]
    }  # fmt: skip
    with dataset.changing() as manifest:
        for entry, tables in stages.items():
            name = "dedup" if entry == "edges" else entry
            manifest["stages"][name] = StageEntry(
                stage=name.partition("/")[0], version=1, config={}, settings={}, run="0" * 16, inputs={},
                fingerprint=name, counts={}, writes=tables,
            )  # fmt: skip


def _later(dataset: Dataset, partition: int, draw: np.random.Generator) -> None:
    """Edges, clusters, splits and a cut of one partition."""
    rows = dataset.scan("products", partition=partition).select(
        "product_id", category=pl.col("category").list.join(" > ")
    )
    products = rows.collect().sort("product_id")
    ids = products["product_id"].to_list()
    shuffled = [ids[i] for i in draw.permutation(len(ids))]
    pairs, triples = int(PAIRED * len(ids)) // 2, int(TRIPLED * len(ids)) // 3
    groups = [sorted(shuffled[2 * i : 2 * i + 2]) for i in range(pairs)]
    rest = shuffled[2 * pairs :]
    groups += [sorted(rest[3 * i : 3 * i + 3]) for i in range(triples)]
    relations = draw.integers(0, len(Relation), len(groups))
    names = [list(Relation)[r].value for r in relations]
    clusters = [(name, g[0], p, p == g[0]) for name, g in zip(names, groups, strict=True) for p in g]
    edges = [(g[0], p, name, "text", 0.9, "titles") for name, g in zip(names, groups, strict=True) for p in g[1:]]
    part = f"c1/{part_name(partition)}"
    dataset.write("clusters", part, _rows(clusters, "relation cluster_id product_id is_survivor"))
    dataset.write("edges", part, _rows(edges, "product_a product_b relation evidence score detail"))
    split = pl.Series(draw.choice(["train", "val", "test"], len(ids), p=[0.9, 0.05, 0.05]))
    dataset.write("splits", part, products.select("product_id", split=split, bridge=pl.lit(False)))
    out = pl.Series(draw.random(len(ids)) < LEFT_OUT)
    five = pl.lit([0] * 5)
    kept = products.filter(~out).select(
        "product_id", "category", split=pl.lit("train"), present=pl.lit(31), state=five, reason=five,
        withheld_by=pl.lit([""] * 5), band=pl.lit("middle"),
    )  # fmt: skip
    lost = products.filter(out).select("product_id", "category", rule=pl.lit("duplicates"), band=pl.lit("middle"))
    dataset.write("cut_products", part_name(partition), kept, cut="default")
    dataset.write("cut_losses", part_name(partition), lost, cut="default")


def copied(base: Dataset, root: Path, copies: int) -> None:
    """A dataset of `copies` times the products: copy k of partition p is partition p · copies + k."""
    number = base.partitions
    of_products = {"product_id", "product_a"}
    for law in schema.laws().values():
        for choices in columns.names(base, law.table) if "{" in law.path else [""]:
            chosen = {law.path.partition("{")[2].partition("}")[0]: choices} if choices else {}
            for part in base.parts(law.table, **chosen):
                target = root / part.relative_to(base.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not of_products & set(law.names):
                    shutil.copyfile(part, target)
                    continue
                rows = pq.read_table(part)
                for copy in range(copies):
                    name = part_name(int(part.stem.removeprefix("part-")) * copies + copy)
                    pq.write_table(
                        _renamed(rows, number, copies, copy), target.with_name(f"{name}.parquet"), compression="zstd"
                    )
    manifest = base.manifest() | {"partitions": number * copies}
    (root / "dataset.json").write_text(json.dumps(manifest))


_HEX = pl.Series([f"{i:04x}" for i in range(65_536)])


def _renamed(rows: pa.Table, partitions: int, copies: int, copy: int) -> pa.Table:
    """The rows with the ids of one copy, in order of the first of these."""
    ids = [name for name in ("product_id", "product_a", "product_b", "cluster_id") if name in rows.column_names]
    for name in ids:
        old = pl.from_arrow(rows[name])
        assert isinstance(old, pl.Series)
        place = old.str.slice(0, 4).str.to_integer(base=16).to_numpy()
        home = place * partitions // 65_536
        here, there = home * copies + copy, partitions * copies
        inside = (place - _first(home, partitions)) / (_first(home + 1, partitions) - _first(home, partitions))
        new_place = _first(here, there) + (inside * (_first(here + 1, there) - _first(here, there))).astype(np.int64)
        new = _HEX.gather(new_place) + old.str.slice(4)
        rows = rows.set_column(rows.column_names.index(name), name, new.to_arrow().cast(pa.string()))
    return rows.sort_by(ids[0])


def _first(partition: np.ndarray, partitions: int) -> np.ndarray:
    """The smallest first 16 bits of the ids of a partition."""
    return -(-partition * 65_536 // partitions)


def _rows(rows: list[tuple[object, ...]], names: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=names.split(), orient="row")


def _run(*arguments: str) -> None:
    done = subprocess.run([*M5, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)


def audited(root: Path) -> Run:
    """Run the command once."""
    started = time.perf_counter()
    process = subprocess.Popen([*M5, "audit", "--dataset", str(root)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the audit of {root} failed")
    page = (root / "reports" / "audit.html").stat().st_size
    return Run(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, page)


def told(values: list[float], digits: int = 1) -> str:
    """Median (least–most)."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, action="append")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="of the stages that build the datasets")
    parser.add_argument("--folder", type=Path, help="keep the datasets here and use them again")
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of how much it is")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="m5-audit-rate-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for products in arguments.products or [100_000]:
            root = folder / f"products-{products}"
            if not (root / "dataset.json").is_file():
                base = folder / f"products-{min(products, BASE)}"
                if not (base / "dataset.json").is_file():
                    build(base, min(products, BASE), arguments.seed, arguments.workers)
                if products > BASE:
                    copied(Dataset(base), root, products // BASE)
            if arguments.profile:
                _profile(root)
                continue
            runs = [audited(root) for _ in range(arguments.runs + 1)][1:]  # the first fills the page cache
            print(
                f"{products:>9,} products: {told([r.wall for r in runs])} s by the clock, "
                f"{told([r.processor for r in runs])} s of processors, {told([r.memory for r in runs], 0)} MiB, "
                f"page {runs[0].page / 1e6:.2f} MB",
                flush=True,
            )
            assert all(run.page < PAGE_LIMIT for run in runs), "the page is too large"
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)


def _profile(root: Path) -> None:
    from m5tools.audit import audit, write

    with tempfile.TemporaryDirectory() as out:
        profile = cProfile.Profile()
        profile.runcall(lambda: write(audit(Dataset(root)), Path(out)))
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
