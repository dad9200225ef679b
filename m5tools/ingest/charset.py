"""What encodings are called: by a page, a feed, an HTTP header, a mapping.

Under such names Python knows codecs that are no encoding of a text: of bytes (`zlib`, `hex`), of text (`rot13`), of
host names (`idna`, `punycode`), of its own literals (`unicode_escape`), and one that is there to fail (`undefined`).
That of `iso2022_jp_2`, which no browser knows, ends in an error of its own at some bytes.
"""

from __future__ import annotations

import codecs
from typing import Final

_OF_OTHER_THINGS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
_WIDER: Final = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "tis-620": "cp874",
}  # fmt: skip
_EVERY_BYTE: Final = bytes(range(256))
_NO_SET: Final = b"\x1b.J\x1bNA"
"""A character of the set G2, for which one is named that cannot be there."""
_MARKUP: Final = (
    '<?xml version="1.0" encoding="ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz:.-0123456789"/>\r\n'
)


def text_encoding(label: str) -> str | None:
    """Python's name of an encoding in which any bytes can be read, none too bad to be replaced; None for all else."""
    try:
        name = codecs.lookup(label).name
        if name not in _OF_OTHER_THINGS:
            (_EVERY_BYTE + _NO_SET).decode(name, "replace")
            return name
    except (LookupError, ValueError, RuntimeError):  # unknown; no codec of any text, which only bytes tell
        pass
    return None


def wider(name: str) -> str:
    """The set that browsers read in place of one that it contains (WHATWG Encoding, "names and labels")."""
    return _WIDER.get(name, name)


def declared_encoding(label: str) -> str | None:
    """The encoding of a text whose declaration was read as ASCII; None where it cannot be the one that is named.

    What can be read as ASCII is not UTF-16, whatever it says, but UTF-8 (HTML standard, 13.2.3.2); nor is it EBCDIC.
    """
    name = text_encoding(label)
    if name is None or name.startswith(("utf-16", "utf-32")):
        return name and "utf-8"
    return name if _MARKUP.encode().decode(name, "replace") == _MARKUP else None
