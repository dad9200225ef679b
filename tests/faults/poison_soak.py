"""Feeds damaged files to everything that reads: `python -m tests.faults.poison_soak --inputs 100000 --seed 1`.

Prints, and writes with `--json`, how many inputs each reader, decoder and index reader had, and what came of them. Ends
with 1 where a law was broken; `--again TARGET NUMBER` feeds one of the inputs again, in this process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from m5tools.atomic import write_json

from .poison_seeds import real_folder
from .poison_stage import FAULT, Found, fed, heaviest, shares
from .poison_targets import TARGETS, given, outcome

Told = Callable[[dict[str, Counter[str]], Found], None]


def soak(
    inputs: int, seed: int, workers: int = 1, told: Told = lambda outcomes, found: None
) -> tuple[dict[str, Counter[str]], Found]:
    """Feed so many inputs; gives outcomes by target, faults and the heaviest inputs. `told` hears of all after a unit."""
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in TARGETS}
    all_found = Found([], [])
    with TemporaryDirectory(prefix="m5-poison-") as scratch:
        for target, counts, found in fed(shares(inputs), seed, Path(scratch), workers):
            outcomes[target].update({word.partition(": ")[2]: count for word, count in counts.items()})
            all_found = Found(all_found.faults + found.faults, heaviest(all_found.heaviest + found.heaviest))
            told(outcomes, all_found)
    return outcomes, all_found


def table(outcomes: dict[str, Counter[str]]) -> str:
    """A line a target, in Markdown."""
    lines = ["| what reads | of | inputs | outcomes |", "|---|---|--:|---|"]
    for name, counts in outcomes.items():
        told = ", ".join(f"{word} {count:,}" for word, count in sorted(counts.items(), key=lambda c: (-c[1], c[0])))
        lines.append(f"| {name} | {TARGETS[name].kind} | {counts.total():,} | {told} |")
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--again", nargs=2, metavar=("TARGET", "NUMBER"))
    asked = parser.parse_args()
    if asked.again:
        target, number = asked.again
        data = given(target, asked.seed, int(number))
        print(f"{len(data):,} bytes: {data[:200]!r} …", file=sys.stderr)
        with TemporaryDirectory(prefix="m5-poison-") as scratch:
            print(outcome(target, data, Path(scratch)))
        return 0
    began = time.monotonic()

    def written(outcomes: dict[str, Counter[str]], found: Found) -> dict[str, Any]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        facts = {
            "inputs": sum(counts.total() for counts in outcomes.values()),
            "asked for": asked.inputs,
            "seed": asked.seed,
            "real files": real_folder() is not None,
            "seconds": round(time.monotonic() - began),
            "processor seconds": round(children.ru_utime + children.ru_stime),
            "largest worker, MiB": children.ru_maxrss // 1024,
            "heaviest inputs": [
                f"--again '{w.target}' {w.number}: {w.before:,} MiB before, {w.peak:,} at most" for w in found.heaviest
            ],
            "faults": len(found.faults),
            "outcomes": {name: dict(sorted(counts.items())) for name, counts in outcomes.items()},
        }
        if asked.json:
            write_json(asked.json, facts)
        return facts

    outcomes, found = soak(asked.inputs, asked.seed, asked.workers, written)
    facts = written(outcomes, found)
    print(table(outcomes))
    print({key: value for key, value in facts.items() if key != "outcomes"})
    for fault in found.faults:
        print(f"{FAULT}--seed {fault.seed} --again '{fault.target}' {fault.number}: {fault.what}")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
