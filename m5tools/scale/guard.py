"""Tokenizers that come from elsewhere: what they would fail at later is found where they are read, and is one line."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tokenizers import Tokenizer, normalizers

from m5tools.errors import UsageError

MOST_A_BYTE: Final = 64
"""Characters, and words, that may be made of a byte: the largest that Unicode asks for is 6, a name for an emoji is
some ten, and one that makes megabytes takes all memory."""
_PANIC: Final = "PanicException"
_SHOWN: Final = 160
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_PLANES: Final = "\ua66e\U00013000\U00020bb7\U00030edd\U000e0041\U000f0000\U00100000"
"""A character of each plane that has some: Cyrillic, a hieroglyph, two rare Han, a tag, two of private use."""


def _probe() -> str:
    drawn = random.Random(5)  # noqa: S311 - the same words always: a tokenizer is not refused today and taken tomorrow
    unseen = ["".join(drawn.choices(_LETTERS, k=12)) for _ in range(4)]
    printable = "".join(map(chr, range(32, 127)))
    return " ".join(["m5 ☃ 語 Ωß é ﷺ", printable, *_PLANES, *unseen])


PROBE: Final = _probe()
"""Ordinary text, every letter of ASCII, an unusual character of each plane, and words that no vocabulary has."""


@contextmanager
def one_line(told: Callable[[str], str]) -> Iterator[None]:
    """Say in one line what the tokenizers library fails at.

    Args:
        told: makes the message of what the library said.
    """
    try:
        yield
    except (UsageError, MemoryError):
        raise
    # The library raises plain Exception for whatever it cannot read. A panic is not even that, and has no class that
    # could be imported; what else is no Exception (Ctrl-C, an exit) is not of the library.
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0][:_SHOWN]
        raise UsageError(told(said)) from error


def guarded(read: Callable[[], Tokenizer], what: str, remedy: str) -> Tokenizer:
    """A tokenizer that is neither cut nor padded and has read :data:`PROBE`.

    It is refused where it makes more than :data:`MOST_A_BYTE` characters, or words, of a byte of that.

    Args:
        read: makes it.
        what: says what has been found to be none, such as "words.json is no tokenizer".
        remedy: what to do.

    Raises:
        UsageError: the library cannot make one of it, or it fails at a text or makes too much of it.
    """
    with one_line(lambda said: f"{what} of the tokenizers library ({said}); {remedy}"):
        found = read()
        # Products are cut by their own lengths; padding to a large length would take all memory here already.
        found.no_truncation()
        found.no_padding()
        # Letter by letter first: what makes megabytes of each would make too much of them together.
        for text in [*dict.fromkeys(PROBE), PROBE]:
            most = MOST_A_BYTE * len(text.encode())
            made = _normalized(found, text, most)
            if made <= most:
                made = len(found.encode(text, add_special_tokens=False))
            if made > most:
                raise UsageError(f"{what} of use: it makes {made:,} characters or words of {len(text)}; {remedy}")
    return found


def _normalized(tokenizer: Tokenizer, text: str, most: int) -> int:
    """Characters after the normalizer; it is left where there are too many, for each step may multiply them."""
    for step in _steps(tokenizer.normalizer):
        text = step.normalize_str(text)
        if len(text) > most:
            break
    return len(text)


def _steps(normalizer: normalizers.Normalizer | None) -> Iterator[normalizers.Normalizer]:
    if isinstance(normalizer, normalizers.Sequence):
        for number in range(len(normalizer)):
            yield from _steps(normalizer[number])
    elif normalizer is not None:
        yield normalizer
