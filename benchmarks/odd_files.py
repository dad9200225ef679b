"""What every odd file of the public sets costs: processor time, time by the clock and memory of a process of its own.

    python benchmarks/odd_files.py DATA

Files and outcomes are those of `tests/measure/odd_files.tsv`; each goes through the whole of measuring in a forked
process, and what the system says of that process is kept. A process that ends badly is told.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import polars as pl

from m5tools.dataset import Dataset
from m5tools.measure import audio, image, video  # noqa: F401 - loaded once, before the forks
from m5tools.measure.assets import Depth, measure
from m5tools.measure.stage import MeasureConfig
from m5tools.stage import Work
from m5tools.vocabulary import Modality

SETTINGS = MeasureConfig()
DEPTH = Depth(SETTINGS.video_frames, SETTINGS.sound_seconds)
LISTED = Path(__file__).resolve().parent.parent / "tests" / "measure" / "odd_files.tsv"


class Cost(NamedTuple):
    """Of one file: seconds of processor and clock, MiB resident at most, how the process ended (0: well)."""

    name: str
    processor: float
    clock: float
    resident: float
    ended: int


def cost(modality: Modality, name: str, file: Path) -> Cost:
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        ended = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries complain of odd files
        try:
            with tempfile.TemporaryDirectory() as folder:
                one = {"asset_id": name, "modality": modality.value, "uri": str(file), "offset": 0}
                listed = pl.DataFrame([one | {"length": file.stat().st_size}])
                measure(modality, listed, "part", DEPTH, Work(Dataset(folder), Path(folder) / "scratch"))
            ended = 0
        finally:
            os._exit(ended)
    _, ended, used = os.wait4(child, 0)
    clock = time.perf_counter() - started
    return Cost(f"{modality} {name}", used.ru_utime + used.ru_stime, clock, used.ru_maxrss / 1024, ended)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    with LISTED.open(newline="") as file:
        rows = [(Modality(row[0]), row[1]) for row in csv.reader(file, delimiter="\t")]
    costs = [cost(modality, name, data / name) for modality, name in rows]
    bad = [each for each in costs if each.ended]
    print(f"{len(costs)} files, {len(bad)} processes ended badly")
    for each in bad:
        print(f"  {each.name}: {each.ended}")
    for what in ("processor", "clock", "resident"):
        most = max(costs, key=lambda each: float(getattr(each, what)))
        print(f"most {what}: {getattr(most, what):.2f} {'MiB' if what == 'resident' else 's'}, {most.name}")


if __name__ == "__main__":
    main()
