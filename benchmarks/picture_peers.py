"""Copies of pictures: ours and imagededup on the same files, with what each finds.

    M5_REAL_DATA=… python -m benchmarks.picture_peers --peers PYTHON [--pictures 40] [--runs 5]

PYTHON is that of the environment `pictures` of `benchmarks.peers`. Real pictures of four sets and the sixteen edited
copies of each that `duplicate_pictures` makes lie as JPEGs in one folder. Each side is one process that uses one core
and goes from the files to the pairs: ours measures (PDQ hashes of all looks, colours, and every other signal of a
picture), joins by Hamming distance and compares colours; imagededup is `PHash`, its encodings and then its search, at
its own distance of 10. `work` is without the start of the interpreter and imports; runs alternate.

Recall is of pairs of a picture and its edited copy; the others are pairs of files of different pictures. Outputs are
comparable where our recall is not below theirs and our share of others among the pairs not above theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import beside
from benchmarks.duplicate_pictures import EDITS, SETS
from benchmarks.picture_copies import jpeg
from m5tools.media import image

DATA = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
CHOSEN = ("tuxpaint_stamps", "clothing_categories", "grocery_fresh", "icecat_spryker")
EACH = 1 + len(EDITS)

OURS = """
import json, sys, time
from pathlib import Path
import cv2
from benchmarks.duplicate_pictures import found
cv2.setNumThreads(1)
files = sorted(Path(sys.argv[1]).iterdir())
began = time.perf_counter()
pairs = [pair for pair, (_, alike, _) in found([file.read_bytes() for file in files]).items() if alike]
print(json.dumps({"work": time.perf_counter() - began, "pairs": pairs}))
"""
IMAGEDEDUP = """
import json, sys, time
from unittest.mock import MagicMock
left_out = ("", ".transforms", ".models", ".models.vision_transformer")
sys.modules |= dict.fromkeys(map("torchvision{}".format, left_out), MagicMock())
from imagededup.methods import PHash
began = time.perf_counter()
hasher = PHash(verbose=False)
hashes = hasher.encode_images(image_dir=sys.argv[1], num_enc_workers=0)
found = hasher.find_duplicates(encoding_map=hashes, num_dist_workers=0)
work = time.perf_counter() - began
place = {name: i for i, name in enumerate(sorted(hashes))}
pairs = sorted({tuple(sorted((place[a], place[b]))) for a, some in found.items() for b in some})
print(json.dumps({"work": work, "pairs": pairs}))
"""


@dataclass(frozen=True)
class Run:
    """What one run of a side took, and the pairs of places it found."""

    work: float
    pairs: frozenset[tuple[int, int]]

    @property
    def copies(self) -> int:
        """Pairs of a picture and an edited copy of it."""
        return len({(a, b) for a, b in self.pairs if a % EACH == 0 and a // EACH == b // EACH})

    @property
    def others(self) -> float:
        """Share of the pairs that are of different pictures."""
        return len([1 for a, b in self.pairs if a // EACH != b // EACH]) / max(1, len(self.pairs))


def prepare(folder: Path, pictures: int) -> int:
    """Write the files; returns of how many pictures. File i is of picture i // EACH, the first of each unedited."""
    count = 0
    for name in CHOSEN:
        for file in sorted((DATA / name).glob(SETS[name]))[:pictures]:
            rgb = image.decode(file.read_bytes(), 4_000).rgb
            for place, data in enumerate([jpeg(rgb, 92), *(edit(rgb) for edit in EDITS.values())], count * EACH):
                (folder / f"{place:07d}.jpg").write_bytes(data)
            count += 1
    return count


def run(script: str, python: str, folder: Path) -> Run:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
    }
    command = [python, "-c", script, str(folder)]
    core = {min(os.sched_getaffinity(0))}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    if done.returncode:
        sys.exit(f"a side failed: {done.stderr[-3000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Run(told["work"], frozenset((a, b) for a, b in told["pairs"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="Python of an environment with imagededup")
    parser.add_argument("--pictures", type=int, default=40, help="of each set")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="append the results to this file")
    asked = parser.parse_args()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="m5-pictures-") as made:
        pictures = prepare(Path(made), asked.pictures)
        for _ in range(asked.runs):
            ours.append(run(OURS, sys.executable, Path(made)))
            theirs.append(run(IMAGEDEDUP, asked.peers, Path(made)))
    files, wanted = pictures * EACH, pictures * len(EDITS)
    for name, runs in (("m5tools", ours), ("imagededup", theirs)):
        middle = statistics.median(r.work for r in runs)
        print(f"{name}: {middle / files * 1e3:.2f} ms a file, {len(runs[0].pairs):,} pairs")
    mine, other = ours[0], theirs[0]
    agree = mine.copies >= other.copies and mine.others <= other.others
    agreement = (
        f"recall {mine.copies / wanted:.3f}, theirs {other.copies / wanted:.3f}; "
        f"pairs of different pictures {mine.others:.2%}, theirs {other.others:.2%}"
    )
    claim = f"copies among {files:,} picture files, one core"
    peer = beside.named("imagededup", asked.peers)
    figures = [[r.work for r in runs] for runs in (ours, theirs)]
    beside.told([beside.Beside(claim, peer, "s", *figures, agree, agreement)], asked.json)


if __name__ == "__main__":
    main()
