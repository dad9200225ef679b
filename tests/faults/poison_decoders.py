"""The decoders of media, those of measuring and the loader's: a damaged file decodes, or fails with a reason."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from m5tools.loader.decode import Decoder
from m5tools.measure import audio as audio_signals
from m5tools.measure import image as image_signals
from m5tools.measure import video as video_signals
from m5tools.media import audio, image, video
from m5tools.media.guard import DecodeError
from m5tools.shards.clip import cut_out

from .poison_mutate import with_png_sums
from .poison_target import Target, damaged


def _pictures(draws: random.Random) -> bytes:
    data = damaged("image")(draws)
    return with_png_sums(data) if data.startswith(b"\x89PNG") and draws.random() < 0.7 else data


def _any_member(draws: random.Random) -> bytes:
    return damaged(draws.choice(("image", "audio", "video", "json_lines")))(draws)


def _image(data: bytes, _: Path) -> str:
    look = image_signals.look(image.decode(data, image_signals.DECODED))
    image_signals.rows([look])
    return "decoded"


def _audio(data: bytes, _: Path) -> str:
    audio_signals.signals(audio.decode(data, rate=None, max_s=5))
    audio.encode_flac(audio.decode(data, rate=16_000, max_s=2).samples, 16_000)
    return "decoded"


def _video(data: bytes, _: Path) -> str:
    video_signals.signals(video.decode(data, max_frames=4))
    return "decoded"


def _clip(data: bytes, _: Path) -> str:
    cut_out(data, 0.3)
    return "decoded"


def _delivered(data: bytes, _: Path) -> str:
    """A member of a shard that is not what its name says, through the loader's decoders."""
    decoder, given, reasons = Decoder(32, 1.0, 2), 0, []
    for decode in (decoder.frames, decoder.sound, decoder.record):
        try:
            decode(memoryview(data) if decode != decoder.sound else data)  # type: ignore[operator]
            given += 1
        except DecodeError as error:
            reasons.append(error.reason.word)
    return "decoded" if given else f"failed: {reasons[0]}"


DECODING: Final[dict[str, Target]] = {
    "image": Target("decoder", _pictures, _image, 12),
    "audio": Target("decoder", damaged("audio"), _audio, 8),
    "video": Target("decoder", damaged("video"), _video, 4),
    "video, cut out": Target("decoder", damaged("video"), _clip, 2),
    "loader's decoders": Target("decoder", _any_member, _delivered, 4),
}
