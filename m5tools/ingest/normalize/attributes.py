"""Attribute values: normalised names and values, and the numbers with their unit where they are surely read.

Work is done once for each distinct value of a column. A bare number with at most one well-known unit, which most are,
is read by columns in `plain.py`; the rest value by value in `quantity.py`. Both read the same: a test holds them to it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from m5tools.ingest.normalize.distinct import Texts
from m5tools.ingest.normalize.names import told_by
from m5tools.ingest.normalize.numbers import Decimal
from m5tools.ingest.normalize.plain import FORMS, SINGLE, Plain, plain
from m5tools.ingest.normalize.quantity import quantity
from m5tools.ingest.normalize.stated import Locale, Quantity


def attributes(frame: pl.DataFrame, decimals: pl.Series | None = None) -> pl.DataFrame:
    """Add `name`, `value`, `number`, `unit`, `numbers` and `form` to `name_raw` and `value_raw`.

    `numbers` are all numbers of a value, `form` says what they are to each other (see `stated.Form`); `number` is the
    one of a value that is a single exact quantity. A value that is not wholly read stays text: all four are null.

    Args:
        frame: `name_raw`, `value_raw`.
        decimals: the decimal sign of each row's locale (`,` or `.`), null where it is not known.
    """
    names, values = Texts.of(frame["name_raw"]), Texts.of(frame["value_raw"])
    names = names._replace(distinct=names.distinct.fill_null(""))
    lowered = names._replace(distinct=names.distinct.str.to_lowercase().str.strip_chars(" :"))
    return frame.with_columns(
        lowered.column("name"),
        values.column("value"),
        *_quantities(names, values, decimals),
    )


# What a text is; a locale has the bits of those that columns cannot read in it.
_READ, _OF_SIZE, _BARE, _ODD, _ANY = 1, 2, 4, 8, 16


def _quantities(names: Texts, values: Texts, decimals: pl.Series | None) -> list[pl.Series]:
    """`number`, `unit`, `numbers` and `form` of each value."""
    read, place = plain(values.distinct), values.place
    codes, locales = _locales(names, decimals)
    against = [
        _ANY if one is None else _OF_SIZE * (one.sizes or one.letter != "m") + _BARE * (one.unit is not None)
        for one in locales
    ]
    unread = np.array(against, np.uint8)[codes]
    there = ~np.isnan(read.numbers[:, 0])
    of_size = read.one_letter | (read.form != SINGLE)
    kinds = _ANY + _READ * there + _OF_SIZE * of_size + _BARE * (read.unit == 0) + _ODD * read.odd
    kind = kinds.astype(np.uint8)[place]

    simple = (kind & _READ).astype(np.bool_) & (kind & unread == 0)
    rows = np.flatnonzero((kind & (_READ | _ODD)).astype(np.bool_) & ~simple & (unread != _ANY))
    pairs, which = np.unique(codes[rows] * len(there) + place[rows], return_inverse=True)
    texts = values.distinct.gather(pairs % len(there)).to_list()
    found = [
        quantity(text, locale)
        for text, code in zip(texts, (pairs // len(there)).tolist(), strict=True)
        if (locale := locales[code]) is not None
    ]
    # The missing value is the last of the distinct ones, and as all that is not read.
    index = np.where(simple, place, len(there) - 1)
    index[rows] = len(there) + which
    return _columns(read, found, index)


def _columns(read: Plain, found: list[Quantity | None], index: npt.NDArray[np.int64]) -> list[pl.Series]:
    """The columns of the plain values and the others, taken at `index`."""
    given = ~np.isnan(read.numbers)
    counts = np.concatenate([given.sum(axis=1), [len(q.numbers) if q else 0 for q in found]]).astype(np.int64)
    flat = np.concatenate([read.numbers[given], *(q.numbers for q in found if q)])
    form = np.concatenate([read.form, [FORMS.index(q.form) if q else SINGLE for q in found]]).astype(np.int64)
    units = {unit: place for place, unit in enumerate(dict.fromkeys([*read.units, *(q.unit for q in found if q)]))}
    unit_of = np.array([units[unit] for unit in read.units], np.int64)[read.unit]
    unit = np.concatenate([unit_of, [units[q.unit if q else None] for q in found]]).astype(np.int64)

    starts, counts = (np.cumsum(counts) - counts)[index], counts[index]
    missing = counts == 0
    unit, form = np.where(missing, units[None], unit[index]), np.where(missing, len(FORMS), form[index])
    ends = np.cumsum(counts)
    numbers = flat[np.repeat(starts - ends + counts, counts) + np.arange(counts.sum())]
    first = np.append(flat, np.nan)[np.where(missing, len(flat), starts)]
    lists = pa.LargeListArray.from_arrays(np.append(0, ends), pa.array(numbers), mask=pa.array(missing))
    return [
        pl.Series("number", pa.array(first, mask=form != SINGLE)),
        pl.Series("unit", list(units), pl.String).gather(unit),
        pl.Series("numbers", lists),
        pl.Series("form", [*(form.value for form in FORMS), None], pl.String).gather(form),
    ]


def _locales(names: Texts, decimals: pl.Series | None) -> tuple[npt.NDArray[np.int64], list[Locale | None]]:
    """A number for each row and what it stands for; None: what stands there are codes."""
    told = [told_by(name) for name in names.distinct.to_list()]
    distinct = {locale: number for number, locale in enumerate(dict.fromkeys(told))}
    codes = np.array([distinct[locale] for locale in told], np.int64)[names.place]
    if decimals is None or decimals.null_count() == len(decimals):
        return codes, list(distinct)
    signs: list[Decimal | None] = [None, ",", "."]
    coded = decimals.to_arrow().dictionary_encode()
    of_sign = np.array([*map(signs.index, coded.dictionary.to_pylist()), 0], np.int64)
    known = of_sign[coded.indices.fill_null(len(of_sign) - 1).to_numpy(zero_copy_only=False)]
    each = [locale and locale._replace(decimal=sign) for locale in distinct for sign in signs]
    return codes * len(signs) + known, each
