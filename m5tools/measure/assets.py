"""A slice of media files: each read and decoded once, for its signals and its preview together.

A file that cannot be decoded, and one that has killed a worker before, gets a row with its state and reason and nothing
else; the slice goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from m5tools import schema
from m5tools.measure import audio as audio_signals
from m5tools.measure import image as image_signals
from m5tools.measure import video as video_signals
from m5tools.media import audio, image, source, video
from m5tools.media.guard import DecodeError, NoSoundTrack
from m5tools.stage import Counts, Work
from m5tools.vocabulary import Modality, Reason, State

Row = dict[str, Any]


@dataclass(frozen=True)
class Depth:
    """How far into a file the measuring goes.

    Attributes:
        frames: kept frames of a video, one a second.
        sound_s: seconds of sound from the start.
    """

    frames: int
    sound_s: float


@dataclass
class _Rows:
    """What a slice produces, by table."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, row: Row) -> None:
        self.tables.setdefault(table, []).append(row)

    def present(self, modality: Modality, asset_id: str, row: Row, preview: Row) -> None:
        self.add(f"signals_{modality}", _verdict(asset_id, State.PRESENT, Reason.NONE) | row)
        self.add(f"previews_{modality}", {"asset_id": asset_id} | preview)

    def without(self, modality: Modality, asset_id: str, reason: Reason, **facts: Any) -> None:
        state = State.ABSENT if reason is Reason.NOT_LISTED else State.FAILED
        self.add(f"signals_{modality}", _verdict(asset_id, state, reason) | facts)


def measure(modality: Modality, assets: pl.DataFrame, part: str, depth: Depth, work: Work) -> Counts:
    """Decode and measure the files of one slice and write their parts of the signal and preview tables.

    Args:
        modality: what they were listed as.
        assets: rows of `assets`, sorted by id.
        part: name of the parts to write.
        depth: how far to go.
        work: of the unit.
    """
    one: dict[Modality, Callable[[_Rows, Row, Depth, Work], None]] = {
        Modality.IMAGE: _image,
        Modality.VIDEO: _video,
        Modality.AUDIO: _audio,
    }
    rows = _Rows()
    for asset in assets.iter_rows(named=True):
        one[modality](rows, asset, depth, work)
    for table, found in sorted(rows.tables.items()):
        work.write(table, part, pa.Table.from_pylist(found, schema.law(table).schema))
    failed = sum(row["state"] == State.FAILED for row in rows.tables.get(f"signals_{modality}", []))
    plural = "sounds" if modality is Modality.AUDIO else f"{modality}s"
    return {"items": assets.height, "failed": failed, plural: assets.height}


def _verdict(asset_id: str, state: State, reason: Reason) -> Row:
    return {"asset_id": asset_id, "state": int(state), "reason": int(reason)}


def _bytes(asset: Row, work: Work) -> bytes:
    return source.read(work.dataset.root, asset["uri"], asset["offset"], asset["length"])


def _image(rows: _Rows, asset: Row, depth: Depth, work: Work) -> None:
    asset_id = asset["asset_id"]
    with work.item(asset_id):
        try:
            _refuse_blamed(asset_id, work)
            row, preview = image_signals.signals(image.decode(_bytes(asset, work), image_signals.THUMBNAIL))
        except DecodeError as error:
            rows.without(Modality.IMAGE, asset_id, error.reason)
        else:
            rows.present(Modality.IMAGE, asset_id, row, {"preview": preview})


def _audio(rows: _Rows, asset: Row, depth: Depth, work: Work) -> None:
    asset_id = asset["asset_id"]
    with work.item(asset_id):
        try:
            _refuse_blamed(asset_id, work)
            _sound(rows, asset_id, _bytes(asset, work), depth, None)
        except NoSoundTrack:  # listed as sound, so the lack of it is a fault
            rows.without(Modality.AUDIO, asset_id, Reason.WRONG_TYPE)
        except DecodeError as error:
            rows.without(Modality.AUDIO, asset_id, error.reason)


def _video(rows: _Rows, asset: Row, depth: Depth, work: Work) -> None:
    """A clip and its sound track, which shares the clip's fate."""
    asset_id = asset["asset_id"]
    with work.item(asset_id):
        try:
            _refuse_blamed(asset_id, work)
            data = _bytes(asset, work)
            row, preview = video_signals.signals(video.decode(data, max_frames=depth.frames))
        except DecodeError as error:
            rows.without(Modality.VIDEO, asset_id, error.reason)
            rows.without(Modality.AUDIO, asset_id, error.reason, derived_from=asset_id)
            return
        rows.present(Modality.VIDEO, asset_id, row, {"preview": preview})
        try:
            _sound(rows, asset_id, data, depth, asset_id)
        except DecodeError as error:
            rows.without(Modality.AUDIO, asset_id, error.reason, derived_from=asset_id)


def _sound(rows: _Rows, asset_id: str, data: bytes, depth: Depth, derived_from: str | None) -> None:
    sound = audio.decode(data, rate=None, max_s=depth.sound_s)
    row, clip, envelope = audio_signals.signals(sound)
    preview = {"preview": clip, "envelope": envelope}
    rows.present(Modality.AUDIO, asset_id, row | {"derived_from": derived_from}, preview)


def _refuse_blamed(asset_id: str, work: Work) -> None:
    """A file that killed or stalled a worker twice is not decoded a third time."""
    if asset_id in work.blamed:
        raise DecodeError(work.blamed[asset_id], "it stopped a worker before")
