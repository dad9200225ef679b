"""A shard folder of real pictures, frames of real films, real sounds and real words, for measuring training.

The media of M5_REAL_DATA at the default training size of `m5 shard` (512 pixels, JPEG quality 90, 16 kHz FLAC),
repeated until there are enough products; a quarter of them has neither video nor sound.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from pathlib import Path

from PIL import Image

from benchmarks.loader_shards import DATA, finished, index_row, pictures
from m5tools.media import audio, video
from m5tools.media.guard import DecodeError
from m5tools.shards.manifest import ShardManifest, tar_name
from m5tools.shards.writer import Member, TarWriter
from m5tools.vocabulary import MODALITIES, Modality

LONG_SIDE, QUALITY, FRAMES, SECONDS = 512, 90, 12, 12.0


def jpeg(rgb: Image.Image) -> bytes:
    """At training size."""
    rgb.thumbnail((LONG_SIDE, LONG_SIDE))
    buffer = io.BytesIO()
    rgb.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def films() -> list[list[bytes]]:
    """Twelve frames of each real film, one every second or as many a second as it takes to have twelve."""
    found = []
    for file in sorted(f for name in ("mdn_video", "moviepy_av", "torchcodec_av") for f in (DATA / name).rglob("*.*")):
        try:
            film = video.decode(file.read_bytes(), 0.25, max_frames=FRAMES, long_side=LONG_SIDE)
        except DecodeError:
            continue
        frames = [jpeg(Image.fromarray(frame)) for frame in film.frames]
        if frames:
            found.append(list(itertools.islice(itertools.cycle(frames), FRAMES)))
    return found


def sounds() -> list[bytes]:
    """Up to twelve seconds of each real recording, mono, 16 kHz, FLAC."""
    files = sorted((DATA / "librosa_audio").glob("*.ogg"))
    return [audio.encode_flac(audio.decode(f.read_bytes(), max_s=SECONDS).samples) for f in files]


def words() -> list[str]:
    """Real words of product descriptions, in the order of their files."""
    files = sorted((DATA / "grocery_fresh").rglob("*escription*.txt"))
    return " ".join(f.read_text(encoding="utf-8", errors="replace") for f in files).split()


def write(folder: Path, products: int) -> None:
    """Write the folder, one tar of `train`."""
    small = [jpeg(Image.open(io.BytesIO(data))) for data in pictures()[:400]]
    clips, recordings, said = films(), sounds(), words()
    (folder / "index").mkdir(parents=True)
    tar = folder / tar_name("train", 0)
    rows = []
    with TarWriter(tar) as writer:
        for i in range(products):
            pid = hashlib.sha256(str(i).encode()).hexdigest()[:32]
            start = 31 * i % (len(said) - 80)
            pairs = [
                {"name": said[start + k], "value": " ".join(said[start + k + 1 : start + k + 3])}
                for k in range(0, 30, 3)
            ]
            record = {
                "product_id": pid, "title": " ".join(said[start : start + 10]),
                "description": " ".join(said[start + 10 : start + 60]), "attributes": pairs,
            }  # fmt: skip
            members = [
                Member("json", None, json.dumps(record).encode()),
                Member("image_0.jpg", Modality.IMAGE, small[i % len(small)]),
            ]
            moving = i % 4 != 3
            if moving:
                frames = clips[i % len(clips)]
                members += [Member(f"video_{k}.jpg", Modality.VIDEO, frame) for k, frame in enumerate(frames)]
                members.append(Member("audio_0.flac", Modality.AUDIO, recordings[i % len(recordings)]))
            there = [moving or m not in (Modality.VIDEO, Modality.AUDIO) for m in MODALITIES]
            begin = writer.position
            places = [writer.add(pid, member) for member in members]
            rows.append(index_row(pid, tar, begin, writer.position, members, places, there))
    ShardManifest.of((), {"train": (finished(folder, tar, rows),)}, "", {}).write(folder)
