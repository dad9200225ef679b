"""Signals of one clip, from frames taken once a second."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from m5tools.measure.image import Grey, grey, pdq
from m5tools.media.image import Rgb, encode_jpeg, fit
from m5tools.media.video import Clip

FRAME_SIDE: Final = 256
MOTION_SIDE: Final = 96
VISIBLE: Final = 6
DARK: Final = 32
DARK_SHARE: Final = 0.98
NOISE_SPAN: Final = 8
STRIP_FRAMES: Final = 8
STRIP_HEIGHT: Final = 96
_STRIP_WIDTH: Final = 4 * STRIP_HEIGHT


def signals(clip: Clip) -> tuple[dict[str, Any], bytes]:
    """Columns of `signals_video` (without id, state and reason) and the preview strip as JPEG."""
    small = [grey(fit(frame, MOTION_SIDE)) for frame in clip.frames]
    row = {
        "width": clip.width,
        "height": clip.height,
        "codec": clip.codec,
        "duration_s": clip.duration_s,
        "fps": clip.fps,
        "frames": len(clip.frames),
        "has_audio": clip.has_audio,
        "motion": _motion(small),
        "moving_share": _moving_share(clip.glances),
        "black_share": float(np.mean([_is_black(luma) for luma in small])),
        "frame_pdq": [pdq(fit(frame, FRAME_SIDE))[0] for frame in clip.frames],
    }
    return row, strip(clip.frames)


def _motion(frames: list[Grey]) -> float | None:
    """Mean absolute difference between successive frames; None where there is only one."""
    if len(frames) < 2:
        return None
    steps = [cv2.absdiff(before, after).mean() for before, after in pairwise(frames)]
    return float(np.mean(steps))


def _moving_share(glances: npt.NDArray[np.uint8]) -> float | None:
    """Share of pixels that change visibly between successive glances.

    Smoothed, the noise of sensor and coder stays below `VISIBLE`; what moves at night or slowly does not.
    """
    if len(glances) < 2:
        return None
    smooth = [_smooth(glance) for glance in glances]
    return float(np.mean([(cv2.absdiff(before, after) > VISIBLE).mean() for before, after in pairwise(smooth)]))


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
