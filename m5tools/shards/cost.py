"""What a member costs to decode, estimated from what the index knows of it.

Costs serve to spread work evenly over ranks, so their ratios matter, not the machine they were measured on. The
coefficients are a fit (least squares, none negative) to the decoders of :mod:`m5tools.media` on real files:
`python benchmarks/decode_cost.py`, which also says how far off single files are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Rate(NamedTuple):
    """Processor time to decode one member.

    Attributes:
        base_us: whatever is in it.
        byte_ns: for a byte.
        pixel_ns: for a pixel of a picture.
        second_us: for a second of a sound.
        pixel_second_ns: for a pixel during a second of a clip.
    """

    base_us: float
    byte_ns: float = 0.0
    pixel_ns: float = 0.0
    second_us: float = 0.0
    pixel_second_ns: float = 0.0


RATES: Final = {
    "json": Rate(0.0, byte_ns=1.9),
    "jpg": Rate(12.0, byte_ns=7.7, pixel_ns=1.0),
    "flac": Rate(100.0, second_us=180.0),
    "picture": Rate(92.0, byte_ns=7.0, pixel_ns=13.0),
    "sound": Rate(380.0, second_us=57.0),
    "clip": Rate(1_020.0, pixel_second_ns=30.0),
}
_KINDS: Final = (*RATES,)
_UNTOUCHED: Final = ("picture", "json", "json", "clip", "sound", "json")
"""By modality, the JSON last: how members with another suffix than those above are decoded."""


def kind_of(name: str, modality: int) -> str:
    """Which of :data:`RATES` a member falls under, by its name and the place of its modality in the fixed order."""
    suffix = name.rpartition(".")[2]
    return suffix if suffix in ("json", "jpg", "flac") else _UNTOUCHED[modality]


def estimate(
    names: Sequence[str],
    modality: npt.NDArray[np.uint8],
    length: npt.NDArray[np.int64],
    width: pa.Array,
    height: pa.Array,
    duration_s: pa.Array,
) -> npt.NDArray[np.int32]:
    """Estimated µs to decode each member.

    Args:
        names: suffixes in the tar.
        modality: places in the fixed order, five for the JSON.
        length: bytes.
        width, height: pixels, null where there are none; duration_s: seconds, likewise.
    """
    known: dict[tuple[str, int], int] = {}
    kind = np.zeros(len(names), np.intp)
    for i, pair in enumerate(zip(names, modality.tolist(), strict=True)):
        if pair not in known:
            known[pair] = _KINDS.index(kind_of(*pair))
        kind[i] = known[pair]
    rates = np.array([RATES[name] for name in _KINDS])[kind]
    pixels = _filled(width) * _filled(height)
    seconds = _filled(duration_s)
    features = np.stack([np.full(len(names), 1e3), length, pixels, 1e3 * seconds, pixels * seconds], axis=1)
    return np.asarray(np.rint((rates * features).sum(axis=1) / 1e3), np.int32)


def _filled(values: pa.Array) -> npt.NDArray[np.float64]:
    return np.asarray(values.fill_null(0).to_numpy(), np.float64)
