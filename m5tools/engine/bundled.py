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


def home_of(dataset: Dataset, crawl: str) -> str | None:
    """The bundle that is read in place of a crawl's own parts, if any."""
    return next((name for name, crawls in bundles.read(dataset.root).items() if crawl in crawls), None)


def part_in(bundle: str, output: Recorded) -> str | None:
    """Where the rows of a part of a crawl lie in a bundle; None of a table that has none.

    Args:
        bundle: which holds the crawl.
        output: the part of the crawl, as its completion marker has it.
    """
    file = Path(output["path"])
    table = file.parent.parent
    return (table / bundle / file.name).as_posix() if table.name in bundles.TABLES else None


def stands_for(dataset: Dataset, bundle: str, output: Recorded) -> Recorded | None:
    """The part of a bundle that holds the rows of a part of a crawl; None where that did not go into it as it is here.

    Args:
        dataset: the dataset.
        bundle: which holds the crawl.
        output: the part of the crawl, as its completion marker has it.
    """
    noted, place = _noted(dataset, bundle), part_in(bundle, output)
    return None if place is None or noted["from"].get(output["path"]) != output else noted["parts"].get(place)


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
