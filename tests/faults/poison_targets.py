"""What reads bytes of strangers, one target each: feed it, hold its laws, say in a word what came of it.

A target gives its outcome, or raises :class:`M5Error` (the user is told in one line) or :class:`DecodeError` (the item
fails with a reason). Whatever else it raises is a fault.
"""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from m5tools.errors import M5Error
from m5tools.media.guard import DecodeError

from .poison_dataset import DATASETS
from .poison_decoders import DECODING
from .poison_readers import READING
from .poison_shards import SHARDS
from .poison_target import Target
from .poison_yaml import SETTINGS

TARGETS: Final[dict[str, Target]] = {
    **READING,
    **DECODING,
    **SHARDS,
    **DATASETS,
    **SETTINGS,
}


def given(name: str, seed: int, number: int) -> bytes:
    """The input of a target: the same for the same three."""
    return TARGETS[name].make(random.Random(f"{seed} {name} {number}"))


def outcome(name: str, data: bytes, scratch: Path) -> str:
    """What came of an input; an exception other than these two is a fault."""
    with TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        try:
            return TARGETS[name].feed(data, Path(folder))
        except DecodeError as error:
            return f"failed: {error.reason.word}"
        except M5Error:
            return "refused in one line"
