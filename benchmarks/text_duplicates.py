"""Near-duplicate texts alone: ours, datatrove, text-dedup and datasketch on the same texts, over one set of shingles.

    M5_REAL_DATA=… python -m benchmarks.text_duplicates --peers PYTHON [--texts 30000] [--runs 3]

PYTHON is that of the environment `dedup` of `benchmarks.peers`; datasketch runs in ours.

The shingles are *runs of five words as datatrove's English tokenizer cuts them, digits kept*: texts of real sentences
are put into lower case, everything but ASCII letters and digits becomes a blank, datatrove's words are joined by
blanks, and texts that its tokenizer would then cut anew are left out. All sides cut the same words from what remains
(text-dedup cuts at everything that is no letter or digit). Peers have their own defaults but for the similarity.
Every fifth text is another one edited: a word more, a word replaced, two swapped, or up to 14 words dropped.

Each side is one process that reads JSON lines and writes the lines of the texts it keeps; runs alternate, every second
round the other way about. All sides have the same cores; datasketch uses one of them, so that ours is run on one core
too. `work` is a side's time without the start of the interpreter and imports (datatrove's workers start anew in every
stage, as it is made); `processor` and `peak` are those of its whole process tree, read from /proc (peak: the largest
sum over the tree, where pages that processes share count once). Recall and precision are of pairs in one group against
the pairs whose exact Jaccard index, by Python sets, is ≥ 0.8; of ours the worst of all runs. Outputs are comparable
where our recall is at least .99 and theirs, and our precision is not more than `LOOSER` below.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from benchmarks import beside, watched
from benchmarks.duplicates_rate import texts as product_texts
from benchmarks.text_sides import CUT, DATASKETCH, DATATROVE, OURS, TEXT_DEDUP

SIMILARITY, WORDS, PART = 0.8, 5, "{}.jsonl"
RECALL, LOOSER = 0.99, 0.1
"""Groups that hold more of the true pairs are joined by more chains, and a chain's ends may be less alike."""

OURS_ALONE = "m5tools, one core"
SIDES = {
    "m5tools": OURS,
    "datatrove": DATATROVE,
    "text-dedup": TEXT_DEDUP,
    "datasketch": DATASKETCH,
    OURS_ALONE: OURS,
}
LOOKED_EVERY_S = 0.1
"""To add up a process's memory walks through all of its pages, on the cores that are measured."""
BESIDE = (("m5tools", "datatrove"), ("m5tools", "text-dedup"), ("m5tools", "datasketch"), (OURS_ALONE, "datasketch"))


@dataclass(frozen=True)
class Run:
    """What one run of a side took and found: group of each text that is in one."""

    wall: float
    work: float
    processor: float
    peak: float
    groups: dict[int, int]


def corpus(count: int, python: str) -> list[str]:
    rows = product_texts(range(2 * count))
    plain = [re.sub(r"[^a-z0-9]+", " ", f"{t} {d}".lower()).strip() for t, d in rows.iter_rows()]
    cut = subprocess.run([python, "-c", CUT], input="\n".join(plain), capture_output=True, text=True, check=True)
    words = [line.split() for line in cut.stdout.split("\n") if line.count(" ") > 20]
    rng = random.Random(11)
    made: list[list[str]] = []
    for text in words:
        made.append(edited(made[rng.randrange(len(made))], rng) if len(made) % 5 == 4 else text)
        if len(made) == count:
            break
    return [" ".join(text) for text in made]


def edited(text: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(text) - 1)
    match rng.randrange(4):
        case 0:
            return [*text, "new"]
        case 1:
            return [*text[:at], "other", *text[at + 1 :]]
        case 2:
            return [*text[:at], text[at + 1], text[at], *text[at + 2 :]]
        case _:
            return text[: len(text) - rng.randrange(1, 15)]


def truth(texts: list[str]) -> set[tuple[int, int]]:
    """Pairs of Jaccard index ≥ 0.8, by Python sets and one product of matrices."""
    number: dict[tuple[str, ...], int] = {}
    sets = []
    for text in texts:
        words = text.split()
        runs = {tuple(words[i : i + WORDS]) for i in range(max(1, len(words) - WORDS + 1))}
        sets.append([number.setdefault(run, len(number)) for run in runs])
    bounds = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    held = csr_array((np.ones(bounds[-1], np.int32), np.concatenate(sets), bounds), shape=(len(sets), len(number)))
    shared = (held @ held.T).tocoo()
    sizes = np.diff(bounds)
    a, b = shared.coords
    near = (a < b) & (shared.data >= SIMILARITY * (sizes[a] + sizes[b] - shared.data))
    return set(zip(a[near].tolist(), b[near].tolist(), strict=True))


def run(side: str, python: str, folder: Path, workers: int) -> Run:
    with tempfile.TemporaryDirectory(dir=folder) as made:
        script = Path(made) / "side.py"
        script.write_text(SIDES[side])
        out = Path(made) / "out"
        command = [python, str(script), str(folder), made, str(workers)]
        began = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "HF_HOME": made, "HF_HUB_OFFLINE": "1"}
        with out.open("wb") as stdout, (Path(made) / "err").open("wb") as stderr:
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr, start_new_session=True, env=environment)
            if side == OURS_ALONE:
                os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
            used: dict[int, float] = {}
            peak = 0
            while process.poll() is None:
                looked = list(watched.of_session(process.pid))
                used |= {one.pid: one.processor for one in looked}
                peak = max(peak, sum(one.shared for one in looked))
                time.sleep(LOOKED_EVERY_S)
        wall = time.perf_counter() - began
        if process.returncode:
            sys.exit(f"{side} failed: {(Path(made) / 'err').read_text()[-3000:]}")
        told = json.loads(out.read_text().splitlines()[-1])
    groups = {int(text): group for text, group in told["groups"].items()}
    return Run(wall, told["work"], sum(used.values()), peak / 2**30, groups)


def found(groups: dict[int, int]) -> set[tuple[int, int]]:
    members: dict[int, list[int]] = {}
    for text in sorted(groups):
        members.setdefault(groups[text], []).append(text)
    return {(a, b) for group in members.values() for i, a in enumerate(group) for b in group[i + 1 :]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="Python of an environment with datatrove and text-dedup")
    parser.add_argument("--texts", type=int, default=30_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="append the results to this file")
    arguments = parser.parse_args()
    pythons = dict.fromkeys(SIDES, sys.executable) | dict.fromkeys(("datatrove", "text-dedup"), arguments.peers)
    with tempfile.TemporaryDirectory(prefix="m5-") as made:
        folder = Path(made)
        (folder / "texts").mkdir()
        texts = corpus(arguments.texts, arguments.peers)
        bounds = [len(texts) * i // arguments.workers for i in range(arguments.workers + 1)]
        for i in range(arguments.workers):
            lines = [json.dumps({"id": str(j), "text": texts[j]}) for j in range(bounds[i], bounds[i + 1])]
            (folder / "texts" / PART.format(i)).write_text("\n".join(lines) + "\n")
        near = truth(texts)
        length = statistics.mean(map(len, texts))
        print(f"{len(texts):,} texts of {length:.0f} characters, {len(near):,} pairs of Jaccard index ≥ {SIMILARITY}")
        runs: dict[str, list[Run]] = {side: [] for side in SIDES}
        for number in range(arguments.runs):
            for side in list(SIDES)[:: -1 if number % 2 else 1]:
                runs[side].append(run(side, pythons[side], folder, arguments.workers))
        told(runs, near, len(texts))
        beside.told(results(runs, near, len(texts), pythons), arguments.json)


def results(
    runs: dict[str, list[Run]], near: set[tuple[int, int]], count: int, pythons: dict[str, str]
) -> list[beside.Beside]:
    """Work and memory beside each peer."""
    made = []
    for mine, side in BESIDE:
        recall, precision = (min(told) for told in zip(*(judged(run, near) for run in runs[mine]), strict=True))
        theirs_recall, theirs_precision = judged(runs[side][-1], near)
        agree = recall >= max(RECALL, theirs_recall) and precision > theirs_precision - LOOSER
        agreement = (
            f"recall {recall:.4f}, theirs {theirs_recall:.4f}; precision {precision:.3f}, theirs {theirs_precision:.3f}"
        )
        peer = beside.named(side, pythons[side])
        for what, unit, field in (
            ("work", "s", "work"),
            ("processor time", "s", "processor"),
            ("memory", "GiB", "peak"),
        ):
            figures = [[getattr(run, field) for run in runs[name]] for name in (mine, side)]
            claim = f"near-duplicates of {count:,} texts{mine.removeprefix('m5tools')}: {what}"
            made.append(beside.Beside(claim, peer, unit, *figures, agree, agreement))
    return made


def judged(run: Run, near: set[tuple[int, int]]) -> tuple[float, float]:
    """Recall and precision of the pairs in one group."""
    pairs = found(run.groups)
    return len(pairs & near) / len(near), len(pairs & near) / max(1, len(pairs))


def told(runs: dict[str, list[Run]], near: set[tuple[int, int]], count: int) -> None:
    print(f"{'side':18}{'wall':>9}{'work':>9}{'texts/s':>9}{'processor':>11}{'peak':>11}{'recall':>9}{'precision':>11}")
    middle = {
        s: [statistics.median(getattr(r, f) for r in runs[s]) for f in ("wall", "work", "processor")] for s in runs
    }
    for side, done in runs.items():
        recall, precision = judged(done[-1], near)
        wall, work, processor = middle[side]
        print(
            f"{side:18}{wall:>7.1f} s{work:>7.2f} s{count / work:>9,.0f}{processor:>9.1f} s"
            f"{max(r.peak for r in done):>7.2f} GiB{recall:>9.4f}{precision:>11.4f}", flush=True,
        )  # fmt: skip
    for mine, side in BESIDE:
        ratios = [theirs.work / ours.work for ours, theirs in zip(runs[mine], runs[side], strict=True)]
        whole, processor = (middle[side][i] / middle[mine][i] for i in (0, 2))
        print(
            f"{side}: {statistics.median(ratios):.0f} × the work of {mine} ({min(ratios):.0f}–{max(ratios):.0f}), "
            f"{whole:.0f} × its wall time with start, {processor:.0f} × its processor time"
        )


if __name__ == "__main__":
    main()
