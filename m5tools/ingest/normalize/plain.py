"""Values that are read by whole columns: a number, two or three sides or a range, with one well-known unit at most.

Most values are such. `quantity.py` says the same of them in every locale but those of sizes and of units in names,
which `attributes.py` minds.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.ingest.normalize import units
from m5tools.ingest.normalize.phrases import BEGINNINGS
from m5tools.ingest.normalize.stated import LONGEST, Form

# Three digits behind a point may be thousands, and a leading zero a code: those are for the grammar.
_NUMBER: Final = r"((?:0|[1-9][0-9]{0,6})(?:\.[0-9]{1,2}|\.[0-9]{4,6})?)"
_PLAIN: Final = (
    rf"^{_NUMBER}(?: ?([x×*–-]) ?{_NUMBER}(?: ?[x×*] ?{_NUMBER})?)?"
    r"(?:[ -]?([^\d\s-]\D*))?$"
)
_BEGINNINGS: Final = rf"(?i)^(?:{BEGINNINGS})"
_MINDED: Final = frozenset({"G", "K", "N", "ct", "CT", "Ct", "x", "X", "×", "х", "Kb", "Mb", "Gb", "Tb", "lata"})
"""Spellings that the grammar takes for units with some numbers or below some names only."""
_SIDES: Final = ("length", "resolution")

FORMS: Final = (Form.SINGLE, *(form for form in Form if form is not Form.SINGLE))
SINGLE, _DIMENSIONS, _RANGE = (FORMS.index(form) for form in (Form.SINGLE, Form.DIMENSIONS, Form.RANGE))


class Plain(NamedTuple):
    """What columns say of texts, one entry each.

    Attributes:
        numbers: (texts, 3), NaN where there are fewer; all NaN: not read here.
        form: the place in `FORMS`.
        unit: the place in `units`; 0 is none.
        units: names of units.
        one_letter: the unit is a letter, which behind a size is a width.
        odd: what is for the grammar to read.
    """

    numbers: npt.NDArray[np.float64]
    form: npt.NDArray[np.int64]
    unit: npt.NDArray[np.int64]
    units: list[str | None]
    one_letter: npt.NDArray[np.bool_]
    odd: npt.NDArray[np.bool_]


def plain(texts: pl.Series) -> Plain:
    """Read texts by columns; null is no number."""
    parts = texts.str.extract_groups(_PLAIN).struct.unnest()
    parts.columns = ["first", "sign", "second", "third", "spelled"]
    parts = parts.select(
        pl.col("first", "second", "third").cast(pl.Float64),
        pl.col("spelled"),
        several=pl.col("sign").is_not_null(),
        is_range=pl.col("sign").is_in(["-", "–"]).fill_null(False),
    )
    numbers = np.column_stack([parts[part].to_numpy() for part in ("first", "second", "third")])
    several, is_range = parts["several"].to_numpy(), parts["is_range"].to_numpy()
    spelled = parts["spelled"].to_arrow().dictionary_encode()
    known = _known_units()
    spellings = [text.rstrip() for text in spelled.dictionary.to_pylist()]
    found = [known.get(text) for text in spellings]
    unit = spelled.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    is_known = np.array([True, *(one is not None for one in found)], np.bool_)[unit]
    one_letter = np.array([False, *(len(text) == 1 for text in spellings)], np.bool_)[unit]
    is_side = np.array([True, *(one is not None and one.dimension in _SIDES for one in found)], np.bool_)[unit]

    # The 1990s are no seconds; whole decades are for the grammar to look at.
    is_second = np.array([False, *(one is not None and one.name == "s" for one in found)], np.bool_)[unit]
    is_decade = is_second & (numbers[:, 0] % 10 == 0) & (numbers[:, 0] >= 1900) & (numbers[:, 0] < 2100)

    is_rising = (numbers[:, 0] < numbers[:, 1]) & np.isnan(numbers[:, 2]) & (unit > 0)
    is_there = ~(numbers <= 0).any(axis=1)
    read = (
        ~np.isnan(numbers[:, 0])
        & is_known
        & ~is_decade
        & np.where(is_range, is_rising, ~several | (is_side & is_there))
    )
    numbers[~read] = np.nan
    form = np.where(is_range, _RANGE, np.where(several, _DIMENSIONS, SINGLE))
    odd = texts.str.contains(r"\d").fill_null(False).to_numpy() & ~read
    if odd.any():
        suspects = texts.filter(pl.Series(odd))
        odd[odd] = (suspects.str.contains(_BEGINNINGS) & (suspects.str.len_chars() <= LONGEST)).to_numpy()
    names = [None, *(one and one.name for one in found)]
    return Plain(numbers, form, unit, names, one_letter, odd)


@cache
def _known_units() -> dict[str, units.Unit]:
    """Spellings, as written and in other cases, that need no second thought."""
    known = {
        case: unit
        for spelling in units.spellings()
        for case in (spelling, spelling.lower(), spelling.upper(), spelling.capitalize())
        if (unit := units.unit_of(case)) is not None
    }
    return {spelling: unit for spelling, unit in known.items() if spelling not in _MINDED}
