"""Pictures a second into uint8 [64, 3, 224, 224] batches: our loader, four others, and the ceiling.

    PYTHONPATH=. .venv-peers/loader/bin/python benchmarks/loader_rate.py     # the environment of benchmarks.peers

Every side reads the same JPEG bytes (`loader_shards.py`; litdata, Streaming and HF datasets from their own files of
them) with two workers, from a warm page cache, in a process of its own. `pillow` is what people write:
`Image.open(…).convert("RGB").resize(…)`. `fast` is our decoder, the same function on every side. Ours runs with plan,
global shuffle, state and masks on; litdata, Streaming and HF datasets (a table of Arrow, read by place) shuffle,
webdataset does not. The ceiling decodes from memory into one batch that is used over and over, in as many threads, with
bare simplejpeg and OpenCV: no loader, no check of the bytes.

Before the clock runs each side is read once: every picture it gives must be, byte for byte, one that its decoder makes
of the input, none more often than there, and all but its last batches must come.

The clock runs from the tenth batch, when all workers and their memory are under way, to the end of the epoch. Beside it
stands the processor time that main process and workers took in between: it tells more on a machine that others use too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from benchmarks import beside
from benchmarks.loader_sides import BATCHES, DECODERS, SIDE, WORKERS, B, members, prepare

SKIPPED = 10
PEERS = {"webdataset": "webdataset", "litdata": "litdata", "streaming": "mosaicml-streaming", "hf": "datasets"}
SIDES = ("ceiling", "m5", *(f"{peer} {how}" for peer in PEERS for how in ("pillow", "fast")))


def agreed(side: str, folder: Path) -> dict[str, int]:
    """How many pictures a side gives, and how many of them its decoder does not make of the input."""
    name, _, how = side.partition(" ")
    decode = DECODERS[how or "fast"]
    wanted = Counter(xxhash.xxh3_128_digest(np.ascontiguousarray(decode(data))) for data in members(folder))
    given: Counter[bytes] = Counter()
    for batch in BATCHES[name](folder, how):
        given.update(xxhash.xxh3_128_digest(np.ascontiguousarray(picture)) for picture in np.asarray(batch))
    return {"given": given.total(), "strange": (given - wanted).total()}


def family() -> list[Path]:
    """Where the system tells about this process and its children."""
    mine = [Path(f"/proc/{os.getpid()}/stat")]
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = status.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            mine.append(status)
    return mine


def processor_s(processes: list[Path]) -> float:
    """Seconds of processor time that they have taken; those that ended count no more."""
    fields = [status.read_text().rpartition(")")[2].split() for status in processes if status.exists()]
    return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def measure(side: str, folder: Path) -> dict[str, float]:
    name, _, how = side.partition(" ")
    began = time.perf_counter()
    count = 0
    start = ended = cpu = used = first = 0.0
    processes: list[Path] = []
    for number, batch in enumerate(BATCHES[name](folder, how), 1):
        assert tuple(batch.shape) == (B, 3, SIDE, SIDE), batch.shape
        if number == 1:
            first = time.perf_counter() - began
        if number <= SKIPPED:
            processes = family()
            start, cpu = time.perf_counter(), processor_s(processes)
            continue
        count += B
        ended, used = time.perf_counter(), processor_s(processes)
    return {"rate": count / (ended - start), "cpu_us": (used - cpu) / count * 1e6, "first_s": first}


def apart(what: str, side: str, folder: str) -> dict[str, Any]:
    """What a side says of itself in a process of its own."""
    command = [sys.executable, __file__, f"--{what}", side, folder]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TMPDIR": folder}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def results(
    samples: int, found: dict[str, list[dict[str, float]]], checks: dict[str, dict[str, int]]
) -> list[beside.Beside]:
    """Ours beside each peer, by the clock, in milliseconds a picture."""
    made = []
    least = samples - (WORKERS + 1) * B
    for side, runs in found.items():
        name, _, how = side.partition(" ")
        if name in PEERS and "m5" in found:
            both = {"m5": checks["m5"], side: checks[side]}
            agree = all(check["strange"] == 0 and least <= check["given"] <= samples for check in both.values())
            agreement = "pictures given: {:,}, theirs {:,}; not of the input: {}, theirs {}".format(
                *(check[what] for what in ("given", "strange") for check in both.values())
            )
            figures = [[1e3 / run["rate"] for run in some] for some in (found["m5"], runs)]
            claim = f"loader, {WORKERS} workers, their decoder: {how if how == 'pillow' else 'ours'}"
            made.append(beside.Beside(claim, beside.named(PEERS[name]), "ms a picture", *figures, agree, agreement))
    return made


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--samples", type=int, default=4_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--sides", nargs="*", default=SIDES, choices=SIDES)
    options.add_argument("--json", type=Path, help="append the results to this file")
    for alone in (measure, agreed):
        options.add_argument(f"--{alone.__name__}", nargs=2, help=argparse.SUPPRESS)
    asked = options.parse_args()
    for alone in (measure, agreed):
        if given := getattr(asked, alone.__name__):
            print(json.dumps(alone(given[0], Path(given[1]))), flush=True)
            return
    found: dict[str, list[dict[str, float]]] = {side: [] for side in asked.sides}
    with tempfile.TemporaryDirectory(prefix="m5-loader-") as folder:
        held = prepare(Path(folder), asked.samples)
        print(f"{asked.samples:,} samples, {held / asked.samples / 1000:.1f} kB each; load {os.getloadavg()[0]:.1f}")
        checks = {side: apart("agreed", side, folder) for side in asked.sides if side != "ceiling"}
        for run in range(asked.runs):
            for side in asked.sides if run % 2 == 0 else asked.sides[::-1]:
                found[side].append(apart("measure", side, folder))
            last = (f"{s} {found[s][-1]['rate']:.0f} ({found[s][-1]['cpu_us']:.0f} µs)" for s in asked.sides)
            print(f"run {run + 1}: " + ", ".join(last), flush=True)
    print(
        f"{'side':<18}{'pictures/s: median (from–to)':>30}{'processor µs: median (from–to)':>34}{'first batch s':>15}"
    )
    for side in asked.sides:
        rate, cpu, first = ([run[key] for run in found[side]] for key in ("rate", "cpu_us", "first_s"))
        spread = f"{statistics.median(rate):.0f} ({min(rate):.0f}–{max(rate):.0f})"
        used = f"{statistics.median(cpu):.0f} ({min(cpu):.0f}–{max(cpu):.0f})"
        print(f"{side:<18}{spread:>30}{used:>34}{statistics.median(first):>15.2f}")
    if "m5" in asked.sides:
        for other in (side for side in asked.sides if side != "m5"):
            both = list(zip(found["m5"], found[other], strict=True))
            rate = sorted(ours["rate"] / theirs["rate"] for ours, theirs in both)
            cpu = sorted(theirs["cpu_us"] / ours["cpu_us"] for ours, theirs in both)
            told = ", ".join(
                f"{what} {statistics.median(r):.2f} ({r[0]:.2f}–{r[-1]:.2f})"
                for what, r in (("by the clock", rate), ("by processor time", cpu))
            )
            print(f"m5 / {other}: {told}")
    beside.told(results(asked.samples, found, checks), asked.json)


if __name__ == "__main__":
    main()
