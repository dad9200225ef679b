"""Files that were measured before are not decoded again: what a later crawl costs is its new files.

A file is named by the hash of its bytes, so what else decides about its rows is the stage's version, its settings and
the libraries that decode. `made.json` beside the parts tells of each slice of the last run that came so far under which
of these terms it was made, and the checksums of its parts. Rows are taken from a part alone that is still what was
noted, under the same terms. So whatever a killed run, a damaged disk or a hand has left there, its files are decoded
anew. Only what decoded is taken: a failure may have had other reasons than the file.

The note is no output of the run: who reads signals does not depend on who decoded them. New slices bear the names of
old ones, so the old parts get second names in scratch while the run lasts. Their rows go the way of new ones, and the
parts become those of a run that decodes everything.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import av
import cv2
import msgspec
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
from m5tools.dataset import Dataset
from m5tools.measure.kept import Found, Row
from m5tools.stage import Unit, Work
from m5tools.vocabulary import MEDIA, Modality, State

NOTE: Final = "made.json"
_TABLES: Final = tuple(f"{kind}_{modality}" for modality in MEDIA for kind in ("signals", "previews"))
_PARTS: Final = ("modality", "first", "last", "part", "table", "sha256")


class _Slice(msgspec.Struct):
    """What is noted of a slice of files.

    Attributes:
        terms: digest of the terms that it was made under.
        modality: what its files are listed as.
        first, last: ids of its files.
        parts: sha256 of its part of each table.
    """

    terms: str
    modality: str
    first: str
    last: str
    parts: dict[str, str]


_slice_in: Final = msgspec.json.Decoder(_Slice).decode
_slices_in: Final = msgspec.json.Decoder(dict[str, _Slice]).decode


def begin(terms: Any, work: Work) -> None:
    """Set aside what is there of slices that were made under these terms.

    Args:
        terms: a JSON value: all that decides about the rows of a file, apart from its bytes and the libraries.
        work: of the one unit that runs before any file is measured.
    """
    wanted = _digest(terms)
    slices = {} if work.terms.refresh else _noted(work.dataset)
    aside = []
    for table in _TABLES:
        for part in work.dataset.parts(table):
            of = slices.get(part.stem)
            if of is not None and of.terms == wanted and table in of.parts:
                _name_again(part, _second(work, table, part.stem))
                aside.append((of.modality, of.first, of.last, part.stem, table, of.parts[table]))
    with atomic.whole_file(_folder(work) / "parts.parquet") as temporary:
        pl.DataFrame(aside, schema=dict.fromkeys(_PARTS, pl.String), orient="row").write_parquet(temporary)


def known(modality: Modality, asset_ids: Sequence[str], work: Work) -> dict[str, Found]:
    """What was measured of some files before, by id.

    Args:
        modality: what they are listed as.
        asset_ids: the files, ascending.
        work: of a unit behind the one that began.
    """
    if not asset_ids:
        return {}
    near = pl.col("first").le(asset_ids[-1]) & pl.col("last").ge(asset_ids[0])
    parts = pl.read_parquet(_folder(work) / "parts.parquet", glob=False)
    parts = parts.filter(pl.col("modality") == modality.value, near).select("part", "table", "sha256")
    sums: dict[str, dict[str, str]] = {}
    for part, table, sha256 in parts.iter_rows():
        sums.setdefault(part, {})[table] = sha256
    found = (_of_part(modality, part, of_tables, asset_ids, work) for part, of_tables in sums.items())
    return {asset_id: rows for of_part in found for asset_id, rows in of_part.items()}


def keep_sums(terms: Any, unit: Unit, work: Work) -> None:
    """Keep for the note what a unit has written.

    Args:
        terms: as for :func:`begin`.
        unit: of a slice of files: its modality, its first and last.
        work: of the unit.
    """
    sums = {output.path: output.sha256 for output in work.outputs}
    paths = {table: _part(work.dataset, table, unit.key).relative_to(work.dataset.root).as_posix() for table in _TABLES}
    parts = {table: sums[path] for table, path in paths.items() if path in sums}
    of = _Slice(_digest(terms), unit.args["modality"], unit.args["first"], unit.args["last"], parts)
    atomic.write_json(_sums(work, unit.key), msgspec.to_builtins(of))


def note(slices: Sequence[str], work: Work) -> None:
    """Note what the run has made, beside the parts.

    Args:
        slices: the keys of all its units of files.
        work: of the one unit that runs when all files are measured.
    """
    made = {key: msgspec.to_builtins(_slice_in(_sums(work, key).read_bytes())) for key in slices}
    atomic.write_json(_note(work.dataset), made)


def _of_part(
    modality: Modality, part: str, sums: Mapping[str, str], asset_ids: Sequence[str], work: Work
) -> dict[str, Found]:
    """The files of one part that decoded, with all their rows: those of a clip with those of its sound track."""
    modalities = (modality, Modality.AUDIO) if modality is Modality.VIDEO else (modality,)
    tables = [(f"signals_{each}", f"previews_{each}") for each in modalities]
    rows = {table: _rows(_second(work, table, part), sums.get(table), asset_ids) for pair in tables for table in pair}
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


def _rows(path: Path, sha256: str | None, asset_ids: Sequence[str]) -> dict[str, Row]:
    """The rows of some files in a part; none where it is gone or is not what was noted, for then they are decoded."""
    if sha256 is None:
        return {}
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    if hashlib.sha256(data).hexdigest() != sha256:
        return {}
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        table = file.read()
    wanted = table.filter(pc.is_in(table["asset_id"], pa.array(asset_ids, pa.string())))
    return {row["asset_id"]: row for row in wanted.to_pylist()}


def _name_again(part: Path, second: Path) -> None:
    """A second name for a file, which outlives that another takes the first; a copy where there are no second names."""
    second.parent.mkdir(parents=True, exist_ok=True)
    second.unlink(missing_ok=True)
    try:
        os.link(part, second)
    except OSError:
        shutil.copyfile(part, second)


def _noted(dataset: Dataset) -> dict[str, _Slice]:
    """What is noted of each slice; nothing where there is no note, or one of another kind."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return _slices_in(_note(dataset).read_bytes())
    return {}


def _digest(terms: Any) -> str:
    return hashlib.sha256(json.dumps([terms, _libraries()], sort_keys=True).encode()).hexdigest()[:16]


def _libraries() -> list[Any]:
    """Whatever takes part in decoding and measuring."""
    modules = (simplejpeg, PIL, cv2, np, scipy, av)
    return [
        *(module.__version__ for module in modules),
        soundfile.__libsndfile_version__,
        sorted(av.library_versions.items()),
    ]


def _note(dataset: Dataset) -> Path:
    return dataset.folder(_TABLES[0]) / NOTE


def _part(dataset: Dataset, table: str, part: str) -> Path:
    return dataset.folder(table) / f"{part}.parquet"


def _sums(work: Work, part: str) -> Path:
    return work.scratch / "made" / f"{part}.json"


def _second(work: Work, table: str, part: str) -> Path:
    return _folder(work) / table / f"{part}.parquet"


def _folder(work: Work) -> Path:
    return work.scratch / "earlier"
