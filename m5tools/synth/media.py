"""Writes the media files of a block: every file once, by the block that holds the offer's first listing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from m5tools.synth import clips, empties, pictures, sounds, strangers
from m5tools.synth.block import Block
from m5tools.synth.broken import spoiled
from m5tools.synth.looks import Looks, looks
from m5tools.synth.mess import NEAR_MISS_BIT, TAG_BIT, Sound
from m5tools.synth.world import World
from m5tools.vocabulary import Modality, Reason

_RATES = (16_000, 22_050)


@dataclass(frozen=True)
class Written:
    """How many files and bytes a block wrote."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.files + other.files, self.bytes + other.bytes)


def write_media(world: World, block: Block, root: Path) -> Written:
    """Render and write the files of every offer first listed in this block, under `root`."""
    cv2.setNumThreads(1)
    cues = {modality: _looks(world, block, modality) for modality in (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO)}
    total = Written()
    for row in np.flatnonzero(block.rows.slot == block.rows.offer).tolist():
        for path, content in _files(world, block, cues, row):
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            total += Written(1, len(content))
    return total


def _looks(world: World, block: Block, modality: Modality) -> Looks:
    rows, facts, mess = block.rows, block.facts, block.mess
    return looks(world, strangers.shown(rows, mess, modality), strangers.told(world, rows, facts, mess, modality))


def _files(world: World, block: Block, cues: dict[Modality, Looks], row: int) -> list[tuple[str, bytes]]:
    mess, links = block.mess, block.records.links
    rng = world.draws.generator("files", int(block.rows.offer[row]))
    files = []
    image, video, audio = cues[Modality.IMAGE], cues[Modality.VIDEO], cues[Modality.AUDIO]
    fault = Reason(int(mess.image_fault[row]))
    partly = bool(mess.partial[row])
    for view, column in enumerate(links.images):
        path = column[row]
        if path is not None and fault is not Reason.MISSING_FILE:
            suffix = path.rsplit(".", 1)[1]
            if mess.tags[row] & TAG_BIT["image.placeholder"]:
                content = empties.placeholder(world.draws, int(block.rows.seller[row]), suffix)
            else:
                photo = pictures.studio_photo(image, row, view)
                content = _picture(mess.tags[row], mess.near_misses[row], photo, suffix, rng)
            broken = Reason.UNDECODABLE if partly and view == 1 else fault
            files.append((path, spoiled(content, broken, Modality.IMAGE, rng)))
    fault = Reason(int(mess.video_fault[row]))
    if links.video[row] is not None and fault is not Reason.MISSING_FILE:
        heard = audio if mess.sound[row] == Sound.IN_VIDEO else None
        content = _clip(mess.tags[row], mess.near_misses[row], video, heard, row, rng)
        files.append((links.video[row], spoiled(content, fault, Modality.VIDEO, rng)))
    fault = Reason(int(mess.audio_fault[row]))
    if links.audio[row] is not None and fault is not Reason.MISSING_FILE:
        rate = _RATES[int(rng.integers(2))]
        wave = _wave(mess.tags[row], mess.near_misses[row], audio, row, rate, rng)
        content = sounds.encoded(wave, rate, links.audio[row].rsplit(".", 1)[1])
        files.append((links.audio[row], spoiled(content, fault, Modality.AUDIO, rng)))
    return files


def _picture(tags: int, near_misses: int, photo: pictures.Pixels, suffix: str, rng: np.random.Generator) -> bytes:
    quality = int(rng.integers(50, 93))
    if tags & TAG_BIT["image.blank"]:
        return pictures.encoded(empties.blank(rng), suffix, quality)
    if tags & TAG_BIT["image.tiny"]:
        return pictures.encoded(pictures.tiny(photo, rng), suffix, quality)
    shown = pictures.edited(photo, rng)
    if near_misses & NEAR_MISS_BIT["image.dark"]:
        shown = pictures.dark(shown, rng)
    elif near_misses & NEAR_MISS_BIT["image.pale"]:
        shown = pictures.pale(shown, rng)
    elif near_misses & NEAR_MISS_BIT["image.small"]:
        shown = pictures.small(shown, rng)
    elif suffix != "jpg" and rng.random() < 0.15:
        shown = pictures.with_alpha(shown)
    return pictures.encoded(shown, suffix, quality)


def _clip(tags: int, near_misses: int, cues: Looks, heard: Looks | None, row: int, rng: np.random.Generator) -> bytes:
    seconds, rate = float(rng.uniform(2.5, 3.2)), _RATES[0]
    photo = pictures.studio_photo(cues, row, 0)
    if tags & TAG_BIT["video.black"]:
        frames = clips.black(seconds, rng)
    elif tags & TAG_BIT["video.static"]:
        frames = clips.still(photo, seconds, rng)
    elif near_misses & NEAR_MISS_BIT["video.slow"]:
        frames = clips.slow(photo, seconds, rng)
    else:
        dark = bool(near_misses & NEAR_MISS_BIT["video.dark"])
        frames = clips.moving(pictures.dark(photo, rng) if dark else photo, cues, row, seconds, rng)
    wave = None if heard is None else _wave(tags, near_misses, heard, row, rate, rng, len(frames) / clips.FPS)
    return clips.encoded(frames, wave, rate)


def _wave(
    tags: int,
    near_misses: int,
    cues: Looks,
    row: int,
    rate: int,
    rng: np.random.Generator,
    seconds: float | None = None,
) -> sounds.Wave:
    seconds = float(rng.uniform(2.0, 3.0)) if seconds is None else seconds
    if tags & TAG_BIT["audio.silent"]:
        return sounds.silence(rate, seconds, rng)
    wave = sounds.sound(cues, row, rate, seconds, rng)
    if near_misses & NEAR_MISS_BIT["audio.quiet"]:
        return sounds.quiet(wave, rng)
    return sounds.clipped(wave, rng) if tags & TAG_BIT["audio.clipped"] else wave
