"""Product identifiers: GTIN and ISBN with their check digit; product ids."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools import wording
from m5tools.addresses import canonical_url

# What shops and spreadsheets put around a code: its kind, Excel's guards for text, the decimal of a column of floats.
_KIND: Final = (
    r"(?i)^(?:ean|upc|gtin|isbn|mpn|sku|asin|model|part|item|art(?:ikel)?)(?:[ -]?(?:1[0-4]|8|a))?"
    r"(?:[ .-]*(?:no|nr|num(?:ber)?|code|nummer))?\.?\s*[:#=]+\s*"
)
_GUARDS: Final = r"^=?[\"']+|[\"']+$"
_WRITTEN_FLOAT: Final = r"^(\d{8,14})\.0+$"
_LENGTHS: Final = (8, 11, 12, 13, 14)
_EXAMPLE: Final = "123456789"
"""Numbers that count up (4012345678901) are of manuals and test data, with the right check digit."""


def gtins(raw: pl.Series) -> pl.Series:
    """Digits of every value whose GS1 (or ISBN-10) check digit is right; null otherwise.

    Lengths 8, 12, 13 and 14 (GS1 General Specifications, section 7.9); ISBN-10 becomes its ISBN-13. A spreadsheet takes
    the leading zero of a UPC: 11 digits whose check digit is right are one of 12. What it rounded (4.00638E+12) is
    lost, and numbers for use inside one shop (GS1 prefixes 02, 04 and 20-29) name nothing outside it.
    """
    if raw.null_count() == len(raw):
        return raw
    bare = raw.str.strip_chars().str.replace_all(_GUARDS, "").str.replace(_KIND, "").str.replace(_WRITTEN_FLOAT, "$1")
    digits = bare.str.replace_all(r"[\s-]", "").str.to_uppercase()
    length = digits.str.len_bytes()
    long_enough = length.is_in(_LENGTHS) & digits.str.contains(r"^[0-9]+$")
    found = digits.set(~long_enough.fill_null(True), None)
    rows = found.is_not_null().arg_true()
    if len(rows):
        given = found.gather(rows)
        wrong = pl.Series(~_are_gtins(given.str.zfill(14), length.gather(rows).to_numpy()))
        found = found.scatter(rows, given.str.zfill(12).zip_with(length.gather(rows) == 11, given).set(wrong, None))
    books = (length == 10).fill_null(False).arg_true()
    if books.is_empty():
        return found
    return found.scatter(books, pl.Series([gtin_of(value) for value in digits.gather(books)], dtype=pl.String))


def _are_gtins(padded: pl.Series, length: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """What :func:`gtin_of` asks of a number, over a column of fourteen digits each."""
    digits = np.array(padded.to_list(), "S14").view(np.uint8).reshape(-1, 14) - ord("0")
    checked = (3 * digits[:, ::2].sum(axis=1, dtype=np.int64) + digits[:, 1::2].sum(axis=1)) % 10 == 0
    short = np.isin(digits[:, 6], (0, 2)) & (length == 8)
    inside = (digits[:, 1] == 2) | ((digits[:, 1] == 0) & np.isin(digits[:, 2], (2, 4)))
    one_shop = np.where(length == 8, short, inside)
    example = padded.str.contains(_EXAMPLE, literal=True).to_numpy()
    valid: npt.NDArray[np.bool_] = checked & digits.any(axis=1) & ~one_shop & ~example
    return valid


def codes(values: pl.Series) -> pl.Series:
    """Cleaned part numbers, SKUs and groups without the name of their kind; what names nothing ("n/a", "0") is null."""
    if values.null_count() == len(values):
        return values
    bare = values.str.replace_all(_GUARDS, "").str.replace(_KIND, "").str.strip_chars()
    frame = pl.DataFrame({"code": bare})
    nothing = frame.select(wording.says_nothing(pl.col("code")) | pl.col("code").str.contains(r"^0*$")).to_series()
    return bare.set(nothing.fill_null(False), None)


def named(ids: pl.Series) -> pl.Series:
    """Cleaned ids of a source, null where one says that there is none ("n/a", "null", "-"); 0 is one."""
    if ids.null_count() == len(ids):
        return ids
    frame = pl.DataFrame({"id": ids})
    nothing = frame.select(wording.says_nothing(pl.col("id"))).to_series()
    return ids.set(nothing.fill_null(False), None)


def gtin_of(value: str) -> str | None:
    """The GTIN in a string of digits, or None."""
    if len(value) == 10 and value[:9].isascii() and value[:9].isdigit():
        total = sum((10 - i) * int(d) for i, d in enumerate(value[:9]))
        if str((11 - total % 11) % 11).replace("10", "X") == value[9]:
            body = "978" + value[:9]
            return body + check_digit(body)
        return None
    if len(value) == 11:
        value = f"0{value}"
    if len(value) not in _LENGTHS or not (value.isascii() and value.isdigit()) or not value.strip("0"):
        return None
    if _EXAMPLE in value or _inside_one_shop(value):
        return None
    return value if check_digit(value[:-1]) == value[-1] else None


def _inside_one_shop(value: str) -> bool:
    """Restricted circulation numbers (GS1 General Specifications, section 1.4)."""
    if len(value) == 8:
        return value[0] in "02"
    whole = value.zfill(14)[1:]
    return whole[0] == "2" or whole[:2] in ("02", "04")


def check_digit(body: str) -> str:
    """GS1 check digit: weights 3 and 1 from the right, up to the next multiple of ten."""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(body)))
    return str(-total % 10)


def product_ids(source: str, native: pl.Series, url: pl.Series, content: list[str]) -> list[str]:
    """The id of each product, named by the source's id, else by the page address, else by what was delivered."""
    if not native.null_count():
        return [product_id(source, "id", one) for one in native.to_list()]
    pages = url.cast(pl.String).rename("url").to_frame().select(canonical_url(pl.col("url"))).to_series()
    return [
        product_id(source, "id", one) if one is not None
        else product_id(source, "url", page) if page is not None
        else product_id(source, "content", whole)
        for one, page, whole in zip(native.to_list(), pages.to_list(), content, strict=True)
    ]  # fmt: skip


def product_id(source: str, kind: str, key: str) -> str:
    """The id of a product: 32 hex digits of sha256 over source, kind of key and key."""
    return hashlib.sha256(f"{source}\x1f{kind}\x1f{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def occurrence_id(base: str, occurrence: int) -> str:
    """The id of a further identical row without id or URL. The first four digits stay, and with them the partition."""
    return base if occurrence == 0 else base[:4] + hashlib.sha256(f"{base}#{occurrence}".encode()).hexdigest()[:28]
