"""Units: what a written unit is called here, what it measures, and how large it is.

The table is `schemas/units.yaml`, generated from pint's definitions by `benchmarks/unit_table.py`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Final, NamedTuple

from m5tools import documents, resources

COUNT: Final = "count"
PIECES: Final = "pcs"


class Unit(NamedTuple):
    """A unit.

    Attributes:
        name: as the table `attributes` holds it.
        dimension: what it measures; units of one dimension can be converted.
        factor: its size in the first unit of its dimension.
    """

    name: str
    dimension: str
    factor: float


@cache
def spellings() -> dict[str, Unit]:
    """Every spelling, as NFKC leaves it, and its unit."""
    body: dict[str, Any] = documents.read(resources.folder("schemas") / "units.yaml")
    return {
        unicodedata.normalize("NFKC", spelling): Unit(name, dimension, float(about["factor"]))
        for dimension, units in body["units"].items()
        for name, about in units.items()
        for spelling in about["spellings"]
    }


def unit_of(written: str) -> Unit | None:
    """The unit of a spelling, or None.

    Case decides where it tells units apart (mW, MW); a single capital is a unit only where it is one (V, W, L), for S
    and M are sizes.
    """
    written = written.strip()
    exact = spellings().get(written)
    if exact is not None or len(written) == 1:
        return exact
    return spellings().get(written.lower())


@cache
def pattern() -> str:
    """A regular expression for any spelling in any case, the longest first, that ends where the word does."""
    return _of_tree({spelling.lower() for spelling in spellings()})


def _of_tree(words: set[str]) -> str:
    """An alternation that looks at each character once: a thousand spellings side by side would be tried one by one."""
    branches = []
    for first in sorted({word[0] for word in words if word}):
        # A table spells "fl oz" with one space; shops also write none, or two.
        start = r"\s*" if first == " " else re.escape(first)
        rest = {word[1:] for word in words if word[:1] == first}
        end = r"(?![^\W\d_])" if first.isalpha() else ""
        longer = rest - {""}
        tail = _of_tree(longer) if longer else ""
        branches.append(start + (f"(?:{tail}|{end})" if tail and "" in rest else tail or end))
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def convert(number: float, unit: Unit, to: Unit) -> float:
    """A number of one unit in another of the same dimension, to twelve digits: 10 m are 1000 cm."""
    return number if unit == to else float(f"{number * unit.factor / to.factor:.12g}")
