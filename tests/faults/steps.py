"""Commands that are disturbed, in the order in which they build one small dataset from two crawls, half of it by HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from m5tools.registry import StageName

from ..acceptance.line import M5, simulate
from ..fetch.server import Server, reply, serving

STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
PRODUCTS = 30
FIRST = 24
"""Rows of the first crawl; the second brings the others, and a few of the first with another price."""


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: in tables of outcomes.
        changes: `dataset`, or `run` where it reads a dataset and writes a folder of its own.
        command: of the folder that it changes and, for a run, of the dataset.
        has_units: whether it tells of its units (`--log-json`).
        has_workers: whether workers of its change files.
    """

    name: str
    command: Callable[[Path, Path], list[str]]
    changes: str = "dataset"
    has_units: bool = True
    has_workers: bool = True


def _stage(name: str, title: str = "", /, **settings: Any) -> Step:
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return Step(
        title or name,
        lambda root, _: [*M5, name, "--dataset", str(root), "--workers", "2", "--log-json", *sets],
    )


def _ingest(delivery: Path, crawl: Path, name: str, title: str) -> Step:
    files = f"['{delivery}/*.jsonl']"
    return _stage("ingest", title, source="shop", mapping="synth", files=files, media_root=crawl, crawl_id=name)


def _after_ingest(later: str = "") -> list[Step]:
    about = {
        "fetch": {"allow_networks": "['127.0.0.0/8']", "contact": "https://example.org", "locations_a_unit": 16},
        "measure": {"images_per_unit": 8, "sounds_per_unit": 4, "videos_per_unit": 4},
        "overlay": {"name": "rare", "weights": "square_root"},
    }
    names = [name for name in STAGES if name != "ingest"]
    return [_stage(name, f"{name}{later}", **about.get(name, {})) for name in names]


def _train(out: Path, dataset: Path) -> list[str]:
    sizes = {"steps": 8, "batch_size": 8, "checkpoint_every": 2, "calibration_rows": 4, "image_size": 16, "warmup": 2}
    sets = [word for key, value in sizes.items() for word in ("--set", f"{key}={value}")]
    return [*M5, "train", str(dataset / "shards" / "default"), "--out", str(out), *sets]


@dataclass(frozen=True)
class World:
    """What the steps read, served while it is open.

    Attributes:
        first: the steps on the first crawl.
        all: these, then the second crawl, compaction, the report and a short training.
        server: where half of the media is.
    """

    first: list[Step]
    all: list[Step]
    server: Server


@contextmanager
def world(folder: Path, seed: int = 3) -> Iterator[World]:
    """Simulate two crawls in a folder and serve the media of every second product."""
    crawl = simulate(folder / "synth", PRODUCTS, seed)
    files = [file for file in sorted((crawl / "media").rglob("*")) if file.is_file()]
    routes = {f"/{file.relative_to(crawl)}": reply(file.read_bytes()) for file in files}
    with serving(Server(dict(routes))) as server:
        rows = [row for file in sorted(crawl.glob("*.jsonl")) for row in file.read_bytes().split(b"\n") if row]
        served = [_served(row, server) if number % 2 else row for number, row in enumerate(rows)]
        dearer = [row.replace(b'"price":"', b'"price":"1') for row in served[:4]]
        first = _ingest(_delivered(folder / "first", served[:FIRST]), crawl, "first", "ingest")
        second = _ingest(_delivered(folder / "second", served[FIRST:] + dearer), crawl, "second", "ingest, later crawl")
        whole = [first, *_after_ingest()]
        compact = Step("compact", lambda root, _: [*M5, "compact", "--dataset", str(root)], "dataset", False, False)
        audit = Step("audit", lambda root, _: [*M5, "audit", "--dataset", str(root)], "dataset", False, False)
        train = Step("train", _train, "run", False, False)
        yield World(whole, [*whole, second, *_after_ingest(", later crawl"), compact, audit, train], server)


def _served(row: bytes, server: Server) -> bytes:
    """A row whose media is named by URL; what is no object stays as it is."""
    try:
        body = json.loads(row)
    except ValueError:
        return row
    if not isinstance(body, dict):
        return row
    for kind in ("images", "videos", "audios"):
        if isinstance(body.get(kind), list):
            body[kind] = [server.url(f"/{place}") if isinstance(place, str) else place for place in body[kind]]
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _delivered(folder: Path, rows: list[bytes]) -> Path:
    folder.mkdir(parents=True)
    half = len(rows) // 2
    for name, part in (("a", rows[:half]), ("b", rows[half:])):
        (folder / f"{name}.jsonl").write_bytes(b"".join(row + b"\n" for row in part))
    return folder
