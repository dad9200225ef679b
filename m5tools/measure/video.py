"""Signals of one clip, from frames taken once a second and from small glances every 0.3 s."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from m5tools.measure import pdq
from m5tools.measure.image import Grey, grey
from m5tools.media.image import Rgb, encode_jpeg, fit
from m5tools.media.video import Clip

MOTION_SIDE: Final = 96
VISIBLE: Final = 6
STATIC: Final = 0.002
DARK: Final = 32
DARK_SHARE: Final = 0.98
NOISE_SPAN: Final = 8
CUT_LEVELS: Final = 24
CUT_SHARE: Final = 0.5
STRIP_FRAMES: Final = 8
STRIP_HEIGHT: Final = 96
_STRIP_WIDTH: Final = 4 * STRIP_HEIGHT


def signals(clip: Clip) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of `signals_video` (without id, state and reason) and of `previews_video` (without id)."""
    small = [grey(fit(frame, MOTION_SIDE)) for frame in clip.frames]
    black = [_is_black(luma) for luma in small]
    changes = _changes(clip.glances)
    moving = [share for share, _ in changes]
    grids = np.stack([pdq.grid(pdq.smoothed(grey(frame))) for frame in clip.frames])
    row = {
        "width": clip.width,
        "height": clip.height,
        "container": clip.container,
        "codec": clip.codec,
        "bit_rate": clip.bit_rate,
        "duration_s": clip.duration_s,
        "fps": clip.fps,
        "frames": len(clip.frames),
        "decodable_share": clip.decodable,
        "has_audio": clip.has_audio,
        "motion": _motion(small),
        "moving_share": float(np.mean(moving)) if moving else None,
        "static_share": float(np.mean([share < STATIC for share in moving])) if moving else None,
        "scene_changes": sum(level > CUT_LEVELS and share > CUT_SHARE for share, level in changes),
        "black_share": float(np.mean(black)),
        "letterbox_share": _letterbox_share(
            [luma for luma, is_black in zip(small, black, strict=True) if not is_black]
        ),
        "frame_pdq": pdq.hashes(grids),
        "frame_pdq_quality": pdq.qualities(grids).tolist(),
        "glance_pdq": b"".join(pdq.hashes(np.stack([pdq.grid(glance) for glance in clip.glances]))),
    }
    return row, {"preview": strip(clip.frames), "frames": [encode_jpeg(frame) for frame in clip.frames]}


def _motion(frames: list[Grey]) -> float | None:
    """Mean absolute difference between successive frames; None where there is only one."""
    if len(frames) < 2:
        return None
    steps = [cv2.absdiff(before, after).mean() for before, after in pairwise(frames)]
    return float(np.mean(steps))


def _changes(glances: npt.NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Between successive glances: the share of pixels that change visibly, and the mean change in levels.

    Smoothed, the noise of sensor and coder stays below `VISIBLE`; what moves at night or slowly does not.
    """
    steps = (cv2.absdiff(before, after) for before, after in pairwise([_smooth(glance) for glance in glances]))
    return [(float((step > VISIBLE).mean()), float(step.mean())) for step in steps]


def _letterbox_share(frames: list[Grey]) -> float | None:
    """Share of the picture in bars that stay dark from the edge on in all frames; None where all are black."""
    if not frames:
        return None
    lightest = np.max(frames, axis=0)
    rows, columns = (
        np.flatnonzero(np.percentile(lightest, 95, axis=axis, method="nearest") >= DARK) for axis in (1, 0)
    )
    if not len(rows) or not len(columns):
        return None
    inside = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return float(1 - inside / lightest.size)


def _is_black(luma: Grey) -> bool:
    """Dark all over, and nothing stands out of the dark but noise: a night scene is no black frame."""
    return bool((luma < DARK).mean() >= DARK_SHARE and _span(_smooth(luma)) < NOISE_SPAN)


def _smooth(luma: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(luma, (5, 5), 0), np.uint8)


def _span(luma: Grey) -> float:
    """Levels from the darkest to the lightest percent of the pixels."""
    low, high = np.percentile(luma, (1, 99))
    return float(high - low)


def strip(frames: npt.NDArray[np.uint8]) -> bytes:
    """The first frames side by side, as JPEG."""
    return encode_jpeg(np.concatenate([_tile(frame) for frame in frames[:STRIP_FRAMES]], axis=1))


def _tile(frame: Rgb) -> Rgb:
    height, width = frame.shape[:2]
    wide = min(_STRIP_WIDTH, max(1, round(width * STRIP_HEIGHT / height)))
    tile: Rgb = np.asarray(cv2.resize(frame, (wide, STRIP_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    return tile
