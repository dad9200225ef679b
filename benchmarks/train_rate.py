"""What data costs training: steps on batches from frame shards, from memory, and on one batch over and over.

    M5_REAL_DATA=../shared/data PYTHONPATH=. python benchmarks/train_rate.py

The `compact` network at batch 64 on the shards of `train_shards.py`, one thread of arithmetic, one worker that decodes.
The sides take turns in one process on one trainer; of every turn the first steps, which find batches made ready
during the turns of the others, are not counted. `beside work` is one batch over and over while another process packs
bytes on the other processor and hands nothing over: what is lost of a step's speed there, no loader can give back.
`wait` is the share of a step spent waiting for its batch. Beside the clock stands processor time, all of the process
and its worker: on a machine that others use, what a step and its data take of processors decides whether a second
processor can hide the data at all.
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
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil
import torch

from benchmarks import train_shards
from m5tools.scale.batches import Portion
from m5tools.scale.config import MODELS, TrainConfig
from m5tools.scale.harmony import RULES
from m5tools.scale.learner import Learner, Trainer
from m5tools.scale.model import Scale
from m5tools.scale.prepare import prepare
from m5tools.scale.source import Shards

SKIPPED = 6
SIDES = ("one batch", "beside work", "memory", "shards")
WORK = "import os, zlib\nwhile True: zlib.compress(os.urandom(1 << 20))"


def processor_s() -> float:
    """Seconds of processor time of this process and its children so far, but for the one `at_work`."""
    me = psutil.Process()
    times = [p.cpu_times() for p in (me, *me.children(recursive=True)) if WORK not in p.cmdline()]
    return sum(t.user + t.system for t in times)


@contextmanager
def at_work() -> Iterator[None]:
    """A process beside this one that keeps a processor busy."""
    beside = subprocess.Popen([sys.executable, "-c", WORK])
    try:
        yield
    finally:
        beside.kill()
        beside.wait()


def turn(trainer: Trainer, batches: Iterator[Portion], step: int, steps: int) -> dict[str, float]:
    """Some steps; what a counted one took."""
    waited = 0.0
    for k in range(steps):
        if k == SKIPPED:
            waited, began, used = 0.0, time.monotonic(), processor_s()
        asked = time.monotonic()
        portion = next(batches)
        waited += time.monotonic() - asked
        trainer.take(step + k, portion)
    taken, counted = time.monotonic() - began, steps - SKIPPED
    return {
        "step_s": taken / counted,
        "wait": waited / taken,
        "samples_per_s": counted * len(portion.tokens) / taken,
        "processor_s": (processor_s() - used) / counted,
    }


def forever(portion: Portion) -> Iterator[Portion]:
    while True:
        yield portion


def measure(folder: Path, model: str, rounds: int, steps: int) -> dict[str, object]:
    base = {"shards": str(folder), "model": model, "batch_size": 64, "steps": 10**6, "workers": 1}
    sources = {}
    for side, megabytes in (("memory", 10**6), ("shards", 0)):
        config = TrainConfig(**base, out=folder / "run", memory_mb=megabytes)
        shards = Shards(str(folder), None, MODELS[model], config.image_size, 0, None, config.workers)
        materials = prepare(config, shards, None, None)
        assert materials.in_memory == (side == "memory")
        sources[side] = iter(materials.source)
    sources["one batch"] = sources["beside work"] = forever(next(sources["memory"]))
    network = Scale(materials.tokenizer.config)
    network.measure_features(materials.held_out)
    trainer = Trainer(
        Learner(network, RULES["harmonized"](), config), config, materials.held_out, torch.device("cpu")
    )  # fmt: skip
    told: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in SIDES:
            with at_work() if side == "beside work" else nullcontext():
                told[side].append(turn(trainer, sources[side], number * steps, steps))
            print(side, json.dumps({k: round(v, 4) for k, v in told[side][-1].items()}), flush=True)
    middle = {s: {k: statistics.median(t[k] for t in told[s]) for k in told[s][0]} for s in SIDES}
    alone = middle["one batch"]
    return {
        "model": model,
        "parameters": network.parameter_count,
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "sides": middle,
        "throughput of shards to one batch": middle["shards"]["samples_per_s"] / alone["samples_per_s"],
        "throughput of shards to one batch beside work": middle["shards"]["samples_per_s"]
        / middle["beside work"]["samples_per_s"],
        "throughput of memory to one batch": middle["memory"]["samples_per_s"] / alone["samples_per_s"],
        "processor seconds of a batch's data": middle["shards"]["processor_s"] - alone["processor_s"],
        "data to step, processor time": middle["shards"]["processor_s"] / alone["processor_s"] - 1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1500)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=26)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "shards"
        train_shards.write(folder, options.products)
        print(json.dumps(measure(folder, options.model, options.rounds, options.steps), indent=1))


if __name__ == "__main__":
    main()
