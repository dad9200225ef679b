"""The encoding of a text, found out from its first bytes.

In this order: a byte-order mark; UTF-16 without one, by its zero bytes; UTF-8, in
which hardly any byte may be wrong; the East Asian encodings that shops
still export, where nearly all other characters are ones these languages use every day; Windows-1251, where nearly all
of them stand in words that are Cyrillic throughout; else Windows-1252, in which almost every byte means something, so
that it is the guess of last resort.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from string import ascii_letters, digits
from typing import IO, Any, Final, cast
from unicodedata import category

import numpy as np

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONGEST_CHARACTER: Final = 4
_BLOCK: Final = 1 << 20
_LOOKED_AT: Final = 1 << 16
_NEARLY_ALL: Final = 0.95
_BYTES: Final = np.arange(256)
_LETTERS: Final = np.isin(_BYTES, list(f"{ascii_letters}{digits}".encode()))
_PRINTABLE: Final = (_BYTES >= 0x20) & (_BYTES < 0x7F)
_ASCII_TEXT: Final = _PRINTABLE | np.isin(_BYTES, list(b"\t\n\r"))
_OF_NO_TEXT: Final = ("Cn", "Co", "Cs")
_IN_NO_TEXT: Final = re.compile(rb"[\x01-\x08\x0e-\x1f\x7f]")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_WRITTEN_AS_WORDS_ARE: Final = re.compile(r"[Ѐ-ӿ]?(?:[а-џґ]+|[А-ЯЀ-ЏҐ]+)")


def encoding_of(head: bytes, *, whole: bool) -> str:
    """The encoding of a text.

    Args:
        head: its first bytes.
        whole: whether they are all; a character that is merely cut is no evidence against an encoding.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if sixteen := _utf_16(head):
        return sixteen
    return _told(head, whole=whole) or "cp1252"


def is_wide(head: bytes) -> bool:
    """Whether characters take two or four bytes each, so that no byte of the file means anything by itself."""
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return (marked or b"\0" in head) and encoding_of(head, whole=False).startswith(("utf-16", "utf-32"))


def narrowed(file: IO[bytes], head: bytes) -> IO[bytes]:
    """A file that begins with `head`, as UTF-8 where it is wide."""
    if not is_wide(head):
        return file
    return cast(IO[bytes], io.BufferedReader(Utf8(file, encoding_of(head, whole=False)), _BLOCK))


def _utf_16(head: bytes) -> str | None:
    """In text that has line ends and delimiters one byte of many pairs is zero, and always the same one.

    In a damaged text of single bytes zeros may lie so too, so that UTF-16 is believed by what it says as such only.
    """
    low, high = head[0::2].count(0), head[1::2].count(0)
    if max(low, high) * 20 < len(head) or min(low, high) * 20 > max(low, high):
        return None
    name = "utf-16-le" if high > low else "utf-16-be"
    return name if _is_utf_16(head[:_LOOKED_AT], name) else None


def _is_utf_16(head: bytes, name: str) -> bool:
    """Whether a text is in UTF-16, and not in single bytes with zeros among them.

    Of single bytes most pairs without a zero are two characters of ASCII, which together mean rare ideographs, and what
    is left without the zeros is text. UTF-16 is that too where it holds ASCII alone: each letter is beside a zero then.
    """
    other = [c for c in head[: len(head) & ~1].decode(name, "replace") if c > "\x7f"]
    if other and any(is_usual(other) for is_usual in _USUAL.values()):
        return True
    if sum(category(c) in _OF_NO_TEXT or c == "\ufffd" for c in other) * 20 > len(other):
        return False
    pairs = np.frombuffer(head, np.uint8, len(head) & ~1).reshape(-1, 2)[:, :: 1 if name == "utf-16-le" else -1]
    letters = np.count_nonzero(_LETTERS[pairs[:, 0]] & (pairs[:, 1] == 0))
    of_ascii = np.count_nonzero(_PRINTABLE[pairs].all(axis=1))
    without_ascii = np.count_nonzero(pairs.all(axis=1) & ~_ASCII_TEXT[pairs].all(axis=1))
    narrow = head.replace(b"\0", b"")
    if _told(narrow, whole=False) is None or _IN_NO_TEXT.search(narrow):
        return bool(of_ascii <= max(without_ascii, letters / 2))
    return bool(without_ascii == 0 < letters and 2 * of_ascii <= letters)


def _told(head: bytes, *, whole: bool) -> str | None:
    """The encoding of a text of narrow characters by what it says in it; None where it says nothing in any."""
    if _decoded(head, "utf-8", whole) is not None or _is_damaged_utf_8(head[:_LOOKED_AT]):
        return "utf-8"
    for name, is_usual in _USUAL.items():
        text = _decoded(head, name, whole)
        if text is not None and is_usual([c for c in text if c > "\x7f"]):
            return name
    cyrillic = _decoded(head, "cp1251", whole)
    return "cp1251" if cyrillic is not None and _is_cyrillic(cyrillic) else None


def _is_damaged_utf_8(head: bytes) -> bool:
    """Whether hardly any of the bytes beyond ASCII are no UTF-8; by chance most of them would not be."""
    other = [c for c in head.decode("utf-8", "surrogateescape") if c > "\x7f"]
    wrong = sum("\udc80" <= c <= "\udcff" for c in other)
    return wrong < (1 - _NEARLY_ALL) * len(other)


def _decoded(head: bytes, encoding: str, whole: bool) -> str | None:
    try:
        return head.decode(encoding)
    except UnicodeDecodeError as error:
        if not whole and error.start >= len(head) - _LONGEST_CHARACTER:
            return head[: error.start].decode(encoding)
        return None


def _is_japanese(other: list[str]) -> bool:
    kana = sum("\u3041" <= c <= "\u30fe" for c in other)
    usual = sum("\u3000" <= c <= "\u9fff" or "\uff01" <= c <= "\uff5e" for c in other)
    return usual >= _NEARLY_ALL * len(other) and kana >= 0.1 * len(other)


def _in_first_level(encoding: str, first: int, last: int) -> Callable[[list[str]], bool]:
    """Nearly all characters in a national set, most of them in its first level: those in everyday use."""

    def is_usual(other: list[str]) -> bool:
        codes = [code for c in other if len(code := c.encode(encoding, "ignore")) == 2]
        everyday = sum(first <= code[0] <= last for code in codes)
        return len(codes) >= _NEARLY_ALL * len(other) and everyday >= 0.6 * len(other)

    return is_usual


def _is_korean(other: list[str]) -> bool:
    """Chinese text, read as Korean, is hangul in part only."""
    return sum("\uac00" <= c <= "\ud7a3" for c in other) >= _NEARLY_ALL * len(other)


def _is_cyrillic(text: str) -> bool:
    """Whether words with letters beyond ASCII are Cyrillic throughout.

    Read as Windows-1251, letters of other languages stand among ASCII letters (é), or change case in a word (Greek,
    Arabic, KOI8-R), or lack the last ones of the alphabet (Hebrew).
    """
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    cyrillic = "".join(word for word in words if _WRITTEN_AS_WORDS_ARE.fullmatch(word))
    return (
        len(cyrillic) >= _NEARLY_ALL * sum(map(len, words))
        and sum(map(str.islower, cyrillic)) > 0.5 * len(cyrillic)
        and sum(c in "ыьэюяії" for c in cyrillic) > 0.005 * len(cyrillic)
    )


_USUAL: Final[dict[str, Callable[[list[str]], bool]]] = {
    "cp932": _is_japanese,
    "cp949": _is_korean,
    "gb18030": _in_first_level("gb2312", 0xB0, 0xD7),
    "cp950": _in_first_level("big5", 0xA4, 0xC6),
}


NO_TEXT: Final = "m5tools.no_text"
"""How errors are handled where units are no bytes: a lone surrogate stands for what is no text, as with
`surrogateescape`, and not U+FFFD, which may have been delivered."""


def _no_text(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    # What sets of single bytes leave out of 0x80 to 0x9F browsers read as controls, which loses nothing.
    wrong = error.object[error.start : error.end]
    if error.encoding == "charmap" and all(0x80 <= byte < 0xA0 for byte in wrong):
        return "".join(map(chr, wrong)), error.end
    return "\udcff", error.end


codecs.register_error(NO_TEXT, _no_text)


class Utf8(io.RawIOBase):
    """A stream of another encoding as UTF-8, without byte-order mark.

    Args:
        file: the bytes.
        encoding: in which they are; what is no text in it becomes bytes that are none in UTF-8 either.
    """

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(NO_TEXT)
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            block = self._file.read(_BLOCK)
            self._ended = not block
            self._ready = self._decoded(block).encode("utf-8", "surrogatepass")
        given, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)

    def _decoded(self, block: bytes) -> str:
        before = self._decoder.getstate()
        try:
            return self._decoder.decode(block, final=self._ended)
        except UnicodeError:  # it would have to keep an escape sequence longer than any of ISO 2022, so it is none
            self._decoder.setstate(before)
            return self._decoder.decode(block, final=True)
