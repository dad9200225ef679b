"""Previews as files beside the pages, named by their bytes, so that a picture that many products show lies there once.

They are what measuring left: nothing is decoded here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.vocabulary import MEDIA, Modality

FOLDER = "media"
_PARTS_AT_ONCE = 32
_STARTS = {b"\xff\xd8\xff": ".jpg", b"RIFF": ".wav"}
_COLUMNS = {
    Modality.IMAGE: ("asset_id", "preview"),
    Modality.VIDEO: ("asset_id", "preview"),
    Modality.AUDIO: ("asset_id", "preview", "envelope"),
}


@dataclass(frozen=True)
class Preview:
    """What there is to see or to hear of a file.

    Attributes:
        modality: image, video (a strip of frames), audio.
        path: of the JPEG or WAV below the gallery; empty where there is none.
        peaks: the waveform's envelope, 0–255; empty for what is no sound.
    """

    modality: str
    path: str
    peaks: tuple[int, ...] = ()


def keep(dataset: Dataset, assets: Collection[str], gallery: Path) -> dict[tuple[str, str], Preview]:
    """Write the previews of these assets into the gallery; gives them by modality and asset.

    Args:
        gallery: its folder.
    """
    (gallery / FOLDER).mkdir(parents=True, exist_ok=True)
    ids = pl.Series("asset_id", sorted(assets), dtype=pl.String)
    found: dict[tuple[str, str], Preview] = {}
    for modality in MEDIA:
        parts = dataset.parts(f"previews_{modality}")
        # Some parts at a time: the previews of a whole gallery would not fit beside everything else.
        for first in range(0, len(parts), _PARTS_AT_ONCE):
            rows = pl.scan_parquet(parts[first : first + _PARTS_AT_ONCE], glob=False)
            wanted = rows.select(_COLUMNS[modality]).filter(pl.col("asset_id").is_in(ids.implode()))
            for asset, data, *envelope in wanted.collect().iter_rows():
                peaks = tuple(envelope[0]) if envelope else ()
                found[modality.value, asset] = Preview(modality.value, _written(data, gallery), peaks)
    return found


def _written(data: bytes, gallery: Path) -> str:
    ending = next((name for start, name in _STARTS.items() if data.startswith(start)), None)
    if ending is None:
        return ""
    path = f"{FOLDER}/{hashlib.sha256(data).hexdigest()[:32]}{ending}"
    with atomic.naming(gallery / path):
        (gallery / path).write_bytes(data)
    return path
