"""Patches, frames and seconds land where they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from m5tools.loader.batch import Batch
from m5tools.loader.ragged import Ragged
from m5tools.scale import perception
from m5tools.scale.config import MODELS, SAMPLE_RATE
from m5tools.vocabulary import Modality

from .world import World, clips, make_batch

SHAPE = MODELS["study"]


def everything(world: World, rows: int) -> Batch:
    batch = make_batch(world.splits["train"][:rows])
    batch.present[:] = True
    return batch


def test_patches_are_read_left_to_right_top_to_bottom(world: World) -> None:
    side = SHAPE.grid * SHAPE.patch
    picture = torch.zeros(1, 3, side, side, dtype=torch.uint8)
    picture[0, 1, 0, side - 1] = 200  # green, top right
    batch = replace(everything(world, 1), image=Ragged(picture, torch.arange(2), torch.zeros(1, dtype=torch.int64)))
    part = perception.image_part(SHAPE, batch)
    assert part.values.shape == (1, SHAPE.tokens(Modality.IMAGE), SHAPE.features(Modality.IMAGE))
    token, feature = torch.nonzero(part.values[0])[0].tolist()
    assert (token, feature) == (1, SHAPE.patch**2 + SHAPE.patch - 1)


def test_video_has_a_token_a_frame_up_to_the_limit(world: World) -> None:
    frames = np.zeros((9, 3, 8, 8), dtype=np.uint8)
    batch = replace(everything(world, 2), video=clips([(0, frames[:2]), (1, frames)], frames[:0]))
    assert perception.video_part(SHAPE, batch).mask.sum(1).tolist() == [2, SHAPE.frames]


def test_sound_has_a_token_a_second_and_the_last_is_padded(world: World) -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (np.sin(2 * np.pi * 1000 * time) * 20_000).astype(np.int16)
    sounds = [(0, tone[: SAMPLE_RATE // 2]), (1, tone), (2, tone[:0])]
    part = perception.audio_part(SHAPE, replace(everything(world, 3), audio=clips(sounds, tone[:0])))
    assert part.row.tolist() == [0, 1]
    assert part.mask.sum(1).tolist() == [1, 3]
    assert torch.isfinite(part.values).all()
    torch.testing.assert_close(part.values[1, 0], part.values[1, 1], atol=0.2, rtol=0)


def test_a_tone_lights_the_band_of_its_frequency() -> None:
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    peaks = []
    for frequency in (300, 1000, 4000):
        wave = (torch.sin(2 * torch.pi * frequency * time) * 20_000).to(torch.int16)[None]
        peaks.append(int(perception.log_mel(wave, 40).mean((0, 1)).argmax()))
    mel = [40 * np.log10(1 + f / 700) / np.log10(1 + 8000 / 700) for f in (300, 1000, 4000)]
    np.testing.assert_allclose(peaks, mel, atol=1.5)


def test_several_pictures_a_product_follow_each_other_up_to_the_limit(world: World) -> None:
    shape = SHAPE.model_copy(update={"pictures": 2})
    side = shape.grid * shape.patch
    pictures = torch.arange(1, 5, dtype=torch.uint8)[:, None, None, None].expand(4, 3, side, side).contiguous()
    rows = torch.tensor([0, 1, 1, 1])
    batch = replace(everything(world, 2), image=Ragged(pictures, torch.arange(5), rows))
    part = perception.image_part(shape, batch)
    patches = shape.grid**2
    assert part.mask.sum(1).tolist() == [patches, 2 * patches]
    assert part.values[1, :, 0].tolist() == [2] * patches + [3] * patches


def test_sound_is_told_over_time(world: World) -> None:
    """A tone that rises from second to second rises from token to token."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tones = [(np.sin(2 * np.pi * f * time) * 20_000).astype(np.int16) for f in (300, 1500, 5000)]
    batch = replace(everything(world, 1), audio=clips([(0, np.concatenate(tones))], tones[0][:0]))
    part = perception.audio_part(SHAPE, batch)
    peaks = part.values[0, :3].view(3, SHAPE.slices, SHAPE.mels).mean(1).argmax(1).tolist()
    assert peaks == sorted(set(peaks))
