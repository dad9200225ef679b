"""Exact retrieval in a large gallery: memory and processor time by faiss and by NumPy, and whether both answer alike.

Random unit vectors lie in a mapped file, as `m5 evaluate` keeps them. Each side runs in a process of its own, which
prints its peak of anonymous memory (mapped pages of the file can be dropped at any time, so they are told apart).

    python benchmarks/gallery_search.py --gallery 1000000 --size 192 --queries 1000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SIDES = ("faiss", "numpy")


def write_vectors(path: Path, rows: int, size: int) -> None:
    draw = np.random.default_rng(0)
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, size))
    for start in range(0, rows, 65_536):
        x = draw.normal(size=(min(65_536, rows - start), size)).astype(np.float32)
        mapped[start : start + len(x)] = x / np.linalg.norm(x, axis=1, keepdims=True)
    mapped.flush()


def anonymous_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


def side(name: str, path: Path, queries: int) -> dict[str, object]:
    import faiss

    from m5tools.tasks.search import Dense, nearest

    faiss.omp_set_num_threads(1)
    vectors = np.load(path, mmap_mode="r")
    peak, done, before = [0.0], threading.Event(), anonymous_mb()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], anonymous_mb())

    threading.Thread(target=watch, daemon=True).start()
    began = time.process_time()
    found = nearest(Dense(vectors, name == "faiss"), np.arange(queries), np.arange(len(vectors)))
    seconds = time.process_time() - began
    done.set()
    digest = hashlib.sha256(found.tobytes()).hexdigest()[:16]
    return {"side": name, "processor_s": seconds, "peak_mb": peak[0] - before, "answer": digest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gallery", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(side(arguments.run, arguments.file, arguments.queries)))
        return
    with tempfile.TemporaryDirectory(prefix="m5-gallery-") as scratch:
        file = Path(scratch) / "vectors.npy"
        write_vectors(file, arguments.gallery, arguments.size)
        print(f"gallery {arguments.gallery:,} × {arguments.size}, {arguments.queries:,} queries, one thread")
        answers = set()
        for name in arguments.sides.split(","):
            options = ("--run", name, "--file", str(file), "--queries", str(arguments.queries))
            command = [sys.executable, __file__, *options]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            answers.add(told["answer"])
            print(f"{name:6} {told['processor_s']:8.1f} s processor  {told['peak_mb']:8.0f} MB")
        print("the same answer" if len(answers) == 1 else "DIFFERENT ANSWERS")


if __name__ == "__main__":
    main()
