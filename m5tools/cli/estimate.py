"""What a pipeline would cost: units, time and disk, from a look at the first rows and measured rates.

The rates are CPU seconds per thing on one core: of products measured on the demo, of media on files of the public sets
(pictures of 40 kB, clips of 300 kB and ten seconds, sounds of some seconds), which cost more than the demo's: a clip of
it is measured in 24 ms (docs/evidence/measure.md has the speeds of the stage). Another machine or larger media will
differ. What cannot be known before (media behind URLs, what a model costs) is said.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, cast

from rich.console import Console
from rich.table import Table

from m5tools.dataset import Dataset
from m5tools.ingest.companions import joiner
from m5tools.ingest.delivered import Record
from m5tools.ingest.extract import Extractor
from m5tools.ingest.readers import READERS, locations
from m5tools.ingest.stage import Ingest, input_files
from m5tools.pipeline import Pipeline
from m5tools.registry import StageName
from m5tools.shards.config import OverlayConfig
from m5tools.stage import Stage
from m5tools.vocabulary import Modality

ROWS = 300
# CPU seconds: of a product, a picture, a clip, a sound.
RATES: Final[dict[StageName, tuple[float, float, float, float]]] = {
    "ingest": (0.0004, 0.0, 0.0, 0.0),
    "fetch": (0.0, 0.0003, 0.0003, 0.0003),
    "survey": (0.0003, 0.0, 0.0, 0.0),
    "measure": (0.0006, 0.0015, 0.080, 0.015),
    "tag": (0.0002, 0.0, 0.0, 0.0),
    "compare": (0.0012, 0.0, 0.0, 0.0),
    "dedup": (0.0003, 0.0, 0.0, 0.0),
    "split": (0.0001, 0.0, 0.0, 0.0),
    "cut": (0.0002, 0.0, 0.0, 0.0),
    "shard": (0.0005, 0.003, 0.080, 0.008),
    "overlay": (0.0001, 0.003, 0.080, 0.008),
}
# Bytes on disk: of a product; of what a stage writes of a picture, a clip, a sound. Other stages write little.
SIZES: Final[dict[StageName, tuple[int, int, int, int]]] = {
    "ingest": (800, 0, 0, 0),
    "measure": (150, 5_000, 100_000, 23_000),
    "compare": (1_400, 0, 0, 0),
    "shard": (2_000, 15_000, 220_000, 70_000),
    "overlay": (25, 15_000, 220_000, 70_000),
}
_KINDS: Final = (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO)


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
    for batch in chain.from_iterable(reader.batches(chunk, stage.mapping) for chunk in chunks):
        # A member or a row group that is refused whole has no bytes to be judged by.
        raws = [*batch.raws, *(row.raw for row in batch.refused if row.raw)]
        seen += len(raws)
        read += sum(len(raw) + 1 for raw in raws)
        records += map(join, batch.records) if join else batch.records
        if seen >= ROWS:
            break
    media = Extractor(stage.mapping).take(records).media
    whole = sum(_bytes(path) for path in files)
    rows = float(seen) if seen < ROWS else whole / max(1, read) * seen
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
        written = _written(stage, local)
        cost = _sum(RATES[cast(StageName, stage.name)], rows, written) / cores
        total += cost
        units = (
            str(next(s.units for s in sizes)) if stage.name == "ingest" and len(sizes) == 1 else "known when reached"
        )
        state = " (done before)" if stage.entry in done else ""
        table.add_row(stage.entry + state, units, _time(cost), _disk(stage.name, rows, written))
    console = Console()
    pictures, clips, sounds = (f"{count:,.0f}" for count in media)
    console.print(f"about {rows:,.0f} rows listing {pictures} pictures, {clips} clips, {sounds} sounds")
    console.print(table)
    console.print(
        f"together about {_time(total)} on {cores} workers, from rates measured on the demo and on public sets"
    )
    if any(isinstance(s.config, OverlayConfig) and s.config.model is not None for s in stages):
        console.print("what an overlay's model costs is not counted: it depends on the model")
    if remote:
        console.print(
            "media behind URLs is not counted: how fast servers give it, and how much it is, is not known before"
        )


def _written(stage: Stage, media: list[float]) -> list[float]:
    """The media that a stage goes through: an overlay those that its cut may bring, at most."""
    if not isinstance(stage.config, OverlayConfig):
        return media
    taken = stage.config.modalities if stage.config.cut is not None else ()
    return [count if kind in taken else 0.0 for kind, count in zip(_KINDS, media, strict=True)]


def _sum(each: tuple[float, ...], rows: float, media: list[float]) -> float:
    return sum(one * count for one, count in zip(each, (rows, *media), strict=True))


def _disk(stage: str, rows: float, media: list[float]) -> str:
    each = SIZES.get(cast(StageName, stage))
    size = _sum(each, rows, media) / 1e6 if each else 0.0
    return f"{size:,.0f} MB" if size >= 1 else "small"


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
