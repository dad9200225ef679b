"""Memory of the loader's processes over many epochs: PSS above a bare `import torch`.

    M5_REAL_DATA=… PYTHONPATH=. python benchmarks/loader_memory.py --epochs 50

Real JPEGs (`loader_shards.py`) at 224 pixels in batches of 64, two workers that stay from epoch to epoch. PSS
(`/proc/PID/smaps_rollup`) counts shared pages by share, so what worker and trainer both see is counted once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import loader_shards

BARE = "import torch; print(next(x for x in open('/proc/self/smaps_rollup') if x.startswith('Pss:')).split()[1])"


def pss_mb(process: int) -> float:
    rows = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("Pss:")).split()[1]) / 1024


def main() -> None:
    from m5tools.loader.loader import Loader

    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=50)
    options.add_argument("--samples", type=int, default=1_000)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--image-size", type=int, default=224)
    asked = options.parse_args()
    bare = int(subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=True).stdout) / 1024
    print(f"bare import torch: {bare:.0f} MB; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="m5-loader-") as folder:
        loader_shards.write(Path(folder) / "shards", asked.samples)
        sizes = {"image_size": asked.image_size, "max_images": 1, "global_batch_size": 64}
        loader = Loader(Path(folder) / "shards", workers=asked.workers, **sizes)  # type: ignore[arg-type]
        print(f"{'epoch':>6}{'trainer':>10}" + "".join(f"{f'worker {i}':>10}" for i in range(asked.workers)) + "  (MB)")
        for epoch in range(asked.epochs):
            loader.set_epoch(epoch)
            for batch in loader:
                assert len(batch) == 64
            if epoch % 5 == 0 or epoch == asked.epochs - 1:
                workers = [w.pid for w in loader._batches._iterator._workers]
                held = [pss_mb(pid) for pid in (os.getpid(), *workers)]
                print(f"{epoch:>6}" + "".join(f"{mb:>10.0f}" for mb in held), flush=True)
    most = max(held[1:])
    print(f"a worker above bare torch: {most - bare:.0f} MB")


if __name__ == "__main__":
    main()
