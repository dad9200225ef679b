"""What the search for copies costs over all ways to look at a picture.

Usage: python benchmarks/picture_join.py [--pictures N …]

Random hashes stand for the pictures (a whole, its trim in eight orientations, four centres, a fit, four corners); one
in ten is a copy of another, 12 bits apart in every hash. Told are processor seconds, memory and copies found.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.image import copies
from m5tools.dedup.policy import load_policy

HASHES = {"pdq": 1, "pdq_trimmed": 1, "pdq_turned": 8, "pdq_centres": 4, "pdq_fitted": 1, "pdq_corners": 4}
OFF = 12


def hashes(count: int, copied: int, draw: np.random.Generator) -> npt.NDArray[np.uint8]:
    """uint8 [count, 32]; the last `copied` are those of the first, off by some bits."""
    first = draw.integers(0, 256, (count - copied, 32), dtype=np.uint8)
    turned = np.zeros((copied, 256), np.uint8)
    np.put_along_axis(turned, draw.integers(0, 256, (copied, OFF)), 1, axis=1)
    return np.concatenate([first, first[:copied] ^ np.packbits(turned, axis=1)])


def pictures(count: int) -> pl.DataFrame:
    draw = np.random.default_rng(3)
    columns = {"file": pl.Series(np.arange(count, dtype=np.uint32))}
    for name, several in HASHES.items():
        rows = np.concatenate([hashes(count, count // 10, draw) for _ in range(several)], axis=1)
        columns[name] = pl.Series([row.tobytes() for row in rows], dtype=pl.Binary)
    grey = bytes([128] * 2 + [0] * 62)
    return pl.DataFrame(columns).with_columns(colours=pl.lit(grey), tones=pl.lit(grey[:16]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="*", default=[50_000, 200_000])
    policy = load_policy("duplicates")
    for count in parser.parse_args().pictures:
        files = pictures(count)
        started = time.process_time()
        found, _ = copies(files, policy.picture, policy.join)
        seconds = time.process_time() - started
        wanted = count // 10
        right = found.filter(pl.col("b") == pl.col("a") + (count - wanted)).height
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"{count:,} pictures: {seconds:.1f} s of the processor, {seconds / count * 1e6:.0f} µs a picture; "
            f"{right:,} of {wanted:,} copies, {found.height - right} others; {most:,.0f} MB resident at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
