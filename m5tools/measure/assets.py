"""A slice of media files: each read and decoded once, for its signals and its preview together.

A file that cannot be decoded, and one that has killed a worker before, gets a row with its state and reason and nothing
else; the slice goes on. What is known of a file from an earlier run is written as if it had been measured now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import polars as pl
import pyarrow as pa

from m5tools import schema
from m5tools.measure import audio as audio_signals
from m5tools.measure import image as image_signals
from m5tools.measure import video as video_signals
from m5tools.measure.image import Look
from m5tools.measure.kept import Found, Kept, Row
from m5tools.media import audio, image, source, video
from m5tools.media.guard import DecodeError, NoSoundTrack, bounded
from m5tools.media.image import Picture
from m5tools.stage import Counts, Work
from m5tools.vocabulary import Modality, Reason, State

_BATCH: Final = {Modality.IMAGE: 32, Modality.VIDEO: 1, Modality.AUDIO: 8}
_NOTHING: Final[Mapping[str, Found]] = MappingProxyType({})


@dataclass(frozen=True)
class Depth:
    """How far into a file the measuring goes.

    Attributes:
        frames: kept frames of a video, one a second.
        sound_s: seconds of sound from the start.
    """

    frames: int
    sound_s: float


def measure(
    modality: Modality,
    assets: pl.DataFrame,
    part: str,
    depth: Depth,
    work: Work,
    known: Mapping[str, Found] = _NOTHING,
) -> Counts:
    """Decode and measure the files of one slice and write their parts of the signal and preview tables.

    Args:
        modality: what they were listed as.
        assets: rows of `assets`, sorted by id.
        part: name of the parts to write.
        depth: how far to go.
        work: of the unit.
        known: all rows of files that need not be decoded, by id.
    """
    kept = Kept(work.scratch / "measured" / f"{part}.msgpack")
    tables: dict[str, list[Row]] = {}
    done: set[str] = set()
    for ids, found in kept.entries():
        done.update(ids)
        _sort_in(tables, found)
    reused = [asset_id for asset_id in assets["asset_id"] if asset_id in known and asset_id not in done]
    for asset_id in reused:
        done.add(asset_id)
        _sort_in(tables, known[asset_id])
    with bounded():
        for batch in _batches(assets, done, _BATCH[modality]):
            found = _measured(modality, batch, depth, work)
            kept.add([asset["asset_id"] for asset in batch], found)
            _sort_in(tables, found)
    for table, rows in sorted(tables.items()):
        rows.sort(key=lambda row: str(row["asset_id"]))
        work.write(table, part, pa.Table.from_pylist(rows, schema.law(table).schema))
    kept.forget()
    failed = sum(row["state"] == State.FAILED for row in tables.get(f"signals_{modality}", []))
    plural = "sounds" if modality is Modality.AUDIO else f"{modality}s"
    counts = {"items": assets.height, "failed": failed, plural: assets.height}
    return counts | ({"kept": len(reused)} if reused else {})


def _batches(assets: pl.DataFrame, done: set[str], size: int) -> Iterator[list[Row]]:
    left = [asset for asset in assets.iter_rows(named=True) if asset["asset_id"] not in done]
    return (left[start : start + size] for start in range(0, len(left), size))


def _sort_in(tables: dict[str, list[Row]], found: Found) -> None:
    for table, row in found:
        tables.setdefault(table, []).append(row)


def _measured(modality: Modality, batch: list[Row], depth: Depth, work: Work) -> Found:
    if modality is Modality.IMAGE:
        return _images(batch, work)
    one = _video if modality is Modality.VIDEO else _audio
    return [row for asset in batch for row in one(asset, depth, work)]


def _images(batch: list[Row], work: Work) -> Found:
    # First decoding and then looking, each for the whole batch: taking turns, either finds its code out of the cache.
    decoded = [_decoded(asset, work) for asset in batch]
    looks = [_look(asset, picture, work) for asset, picture in zip(batch, decoded, strict=True)]
    rows = iter(image_signals.rows([look for look in looks if isinstance(look, Look)]))
    found: Found = []
    for asset, look in zip(batch, looks, strict=True):
        if isinstance(look, Look):
            found += _present(Modality.IMAGE, asset["asset_id"], next(rows), {"preview": look.preview})
        else:
            found += _without(Modality.IMAGE, asset["asset_id"], look)
    return found


def _decoded(asset: Row, work: Work) -> Picture | Reason:
    try:
        data = _bytes(asset, work)
        with work.item(asset["asset_id"]):
            return image.decode(data, image_signals.DECODED)
    except DecodeError as error:
        return error.reason


def _look(asset: Row, picture: Picture | Reason, work: Work) -> Look | Reason:
    if isinstance(picture, Reason):
        return picture
    with work.item(asset["asset_id"]):
        return image_signals.look(picture)


def _audio(asset: Row, depth: Depth, work: Work) -> Found:
    asset_id = asset["asset_id"]
    try:
        data = _bytes(asset, work)
        with work.item(asset_id):
            return _sound(asset_id, data, depth, None)
    except NoSoundTrack:  # listed as sound, so the lack of it is a fault
        return _without(Modality.AUDIO, asset_id, Reason.WRONG_TYPE)
    except DecodeError as error:
        return _without(Modality.AUDIO, asset_id, error.reason)


def _video(asset: Row, depth: Depth, work: Work) -> Found:
    """A clip and its sound track, which shares the clip's fate."""
    asset_id = asset["asset_id"]
    try:
        data = _bytes(asset, work)
        with work.item(asset_id):
            row, preview = video_signals.signals(video.decode(data, max_frames=depth.frames))
    except DecodeError as error:
        return [
            *_without(Modality.VIDEO, asset_id, error.reason),
            *_without(Modality.AUDIO, asset_id, error.reason, derived_from=asset_id),
        ]
    found = _present(Modality.VIDEO, asset_id, row, preview)
    try:
        with work.item(asset_id):
            return found + _sound(asset_id, data, depth, asset_id)
    except DecodeError as error:
        return found + _without(Modality.AUDIO, asset_id, error.reason, derived_from=asset_id)


def _sound(asset_id: str, data: bytes, depth: Depth, derived_from: str | None) -> Found:
    sound = audio.decode(data, rate=None, max_s=depth.sound_s)
    row, preview = audio_signals.signals(sound)
    return _present(Modality.AUDIO, asset_id, row | {"derived_from": derived_from}, preview)


def _bytes(asset: Row, work: Work) -> bytes:
    """The bytes of a file, unless it killed or stalled a worker twice: it is not decoded a third time.

    They are read before the item is named: how long a store takes to answer is not held against the file.
    """
    if asset["asset_id"] in work.blamed:
        raise DecodeError(work.blamed[asset["asset_id"]], "it stopped a worker before")
    return source.read(work.dataset.root, asset["uri"], asset["offset"], asset["length"])


def _present(modality: Modality, asset_id: str, row: Row, preview: Row) -> Found:
    return [
        (f"signals_{modality}", _verdict(asset_id, State.PRESENT, Reason.NONE) | row),
        (f"previews_{modality}", {"asset_id": asset_id} | preview),
    ]


def _without(modality: Modality, asset_id: str, reason: Reason, **facts: Any) -> Found:
    state = State.ABSENT if reason is Reason.NOT_LISTED else State.FAILED
    return [(f"signals_{modality}", _verdict(asset_id, state, reason) | facts)]


def _verdict(asset_id: str, state: State, reason: Reason) -> Row:
    return {"asset_id": asset_id, "state": int(state), "reason": int(reason)}
