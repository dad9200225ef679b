"""Attribute values: normalised names and values, and the numbers with their unit where they are surely read.

Work is done once for each distinct value of a column. A bare number with at most one well-known unit, which most are,
is read by columns; the rest value by value in `quantity.py`. Both read the same: a test holds them to it.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from m5tools.ingest.normalize import units
from m5tools.ingest.normalize.mojibake import repaired
from m5tools.ingest.normalize.numbers import Decimal
from m5tools.ingest.normalize.quantity import LONGEST, Form, Locale, Quantity, quantity
from m5tools.ingest.normalize.text import clean

# Three digits behind a point may be thousands, and a leading zero a code: those are for the grammar.
_PLAIN: Final = r"^((?:0|[1-9]\d{0,6})(?:\.\d{1,2}|\.\d{4,6})?)(?:[ -]?([^\d\s-]\D*))?$"
_MINDED: Final = frozenset({"G", "K", "N", "ct", "CT", "Ct", "x", "X", "×", "х"})
"""Spellings that the grammar takes for units with some numbers only."""

# Names under which shops list codes, models and generations (5G): what stands there is a name written in digits.
_CODES: Final = re.compile(
    r"network connections?|koneksi jaringan|"
    r"(?:.*\b)?(?:sku|asin|ean|upc|gtin|isbn(?:-1[03])?|mpn|barcode|part (?:no|number)|item (?:no|number|code)|"
    r"(?:item )?model(?: (?:no|number|name|code|id|year))?|manufacturer (?:part|stock) number|"
    r"stock number|serial number|article (?:no|number)|product (?:id|code|number)|style (?:code|number|no)|reference|"
    r"artikelnummer|art\.?-?nr|modell(?:nummer|name)?|herstellernummer|hersteller-nr|bestellnummer|référence|modèle|"
    r"modelo|referencia|modello|codice|модель|артикул|tipe|model|รุ่น|型号|货号|条形码|商品编号|コード|モデル)(?:\.|:|#)?",
    re.IGNORECASE,
)
_SIZES: Final = re.compile(
    r"(?:.*\b)?(?:size|sizes|größe|groesse|schuhgröße|taille|pointure|talla|taglia|maat|rozmiar|tamanho|размер|ukuran|"
    r"尺码|尺寸|サイズ)",
    re.IGNORECASE,
)
# Sizes of screens and bundles are measures and counts.
_NO_SIZES: Final = re.compile(r"screen|display|pack|memory|file|layar|bildschirm|disk|paper|batch|load", re.IGNORECASE)
_UNIT_IN_NAME: Final = re.compile(r".*\S\s*[(\[（]\s*([^()\[\]]{1,12}?)\s*[)\]）]")


def attributes(frame: pl.DataFrame, decimals: pl.Series | None = None) -> pl.DataFrame:
    """Add `name`, `value`, `number`, `unit`, `numbers` and `form` to `name_raw` and `value_raw`.

    `numbers` are all numbers of a value, `form` says what they are to each other (see `quantity.Form`); `number` is the
    one of a value that is a single exact quantity. A value that is not wholly read stays text: all four are null.

    Args:
        frame: `name_raw`, `value_raw`.
        decimals: the decimal sign of each row's locale (`,` or `.`), null where it is not known.
    """
    name, value = (clean(repaired(frame[column])) for column in ("name_raw", "value_raw"))
    name = name.fill_null("")
    return frame.with_columns(
        name.str.to_lowercase().str.strip_chars(" :").alias("name"),
        value.alias("value"),
        *_quantities(name, value, decimals),
    )


class _Plain(NamedTuple):
    """Distinct values read by columns, one entry each: the number (NaN: none), the place of its unit in `units`."""

    number: npt.NDArray[np.float64]
    unit: npt.NDArray[np.int64]
    units: list[str | None]
    one_letter: npt.NDArray[np.bool_]
    odd: npt.NDArray[np.bool_]


def _quantities(names: pl.Series, values: pl.Series, decimals: pl.Series | None) -> list[pl.Series]:
    """`number`, `unit`, `numbers` and `form` of each value."""
    coded = values.to_arrow().dictionary_encode()
    distinct = pl.Series(coded.dictionary, dtype=pl.String)
    plain = _plain(distinct)
    # A missing value stands behind the distinct ones, as one more that is no number.
    place = coded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False).astype(np.int64)
    codes, locales = _locales(names, decimals)
    sizes = np.array([locale is not None and locale.sizes for locale in locales], np.bool_)[codes]
    gives_unit = np.array([locale is not None and locale.unit is not None for locale in locales], np.bool_)[codes]
    are_codes = np.array([locale is None for locale in locales], np.bool_)[codes]
    bare = plain.unit == 0
    simple = ~(
        np.isnan(plain.number)[place] | are_codes | (sizes & plain.one_letter[place]) | (gives_unit & bare[place])
    )

    digits = plain.odd | ~np.isnan(plain.number)
    rows = np.flatnonzero(digits[place] & ~simple & ~are_codes)
    pairs, which = np.unique(codes[rows] * len(digits) + place[rows], return_inverse=True)
    found = []
    for pair in pairs.tolist():
        locale = locales[pair // len(digits)]
        assert locale is not None
        found.append(quantity(distinct[pair % len(digits)], locale))
    index = np.where(simple, place, len(distinct))
    index[rows] = len(digits) + which
    return _columns(plain, found, index)


def _plain(distinct: pl.Series) -> _Plain:
    parts = distinct.str.extract_groups(_PLAIN).struct.unnest()
    number, spelled = parts.to_series(0).cast(pl.Float64), parts.to_series(1).to_arrow().dictionary_encode()
    known = _plain_units()
    spellings = [text.rstrip() for text in spelled.dictionary.to_pylist()]
    units_here: list[str | None] = [None, *(known.get(text) for text in spellings)]
    unit = spelled.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    known_here = np.array([True, *(text in known for text in spellings)], np.bool_)[unit]
    one_letter = np.array([False, *(len(text) == 1 for text in spellings)], np.bool_)[unit]
    given = number.is_not_null().to_numpy() & known_here
    odd = (distinct.str.contains(r"\d") & (distinct.str.len_chars() <= LONGEST)).to_numpy() & ~given
    return _Plain(
        np.append(np.where(given, number.to_numpy(), np.nan), np.nan),
        np.append(unit, 0),
        units_here,
        np.append(one_letter, False),
        np.append(odd, False),
    )


def _columns(plain: _Plain, found: list[Quantity | None], index: npt.NDArray[np.int64]) -> list[pl.Series]:
    """The columns of the plain values and the others, taken at `index`."""
    there = ~np.isnan(plain.number)
    counts = np.concatenate([there, [len(q.numbers) if q else 0 for q in found]]).astype(np.int64)
    flat = np.concatenate([plain.number[there], *(q.numbers for q in found if q)])
    numbers = pa.LargeListArray.from_arrays(
        np.concatenate([[0], np.cumsum(counts)]), pa.array(flat, pa.float64()), mask=pa.array(counts == 0)
    )
    unit_names = pa.array(plain.units, pa.large_string()).take(pa.array(plain.unit, mask=~there))
    unit = pa.concat_arrays([unit_names, pa.array([q.unit if q else None for q in found], pa.large_string())])
    single = np.concatenate([there, [q is not None and q.form is Form.SINGLE for q in found]]).astype(np.bool_)
    first = np.full(len(counts), np.nan)
    first[: len(there)] = plain.number
    first[len(there) :] = [q.numbers[0] if q else np.nan for q in found]
    kinds = [form.value for form in Form]
    kind = np.zeros(len(counts), np.int64)
    kind[len(there) :] = [kinds.index(q.form) if q else 0 for q in found]
    forms = pa.array(kinds, pa.large_string()).take(pa.array(kind, mask=counts == 0))
    at = pa.array(index)
    return [
        pl.Series("number", pa.array(first, mask=~single).take(at)),
        pl.Series("unit", unit.take(at)),
        pl.Series("numbers", numbers.take(at)),
        pl.Series("form", forms.take(at)),
    ]


def _locales(names: pl.Series, decimals: pl.Series | None) -> tuple[npt.NDArray[np.int64], list[Locale | None]]:
    """A number for each row and what it stands for; None: what stands there are codes."""
    coded = names.to_arrow().dictionary_encode()
    told = [_told_by(name) for name in coded.dictionary.to_pylist()]
    distinct = {locale: number for number, locale in enumerate(dict.fromkeys(told))}
    of_name = np.array([distinct[locale] for locale in told], np.int64)
    codes = of_name[coded.indices.to_numpy(zero_copy_only=False)] if told else np.zeros(0, np.int64)
    if decimals is None or decimals.null_count() == len(decimals):
        return codes, list(distinct)
    signs: list[Decimal | None] = [None, ",", "."]
    known = (decimals == ",").fill_null(False).to_numpy() * 1 + (decimals == ".").fill_null(False).to_numpy() * 2
    each = [locale and locale._replace(decimal=sign) for locale in distinct for sign in signs]
    return codes * len(signs) + known, each


@lru_cache(maxsize=65_536)
def _told_by(name: str) -> Locale | None:
    """What a name tells about the values below it; None: that they are codes."""
    name = name.strip(" :").replace("_", " ")
    if _CODES.fullmatch(name):
        return None
    match = _UNIT_IN_NAME.fullmatch(name)
    unit = match[1] if match and match[1] not in ("M", "L") and units.unit_of(match[1]) else None
    return Locale(sizes=bool(_SIZES.fullmatch(name)) and not _NO_SIZES.search(name), unit=unit)


@cache
def _plain_units() -> dict[str, str]:
    """Spellings, as written and in other cases, that need no second thought."""
    known = {
        case: unit.name
        for spelling in units.spellings()
        for case in (spelling, spelling.lower(), spelling.upper(), spelling.capitalize())
        if (unit := units.unit_of(case)) is not None
    }
    return {s: name for s, name in known.items() if s not in _MINDED}
