"""All pairs within a Hamming distance among a million hashes of 256 bits: time, memory and recall, beside faiss.

Usage: python benchmarks/hamming_join.py [--hashes N] [--pictures DATA] [--faiss]

Random hashes, among them pairs planted at known distances. `--pictures` fills half of the pool with PDQ hashes of
random parts of real pictures instead, whose bits are not even. `--faiss` asks the binary indexes of faiss for the
neighbours of a sample of the planted hashes and extrapolates to the whole pool; recall is counted on the same pairs.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m5tools.joins.hamming import near, plan
from m5tools.measure import pdq
from m5tools.measure.image import grey
from m5tools.media import image

Hashes = npt.NDArray[np.uint8]
PLANTED = 2_000
AT = (8, 16, 24, 31, 38, 45)
CAP = 500
RUNS = 3


def flipped(hashes: Hashes, bits: int, draw: np.random.Generator) -> Hashes:
    """The same with so many random bits turned."""
    turned = np.zeros((len(hashes), 256), np.uint8)
    np.put_along_axis(turned, np.argsort(draw.random(turned.shape), axis=1)[:, :bits], 1, axis=1)
    return hashes ^ np.packbits(turned, axis=1)


def of_pictures(root: Path, count: int, draw: np.random.Generator) -> Hashes:
    """Hashes of random parts, 30 % of a side or more, of the pictures of four sets."""
    patterns = (
        "tuxpaint_stamps/**/*.png",
        "clothing_categories/**/*.jpg",
        "magento_luma/**/*.jpg",
        "grocery_fresh/**/*.jpg",
    )
    files = sorted(file for pattern in patterns for file in root.glob(pattern))
    lumas = [pdq.smoothed(grey(image.decode(file.read_bytes(), 128).rgb)) for file in files]
    hashes = []
    for start in range(0, count, 4_096):
        grids = []
        for _ in range(start, min(count, start + 4_096)):
            luma = lumas[draw.integers(len(lumas))]
            height, width = luma.shape
            share = draw.uniform(0.3, 1, 2)
            left, top = draw.uniform(0, 1 - share) * (width, height)
            grids.append(pdq.grid_of(luma, (left, top, left + share[0] * width, top + share[1] * height), 255.0))
        hashes += pdq.hashes(np.stack(grids))
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it returns, seconds by the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - processor


def pool(count: int, pictures: Path | None) -> Hashes:
    """Planted pairs: hash i and hash i + len(AT) × PLANTED; strangers behind."""
    draw = np.random.default_rng(1)
    kinds = len(AT) * PLANTED
    first = draw.integers(0, 256, (kinds, 32), dtype=np.uint8)
    strangers = draw.integers(0, 256, (count - 2 * kinds, 32), dtype=np.uint8)
    if pictures:
        real = of_pictures(pictures, count // 2, draw)
        first = np.unique(real, axis=0)[draw.permutation(len(real) // 4)[:kinds]]
        strangers[: len(real)] = real[: len(strangers)]
    copies = [flipped(first[i * PLANTED : (i + 1) * PLANTED], bits, draw) for i, bits in enumerate(AT)]
    return np.concatenate([first, *copies, strangers])


def recalls(a: npt.NDArray[Any], b: npt.NDArray[Any], most: int) -> str:
    kinds = len(AT) * PLANTED
    planted = a[(a < kinds) & (b == a + kinds)] // PLANTED
    return ", ".join(f"{bits} bits {np.mean(np.bincount(planted, minlength=len(AT))[i] / PLANTED):.4f}"
                     for i, bits in enumerate(AT) if bits <= most)  # fmt: skip


def ours(hashes: Hashes, distance: int, recall: float) -> None:
    times = []
    for _ in range(RUNS):
        found, wall, processor = timed(lambda: near(hashes, distance, recall, CAP))
        times.append((processor, wall))
    a, b = (found.pairs[side].to_numpy().astype(np.int64) for side in ("a", "b"))
    width, tables = plan(len(hashes), distance, recall)
    seconds = " ".join(f"{processor:.1f}" for processor, _ in sorted(times))
    print(
        f"within {distance}, recall asked {recall}: {tables} tables of {width} bits; processor {seconds} s, "
        f"wall {min(w for _, w in times):.1f} s at best; {len(a):,} pairs, {found.hubs} hubs of {found.hub_rows}; "
        f"recall {recalls(a, b, distance)}",
        flush=True,
    )


def theirs(hashes: Hashes, distance: int) -> None:
    import faiss

    faiss.omp_set_num_threads(1)
    kinds = len(AT) * PLANTED
    asked = np.concatenate([np.arange(i * PLANTED, i * PLANTED + 100) for i in range(len(AT))])
    flat = faiss.IndexBinaryFlat(256)
    multi = faiss.IndexBinaryMultiHash(256, 16, 16)
    for name, index, flips in (("flat", flat, 0), ("16 hashes of 16 bits", multi, 0), ("… one bit flipped", multi, 1)):
        if index.ntotal == 0:
            _, _, built = timed(lambda index=index: index.add(hashes))
        if index is multi:
            index.nflip = flips
        (limits, _, rows), _, spent = timed(lambda index=index: index.range_search(hashes[asked], distance + 1))
        found = [set(rows[limits[i] : limits[i + 1]].tolist()) for i in range(len(asked))]
        hit = (
            np.array([int(asked[i]) + kinds in some for i, some in enumerate(found)]).reshape(len(AT), -1).mean(axis=1)
        )
        told = ", ".join(f"{bits} bits {share:.2f}" for bits, share in zip(AT, hit, strict=True) if bits <= distance)
        whole = spent / len(asked) * len(hashes)
        print(
            f"  faiss {name}: built in {built:.1f} s, {len(asked) / spent:,.0f} queries/s, all of them {whole:,.0f} s; "
            f"recall {told}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--faiss", action="store_true")
    arguments = parser.parse_args()
    hashes = pool(arguments.hashes, arguments.pictures)
    print(f"{len(hashes):,} hashes")
    for distance, recall in ((31, 0.98), (45, 0.95)):
        ours(hashes, distance, recall)
        if arguments.faiss:
            theirs(hashes, distance)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB resident at most")


if __name__ == "__main__":
    main()
