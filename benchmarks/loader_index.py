"""What it costs to open, filter and plan an index of a million samples, and what a worker holds of it in memory.

The index is made: samples with every mixture of modalities, members as `m5 shard` writes them, tars that are holes of
the right size. Each figure is taken in a process of its own, the files in the page cache.

python benchmarks/loader_index.py --samples 1000000 --samples-per-shard 10000 --runs 5
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from m5tools import schema
from m5tools.atomic import sha256_of
from m5tools.shards.cost import estimate
from m5tools.shards.manifest import INDEX, ShardFile, ShardManifest, tar_name
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

T = TypeVar("T")
HELD = {"image": 0.95, "text": 0.99, "table": 0.85, "video": 0.08, "audio": 0.05}
CATEGORIES = tuple(f"Department {i // 40:02d} > Category {i:03d}" for i in range(1000))


def members(present: np.ndarray, rng: np.random.Generator) -> tuple[dict[str, pa.Array], np.ndarray]:
    """Members of each sample, what they cost and are made from; and its length in the tar.

    A JSON, up to three pictures, eight frames, one sound.
    """
    pictures = np.where(present[:, 0], rng.integers(1, 4, len(present)), 0)
    counts = np.column_stack([np.ones(len(present), np.int64), pictures, present[:, 3] * 8, present[:, 4] * 1])
    total = counts.sum(1)
    kind = np.repeat(np.tile(np.arange(4), len(present)), counts.reshape(-1))
    first = np.concatenate([[0], np.cumsum(total)])
    runs = np.concatenate([[0], np.cumsum(counts.reshape(-1))])
    ordinal = np.arange(len(kind)) - np.repeat(runs[:-1], counts.reshape(-1))
    length = rng.integers(*np.array([[500, 20_000, 5_000, 40_000], [4_000, 60_000, 20_000, 90_000]])[:, kind])
    padded = 512 + (length + 511) // 512 * 512
    ends = np.cumsum(padded)
    size = np.add.reduceat(padded, first[:-1])
    names = np.array(
        ["json", *(f"image_{i}.jpg" for i in range(8)), *(f"video_{i}.jpg" for i in range(8)), "audio_0.flac"]
    )
    name = np.select([kind == 0, kind == 1, kind == 2], [0, 1 + ordinal, 9 + ordinal], 17)
    media = np.array(["", "image", "video", "audio"], object)[kind]
    visual = (kind == 1) | (kind == 2)
    fields = {
        "name": pa.array(names[name]),
        "modality": pa.array(media, pa.string(), mask=kind == 0),
        "offset": pa.array(ends - padded + 512),
        "length": pa.array(length),
        "width": pa.array(np.full(len(kind), 512, np.int32), mask=~visual),
        "height": pa.array(rng.integers(300, 513, len(kind)).astype(np.int32), mask=~visual),
        "duration_s": pa.array(np.full(len(kind), 4, np.float32), mask=kind < 2),
        "xxh3": pa.array(rng.integers(0, 2**64, len(kind), np.uint64)),
    }
    place = np.array([len(MODALITIES), *(m.bit for m in (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO))], np.uint8)
    shape = (fields["width"], fields["height"], fields["duration_s"])
    cost = estimate(names[name].tolist(), place[kind], length, *shape)
    fields["cost"] = pa.array(cost)
    structs = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    offsets = pa.array(first.astype(np.int32))
    raw = rng.bytes(16 * len(kind)).hex()
    files = pa.array([raw[32 * i : 32 * i + 32] if of else None for i, of in enumerate(kind.tolist())], pa.string())
    return {
        "members": pa.ListArray.from_arrays(offsets, structs),
        "cost": pa.array(np.add.reduceat(cost.astype(np.int64), first[:-1])),
        "assets": pa.ListArray.from_arrays(offsets, files),
    }, size


def shard(number: int, samples: int, seed: int) -> tuple[pa.Table, int]:
    """The index of one shard, and the size of its tar."""
    rng = np.random.default_rng((seed, number))
    present = rng.random((samples, 5)) < np.array(list(HELD.values()))
    present[:, 1] |= ~present.any(1)
    listed, size = members(present, rng)
    ends = np.cumsum(size)
    category = np.minimum(rng.zipf(1.5, samples) - 1, len(CATEGORIES) - 1)
    raw = rng.bytes(16 * samples).hex()
    five = pa.array(np.arange(0, 5 * samples + 1, 5, dtype=np.int32))
    columns = {
        "product_id": pa.array([raw[i : i + 32] for i in range(0, len(raw), 32)]),
        "shard": pa.array([tar_name("train", number)] * samples),
        "start": pa.array(ends - size),
        "end": pa.array(ends),
        "present": pa.array(np.packbits(present, axis=1, bitorder="little")[:, 0]),
        "state": pa.ListArray.from_arrays(five, np.where(present, State.PRESENT, State.ABSENT).reshape(-1)),
        "reason": pa.ListArray.from_arrays(five, np.where(present, Reason.NONE, Reason.NOT_LISTED).reshape(-1)),
        "split": pa.array(["train"] * samples),
        "category": pa.array(CATEGORIES).take(pa.array(category)),
        "band": pa.array(np.where(category < 5, "head", np.where(category < 100, "middle", "tail"))),
        "cluster": pa.array([raw[i : i + 32] if i % 10 == 0 else None for i in range(0, len(raw), 32)]),
        "tags": pa.array(
            [["image.blank", "table.sparse"][i % 7 : i % 3] for i in range(samples)], pa.list_(pa.string())
        ),
        **listed,
    }
    law = schema.law("shard_index").schema
    filled = {f.name: columns.get(f.name, pa.nulls(samples, f.type)) for f in law}
    return pa.table([pc.cast(filled[f.name], f.type) for f in law], schema=law), int(ends[-1])


def make(folder: Path, samples: int, samples_per_shard: int) -> None:
    """A shard folder whose index is real and whose tars are holes."""
    (folder / INDEX).mkdir(parents=True)
    files = []
    for number in range(-(-samples // samples_per_shard)):
        rows = min(samples_per_shard, samples - number * samples_per_shard)
        table, size = shard(number, rows, 0)
        tar = tar_name("train", number)
        index = folder / INDEX / f"{Path(tar).stem}.parquet"
        pq.write_table(table, index, compression="zstd")
        with (folder / tar).open("wb") as file:
            file.truncate(size)
        files.append(ShardFile(tar=tar, samples=rows, bytes=size, index_sha256=sha256_of(index)))
    ShardManifest.of(CATEGORIES, {"train": tuple(files)}, "", {}).write(folder)


def figures(folder: Path) -> dict[str, float]:
    """Wall and processor seconds of each step, in this process."""
    import polars as pl

    from m5tools.loader.buckets import Buckets
    from m5tools.loader.catalog import Catalog
    from m5tools.loader.loader import Loader
    from m5tools.loader.plan import Plan
    from m5tools.loader.rules import Rules
    from m5tools.loader.weights import LongTail

    found: dict[str, float] = {}

    def timed(name: str, what: Callable[[], T]) -> T:
        wall, used = time.perf_counter(), time.process_time()
        result = what()
        found[f"{name}, wall"] = time.perf_counter() - wall
        found[f"{name}, processor"] = time.process_time() - used
        return result

    catalog = timed("open the catalogue", lambda: Catalog.open(folder, "train"))
    timed("filter, pyarrow", lambda: catalog.where(pc.field("band") == "tail"))
    timed("filter, Polars on tags", lambda: catalog.where(pl.col("tags").list.contains("table.sparse")))
    view = timed("view, with members", lambda: catalog.view(MODALITIES))
    factors = timed("repeat factors", lambda: LongTail().factors(catalog.index))
    lengths = Buckets("start").lengths(catalog.columns(["start"]))

    def order(**rules: Any) -> Callable[[], Any]:
        return lambda: Plan(view.fingerprint, len(view), 0, 256, True, True, Rules(**rules)).epoch(1).order

    timed("plan an epoch", order(stand_ins=3))
    timed("plan, weights", order(factors=factors))
    part = (np.arange(len(view)) % 3 == 0).astype(np.int64)
    mixed = {"part": part, "shares": (1.0, 1.0), "stratified": True}
    every = {"factors": factors, "lengths": lengths, "window": 64, "shard": view.shard, "block": 16, **mixed}
    timed("plan, every rule", order(**every))
    timed("open a loader of 8 ranks", lambda: Loader(folder, global_batch_size=256, world_size=8))
    found["peak of this process, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


PROBE = """
import sys, os, torch
def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
if __name__ == "__main__":
    import json, time, subprocess
    from m5tools.loader.loader import Loader
    loader = Loader(sys.argv[1], global_batch_size=8, image_size=8, workers=int(sys.argv[2]), max_bad_share=1.0)
    batches = iter(loader)
    next(batches)
    children = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split()
    workers = [int(c) for c in children if b"spawn_main" in open(f"/proc/{c}/cmdline", "rb").read()]
    print(json.dumps([pss(pid) for pid in workers]))
"""
BARE = """
import torch
print(next(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line[:4] == "Pss:") / 1024)
"""


def memory(folder: Path, workers: int) -> dict[str, float]:
    """PSS of workers after their first batch, above that of a process that only imports torch."""
    with tempfile.TemporaryDirectory() as place:
        script = Path(place) / "probe.py"
        script.write_text(PROBE)
        said = subprocess.run(
            [sys.executable, script, folder, str(workers)], check=True, capture_output=True, text=True
        ).stdout
    bare = float(subprocess.run([sys.executable, "-c", BARE], check=True, capture_output=True, text=True).stdout)
    used = json.loads(said)
    return {"bare import torch, MB": bare, "a worker, MB": max(used), "above, MB": max(used) - bare}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--samples-per-shard", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the made shards here")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once:
        print(json.dumps(figures(asked.folder)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = asked.folder or Path(place) / "shards"
        if not folder.exists():
            make(folder, asked.samples, asked.samples_per_shard)
        once = [sys.executable, __file__, "--once", "--folder", str(folder)]
        runs = [json.loads(subprocess.run(once, check=True, capture_output=True).stdout) for _ in range(asked.runs + 1)]
        print(f"{asked.samples:,} samples, {asked.samples_per_shard:,} a shard, {asked.runs} runs: median (least–most)")
        for name in runs[0]:
            taken = [run[name] for run in runs[1:]]
            print(f"{name:40} {statistics.median(taken):8.2f} ({min(taken):.2f}–{max(taken):.2f})")
        for name, value in memory(folder, asked.workers).items():
            print(f"{name:40} {value:8.0f}")


if __name__ == "__main__":
    main()
