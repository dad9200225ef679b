"""Tokens of pictures, frames and sound: patches, whole frames, and a log-mel spectrogram over time.

Plain arithmetic on the delivered payload: no pretrained detector, no feature files.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.loader.batch import Batch
from m5tools.loader.ragged import Ragged
from m5tools.scale.config import SAMPLE_RATE, ScaleConfig
from m5tools.scale.tokens import Part, pack
from m5tools.vocabulary import Modality

WINDOW = 1024
HOP = 256
"""Samples of one spectrum and between spectra (M5Product: frame 1,024, hop 256)."""

QUIETEST = 1e-5
"""Floor of a mel band's power before the logarithm: a silent band is -11.5, not minus infinity."""


def image_part(config: ScaleConfig, batch: Batch) -> Part:
    """The first `pictures` pictures, each scaled and cut into `grid × grid` patches of raw RGB bytes."""
    here = batch.present[batch.image.row, Modality.IMAGE.bit]
    grid, patch = config.grid, config.patch
    pictures = _scaled(batch.image.data[here], grid * patch)
    patches = pictures.reshape(-1, 3, grid, patch, grid, patch).permute(0, 2, 4, 1, 3, 5)
    return pack(
        patches.reshape(-1, 3 * patch**2),
        batch.image.row[here].repeat_interleave(grid**2),
        config.tokens(Modality.IMAGE),
    )


def video_part(config: ScaleConfig, batch: Batch) -> Part:
    """The first `frames` frames (one a second), each scaled to one token of raw RGB bytes."""
    row = batch.video.row.repeat_interleave(batch.video.offsets.diff())
    here = batch.present[row, Modality.VIDEO.bit]
    frames = _scaled(batch.video.data[here], config.frame_pixels)
    return pack(frames.reshape(-1, 3 * config.frame_pixels**2), row[here], config.frames)


def audio_part(config: ScaleConfig, batch: Batch) -> Part:
    """The first `audio_tokens` seconds: one token is a second's log-mel bands in `slices` steps of time."""
    seconds, row = _seconds(batch.audio, config.audio_tokens)
    here = batch.present[row, Modality.AUDIO.bit]
    spectra = log_mel(seconds[here], config.mels)
    steps = functional.adaptive_avg_pool1d(spectra.transpose(1, 2), config.slices).transpose(1, 2)
    return pack(steps.reshape(-1, config.slices * config.mels), row[here], config.audio_tokens)


def log_mel(waveform: Tensor, mels: int) -> Tensor:
    """Logarithm of the mel-band power of int16 `[N, samples]` at 16 kHz: float32 `[N, spectra, mels]`."""
    windows = (waveform.float() / 2**15).unfold(1, WINDOW, HOP) * torch.hann_window(WINDOW)
    if not len(windows):  # a batch without any sound; MKL refuses to transform nothing
        return windows.new_zeros(0, windows.shape[1], mels)
    power = torch.fft.rfft(windows).abs().square() / WINDOW
    logarithm: Tensor = (power @ mel_bands(mels)).clamp_min(QUIETEST).log()
    return logarithm


@cache
def mel_bands(mels: int) -> Tensor:
    """Triangular filters equally spaced in mel (2595 log10(1 + f / 700), O'Shaughnessy): `[513, mels]`."""
    top = 2595 * torch.log10(torch.tensor(1 + SAMPLE_RATE / 2 / 700))
    edges = 700 * (10 ** (torch.linspace(0, float(top), mels + 2) / 2595) - 1)
    frequency = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    return torch.minimum(rising, falling).clamp_min(0)


def _scaled(pictures: Tensor, side: int) -> Tensor:
    """uint8 `[N, 3, S, S]` to uint8 `[N, 3, side, side]` by averaging areas."""
    if pictures.shape[-1] == side or not len(pictures):
        return pictures.reshape(-1, 3, side, side)
    return functional.interpolate(pictures.float(), size=(side, side), mode="area").round().to(torch.uint8)


def _seconds(audio: Ragged, limit: int) -> tuple[Tensor, Tensor]:
    """Cut every clip into whole seconds, the last one padded with silence: int16 `[N, 16000]`, int64 `[N]`."""
    length = audio.offsets.diff()
    count = ((length + SAMPLE_RATE - 1) // SAMPLE_RATE).clamp_max(limit)
    clip = torch.arange(len(audio)).repeat_interleave(count)
    number = torch.arange(len(clip)) - (count.cumsum(0) - count).repeat_interleave(count)
    start = audio.offsets[:-1][clip] + number * SAMPLE_RATE
    index = start[:, None] + torch.arange(SAMPLE_RATE)
    inside = index < audio.offsets[1:][clip][:, None]
    samples = audio.data[index.clamp_max(max(len(audio.data) - 1, 0))] if len(clip) else audio.data[index]
    return samples * inside, audio.row[clip]
