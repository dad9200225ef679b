"""Every peer beside us in one run: `make bench`.

Makes an environment for each group of peers, runs the benchmarks below one after the other and puts what they found
into the table of docs/evidence/peers.md. An environment sees the project's packages behind its own, so all sides have
the same NumPy, Arrow and PyTorch unless a peer asks for others; `requirements-GROUP-alone.txt` names packages that are
installed without what they require, for parts of them that are not used here.

    M5_REAL_DATA=… python -m benchmarks.peers                                # at most 45 minutes after installs
    M5_REAL_DATA=… python -m benchmarks.peers --toy --page /tmp/peers.md     # does everything run?
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import beside

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "evidence" / "peers.md"
BEGIN, END = "<!-- written by make bench -->\n", "\n<!-- to here -->"
SHOWN = ("polars", "pyarrow", "numpy", "torch", "datasketch", "webdataset", "datasets")


@dataclass(frozen=True)
class Bench:
    """A script of this folder, the group of peers it needs, and its arguments at full and at toy size.

    `{peers}` stands for the interpreter of the group. `within` runs the script itself there: the sides share a process.
    """

    script: str
    full: str
    toy: str
    group: str | None = None
    within: bool = False


BENCHES = (
    Bench("text_duplicates", "--peers {peers} --texts 30000 --runs 5", "--peers {peers} --texts 600 --runs 2", "dedup"),
    Bench("ingest_rate", "--records 200000 --runs 5", "--records 2000 --runs 2", "ingest", within=True),
    Bench(
        "picture_peers", "--peers {peers} --pictures 40 --runs 5", "--peers {peers} --pictures 2 --runs 2", "pictures"
    ),
    Bench("shard_rate", "--files 60000 --encoded-files 2000 --runs 5", "--files 400 --encoded-files 40 --runs 2"),
    Bench("loader_rate", "--samples 4000 --runs 5", "--samples 1024 --runs 1", "loader", within=True),
    Bench("scale_step", "--peers-only --repeats 5", "--peers-only --repeats 1"),
)


def environment(group: str, folder: Path) -> Path:
    """The interpreter of a group, with its packages installed."""
    home = folder / group
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
    packages = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (packages / "project.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    for name, without in ((group, []), (f"{group}-alone", ["--no-deps"])):
        wanted = ROOT / "benchmarks" / f"requirements-{name}.txt"
        if wanted.exists():
            subprocess.run([python, "-m", "pip", "install", "--quiet", *without, "-r", wanted], check=True)
    return python


def run(bench: Bench, peers: Path, toy: bool, out: Path) -> list[beside.Beside]:
    """What a benchmark found; nothing, and its words on the terminal, if it failed."""
    print(f"== {bench.script}", flush=True)
    arguments = (bench.toy if toy else bench.full).format(peers=peers).split()
    lines = out / f"{bench.script}.jsonl"
    command = [peers if bench.within else sys.executable, ROOT / "benchmarks" / f"{bench.script}.py"]
    began = time.monotonic()
    done = subprocess.run(
        [*command, *arguments, "--json", lines], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    print(f"== {bench.script}: exit {done.returncode} after {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    return [] if done.returncode else beside.read(lines)


def write(page: Path, results: list[beside.Beside], minutes: float, installs: float) -> None:
    """Put the table where the page marks it; a page that is not there yet is nothing but the table."""
    told = [
        "```",
        f"date        {datetime.now(UTC):%a %b %d %Y, %H:%M} UTC",
        f"took        {minutes:.0f} minutes, and {installs:.0f} for the installs before",
        f"machine     {os.cpu_count()} cores ({platform.machine()}), load at the end {os.getloadavg()[1]:.1f}",
        f"versions    Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in SHOWN),
        "command     make bench",
        "```",
    ]
    made = BEGIN + "\n".join(told) + "\n\n" + beside.table(results) + END
    before, after = "", "\n"
    if page.exists():
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
    page.write_text(before + made + after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=[bench.script for bench in BENCHES])
    parser.add_argument("--toy", action="store_true", help="small: everything runs, no figure means anything")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    if asked.page == PAGE and (asked.toy or asked.only):
        parser.error("the page tells a whole run at full size; name another one with --page")
    asked_for = [bench for bench in BENCHES if not asked.only or bench.script in asked.only]
    began = time.monotonic()
    home = asked.environments.resolve()
    pythons = {
        bench.script: environment(bench.group, home) if bench.group else Path(sys.executable) for bench in asked_for
    }
    ready = time.monotonic()
    results: list[beside.Beside] = []
    failed = []
    with tempfile.TemporaryDirectory(prefix="m5-peers-") as out:
        for bench in asked_for:
            found = run(bench, pythons[bench.script], asked.toy, Path(out))
            results += found
            failed += [bench.script] * (not found)
    apart = [f"{r.claim} beside {r.peer}" for r in results if not r.comparable]
    if failed:
        print(f"{asked.page} was left as it is")
    else:
        write(asked.page, results, (time.monotonic() - ready) / 60, (ready - began) / 60)
    print(f"{len(results)} results; failed: {failed or 'none'}; not comparable: {apart or 'none'}")
    sys.exit(bool(failed or apart))


if __name__ == "__main__":
    main()
