"""What a benchmark found beside one peer: figures of alternated runs, and whether the two outputs may be compared.

A figure costs something (seconds, memory), so less is better and the ratio is theirs by ours. A result is one JSON
line; `benchmarks.peers` collects the lines of all benchmarks into one table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Beside:
    """One claim, one peer.

    Attributes:
        claim: what both sides did, with its size.
        peer: the other side, with its version.
        unit: of all figures; less is better.
        ours, theirs: one figure a run, run i of one beside run i of the other.
        comparable: whether the outputs passed the check; without it no ratio is told.
        agreement: what was checked and what it gave.
    """

    claim: str
    peer: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    comparable: bool
    agreement: str

    @property
    def ratios(self) -> list[float]:
        """Theirs by ours, run by run."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def spread(figures: Sequence[float], digits: int = 3) -> str:
    """The median, and in brackets the least and the most."""
    least, middle, most = (f"{f:.{digits}g}" for f in (min(figures), statistics.median(figures), max(figures)))
    return f"{middle} ({least}–{most})"


def named(package: str, python: str | Path = sys.executable) -> str:
    """A package with the version that an interpreter would import."""
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    return f"{package} {done.stdout.strip()}"


def told(found: Iterable[Beside], file: Path | None) -> None:
    """Print the results, and append them to a file if there is one."""
    results = list(found)
    for result in results:
        ratio = spread(result.ratios) if result.comparable else "none, the outputs differ"
        print(f"{result.claim}, beside {result.peer}: × {ratio}; {result.agreement}", flush=True)
    if file:
        with file.open("a", encoding="utf-8") as lines:
            lines.writelines(json.dumps(asdict(result), ensure_ascii=False) + "\n" for result in results)


def read(file: Path) -> list[Beside]:
    """The results of a file; none if it was not written."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Beside(**json.loads(line)) for line in lines]


def table(results: Iterable[Beside]) -> str:
    """Markdown, one row a result."""
    rows = ["| claim | peer | ours | theirs | theirs / ours | comparable | checked |", "|---|---|---|---|---|---|---|"]
    for r in results:
        ratio, word = (f"**{spread(r.ratios)}**", "yes") if r.comparable else ("–", "no")
        ours, theirs = (f"{spread(figures)} {r.unit}" for figures in (r.ours, r.theirs))
        cells = (r.claim, r.peer, ours, theirs, ratio, word, r.agreement)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)
