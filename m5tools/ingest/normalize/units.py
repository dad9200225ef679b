"""Units: what a written unit is called here, what it measures, and how large it is.

The table is `schemas/units.json`, generated from pint's definitions by `benchmarks/unit_table.py`.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from m5tools import resources

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
    # JSON, for YAML takes a quarter of a second, and that in every worker.
    table = (resources.folder("schemas") / "units.json").read_text(encoding="utf-8")
    body: dict[str, Any] = json.loads(table)
    return {
        unicodedata.normalize("NFKC", spelling): Unit(name, dimension, float(about["factor"]))
        for dimension, units in body["units"].items()
        for name, about in units.items()
        for spelling in about["spellings"]
    }


@lru_cache(maxsize=4_096)
def unit_of(written: str) -> Unit | None:
    """The unit of a spelling, or None.

    Case decides where it tells units apart (mW, MW); what is written in a third way (NM beside Nm and nm) is none of
    them. A single capital is a unit only where it is one (V, W, L), for S and M are sizes.
    """
    written = written.strip()
    exact = spellings().get(written)
    if exact is not None or len(written) == 1 or written.lower() in _told_by_case():
        return exact
    return spellings().get(written.lower())


@cache
def _told_by_case() -> frozenset[str]:
    """Spellings, in lower case, that are several units in others."""
    units: dict[str, set[Unit]] = {}
    for spelling, unit in spellings().items():
        units.setdefault(spelling.lower(), set()).add(unit)
    return frozenset(spelling for spelling, found in units.items() if len(found) > 1)


def end_of(text: str, start: int) -> int:
    """Where the longest spelling that begins at `start` ends, in any case; -1 where none does.

    One that ends in a letter ends where the word does: "5 m" holds a unit, "5 max" none.
    """
    node, end = _tree(), -1
    for place in range(start, len(text)):
        step = node.get(text[place].lower())
        if step is None:
            break
        node = step
        if "" in node and not (text[place].isalpha() and _is_letter(text[place + 1 : place + 2])):
            end = place + 1
    return end


def _is_letter(character: str) -> bool:
    return character.isalnum() and not character.isdecimal()


class _Node(dict[str, "_Node"]):
    """What may follow in a spelling, character by character; "" stands where one may end."""


@cache
def _tree() -> _Node:
    root = _Node()
    for spelling in spellings():
        # A table spells "fl oz" with one space; shops also write none.
        for written in {spelling.lower(), spelling.lower().replace(" ", "")}:
            node = root
            for character in written:
                node = node.setdefault(character, _Node())
            node[""] = _Node()
    return root


def convert(number: float, unit: Unit, to: Unit) -> float:
    """A number of one unit in another of the same dimension, to twelve digits: 10 m are 1000 cm."""
    return number if unit == to else float(f"{number * unit.factor / to.factor:.12g}")
