"""A whole run killed at any moment and started again ends with the bytes of a run that nobody disturbed.

Single stages, their parents and workers: `tests/faults`.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from m5tools.atomic import TEMPORARY

from . import line


def killed(arguments: list[str], scratch: Path, after: float) -> bool:
    """Run a command and kill its whole process group after so many seconds; False when it ended before."""
    process = line.start(arguments, scratch)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def disturb(tmp_path: Path, scratch: Path, products: int, kills: int, seed: int) -> None:
    """Kill a run at `kills` moments drawn by `seed`, one in each of as many equal stretches of the undisturbed run."""
    crawl, dataset = line.simulate(tmp_path / "synth", products, seed), tmp_path / "dataset"
    arguments = line.command(crawl, dataset)
    started = time.monotonic()
    line.complete(arguments, scratch)
    duration = time.monotonic() - started
    undisturbed = line.content(dataset)
    draw = random.Random(seed)
    for stretch in range(kills):
        shutil.rmtree(dataset)
        share = (stretch + draw.random()) / kills
        while not killed(arguments, scratch, share * duration):
            # Other processes slowed the first run down; this machine can do it faster, so the moment lies earlier.
            duration *= 0.8
            shutil.rmtree(dataset)
        line.complete(arguments, scratch)
        moment = f"killed after {share * duration:.2f} s of {duration:.2f} s"
        assert line.differences(undisturbed, line.content(dataset)) == [], moment
        assert list(dataset.rglob(f"{TEMPORARY}*")) == [], moment


@pytest.mark.slow
def test_a_run_killed_at_ten_moments_ends_byte_identical(tmp_path: Path, scratch: Path) -> None:
    disturb(tmp_path, scratch, products=150, kills=10, seed=11)


def test_what_a_killed_writer_left_is_swept_up(crawl: Path, dataset: Path, tmp_path: Path, scratch: Path) -> None:
    """A kill hits the moment between writing and renaming rarely; here every kind of file is caught in it."""
    torn = Path(shutil.copytree(dataset, tmp_path / "dataset"))
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = (
        "tables/products/shop-1",
        "previews/image",
        "shards/default",
        "runs/measure",
        "runs/shard/default",
        "reports",
        ".",
    )
    for folder in names:
        (torn / folder / f"{TEMPORARY}{gone.pid}@{socket.gethostname()}@half-written").write_bytes(b"half")
    again = [*line.command(crawl, torn), "--refresh"]
    line.complete(again, scratch)
    assert [p.relative_to(torn).as_posix() for p in torn.rglob(f"{TEMPORARY}*")] == []
    assert line.differences(line.content(dataset), line.content(torn)) == []
