"""Files that were measured before are not decoded again: what a later crawl costs is its new files.

A file is named by the hash of its bytes, so what else decides about its rows is the stage's version, its settings and
the libraries that decode. `made.json` beside the parts tells of these. Where it tells of others, or is not there, all
parts go and everything is measured anew. The note goes before the first of them, and the next one comes before the
first new part, so it holds for whatever parts a killed run leaves. Only what decoded is taken: a failure may have had
other reasons than the file.

New slices bear the names of old ones, so the old parts get second names in scratch while the run lasts. Their rows go
the way of new ones, and the parts become those of a run that decodes everything.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import PIL
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy
import simplejpeg
import soundfile

from m5tools import atomic
from m5tools.measure.kept import Found, Row
from m5tools.stage import Work
from m5tools.vocabulary import MEDIA, Modality, State

_NOTE: Final = "made.json"
_TABLES: Final = tuple(f"{kind}_{modality}" for modality in MEDIA for kind in ("signals", "previews"))
_PARTS: Final = {"modality": pl.String, "part": pl.String, "first": pl.String, "last": pl.String}


def begin(terms: Any, work: Work) -> None:
    """Set aside what is there, if it was made under these terms, and note them for what is about to be made.

    Args:
        terms: a JSON value: all that decides about the rows of a file, apart from its bytes and the libraries.
        work: of the one unit that runs before any file is measured.
    """
    dataset = work.dataset
    note = dataset.folder(_TABLES[0]) / _NOTE
    told = {"terms": _digest([terms, _libraries()])}
    aside: list[tuple[str, str, str, str]] = []
    if _read(note) == told and not work.terms.refresh:
        aside = _set_aside(work)
    else:
        atomic.remove(note)
        for part in (part for table in _TABLES for part in dataset.parts(table)):
            atomic.remove(part)
    with atomic.whole_file(_folder(work) / "parts.parquet") as temporary:
        pl.DataFrame(aside, schema=_PARTS, orient="row").write_parquet(temporary)
    work.write_note(note, told)


def known(modality: Modality, asset_ids: Sequence[str], work: Work) -> dict[str, Found]:
    """What was measured of some files before, by id.

    Args:
        modality: what they are listed as.
        asset_ids: the files, ascending.
        work: of a unit behind the one that began.
    """
    parts = _folder(work) / "parts.parquet"
    if not asset_ids or not parts.is_file():
        return {}
    near = pl.col("first").le(asset_ids[-1]) & pl.col("last").ge(asset_ids[0])
    names = pl.read_parquet(parts, glob=False).filter(pl.col("modality") == modality.value, near)["part"]
    return {asset: rows for name in names for asset, rows in _of_part(modality, name, asset_ids, work).items()}


def _of_part(modality: Modality, part: str, asset_ids: Sequence[str], work: Work) -> dict[str, Found]:
    """The files of one part that decoded, with all their rows: those of a clip with those of its sound track."""
    modalities = (modality, Modality.AUDIO) if modality is Modality.VIDEO else (modality,)
    tables = [(f"signals_{each}", f"previews_{each}") for each in modalities]
    rows = {table: _rows(_folder(work) / table / part, asset_ids) for pair in tables for table in pair}
    taken: dict[str, Found] = {}
    for asset_id in rows[tables[0][0]]:
        found = [_whole(rows, signals, previews, asset_id) for signals, previews in tables]
        if all(found):
            taken[asset_id] = [row for of_modality in found for row in of_modality]
    return taken


def _whole(rows: dict[str, dict[str, Row]], signals: str, previews: str, asset_id: str) -> Found:
    """The rows of a file in two tables; none where it failed, or where one of them was killed away."""
    row, preview = rows[signals].get(asset_id), rows[previews].get(asset_id)
    if row is None or row["state"] == State.FAILED or (row["state"] == State.PRESENT) != (preview is not None):
        return []
    return [(signals, row), *([(previews, preview)] if preview is not None else [])]


def _rows(path: Path, asset_ids: Sequence[str]) -> dict[str, Row]:
    table = _table(path)
    if table is None:
        return {}
    wanted = table.filter(pc.is_in(table["asset_id"], pa.array(asset_ids, pa.string())))
    return {row["asset_id"]: row for row in wanted.to_pylist()}


def _table(path: Path, columns: list[str] | None = None) -> pa.Table | None:
    """A part; None where it is gone or damaged, for then its files are decoded."""
    with suppress(OSError, pa.ArrowException), pq.ParquetFile(path) as file:
        return file.read(columns)
    return None


def _set_aside(work: Work) -> list[tuple[str, str, str, str]]:
    """Give all parts second names; which modality's parts hold which ids, from the first to the last."""
    found = []
    for table in _TABLES:
        for part in work.dataset.parts(table):
            second = _folder(work) / table / part.name
            _name_again(part, second)
            modality = part.name.partition("-")[0]
            if table == f"signals_{modality}" and (rows := _table(second, ["asset_id"])):
                ends = pc.min_max(rows["asset_id"]).as_py()
                found.append((modality, part.name, ends["min"], ends["max"]))
    return found


def _name_again(part: Path, second: Path) -> None:
    """A second name for a file, which outlives that another takes the first; a copy where there are no second names."""
    second.parent.mkdir(parents=True, exist_ok=True)
    second.unlink(missing_ok=True)
    try:
        os.link(part, second)
    except OSError:
        shutil.copyfile(part, second)


def _read(note: Path) -> Any:
    with suppress(FileNotFoundError, ValueError):
        return json.loads(note.read_text(encoding="utf-8"))
    return None


def _digest(terms: Any) -> str:
    return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:16]


def _libraries() -> list[Any]:
    """Whatever takes part in decoding and measuring."""
    modules = (simplejpeg, PIL, cv2, np, scipy, av)
    return [
        *(module.__version__ for module in modules),
        soundfile.__libsndfile_version__,
        sorted(av.library_versions.items()),
    ]


def _folder(work: Work) -> Path:
    return work.scratch / "earlier"
