"""What the search for copies costs over all ways to look at a picture.

Usage: python benchmarks/picture_join.py [--pictures N …] [--scratch FOLDER]

Random hashes stand for the pictures (a whole, its trim in eight orientations, four centres, a fit, four corners); one
in ten is a copy of another, 12 bits apart in every hash. They lie in Parquet parts, as in a run; the search is a
process of its own. Told are processor seconds, copies found, and memory at most: all that is resident, and of that what
is the process's own; the rest are pages of mapped files, which the system takes back where it needs them.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.files import Files
from m5tools.dedup.evidence.image import copies
from m5tools.dedup.policy import load_policy

HASHES = {"pdq": 1, "pdq_trimmed": 1, "pdq_turned": 8, "pdq_centres": 4, "pdq_fitted": 1, "pdq_corners": 4}
OFF = 12
PART = 25_000


def hashes(count: int, copied: int, draw: np.random.Generator) -> npt.NDArray[np.uint8]:
    """uint8 [count, 32]; the last `copied` are those of the first, off by some bits."""
    first = draw.integers(0, 256, (count - copied, 32), dtype=np.uint8)
    turned = np.zeros((copied, 256), np.uint8)
    np.put_along_axis(turned, draw.integers(0, 256, (copied, OFF)), 1, axis=1)
    return np.concatenate([first, first[:copied] ^ np.packbits(turned, axis=1)])


def write_pictures(count: int, folder: Path) -> list[Path]:
    """Parquet parts of random pictures."""
    draw = np.random.default_rng(3)
    columns: dict[str, pa.Array] = {}
    for name, several in HASHES.items():
        rows = np.concatenate([hashes(count, count // 10, draw) for _ in range(several)], axis=1)
        ends = pa.py_buffer(np.arange(count + 1, dtype=np.int64) * rows.shape[1])
        columns[name] = pa.Array.from_buffers(pa.large_binary(), count, [None, ends, pa.py_buffer(rows.tobytes())])
    grey = bytes([128] * 2 + [0] * 62)
    every = pl.DataFrame(columns).with_columns(colours=pl.lit(grey), tones=pl.lit(grey[:16]))
    parts = [folder / f"part-{start:09d}.parquet" for start in range(0, count, PART)]
    for i, part in enumerate(parts):
        every.slice(i * PART, PART).write_parquet(part, compression="lz4")
    return parts


def search(parts: list[Path], scratch: Path) -> tuple[pl.DataFrame, float, float, float]:
    """Pairs, processor seconds, MB resident and MB of its own, at most."""
    policy = load_policy("duplicates")
    lazy = [pl.scan_parquet(part) for part in parts]
    heights = [part.select(pl.len()).collect().item() for part in lazy]
    numbers = pl.Series(range(sum(heights)), dtype=pl.UInt32)
    files = Files(lazy, [numbers.slice(sum(heights[:i]), height) for i, height in enumerate(heights)])
    most, done = [0.0], threading.Event()
    watch = threading.Thread(target=_watch, args=(most, done))
    watch.start()
    started = time.process_time()
    found, _ = copies(files, policy.picture, policy.join, scratch)
    seconds = time.process_time() - started
    done.set()
    watch.join()
    return found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, most[0]


def _watch(most: list[float], done: threading.Event) -> None:
    while not done.wait(0.05):
        status = Path("/proc/self/status").read_text()
        most[0] = max(most[0], int(status.split("RssAnon:")[1].split()[0]) / 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="*", default=[50_000, 200_000])
    parser.add_argument("--scratch", type=Path, help="a folder on a disk, not in memory")
    arguments = parser.parse_args()
    for count in arguments.pictures:
        with (
            tempfile.TemporaryDirectory(dir=arguments.scratch) as folder,
            ProcessPoolExecutor(1, get_context("spawn")) as alone,
        ):
            parts = write_pictures(count, Path(folder))
            found, seconds, resident, own = alone.submit(search, parts, Path(folder)).result()
        wanted = count // 10
        right = found.filter(pl.col("b") == pl.col("a") + (count - wanted)).height
        print(
            f"{count:,} pictures: {seconds:.1f} s of the processor, {seconds / count * 1e6:.0f} µs a picture; "
            f"{right:,} of {wanted:,} copies, {found.height - right} others; "
            f"{resident:,.0f} MB resident at most, {own:,.0f} MB its own",
            flush=True,
        )


if __name__ == "__main__":
    main()
