"""What members cost to decode: fits the rates in `m5tools/shards/cost.py` to real files, and says how far off they are.

Every file under M5_REAL_DATA that decodes, the sets of odd files aside, is decoded as it is, and as `m5 shard` encodes
it; the fastest of several decodes counts, in processor time. Rates are fitted (least squares of relative errors, none
negative) to all files; how well that generalises is told by fitting to half of the data sets and judging on the others.

    python benchmarks/decode_cost.py
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from m5tools.media import audio, image, video
from m5tools.media.guard import DecodeError, sniff
from m5tools.shards.cost import RATES, Rate, kind_of
from m5tools.vocabulary import Modality

DATA = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
FEATURES = {
    "json": ("base_us", "byte_ns"),
    "jpg": ("base_us", "byte_ns", "pixel_ns"),
    "picture": ("base_us", "byte_ns", "pixel_ns"),
    "flac": ("base_us", "second_us"),
    "sound": ("base_us", "second_us"),
    "clip": ("base_us", "pixel_second_ns"),
}
SIDE, SECONDS = 224, 30.0  # what a loader asks for


class Sample(NamedTuple):
    """One decode: of which set, under which kind of rate, what the index knows, and its µs."""

    dataset: str
    kind: str
    length: int
    pixels: int
    seconds: float
    us: float


def fastest(decode: Callable[[], object], repeats: int) -> float:
    """µs of processor time."""
    took = []
    for _ in range(repeats):
        started = time.process_time_ns()
        decode()
        took.append(time.process_time_ns() - started)
    return min(took) / 1e3


def pictures(dataset: str, data: bytes, repeats: int) -> list[Sample]:
    whole = image.decode(data, at_least=512)
    small = image.fit(whole.rgb, 512)
    made = image.encode_jpeg(small, 90)
    suffix = "jpg" if whole.format == "JPEG" else "png"
    forms = ((suffix, data, whole.width * whole.height), ("jpg", made, small.shape[0] * small.shape[1]))
    return [
        Sample(dataset, kind_of(f"image_0.{suffix}", Modality.IMAGE.bit), len(form), pixels, 0.0,
               fastest(lambda form=form: image.decode(form, at_least=SIDE), repeats))
        for suffix, form, pixels in forms
    ]  # fmt: skip


def sounds(dataset: str, data: bytes, repeats: int) -> list[Sample]:
    heard = audio.decode(data, max_s=SECONDS)
    flac = audio.encode_flac(heard.samples)
    seconds = len(heard.samples) / heard.rate
    return [
        Sample(dataset, kind, len(form), 0, seconds,
               fastest(lambda form=form: audio.decode(form, max_s=SECONDS), repeats))
        for kind, form in (("sound", data), ("flac", flac))
    ]  # fmt: skip


def clips(dataset: str, data: bytes, repeats: int) -> list[Sample]:
    film = video.decode(data)
    us = fastest(lambda: video.decode(data, every_s=1.0, long_side=SIDE), min(2, repeats))
    return [Sample(dataset, "clip", len(data), film.width * film.height, film.duration_s, us)]


def records(repeats: int) -> list[Sample]:
    """JSON members of growing length; their words are of no matter to a parser."""
    samples = []
    for words in range(10, 1_000, 10):
        rows = [{"name": f"name {k}", "value": "a value", "unit": None, "listed_by": []} for k in range(words // 20)]
        data = json.dumps({"title": "word " * 8, "description": "word " * words, "attributes": rows}).encode()
        us = fastest(lambda data=data: [msgspec.json.decode(data) for _ in range(100)], repeats) / 100
        samples.append(Sample("odd" if words % 20 else "even", "json", len(data), 0, 0.0, us))
    return samples


def features(samples: list[Sample], names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """What each rate is multiplied with, in µs of a rate of one."""
    columns = {
        "base_us": lambda s: 1.0,
        "byte_ns": lambda s: s.length / 1e3,
        "pixel_ns": lambda s: s.pixels / 1e3,
        "second_us": lambda s: s.seconds,
        "pixel_second_ns": lambda s: s.pixels * s.seconds / 1e3,
    }
    return np.array([[columns[name](sample) for name in names] for sample in samples])


def fitted(samples: list[Sample], names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """The rates that come nearest, by relative errors."""
    took = np.array([s.us for s in samples])
    return np.asarray(nnls(features(samples, names) / took[:, None], np.ones(len(took)))[0])


def off(samples: list[Sample], names: tuple[str, ...], rates: npt.ArrayLike) -> str:
    """Estimate / measured: median, and the range of the middle 80 %."""
    ratio = features(samples, names) @ np.asarray(rates) / np.array([s.us for s in samples])
    low, middle, high = np.quantile(ratio, (0.1, 0.5, 0.9))
    return f"estimate / measured {middle:.2f} (10–90 %: {low:.2f}–{high:.2f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--repeats", type=int, default=5)
    asked = options.parse_args()
    if not DATA.is_dir():
        sys.exit(f"skipped: no real data at {DATA} (set M5_REAL_DATA)")
    found: dict[str, list[Sample]] = defaultdict(list, {"json": records(asked.repeats)})
    of = {Modality.IMAGE: pictures, Modality.AUDIO: sounds, Modality.VIDEO: clips}
    usual = (folder for folder in sorted(DATA.iterdir()) if folder.is_dir() and not folder.name.startswith("odd_"))
    for file in (file for folder in usual for file in sorted(folder.rglob("*")) if file.is_file()):
        data = file.read_bytes()
        measure = of.get(sniff(data[:4096])[0])
        if measure is None:
            continue
        try:
            for sample in measure(file.relative_to(DATA).parts[0], data, asked.repeats):
                found[sample.kind].append(sample)
        except DecodeError:
            continue
    for kind, names in FEATURES.items():
        samples = found[kind]
        shown = ", ".join(f"{name}={rate:.3g}" for name, rate in zip(names, fitted(samples, names), strict=True))
        print(f"{kind:8} Rate({shown})   fitted to {len(samples)} members")
        folders = sorted({sample.dataset for sample in samples})
        halves = [[s for s in samples if s.dataset in folders[k::2]] for k in range(2)]
        for ours, others in (halves, halves[::-1]):
            if ours and others:
                print(f"           fitted to {len(ours)}, judged on {len(others)} of other sets: "
                      f"{off(others, names, fitted(ours, names))}")  # fmt: skip
        print(f"           cost.py, judged on all: {off(samples, names, [getattr(RATES[kind], n) for n in names])}")
    assert set(FEATURES) == set(RATES)
    assert all(name in Rate._fields for names in FEATURES.values() for name in names)


if __name__ == "__main__":
    main()
