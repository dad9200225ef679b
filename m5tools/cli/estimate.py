"""What a pipeline would cost: units, time and disk, from a look at the first rows and measured rates.

The rates are CPU seconds per thing on one core, measured on the demo (docs/evidence/foundation.md); another machine or
larger media will differ. What cannot be known before (media behind URLs, sizes after re-encoding) is said.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from m5tools.dataset import Dataset
from m5tools.ingest.companions import joiner
from m5tools.ingest.delivered import Record
from m5tools.ingest.extract import Extractor
from m5tools.ingest.readers import READERS, locations
from m5tools.ingest.stage import Ingest, input_files
from m5tools.pipeline import Pipeline
from m5tools.stage import Stage

ROWS = 300
# CPU seconds: of a product, a picture, a clip, a sound.
RATES = {
    "ingest": (0.0004, 0.0, 0.0, 0.0),
    "fetch": (0.0, 0.0004, 0.0004, 0.0004),
    "survey": (0.0003, 0.0, 0.0, 0.0),
    "measure": (0.0006, 0.007, 0.030, 0.015),
    "tag": (0.0002, 0.0, 0.0, 0.0),
    "compare": (0.0009, 0.0, 0.0, 0.0),
    "dedup": (0.0001, 0.0, 0.0, 0.0),
    "split": (0.00005, 0.0, 0.0, 0.0),
    "cut": (0.0001, 0.0, 0.0, 0.0),
    "shard": (0.0010, 0.004, 0.020, 0.010),
}
# Bytes on disk: of a product's tables; of a preview with its signals; of a re-encoded picture, clip, sound.
TABLE_BYTES, PREVIEW_BYTES, SHARD_BYTES = 1_500, 6_000, (15_000, 30_000, 60_000)


@dataclass(frozen=True)
class Size:
    """What an input holds, estimated from its first rows."""

    rows: float
    images: float
    videos: float
    sounds: float
    remote: bool
    units: int


def size_of(stage: Ingest) -> Size:
    """Estimate one delivery: bytes of all files over bytes of a row, media of a row times rows."""
    reader = READERS[stage.mapping.format]
    files = input_files(stage.config)
    chunks = [c for path in files for c in reader.chunks(path, path)]
    join = joiner(stage.mapping, Path(stage.config.root) if stage.config.root else None)
    seen = read = 0
    records: list[Record] = []
    for batch in reader.batches(chunks[0], stage.mapping):
        seen += len(batch)
        read += sum(len(raw) + 1 for raw in (*batch.raws, *(row.raw for row in batch.refused)))
        records += map(join, batch.records) if join else batch.records
        if seen >= ROWS:
            break
    media = Extractor(stage.mapping).take(records).media
    whole = sum(_bytes(path) for path in files)
    rows = float(seen) if seen < ROWS and len(chunks) == 1 else whole / max(1, read) * seen
    if stage.config.limit is not None:
        rows = min(rows, stage.config.limit)
    kinds = media["modality"].to_list()
    per_row = [kinds.count(kind) / max(1, seen) * rows for kind in ("image", "video", "audio")]
    remote = media["location_raw"].str.contains("//", literal=True).any()
    return Size(rows, per_row[0], per_row[1], per_row[2], remote, len(chunks))


def print_estimate(pipeline: Pipeline, dataset: Dataset, workers: int | None) -> None:
    """Print a line a stage: units where they are known, seconds, disk."""
    stages = [s for s in pipeline.stage_runs() if isinstance(s, Stage)]
    sizes = [size_of(s) for s in stages if isinstance(s, Ingest)]
    rows = sum(s.rows for s in sizes)
    media = [sum(getattr(s, kind) for s in sizes) for kind in ("images", "videos", "sounds")]
    remote = any(s.remote for s in sizes)
    local = [0.0] * 3 if remote else media
    cores = workers or os.cpu_count() or 1
    done = dataset.manifest()["stages"]
    table = Table("stage", "units", "estimated", "disk", box=None)
    total = 0.0
    for stage in stages:
        product, *each = RATES[stage.name]
        cost = (product * rows + sum(rate * count for rate, count in zip(each, local, strict=True))) / cores
        total += cost
        units = (
            str(next(s.units for s in sizes)) if stage.name == "ingest" and len(sizes) == 1 else "known when reached"
        )
        state = " (done before)" if stage.entry in done else ""
        table.add_row(stage.entry + state, units, _time(cost), _disk(stage.name, rows, local))
    console = Console()
    pictures, clips, sounds = (f"{count:,.0f}" for count in media)
    console.print(f"about {rows:,.0f} rows listing {pictures} pictures, {clips} clips, {sounds} sounds")
    console.print(table)
    console.print(f"together about {_time(total)} on {cores} workers, from rates measured on the demo")
    if remote:
        console.print(
            "media behind URLs is not counted: how fast servers give it, and how much it is, is not known before"
        )


def _disk(stage: str, rows: float, media: list[float]) -> str:
    if stage == "ingest":
        size = rows * TABLE_BYTES
    elif stage == "measure":
        size = sum(media) * PREVIEW_BYTES
    elif stage == "shard":
        size = sum(count * each for count, each in zip(media, SHARD_BYTES, strict=True)) + rows * TABLE_BYTES
    else:
        return "small"
    return f"{size / 1e6:,.0f} MB"


def _bytes(path: str) -> int:
    """Bytes of a file, of an archive those of what it holds; nothing is known of a folder."""
    if path.endswith(".zip"):
        with locations.stored(path) as file, zipfile.ZipFile(file) as archive:
            return sum(member.file_size for member in archive.infolist())
    return 0 if not locations.is_remote(path) and Path(path).is_dir() else locations.size_of(path)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"
