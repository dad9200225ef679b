"""Written numbers → floats. Whether a separator groups thousands or sets off decimals, the locale says, or nobody."""

from __future__ import annotations

import re
from typing import Final, Literal

import polars as pl

Decimal = Literal[",", "."]

_COMMA: Final = (
    "az be bg bs ca cs da de el et eu fi fr gl hr hu hy id is it ka kk lt lv mk nb nl nn no pl pt ro ru sk sl sq sr "
    "sv tr uk vi"
)
_POINT: Final = "bn en fil gu he hi ja kn ko ml mr ms my pa si ta te th tl ur zh"
_OF_LANGUAGE: Final[dict[str, Decimal]] = {
    **dict.fromkeys(_COMMA.split(), ","),
    **dict.fromkeys(_POINT.split(), "."),
}
_OF_REGION: Final[dict[str, Decimal]] = {
    "de-ch": ".", "it-ch": ".", "de-li": ".", "es-mx": ".", "es-us": ".", "es-pe": ".", "es-es": ",", "es-ar": ",",
    "es-co": ",", "es-cl": ",", "en-za": ",", "fr-ch": ",",
}  # fmt: skip

_GROUPED: Final = r"\d{1,3}(?P<separator>[ .,'’])\d{3}(?:(?P=separator)\d{3})*"
_INDIAN: Final = r"\d{1,2}(?:,\d{2})+,\d{3}"
LITERAL: Final = rf"(?:{_INDIAN}|\d{{1,3}}(?:[ .,'’]\d{{3}})+(?!\d)|\d+)(?:[.,]\d+)?|[.,]\d+"
"""What a number may look like; :func:`number` says whether it is one."""

_WHOLE: Final = re.compile(rf"(?:(?P<indian>{_INDIAN})|(?P<grouped>{_GROUPED}))(?:(?P<sign>[.,])(?P<part>\d+))?")
_PLAIN: Final = re.compile(r"(\d*)(?:([.,])(\d+))?")
_MOST_DIGITS: Final = 15


def decimal_of(language: str | None) -> Decimal | None:
    """The decimal sign of a language, as CLDR has it; None where its countries differ (es) or it is unknown.

    Args:
        language: a code such as `de`, `de_CH`, `pt-BR`.
    """
    if not language:
        return None
    code = language.lower().replace("_", "-")
    return _OF_REGION.get(code) or _OF_LANGUAGE.get(code.partition("-")[0])


def decimal_signs(languages: pl.Series, declared: Decimal | None) -> pl.Series:
    """The decimal sign of each row: the one its mapping declares, else that of its language, else null."""
    if declared is not None or languages.null_count() == len(languages):
        return pl.repeat(declared, len(languages), dtype=pl.String, eager=True)
    known = {language: decimal_of(language) for language in languages.unique(maintain_order=True)}
    return languages.replace_strict(known, default=None, return_dtype=pl.String)


def number(text: str, decimal: Decimal | None = None) -> float | None:
    """The value of a written number without sign; None where it is none or may be two.

    `1.234,56`, `1,234.56`, `1’234.50`, `1,29,900` and `1,5` say what they are; `1,500` and `1.500` do not, unless the
    decimal sign of the source is known. A space groups only in front of a decimal sign.

    Args:
        text: digits and separators.
        decimal: the decimal sign of the locale.
    """
    if (len(text) > _MOST_DIGITS and sum(map(str.isdigit, text)) > _MOST_DIGITS) or not text.isprintable():
        return None
    if (plain := _PLAIN.fullmatch(text)) is not None:
        whole, sign, part = plain.groups()
        if sign is None:
            return float(whole) if whole else None
        if len(part) != 3 or len(whole) > 3 or not whole.strip("0") or sign == decimal:
            return float(f"{whole or 0}.{part}")
        return None if decimal is None else float(whole + part)
    found = _WHOLE.fullmatch(text)
    if found is None:
        return None
    grouped, sign, part = found["indian"] or found["grouped"], found["sign"], found["part"] or "0"
    separator = "," if found["indian"] else found["separator"]
    if sign == separator or (separator == " " and sign is None):
        return None
    return float("".join(filter(str.isdigit, grouped)) + f".{part}")
