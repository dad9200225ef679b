"""What all of M5Product costs on its way through the curation stages, beside DuckDB's plain conversion.

    python -m benchmarks.whole_flow --products 100000 1000000 [--duckdb PYTHON] [--keep FOLDER] [--stages survey …]

A simulated crawl in the release's own layout (`m5 synth --profile m5product --no-media`: one JSON object of products)
goes through `ingest` up to `cut` and the audit, each stage a command of its own; nobody is asked for a picture. Beside
it, in the same run, DuckDB reads the same file and writes its fields as one Parquet file (what it needs:
benchmarks/requirements-flow.txt).

`wall` and `processor` are of the whole command, start-up and workers included. `largest` is the most that one process
had resident; `together` the proportional set sizes of all processes at one moment, `own` what of these is no file that
lies in the page cache (both looked at twice a second). `written` counts what went to the file system, scratch tables
included, `left` what remains of it, `most` how large dataset and scratch were at most. `×` is what a product costs over
what it costs in the size before; 1.00 is linear. With `--rounds` each round of a stage follows it: seconds by the clock
and processor time as far as it was seen.

All 6,313,067 products: 6 GB of crawl, and what `most` says for a million more than six times: keep 60 GB free.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

M5 = (sys.executable, "-m", "m5tools.cli.main")
STAGES = ("ingest", "fetch", "survey", "measure", "tag", "compare", "dedup", "split", "cut", "audit")
LOOKED_EVERY_S = 0.5
SIZED_EVERY_S = 5.0
TICK = os.sysconf("SC_CLK_TCK")
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


@dataclass
class Spent:
    """What one command took: seconds, bytes."""

    name: str
    wall: float = 0.0
    processor: float = 0.0
    largest: int = 0
    together: int = 0
    own: int = 0
    written: int = 0
    left: int = 0
    most: int = 0


@dataclass
class Watched:
    """A command and its workers, looked at while they run; what they use is laid at the door of the round that is
    on."""

    command: Sequence[str]
    folder: Path
    name: str
    rounds: list[Spent] = field(default_factory=list)
    _used: dict[int, float] = field(default_factory=dict)

    def run(self) -> Spent:
        """Run it to its end."""
        whole = Spent(self.name)
        before, began = held(self.folder), time.perf_counter()
        with subprocess.Popen(
            self.command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running:
            said: list[str] = []
            listening = threading.Thread(target=self._listen, args=(running, said), daemon=True)
            listening.start()
            ended = threading.Event()
            looking = threading.Thread(target=self._watch, args=(running.pid, whole, ended), daemon=True)
            looking.start()
            _, status, used = os.wait4(running.pid, 0)
            whole.wall = time.perf_counter() - began
            running.returncode = os.waitstatus_to_exitcode(status)
            ended.set()
            looking.join()
            listening.join()
        if running.returncode:
            sys.exit(f"{' '.join(map(str, self.command))}\n" + "".join(said[-30:]))
        whole.processor = used.ru_utime + used.ru_stime
        whole.largest = max(whole.largest, used.ru_maxrss * 1024)
        whole.written = used.ru_oublock * 512
        whole.left = held(self.folder) - before
        return whole

    def _listen(self, running: subprocess.Popen[str], said: list[str]) -> None:
        assert running.stderr is not None
        for line in running.stderr:
            said.append(line)
            if line.startswith('{"event": "round_started"'):
                self.rounds.append(Spent(json.loads(line)["round"], wall=time.perf_counter()))

    def _watch(self, session: int, whole: Spent, ended: threading.Event) -> None:
        sized = 0.0
        while not ended.wait(LOOKED_EVERY_S):
            now = time.perf_counter()
            processes = list(of_session(session))
            for spent in (whole, *self.rounds[-1:]):
                spent.largest = max([spent.largest, *(p.resident for p in processes)])
                spent.together = max(spent.together, sum(p.shared for p in processes))
                spent.own = max(spent.own, sum(p.own for p in processes))
            for process in processes:
                if self.rounds:
                    self.rounds[-1].processor += process.processor - self._used.get(process.pid, 0.0)
                self._used[process.pid] = process.processor
            if now - sized > SIZED_EVERY_S:
                whole.most, sized = max(whole.most, held(self.folder)), now
        for this, ended_at in zip(self.rounds, [*(r.wall for r in self.rounds[1:]), time.perf_counter()], strict=False):
            this.wall = ended_at - this.wall


@dataclass(frozen=True)
class Process:
    """One process of a session: processor seconds, bytes."""

    pid: int
    processor: float
    resident: int
    shared: int
    own: int


def of_session(session: int) -> Iterator[Process]:
    """The living processes of a session."""
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or os.getsid(int(entry.name)) != session:
                continue
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            lines = (line.split() for line in (entry / "smaps_rollup").read_text().splitlines()[1:])
            kept = {words[0]: int(words[1]) * 1024 for words in lines}
        except (OSError, ValueError):
            continue
        used = (int(fields[11]) + int(fields[12])) / TICK
        own = kept.get("Pss_Anon:", 0) + kept.get("Pss_Shmem:", 0)
        yield Process(int(entry.name), used, kept["Rss:"], kept["Pss:"], own)


def held(folder: Path) -> int:
    """Bytes of all files below a folder; those that go while it is looked at do not count."""
    size = 0
    for home, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += Path(home, name).stat().st_size
    return size


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


def line(spent: Spent, products: int, before: Spent | None, of_before: int) -> str:
    a_product = spent.processor / products
    slope = f"{a_product / (before.processor / of_before):8.2f}" if before and before.processor else " " * 8
    sizes = "".join(f"{size / 2**30:9.2f}" for size in (spent.largest, spent.together, spent.own))
    files = "".join(f"{size / 2**30:9.2f}" for size in (spent.written, spent.left, spent.most))
    return f"{spent.name:14}{spent.wall:9.1f}{spent.processor:11.1f}{a_product * 1e6:9.1f}{slope}{sizes}{files}"


def measured(products: int, folder: Path, arguments: argparse.Namespace) -> dict[str, tuple[Spent, list[Spent]]]:
    """Every stage of a crawl."""
    crawl, dataset = folder / f"crawl-{products}", folder / f"dataset-{products}"
    if not (crawl / "truth.parquet").is_file():
        simulate = [*M5, "synth", str(crawl), "--products", str(products), "--seed", str(arguments.seed)]
        simulate += ["--no-media", "--profile", "m5product", "--workers", str(arguments.workers)]
        subprocess.run(simulate, check=True, stdout=subprocess.DEVNULL)
    found = {}
    for name, command in commands(crawl, dataset, arguments.workers, arguments.duckdb).items():
        if name in arguments.stages or name == "duckdb":
            watched = Watched(command, dataset, name)
            found[name] = watched.run(), watched.rounds
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="+", default=[100_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=STAGES, help="only these; with --keep, on what is there"
    )
    parser.add_argument("--rounds", action="store_true")
    parser.add_argument("--duckdb", metavar="PYTHON", help="one that has duckdb")
    parser.add_argument("--keep", type=Path, help="folder that crawls and datasets stay in, and are used again from")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="m5-flow-"))
    folder.mkdir(parents=True, exist_ok=True)
    before: dict[str, Spent] = {}
    of_before = 0
    try:
        for products in arguments.products:
            head = ("wall s", "processor s", "µs each", "×", "largest", "together", "own", "written", "left", "most")
            widths = (9, 12, 8, 8, 9, 9, 9, 9, 9, 9)
            print(f"{products:<14,}" + "".join(f"{h:>{w}}" for h, w in zip(head, widths, strict=True)) + "  (GiB)")
            found = measured(products, folder, arguments)
            for name, (spent, rounds) in found.items():
                print(line(spent, products, before.get(name), of_before))
                for one in rounds if arguments.rounds else ():
                    one.name = f"  {one.name}"
                    print(line(one, products, before.get(f"{name}{one.name}"), of_before))
                    before[f"{name}{one.name}"] = one
            ours = [spent for name, (spent, _) in found.items() if name != "duckdb"]
            whole = Spent("all stages", sum(s.wall for s in ours), sum(s.processor for s in ours))
            for what in ("largest", "together", "own", "most"):
                setattr(whole, what, max(getattr(s, what) for s in ours))
            whole.written, whole.left = sum(s.written for s in ours), sum(s.left for s in ours)
            print(line(whole, products, before.get("all stages"), of_before), flush=True)
            before |= {name: spent for name, (spent, _) in found.items()} | {"all stages": whole}
            of_before = products
            if arguments.keep is None:
                shutil.rmtree(folder / f"dataset-{products}")
                shutil.rmtree(folder / f"crawl-{products}")
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
