"""`m5 ingest` beside the bare JSON → Parquet of pyarrow, Polars and DuckDB, and beside a loop over row dictionaries.

All sides read the same JSON Lines file (`records.py`), from the page cache, in processes of their own, in turn. Printed
are medians and spread of the wall time of the whole process, the ratios, and the largest resident set of any process.
The three parse and write, nothing else: they are the floor. The loop (`ingest_rows.py`) does the work of an ingest.
Outputs are comparable where they hold the same ids; how many attributes each kept stands beside it.

    python benchmarks/ingest_rate.py --records 300000 --runs 3
    python benchmarks/ingest_rate.py --records 3000000 --runs 1 --only m5-2    # memory

DuckDB's side needs duckdb: run it in the environment `ingest` of `benchmarks.peers`, or do without.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks import beside, records
from m5tools.dataset import Dataset

HERE = Path(__file__).resolve().parent
SAMPLED_S = 0.2  # seldom, for reading all of /proc takes processor time from the sides measured
MAPPING = """
source: bench
format: json_lines
html: [description]
fields:
  {native_id: id, url: url, title: title, description: description, brand: brand, price: price, currency: currency,
   mpn: mpn, seller: seller.name, crawled_at: crawled_at}
category: {from: category}
attributes: [{from: attributes}]
media: {image: [{from: images}]}
"""
PYARROW = """
import sys, pyarrow as pa, pyarrow.json as pj, pyarrow.parquet as pq
text, pair = pa.string(), pa.struct([("name", pa.string()), ("value", pa.string())])
names = "id url title brand category price currency mpn crawled_at description".split()
fields = [*((name, text) for name in names), ("seller", pa.struct([("name", text), ("rating", pa.float64())]))]
schema = pa.schema([*fields, ("images", pa.list_(text)), ("attributes", pa.list_(pair))])
pa.set_cpu_count(2)
table = pj.read_json(sys.argv[1], parse_options=pj.ParseOptions(explicit_schema=schema))
pq.write_table(table, sys.argv[2] + "/out.parquet", compression="zstd")
"""
POLARS = """
import sys, polars as pl
text, pair = pl.String, pl.List(pl.Struct({"name": pl.String, "value": pl.String}))
names = "id url title brand category price currency mpn crawled_at description".split()
schema = {n: text for n in names} | {"seller": pl.Struct({"name": text, "rating": pl.Float64})}
schema |= {"images": pl.List(text), "attributes": pair}
pl.scan_ndjson(sys.argv[1], schema=schema).sink_parquet(sys.argv[2] + "/out.parquet", compression="zstd")
"""
DUCKDB = """
import sys, duckdb
names = "id url title brand category price currency mpn crawled_at description".split()
columns = {n: "VARCHAR" for n in names} | {"seller": "STRUCT(name VARCHAR, rating DOUBLE)", "images": "VARCHAR[]",
           "attributes": "STRUCT(name VARCHAR, value VARCHAR)[]"}
duckdb.execute("SET threads = 2")
read = f"SELECT * FROM read_json('{sys.argv[1]}', format = 'newline_delimited', columns = {columns})"
duckdb.execute(f"COPY ({read}) TO '{sys.argv[2]}/out.parquet' (FORMAT parquet, COMPRESSION zstd)")
"""
PEERS = {"pyarrow-2": "pyarrow", "polars-2": "polars", "duckdb-2": "duckdb", "rows-1": "msgspec"}
"""Of each side the package it stands for."""


def commands(file: Path, folder: Path) -> dict[str, list[str]]:
    mapping = folder / "mapping.yaml"
    mapping.write_text(MAPPING)
    ingest = [sys.executable, "-m", "m5tools.cli.main", "ingest", "--dataset", str(folder / "out")]
    ingest += ["--set", "source=bench", "--set", f"mapping={mapping}", "--set", f"files={file}", "--workers"]
    sides = {
        "m5-2": [*ingest, "2"],
        "m5-1": [*ingest, "1"],
        "pyarrow-2": [sys.executable, "-c", PYARROW, str(file), str(folder / "out")],
        "polars-2": [sys.executable, "-c", POLARS, str(file), str(folder / "out")],
        "rows-1": [sys.executable, str(HERE / "ingest_rows.py"), str(file), str(folder / "out")],
    }
    if importlib.util.find_spec("duckdb"):
        sides["duckdb-2"] = [sys.executable, "-c", DUCKDB, str(file), str(folder / "out")]
    return sides


def measured(command: list[str], out: Path) -> tuple[float, float]:
    """Seconds of a command, and MiB of the largest resident set among its processes."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    started = time.perf_counter()
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
    )  # fmt: skip
    largest = 0.0
    while process.poll() is None:
        largest = max(largest, _largest(process.pid))
        time.sleep(SAMPLED_S)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(process.stderr.read() if process.stderr else "failed")
    return seconds, largest


def _largest(session: int) -> float:
    """MiB of the largest peak resident set of the living processes of a session."""
    found = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if os.getsid(int(status.parent.name)) == session:
                lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
                found = max(found, int(lines["VmHWM"].split()[0]) / 1024)
        except (OSError, KeyError, ValueError):
            continue
    return found


def held(side: str, out: Path) -> tuple[pl.Series, int]:
    """The sorted ids of an output, and how many attributes it has."""
    if side.startswith("m5"):
        dataset = Dataset(out)
        return dataset.read("products", columns=("native_id",))["native_id"].sort(), dataset.read("attributes").height
    if side.startswith("rows"):
        products = pl.read_parquet(out / "products-*.parquet", columns=["native_id"])
        attributes = pl.scan_parquet(out / "attributes-*.parquet").select(pl.len()).collect().item()
        return products["native_id"].sort(), attributes
    raw = pl.read_parquet(out / "out.parquet", columns=["id", "attributes"])
    return raw["id"].sort(), int(raw["attributes"].list.len().sum())


def results(
    records: int, seconds: dict[str, list[float]], outputs: dict[str, tuple[pl.Series, int]]
) -> list[beside.Beside]:
    """Ours, with as many workers, beside each peer."""
    found = []
    for side, package in PEERS.items():
        ours = f"m5-{side[-1]}"
        if side in seconds and ours in seconds:
            same = outputs[ours][0].equals(outputs[side][0], null_equal=True, check_names=False)
            what = "row dictionaries" if side == "rows-1" else "bare JSON → Parquet"
            agreement = (
                f"{len(outputs[ours][0]):,} ids, {'the same' if same else 'others'}; "
                f"{outputs[ours][1]:,} attributes, theirs {outputs[side][1]:,}"
            )
            cores = "one core" if side.endswith("1") else "two cores"
            claim = f"ingest of {records:,} records, {cores}, against {what}"
            peer = beside.named(package)
            found.append(beside.Beside(claim, peer, "s", seconds[ours], seconds[side], same, agreement))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", action="append")
    parser.add_argument("--json", type=Path, help="append the results to this file")
    arguments = parser.parse_args()
    file = records.write(Path(tempfile.gettempdir()) / f"m5-bench-{arguments.records}.jsonl", arguments.records)
    file.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        sides = commands(file, Path(folder))
        chosen = {name: command for name, command in sides.items() if name in (arguments.only or sides)}
        seconds: dict[str, list[float]] = {name: [] for name in chosen}
        memory: dict[str, float] = dict.fromkeys(chosen, 0.0)
        outputs: dict[str, tuple[pl.Series, int]] = {}
        for _ in range(arguments.runs):
            for name, command in chosen.items():
                taken, largest = measured(command, Path(folder) / "out")
                if name not in outputs:
                    outputs[name] = held(name, Path(folder) / "out")
                seconds[name].append(taken)
                memory[name] = max(memory[name], largest)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, taken in seconds.items():
        rate = arguments.records / medians[name]
        spread = f"{min(taken):.2f}–{max(taken):.2f}"
        print(f"{name:10} median {medians[name]:6.2f} s ({spread}) {rate:9,.0f} records/s, {memory[name]:,.0f} MiB")
    for name, other in (("m5-2", "pyarrow-2"), ("rows-1", "m5-1"), ("m5-1", "m5-2")):
        if name in medians and other in medians:
            print(f"{name} / {other}: {medians[name] / medians[other]:.2f}")
    beside.told(results(arguments.records, seconds, outputs), arguments.json)


if __name__ == "__main__":
    main()
