"""How files that the simulator spoils end in fetching and measuring: its damage done many times to a few whole files.

    python benchmarks/spoiled_files.py --times 20000 --seed 1

In a simulated crawl some hundred files of a format are damaged; faults that meet one in ten thousand show only here.
For each format that the simulator writes, files are encoded by its own encoders and spoiled in each way `--times`
times; outcomes that are not the planted one are printed with how often they came and the number of the first.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray

from m5tools.fetch.found import SNIFFED_BYTES, judged
from m5tools.media import audio, image, video
from m5tools.media.guard import DecodeError, NoSoundTrack, bounded
from m5tools.synth import clips, pictures, sounds
from m5tools.synth.broken import spoiled
from m5tools.vocabulary import Modality, Reason

KINDS = {
    Modality.IMAGE: ("jpg", "png", "webp"),
    Modality.AUDIO: ("wav", "flac", "mp3", "ogg"),
    Modality.VIDEO: ("mp4", "mp4 with sound"),
}
FAULTS = (Reason.UNDECODABLE, Reason.TRUNCATED, Reason.WRONG_TYPE)
DECODE: dict[Modality, Callable[[bytes], object]] = {
    Modality.IMAGE: image.decode,
    Modality.AUDIO: lambda data: audio.decode(data, rate=None),
    Modality.VIDEO: video.decode,
}
WHOLE = 16
"""Files of each format that are spoiled in turn."""
AT_ONCE = 500


def whole(modality: Modality, kind: str, which: int) -> bytes:
    """A file as the simulator writes it, of shapes and tones instead of products."""
    rng = np.random.default_rng(which)
    photo = _photo(rng)
    if modality is Modality.IMAGE:
        shown = pictures.edited(photo, rng)
        if kind != "jpg" and which % 4 == 0:
            shown = pictures.with_alpha(shown)
        return pictures.encoded(shown, kind, int(rng.integers(50, 93)))
    rate = (16_000, 22_050)[which % 2]
    if modality is Modality.AUDIO:
        return sounds.encoded(_wave(rng, rate, float(rng.uniform(2, 3))), rate, kind)
    frames = clips.still(photo, float(rng.uniform(2.5, 3.2)), rng)
    heard = _wave(rng, 16_000, len(frames) / clips.FPS) if "sound" in kind else None
    return clips.encoded(frames, heard, 16_000)


def _photo(rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[: pictures.STUDIO, : pictures.STUDIO]
    waves = [np.sin(x / rng.uniform(10, 60) + y / rng.uniform(10, 60)) for _ in range(3)]
    return np.clip(128 + 100 * np.stack(waves, axis=2), 0, 255).astype(np.uint8)


def _wave(rng: np.random.Generator, rate: int, seconds: float) -> NDArray[np.float32]:
    time = np.arange(int(rate * seconds)) / rate
    tone = 0.4 * np.sin(2 * np.pi * rng.uniform(200, 2_000) * time)
    return (tone + rng.normal(0, 0.01, len(time))).astype(np.float32)


def outcome(modality: Modality, data: bytes) -> Reason:
    """The reason that fetching and measuring give; NONE: the file is present."""
    if not data:
        return Reason.EMPTY
    if judged(data[:SNIFFED_BYTES], modality) is None:
        return Reason.WRONG_TYPE
    try:
        DECODE[modality](data)
    except NoSoundTrack:
        return Reason.WRONG_TYPE
    except DecodeError as error:
        return error.reason
    return Reason.NONE


def outcomes(
    modality: Modality, kind: str, fault: Reason, seed: int, first: int, count: int
) -> dict[Reason, list[int]]:
    """Reason → the numbers of the spoiled files that end with it."""
    files = [whole(modality, kind, which) for which in range(WHOLE)]
    found: dict[Reason, list[int]] = {}
    with bounded():
        for number in range(first, first + count):
            rng = np.random.default_rng([seed, number])
            data = spoiled(files[number % WHOLE], fault, modality, rng)
            found.setdefault(outcome(modality, data), []).append(number)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kinds", nargs="*", help="only these formats")
    arguments = parser.parse_args()
    print(f"{'format':20}{'planted':14}{'files':>8}{'right':>8}  found instead (times, number of the first)")
    with ProcessPoolExecutor(arguments.workers) as pool:
        for modality, kinds in KINDS.items():
            for kind in kinds:
                if arguments.kinds and kind not in arguments.kinds:
                    continue
                for fault in FAULTS:
                    if fault is Reason.TRUNCATED and modality is Modality.AUDIO:
                        continue  # the simulator cuts off no sounds
                    starts = range(0, arguments.times, AT_ONCE)
                    jobs = [
                        pool.submit(
                            outcomes, modality, kind, fault, arguments.seed, s, min(AT_ONCE, arguments.times - s)
                        )
                        for s in starts
                    ]
                    counts: Counter[Reason] = Counter()
                    numbers: dict[Reason, int] = {}
                    for job in jobs:
                        for reason, which in job.result().items():
                            counts[reason] += len(which)
                            numbers.setdefault(reason, which[0])
                    wrong = ", ".join(
                        f"{reason.word} ({counts[reason]:,}, {numbers[reason]})"
                        for reason in sorted(counts) if reason is not fault
                    )  # fmt: skip
                    name = f"{kind} ({modality})"
                    print(f"{name:20}{fault.word:14}{counts.total():>8,}{counts[fault]:>8,}  {wrong}", flush=True)


if __name__ == "__main__":
    main()
