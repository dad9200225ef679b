"""The whole line as a user runs it: `m5 run` in a process of its own, and what it leaves on the disk."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from m5tools.synth import SynthConfig, synthesize

M5 = (sys.executable, "-m", "m5tools.cli.main")


def simulate(folder: Path, products: int, seed: int) -> Path:
    """A simulated crawl with media; gives the folder of its delivery."""
    synthesize(folder, SynthConfig(products=products, seed=seed))
    return folder / "crawl"


def command(
    crawl: Path,
    dataset: Path | str,
    *,
    workers: int = 2,
    files: str = "*.jsonl",
    media: Path | str | None = None,
    crawl_id: str | None = None,
) -> list[str]:
    """The line of the recipe `demo` on a crawl.

    Args:
        crawl: folder of the records.
        dataset: folder of the result, or where it is in a store.
        workers: worker processes.
        files: pattern of the records in `crawl`.
        media: what media paths start from, where that is not `crawl`.
        crawl_id: the crawl's name, where it is not the source's.
    """
    changes: dict[str, object] = {
        "dataset": dataset,
        "ingest.sources.0.files": f"['{crawl}/{files}']",
        "ingest.sources.0.media_root": media or crawl,
    }
    if crawl_id is not None:
        changes["ingest.sources.0.crawl_id"] = crawl_id
    sets = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    return [*M5, "run", "demo", *sets, "--workers", str(workers)]


def start(
    arguments: list[str], scratch: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen[str]:
    """Begin a command in a process group of its own, its temporary files and its log in `scratch`."""
    around = os.environ | {"TMPDIR": str(scratch)} | environment
    with (scratch / "log").open("w") as log:
        return subprocess.Popen(arguments, start_new_session=True, env=around, stdout=log, stderr=log, text=True)


def complete(arguments: list[str], scratch: Path) -> str:
    """Run a command to its end; gives what it printed and asserts that it ended well."""
    process = start(arguments, scratch)
    try:
        process.wait(timeout=600)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = (scratch / "log").read_text()
    assert process.returncode == 0, said
    return said


def content(dataset: Path) -> dict[str, str]:
    """Path and sha256 of every file of a dataset but the logs and markers of its runs."""
    files = sorted(p for p in dataset.rglob("*") if p.is_file())
    named = {p.relative_to(dataset).as_posix(): p for p in files}
    return {
        name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in named.items() if not name.startswith("runs/")
    }


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Names of the files that are not the same on both sides."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
