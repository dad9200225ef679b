"""Pictures a second into uint8 [64, 3, 224, 224] batches: our loader, webdataset, litdata, and the ceiling.

    python3.11 -m venv peers && peers/bin/pip install -r benchmarks/requirements-loader.txt
    PYTHONPATH=. peers/bin/python benchmarks/loader_rate.py

Every side reads the same JPEG bytes (`loader_shards.py`; litdata from its own chunks of them) with two workers, from a
warm page cache, in a process of its own. `pillow` is what people write: `Image.open(…).convert("RGB").resize(…)`.
`fast` is our decoder, the same function on every side. Ours runs with plan, global shuffle, state and masks on; litdata
shuffles, webdataset does not. The ceiling decodes from memory into one batch that is used over and over, in as many
threads, with bare simplejpeg and OpenCV: no loader, no check of the bytes.

The clock runs from the tenth batch, when all workers and their memory are under way, to the end of the epoch. Beside it
stands the processor time that main process and workers took in between: it tells more on a machine that others use too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

B, SIDE, WORKERS, SKIPPED = 64, 224, 2, 10
SIDES = ("ceiling", "m5", "webdataset pillow", "webdataset fast", "litdata pillow", "litdata fast")


def fast(data: bytes) -> Any:
    """Our decoder: bytes → uint8 [3, 224, 224]."""
    from m5tools.loader.decode import Decoder

    square = np.empty((3, SIDE, SIDE), np.uint8)
    Decoder(SIDE, 1.0).picture(memoryview(data), square)
    return square


def pillow(data: bytes) -> Any:
    from PIL import Image

    small = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small).transpose(2, 0, 1)


DECODERS: dict[str, Callable[[bytes], Any]] = {"fast": fast, "pillow": pillow}


def m5(folder: Path, _: str) -> Iterator[Any]:
    from m5tools.loader.loader import Loader

    loader = Loader(
        folder / "shards", modalities=("image",), global_batch_size=B, image_size=SIDE, max_images=1, workers=WORKERS,
        threads=1,
    )  # fmt: skip
    return (batch.image.data for batch in loader)


class Decoded:
    """Sample of webdataset → picture (a class, so that it can be sent to a worker)."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, sample: dict[str, bytes]) -> Any:
        return DECODERS[self.how](sample["image_0.jpg"])


def stacked(pictures: list[Any]) -> Any:
    import torch

    return torch.from_numpy(np.stack(pictures))


def webdataset(folder: Path, how: str) -> Iterator[Any]:
    import torch
    import webdataset as wds

    tars = sorted(map(str, (folder / "shards").glob("*.tar")))
    samples = wds.WebDataset(tars, shardshuffle=False).map(Decoded(how)).batched(B, collation_fn=stacked, partial=False)
    return iter(torch.utils.data.DataLoader(samples, batch_size=None, num_workers=WORKERS))


def litdata(folder: Path, how: str) -> Iterator[Any]:
    import litdata as ld
    import torch

    class Pictures(ld.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> Any:
            return torch.from_numpy(np.ascontiguousarray(DECODERS[how](super().__getitem__(index)["image"])))

    data = Pictures(str(folder / "litdata"), shuffle=True, drop_last=True)
    return iter(ld.StreamingDataLoader(data, batch_size=B, num_workers=WORKERS, drop_last=True))


def ceiling(folder: Path, _: str) -> Iterator[Any]:
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    data = members(folder)
    out = np.empty((B, 3, SIDE, SIDE), np.uint8)
    at = {"min_height": SIDE, "min_width": SIDE, "min_factor": 2}

    def decode(start: int, thread: int) -> None:
        for i in range(thread, B, WORKERS):
            rgb = simplejpeg.decode_jpeg(data[start + i], "RGB", **at)
            cv2.split(cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), list(out[i]))

    for start in range(0, len(data) - B + 1, B):
        threads = [threading.Thread(target=decode, args=(start, k)) for k in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield out


def members(folder: Path) -> list[bytes]:
    """All pictures, read at the places that the index names."""
    import pyarrow.parquet as pq

    found = []
    for tar in sorted((folder / "shards").glob("*.tar")):
        body = tar.read_bytes()
        for sample in pq.read_table(folder / "shards" / "index" / f"{tar.stem}.parquet")["members"].to_pylist():
            found += [body[m["offset"] : m["offset"] + m["length"]] for m in sample if m["modality"] == "image"]
    return found


def sample_of(pair: tuple[int, bytes]) -> dict[str, Any]:
    return {"json": json.dumps({"title": f"Picture {pair[0]}"}).encode(), "image": pair[1]}


def prepare(folder: Path, samples: int) -> int:
    """The shards, and litdata's chunks of the same bytes; returns how many bytes."""
    import litdata as ld
    import loader_shards

    data = loader_shards.write(folder / "shards", samples)
    assert members(folder) == data
    ld.optimize(
        sample_of, list(enumerate(data)), str(folder / "litdata"), chunk_bytes="16MB", num_workers=1, verbose=False
    )
    return sum(map(len, data))


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
    for number, batch in enumerate(globals()[name](folder, how), 1):
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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--samples", type=int, default=4_000)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--sides", nargs="*", default=SIDES, choices=SIDES)
    options.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure[0], Path(asked.measure[1]))), flush=True)
        return
    found: dict[str, list[dict[str, float]]] = {side: [] for side in asked.sides}
    with tempfile.TemporaryDirectory(prefix="m5-loader-") as folder:
        held = prepare(Path(folder), asked.samples)
        print(f"{asked.samples:,} samples, {held / asked.samples / 1000:.1f} kB each; load {os.getloadavg()[0]:.1f}")
        for run in range(asked.runs):
            for side in asked.sides if run % 2 == 0 else asked.sides[::-1]:
                command = [sys.executable, __file__, "--measure", side, folder]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr[-3000:]
                found[side].append(json.loads(done.stdout.splitlines()[-1]))
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


if __name__ == "__main__":
    main()
