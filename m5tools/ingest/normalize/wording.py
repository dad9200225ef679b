"""Ways of writing that are put plainly before the grammar looks: signs, kinds of current, letters for words."""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.normalize.phrases import CURRENTS
from m5tools.ingest.normalize.stated import Locale

# A dash that touches a number only is its sign, or as good as a hyphen where it is the sign of a range.
_MINUS: Final = re.compile(r"(?:^|(?<=[\s~(]))[–—‒−](?=\.?\d)")
_DOTS: Final = re.compile(r"(?<=[\w%°])\s?\.{2,3}\s?(?=[+-]?\d)")
_CURRENT_FIRST: Final = re.compile(
    rf"(?:{CURRENTS})[\s:]*(?=\d[\d.,\s~–-]*[mk]?(?:[va]\b|volts?\b|amps?\b))", re.IGNORECASE
)
_CURRENT_LAST: Final = re.compile(
    rf"(?:(?<=[va])|(?<=volt)|(?<=volts)|(?<=amp)|(?<=amps))\s?[(\[]?(?:{CURRENTS}|[~⎓])[)\]]?$", re.IGNORECASE
)
_DIAMETER: Final = re.compile(r"(?:[ØøΦφ⌀∅]|dia(?:m|meter)?\.?:?)\s*(?=\d)", re.IGNORECASE)
_PACKED: Final = re.compile(r"(?<=[片個个枚件本支粒包袋罐瓶条块只双])(?:装|裝|入り|入)$")
_ESTIMATED: Final = re.compile(r"(?<=[gGlL])\s?℮$|(?<=\d [gl])\s?e$|(?<=\d [mck][lg]) e$")
_TEN_THOUSANDS: Final = re.compile(r"(\d{1,5}(?:\.\d+)?)万(?:像素|画素)$")
_MONTHS: Final = re.compile(r"(?<=\d)\s?[mM](?!\w)")
_YEARS: Final = re.compile(r"(?<=\d)\s?[yY](?!\w|/)")


def plainly(text: str, locale: Locale) -> str | None:
    """The same quantity as the grammar expects it written; None where a letter may be two units.

    Args:
        text: without blanks around it.
        locale: what is known beside it.
    """
    if not text.isascii():
        text = _MINUS.sub("-", text).replace("−", "-").replace("٫", ".").replace("٬", ",")
        text = _PACKED.sub("", _TEN_THOUSANDS.sub(_megapixels, text))
    if ".." in text:
        text = _DOTS.sub(" - ", text)
    if not text[:1].isdigit() and (match := _CURRENT_FIRST.match(text) or _DIAMETER.match(text)) is not None:
        text = text[match.end() :]
    if text[-1:] in "e℮":
        text = _ESTIMATED.sub("", text)
    elif text[-1:] in "cC~⎓)]":
        text = _CURRENT_LAST.sub("", text)
    if locale.letter == "m":
        return text
    if locale.letter is None:
        return text if _MONTHS.search(text) is None else None
    return _YEARS.sub(" years", _MONTHS.sub(" months", text))


def _megapixels(match: re.Match[str]) -> str:
    return f"{float(match[1]) / 100:g} MP"
