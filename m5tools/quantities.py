"""Whether two quantities are one: 125 g and 4.4 oz, 1 l and 1000 ml.

The units and their factors are those by which ingest reads quantities, `schemas/units.json`. Units of one factor, such
as °C and °F or sheets and rolls, cannot be told into each other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Final

import polars as pl

from m5tools import resources

ROUNDING: Final = 1.02
"""By how much one quantity may be above the other where shops round each in its own unit: 4.4 oz are 124.7 g, 6 in are
15.2 cm and written as 15."""

_WRITTEN: Final = r"^(\p{N}+(?:[.,]\p{N}+)?) ?([^\p{N}]+)$"


@cache
def _units() -> pl.DataFrame:
    """`unit`, `dimension`, `factor` (to the first unit of the dimension)."""
    return _table().select("unit", "dimension", "factor").unique("unit", maintain_order=True)


@cache
def _spellings() -> pl.DataFrame:
    """`spelling` (lower case), `unit`, `dimension`, `factor`; a spelling of several units is left out."""
    told = _table().unique(maintain_order=True)
    return told.unique("spelling", keep="none", maintain_order=True)


@cache
def _table() -> pl.DataFrame:
    units = json.loads((resources.folder("schemas") / "units.json").read_text(encoding="utf-8"))["units"]
    rows = [
        (unit, dimension, float(told["factor"]), spelling.lower())
        for dimension, of in units.items()
        for unit, told in of.items()
        for spelling in (unit, *told["spellings"])
    ]
    return pl.DataFrame(rows, schema=["unit", "dimension", "factor", "spelling"], orient="row")


def read(quantities: pl.DataFrame) -> pl.DataFrame:
    """The same rows with `dimension`, `factor` and `amount` (in the dimension's first unit); null without a known unit.

    Args:
        quantities: `number`, `unit`, as ingest reads them.
    """
    known = quantities.join(_units(), on="unit", how="left", maintain_order="left")
    return known.with_columns(amount=pl.col("number") * pl.col("factor"))


def read_words(texts: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows whose words are a number and a unit ("1 l", "1000ml"), with `dimension`, `factor` and `amount`.

    Args:
        texts: with `column`, words as :func:`m5tools.wording.words` makes them.
        column: which.
    """
    parts = pl.col(column).str.extract_groups(_WRITTEN).struct
    written = texts.filter(pl.col(column).str.contains(_WRITTEN)).with_columns(
        number=parts.field("1").str.replace(",", ".", literal=True).cast(pl.Float64, strict=False),
        spelling=parts.field("2").str.strip_chars(" "),
    )
    known = written.join(_spellings(), on="spelling", maintain_order="left")
    return known.with_columns(amount=pl.col("number") * pl.col("factor")).drop("number", "spelling", "unit")


def spelled(unit: str) -> str:
    """A unit as it is written: "GB" for "gb"; one that is not known, or several, as it stands."""
    found = _spellings().filter(spelling=unit.lower())["unit"]
    return str(found[0]) if len(found) else unit


def near(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Two amounts of one dimension are the same but for rounding; nothing and less than nothing is near nothing."""
    low, high = pl.min_horizontal(one, other), pl.max_horizontal(one, other)
    return (low > 0) & (high <= ROUNDING * low)


def one_in_several_units(told: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """`by` of the groups that tell one quantity, each time in another unit.

    Args:
        told: `number`, `unit` and the columns `by`; each different quantity of a group once.
        by: what makes a group.
    """
    known = read(told.filter(pl.len().over(by) > 1))
    amount = pl.col("amount")
    groups = known.group_by(by, maintain_order=True).agg(
        one=near(amount.min(), amount.max()),
        comparable=(pl.col("dimension").n_unique() == 1) & amount.is_not_null().all(),
        units_differ=pl.col("factor").n_unique() == pl.len(),
    )
    return groups.filter("one", "comparable", "units_differ").select(by)
