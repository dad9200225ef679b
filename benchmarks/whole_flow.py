"""What all of M5Product costs on its way through the curation stages, beside DuckDB's plain conversion.

    python -m benchmarks.whole_flow --products 100000 1000000 [--duckdb PYTHON] [--keep FOLDER] [--stages survey …]

A simulated crawl in the release's own layout (`m5 synth --profile m5product --no-media`: one JSON object of products)
goes through `ingest` up to `cut` and the audit, each stage a command of its own; nobody is asked for a picture. Beside
it, in the same run, DuckDB reads the same file and writes its fields as one Parquet file (what it needs:
benchmarks/requirements-flow.txt). Then the audit, and DuckDB's rows, are held against what was planted
(`benchmarks/planted.py`); where a count that must be exact is not, the run ends with an error.

`wall` and `processor` are of the whole command, start-up and workers included. `largest` is the most that one process
had resident; `together` the proportional set sizes of all processes at one moment, `own` what of these is no file that
lies in the page cache (both looked at twice a second). `rchar` and `wchar` are what system calls read and wrote, of the
whole tree of processes: mapped files are not in it, the page cache is. `written` counts what went to the file system,
scratch tables included, `left` what remains of it, `most` how large dataset and scratch were at most. `×` is what a
product costs over what it costs in the size before; 1.00 is linear. `÷ duckdb` is processor time over DuckDB's. With
`--rounds` each round of a stage follows it: seconds by the clock, processor time and bytes as far as they were seen.

With `--keep` a crawl that is there is taken again, but not one whose records are of another length than the profile
writes now; a dataset that is there is taken with `--stages` only, for a stage that is up to date costs nothing.

All 6,313,067 products: 5.8 GB of crawl, and what `most` says for a million more than six times: keep 80 GB free.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import planted
from benchmarks.watched import Spent, Watched
from m5tools.synth import profile_m5product

M5 = (sys.executable, "-m", "m5tools.cli.main")
STAGES = ("ingest", "fetch", "survey", "measure", "tag", "compare", "dedup", "split", "cut", "audit")
A_PRODUCT = profile_m5product.BYTES / profile_m5product.PRODUCTS
"""Bytes of a record, which the profile writes within this share."""
WITHIN = 0.03
DUCKDB = """
import sys, duckdb
file, out, threads = sys.argv[1:]
con = duckdb.connect(config={"threads": threads, "preserve_insertion_order": "false"})
con.execute(f\"\"\"
COPY (
  WITH lines AS (
    SELECT rtrim(line, ',') AS line FROM read_csv('{file}', columns={{'line': 'VARCHAR'}}, header=false, delim='\\x01',
      quote='', escape='', max_line_size=10000000, auto_detect=false)
  ), members AS (
    SELECT line[2:strpos(line, '":') - 1] AS key, line[strpos(line, '":') + 2:] AS body FROM lines WHERE line[1] = '"'
  ), records AS (
    SELECT key, from_json(body, '{{"title": "VARCHAR", "label": "VARCHAR", "url": "VARCHAR", "video": "VARCHAR",
      "pv": "VARCHAR"}}') AS r FROM members WHERE json_valid(body) AND json_type(body) = 'OBJECT'
  )
  SELECT key, r.title, r.label, r.url, r.video, r.pv FROM records
) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
\"\"\")
"""


def crawl_and_dataset(folder: Path, products: int) -> tuple[Path, Path]:
    """Where the crawl and the dataset of so many products lie."""
    return folder / f"crawl-{products}", folder / f"dataset-{products}"


def refuse_what_is_old(folder: Path, sizes: Iterable[int], *, all_stages: bool) -> None:
    """End with a line where an earlier run left what this one would not be measured by.

    Args:
        folder: that crawls and datasets stay in.
        sizes: how many products they have.
        all_stages: nobody said which stages to run on what is there.
    """
    for products in sizes:
        crawl, dataset = crawl_and_dataset(folder, products)
        file = crawl / "crawl" / "products.json"
        each = (file.stat().st_size if file.is_file() else 0) / products
        if (crawl / "truth.parquet").is_file() and abs(each / A_PRODUCT - 1) > WITHIN:
            told = f"{each:.0f} bytes a product, of which the profile writes {A_PRODUCT:.0f} now"
            sys.exit(f"{crawl}: {told}; remove it and {dataset.name}, or name another folder")
        if all_stages and dataset.exists():
            sys.exit(f"{dataset} is there, and what is up to date costs nothing; remove it, or name --stages to run")


def commands(crawl: Path, dataset: Path, workers: int, duckdb: str | None) -> dict[str, list[str]]:
    """The commands of the flow, in order."""
    file = crawl / "crawl" / "products.json"
    changes = {
        "ingest": ("source=m5product", "mapping=m5product", f"files={file}"),
        "fetch": ("download=false",),
        "cut": ("cut=any",),
    }
    found = {}
    if duckdb is not None:
        found["duckdb"] = [duckdb, "-c", DUCKDB, str(file), str(dataset.with_suffix(".parquet")), str(workers)]
    for name in STAGES[:-1]:
        settings = [word for change in changes.get(name, ()) for word in ("--set", change)]
        found[name] = [*M5, name, "--dataset", str(dataset), *settings, "--workers", str(workers), "--log-json"]
    found["audit"] = [*M5, "audit", "--dataset", str(dataset), "--cut", "any"]
    return found


HEADS = ("wall s", "processor s", "µs each", "×", "÷ duckdb", "largest", "together", "own", "rchar", "wchar", "written",
         "left", "most")  # fmt: skip
WIDTHS = (9, 12, 8, 8, 9, *[9] * 8)


def line(spent: Spent, products: int, before: Spent | None, of_before: int, duckdb: Spent | None) -> str:
    a_product = spent.processor / products
    slope = f"{a_product / (before.processor / of_before):8.2f}" if before and before.processor else " " * 8
    beside = f"{spent.processor / duckdb.processor:9.2f}" if duckdb and duckdb.processor else " " * 9
    sizes = (spent.largest, spent.together, spent.own)
    files = (spent.rchar, spent.wchar, spent.written, spent.left, spent.most)
    told = "".join(f"{size / 2**30:9.2f}" for size in (*sizes, *files))
    return f"{spent.name:14}{spent.wall:9.1f}{spent.processor:12.1f}{a_product * 1e6:8.1f}{slope}{beside}{told}"


def whole_of(found: dict[str, tuple[Spent, list[Spent]]]) -> Spent:
    """All our stages together: what they used in sum, and at most."""
    ours = [spent for name, (spent, _) in found.items() if name != "duckdb"]
    whole = Spent("all stages")
    for what in ("wall", "processor", "rchar", "wchar", "written", "left"):
        setattr(whole, what, sum(getattr(spent, what) for spent in ours))
    for what in ("largest", "together", "own", "most"):
        setattr(whole, what, max((getattr(spent, what) for spent in ours), default=0))
    return whole


def held_against(products: int, folder: Path, ran: dict[str, tuple[Spent, list[Spent]]]) -> list[planted.Figure]:
    """What was found of the planted figures, as far as it was looked for in this run."""
    crawl, dataset = crawl_and_dataset(folder, products)
    figures = planted.compared(crawl / "truth.parquet", dataset) if "audit" in ran else []
    if "duckdb" in ran:
        rows = pq.read_metadata(dataset.with_suffix(".parquet")).num_rows
        figures.append(planted.Figure("duckdb: rows", planted.objects(crawl / "truth.parquet"), rows))
    return figures


def measured(products: int, folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Spent, list[Spent]]]:
    """Every stage of a crawl, as it ends: its name, what it cost, and what its rounds did."""
    crawl, dataset = crawl_and_dataset(folder, products)
    if not (crawl / "truth.parquet").is_file():
        simulate = [*M5, "synth", str(crawl), "--products", str(products), "--seed", str(arguments.seed)]
        simulate += ["--no-media", "--profile", "m5product", "--workers", str(arguments.workers)]
        subprocess.run(simulate, check=True, stdout=subprocess.DEVNULL)
    for name, command in commands(crawl, dataset, arguments.workers, arguments.duckdb).items():
        if name in arguments.stages or name == "duckdb":
            watched = Watched(command, dataset, name)
            yield name, watched.run(), watched.rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[100_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stages", nargs="+", choices=STAGES, help="only these; with --keep, on what is there")
    parser.add_argument("--rounds", action="store_true")
    parser.add_argument("--duckdb", metavar="PYTHON", help="one that has duckdb")
    parser.add_argument("--keep", type=Path, help="folder that crawls and datasets stay in, and are used again from")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="m5-flow-"))
    folder.mkdir(parents=True, exist_ok=True)
    refuse_what_is_old(folder, arguments.products, all_stages=arguments.stages is None)
    arguments.stages = arguments.stages or STAGES
    before: dict[str, Spent] = {}
    of_before = 0
    wrong: list[str] = []
    try:
        for products in arguments.products:
            heads = "".join(f"{head:>{width}}" for head, width in zip(HEADS, WIDTHS, strict=True))
            print(f"{products:<14,}{heads}  (GiB)", flush=True)
            found: dict[str, tuple[Spent, list[Spent]]] = {}
            duckdb = None
            for name, spent, rounds in measured(products, folder, arguments):
                found[name] = spent, rounds
                duckdb = spent if name == "duckdb" else duckdb
                print(line(spent, products, before.get(name), of_before, duckdb), flush=True)
                for one in rounds if arguments.rounds else ():
                    one.name = f"  {one.name}"
                    print(line(one, products, before.get(f"{name}{one.name}"), of_before, duckdb), flush=True)
                    before[f"{name}{one.name}"] = one
            whole = whole_of(found)
            print(line(whole, products, before.get("all stages"), of_before, duckdb), flush=True)
            figures = held_against(products, folder, found)
            if figures:
                print(planted.table(figures), flush=True)
            wrong += [f"{products:,} products: {figure.name}" for figure in figures if figure.is_wrong]
            before |= {name: spent for name, (spent, _) in found.items()} | {"all stages": whole}
            of_before = products
            if arguments.keep is None:
                for left in crawl_and_dataset(folder, products):
                    shutil.rmtree(left)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        sys.exit(f"not what was planted: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
