"""Measuring media against a bare loop that only decodes, in one process, alternated.

Usage: python benchmarks/measure_media.py DATA [--repeats N] [--copies N] [--profile image|audio|video]

DATA is the folder of public sets. Both sides read the same files from the page cache, single-threaded, and are told in
processor time. Bare, for a picture: simplejpeg at a factor of two or more, down to the short side that measuring keeps,
else Pillow's draft with its block cache on; for a sound: libsndfile, else FFmpeg, the first 60 s as float32; for a
clip: every frame up to the last one measured, and its sound track. Measuring is the whole of `measure.assets.measure`:
the worker's journal, guards, signals, previews, and the tables written.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the engine sets it for its workers

import argparse
import cProfile
import io
import platform
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import PIL
import polars as pl
import simplejpeg
import soundfile
from PIL import Image

from m5tools.dataset import Dataset
from m5tools.measure.assets import Depth, measure
from m5tools.measure.image import DECODED
from m5tools.stage import Work
from m5tools.vocabulary import Modality, State

SETS = {
    Modality.IMAGE: (
        ("magento_luma", "grocery_fresh", "icecat_spryker", "clothing_categories", "neardup_ukbench",
         "perception_neardup", "exif_orientation"),
        (".jpg", ".jpeg"),
    ),
    Modality.AUDIO: (("tuxpaint_stamps", "librosa_audio", "mdn_video", "spoken_digits"), (".ogg", ".wav")),
    Modality.VIDEO: (
        ("mdn_video", "moviepy_av", "torchcodec_av", "perception_neardup"),
        (".mp4", ".webm", ".mkv", ".m4v", ".mov"),
    ),
}  # fmt: skip
DEPTH = Depth(frames=64, sound_s=60.0)


def bare_image(data: bytes, short_side: int = DECODED) -> None:
    try:
        simplejpeg.decode_jpeg(data, "RGB", min_height=short_side, min_width=short_side, min_factor=2)
    except ValueError:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (short_side, short_side))
            np.asarray(image.convert("RGB"))


def bare_audio(data: bytes) -> None:
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            file.read(min(file.frames, int(DEPTH.sound_s * file.samplerate)), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        bare_track(data)


def bare_track(data: bytes) -> None:
    with av.open(io.BytesIO(data), "r", metadata_errors="replace") as container:
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            frame.to_ndarray()


def bare_video(data: bytes) -> None:
    with av.open(io.BytesIO(data), "r", metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= DEPTH.frames - 1:
                break
    bare_track(data)


BARE: dict[Modality, Callable[[bytes], None]] = {
    Modality.IMAGE: bare_image,
    Modality.AUDIO: bare_audio,
    Modality.VIDEO: bare_video,
}


def decodable(modality: Modality, data: bytes) -> bool:
    try:
        BARE[modality](data)
    except Exception:  # noqa: BLE001 - a broken file is no measure of speed
        return False
    return True


def listed(root: Path, modality: Modality, copies: int) -> pl.DataFrame:
    """Real files that decode, each named `copies` times."""
    sets, endings = SETS[modality]
    found = sorted(f for name in sets for f in (root / name).rglob("*") if f.suffix.lower() in endings)
    files = [f for f in found if decodable(modality, f.read_bytes())]
    rows = [
        {"asset_id": f"{n:02}/{f.relative_to(root)}", "uri": str(f), "offset": 0, "length": f.stat().st_size}
        for n in range(copies)
        for f in files
    ]
    return pl.DataFrame(rows).sort("asset_id")


def bare(modality: Modality, assets: pl.DataFrame) -> None:
    for uri in assets["uri"]:
        BARE[modality](Path(uri).read_bytes())


def measured(modality: Modality, assets: pl.DataFrame, folder: Path) -> None:
    work = Work(Dataset(folder), folder / "scratch", journal=folder / "journal")
    measure(modality, assets, "part", DEPTH, work)


def seconds(act: Callable[[], None]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def told(name: str, values: list[float], items: int) -> str:
    per_item = [1000 * v / items for v in values]
    return f"{name} {statistics.median(per_item):.3f} ms ({min(per_item):.3f}–{max(per_item):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--profile", choices=[m.value for m in SETS])
    chosen = parser.parse_args()
    versions = {m.__name__: m.__version__ for m in (np, cv2, av, simplejpeg, soundfile)}
    print(f"Python {platform.python_version()}, Pillow {PIL.__version__}, {versions}")
    for modality in SETS:
        if chosen.profile and modality != chosen.profile:
            continue
        assets = listed(chosen.data, modality, chosen.copies if modality is Modality.IMAGE else 1)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            measured(modality, assets, folder)
            if chosen.profile:
                profile = cProfile.Profile()
                profile.runcall(measured, modality, assets, folder)
                pstats.Stats(profile).sort_stats("tottime").print_stats(20)
                continue
            sides: tuple[list[float], list[float]] = ([], [])
            for _ in range(chosen.repeats):
                sides[0].append(seconds(lambda m=modality, a=assets: bare(m, a)))
                sides[1].append(seconds(lambda m=modality, a=assets, f=folder: measured(m, a, f)))
            ratios = [b / m for b, m in zip(*sides, strict=True)]
            present = (Dataset(folder).read(f"signals_{modality}")["state"] == State.PRESENT).sum()
            print(f"{modality}: {assets.height} files, {present} present; {told('bare', sides[0], assets.height)}, "
                  f"{told('measure', sides[1], assets.height)}; rate {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f}–{max(ratios):.2f}) of bare")  # fmt: skip


if __name__ == "__main__":
    main()
