"""What bundles were made from, so that a part which lies in one is not taken for lost, nor a damaged bundle for whole.

Beside the bundles, `runs/compact/<bundle>.json` holds size and checksum of every part that went into one, as the
completion marker of its ingest has them, and of the parts that hold their rows now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from m5tools import atomic, bundles
from m5tools.dataset import Dataset, Output
from m5tools.errors import UsageError
from m5tools.recorded import is_output

Recorded = dict[str, Any]
"""An :class:`m5tools.dataset.Output` as JSON."""


def note_of(dataset: Dataset, bundle: str) -> Path:
    """Where it stands what a bundle was made from."""
    return dataset.root / "runs" / "compact" / f"{bundle}.json"


def write_note(dataset: Dataset, bundle: str, origins: Iterable[Recorded], parts: Iterable[Output]) -> None:
    """Note what a bundle was made from."""
    body = {"from": {o["path"]: o for o in origins}, "parts": {p.path: asdict(p) for p in parts}}
    atomic.write_json(note_of(dataset, bundle), body)


def parts_of(dataset: Dataset, bundle: str) -> list[Recorded]:
    """The parts of a bundle as they were written."""
    return list(_noted(dataset, bundle)["parts"].values())


def origins_of(dataset: Dataset, bundle: str, crawl: str) -> list[Recorded]:
    """The parts of a crawl as they were when they went into a bundle."""
    return [o for o in _noted(dataset, bundle)["from"].values() if Path(o["path"]).parent.name == crawl]


def stands_for(dataset: Dataset, crawl: str, output: Recorded) -> Recorded | None:
    """The part of a bundle that holds the rows of a part of a crawl; None where that went into none as it is here.

    Args:
        dataset: the dataset.
        crawl: the crawl.
        output: its part, as its completion marker has it.
    """
    bundle = next((name for name, crawls in bundles.read(dataset.root).items() if crawl in crawls), None)
    if bundle is None:
        return None
    noted, file = _noted(dataset, bundle), Path(output["path"])
    if noted["from"].get(output["path"]) != output:
        return None
    part: Recorded | None = noted["parts"].get((file.parent.parent / bundle / file.name).as_posix())
    return part


def _noted(dataset: Dataset, bundle: str) -> dict[str, dict[str, Recorded]]:
    note = note_of(dataset, bundle)
    return _read(note, note.stat().st_mtime_ns) if note.is_file() else {"from": {}, "parts": {}}


@lru_cache(maxsize=64)
def _read(note: Path, _: int) -> dict[str, dict[str, Recorded]]:
    """Once in a process: every crawl of a bundle asks it for each of its parts."""
    try:
        body: dict[str, dict[str, Recorded]] = json.loads(note.read_text(encoding="utf-8"))
        whole = all(is_output(output) for kind in ("from", "parts") for output in body[kind].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(note) from error
    if not whole:
        raise _damaged(note)
    return body


def _damaged(note: Path) -> UsageError:
    return UsageError(f"{note} is damaged; restore it, or run 'm5 ingest' with --refresh for the crawls of that bundle")
