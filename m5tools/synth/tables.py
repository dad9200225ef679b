"""Attribute tables: every seller names and writes the same facts in his own way, and leaves some out.

An attribute is written from a table that holds every name with every value, ready in the crawl's layout, so a column of
attributes is one gather.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from m5tools.synth import words
from m5tools.synth.columns import escaped, glue, join, mask, otherwise, pick
from m5tools.synth.draws import Bools, Ints
from m5tools.synth.listing import Listing
from m5tools.synth.mess import Mess
from m5tools.synth.profile_m5product import SHEET, SHEET_KEPT, SHEET_VALUES
from m5tools.synth.world import EXTRAS, MAGNITUDES, MEASURE_KINDS, VALUES_PER_ASPECT, Facts, World, translated
from m5tools.vocabulary import Modality, State

# The measure of a foodstuff is its net weight, beside the gross weight every table has.
_MEASURE_NAMES: Final = tuple("pack" if kind == "weight" else kind for kind in MEASURE_KINDS)
_FILLERS: Final = len(words.PLACEHOLDER_VALUES)
_WORDINGS: Final = 2
_KEPT: Final = {"model": 0.7, "colour": 0.85, "material": 0.8, "measure": 0.85, "weight": 0.6, "origin": 0.5}
_EXTRA_KEPT: Final = 0.7


@dataclass(frozen=True)
class Named:
    """The option and material values an offer's title names, bool per offer; they also stand in its table."""

    colour: Bools
    measure: Bools
    material: Bools


class _Written:
    """Every name with each of its values, and with each placeholder value after them, as the layout writes it."""

    def __init__(self, layout: str, names: Iterable[str], values: Iterable[Sequence[str]]) -> None:
        texts: list[str] = []
        for name, own in zip(names, values, strict=True):
            start, end = _around(layout, escaped(name))
            texts.extend(f"{start}{escaped(value)}{end}" for value in (*own, *words.PLACEHOLDER_VALUES))
            self.values = len(own)
        self._table = pl.Series([*texts, None], dtype=pl.String)

    def column(self, name: Ints, value: Ints, filler: Ints, keep: Bools) -> pl.Series:
        """One attribute per offer: placeholder number `filler` instead of the value where that is not -1."""
        shown = np.where(filler >= 0, self.values + filler, value)
        return pick(self._table, name * (self.values + _FILLERS) + shown, keep)


def _around(layout: str, name: str) -> tuple[str, str]:
    """What stands before and after the value of an attribute."""
    return (f"{name}#:#", "") if layout == "m5product" else (f'{{"name":"{name}","value":"', '"}')


@dataclass(frozen=True)
class _Entry:
    """One attribute of a batch, before the mess: indices into its names and values."""

    written: _Written
    name: Ints
    value: Ints
    keep: Bools


class Tables:
    """Writes the attribute tables of one crawl."""

    def __init__(self, world: World) -> None:
        self._world = world
        layout = world.config.layout

        def common(*keys: str, values: list[str]) -> _Written:
            names = [name for key in keys for name in _wordings(words.NAMES[key])]
            return _Written(layout, names, [values] * len(names))

        sizes = [form for kind in MEASURE_KINDS for size in words.MEASURES[kind] for form in size.split("|")]
        self._brand = common("brand", values=world.brands[:-1].to_list())
        self._colour = common("colour", values=_flat(words.COLOURS))
        self._material = common("material", values=_flat(words.MATERIALS))
        self._measure = common(*_MEASURE_NAMES, values=sizes)
        self._weight = common("weight", values=sizes)
        self._origin = common("origin", values=[place for origin in words.ORIGINS for place in origin])
        aspects = [values for _, values in words.ASPECTS]
        self._extra = _Written(
            layout,
            world.extra_names[:-1].to_list(),
            [aspects[n % len(aspects)] for n in range(world.config.attribute_names)],
        )
        self._sheets = self._written_sheets() if world.of_release_length else None
        # Model codes are too many for a table: only what stands around them is.
        around = [_around(layout, name) for name in _wordings(words.NAMES["model"])]
        self._before_model = pl.Series([start for start, _ in around])
        self._after_model = around[0][1]
        self._no_model = _Written(layout, _wordings(words.NAMES["model"]), [()] * len(around))

    def attributes(self, rows: Listing, facts: Facts, mess: Mess, named: Named) -> list[pl.Series]:
        """The tables of a batch: one column of written attributes per position, null where an offer lists none."""
        world, draws, offer = self._world, self._world.draws, rows.offer
        name = facts.language * _WORDINGS + draws.below("name-wording", rows.seller, _WORDINGS)
        value_wording = draws.below("value-wording", offer, _WORDINGS)
        form = draws.below("form", offer, 3)
        genuine = (1 + world.config.informativeness.table) / 2
        varies = rows.group_has_variants

        def noisy(stream: str, code: Ints, bound: int) -> Ints:
            wrong = ~draws.chance(f"genuine-{stream}", offer, genuine)
            return np.where(wrong, draws.below(f"wrong-{stream}", offer, bound), code)

        def kept(key: str) -> Bools:
            return draws.chance(f"lists-{key}", offer, _KEPT[key])

        weight_kind = MEASURE_KINDS.index("weight")
        weight = (weight_kind * MAGNITUDES + noisy("weight", facts.weight, MAGNITUDES)) * 3 + form
        origin = noisy("origin", facts.origin, len(words.ORIGINS)) * len(words.LANGUAGES) + facts.language
        material = translated(facts.material, facts.language, value_wording)
        colour = translated(facts.colour, facts.language, value_wording)
        measure_name = world.measure[facts.category] * len(words.LANGUAGES) * _WORDINGS + name
        contradictory = mess.has("table.contradictory")
        shift = 1 + draws.below("contradiction", offer, len(words.MATERIALS) - 1)
        second = translated((facts.material + shift) % len(words.MATERIALS), facts.language, value_wording)
        measured = world.measure_code(facts, form)
        extras = self._extras(offer, facts, genuine)
        entries = [
            _Entry(self._brand, name, facts.brand, np.ones(len(offer), np.bool_)),
            _Entry(self._colour, name, colour, kept("colour") | named.colour | varies),
            _Entry(self._measure, measure_name, measured, kept("measure") | named.measure | varies),
            _Entry(self._material, name, material, kept("material") | named.material | contradictory),
            _Entry(self._weight, name, weight, kept("weight")),
            _Entry(self._origin, name, origin, kept("origin")),
            *extras,
            _Entry(self._material, name, second, contradictory),
        ]
        present = mess.state_is(Modality.TABLE, State.PRESENT)
        sparse, vague = mess.has("table.sparse"), mess.has("table.placeholder")
        two = mess.is_near("table.two")
        only = draws.below("only-attribute", offer, 2)  # the brand or the colour
        place = np.zeros_like(offer)
        columns = []
        taken = [np.where(extra.keep, extra.name // SHEET, -1) for extra in extras]
        for position, entry in enumerate(entries):
            keep = np.where(sparse, only == position, np.where(two, position < 2, entry.keep & present))
            place += keep
            filler = self._filler(offer, position, vague & (place % 2 == 1))
            columns.append(entry.written.column(entry.name, entry.value, filler, keep))
        if self._sheets is not None:
            columns += self._sheet_columns(offer, facts, genuine, taken, present & ~sparse & ~two & ~vague)
        keep = kept("model") & present & ~sparse & ~two
        model = glue(pick(self._before_model, name), world.model(facts), self._after_model)
        filler = self._filler(offer, len(entries), vague & ((place + keep) % 2 == 1))
        model = otherwise(filler >= 0, self._no_model.column(name, np.zeros_like(name), filler, keep), model)
        return [*columns, mask(model, keep)]

    def _filler(self, offer: Ints, position: int, replaced: Bools) -> Ints:
        """Which placeholder stands at a position, -1 for none. Every odd place: half of the values or one more."""
        return np.where(replaced, self._world.draws.below(f"filler-{position}", offer, _FILLERS), -1)

    def _extras(self, offer: Ints, facts: Facts, genuine: float) -> list[_Entry]:
        draws, config = self._world.draws, self._world.config
        names: list[Ints] = []
        entries = []
        for j in range(EXTRAS):
            right_name = draws.chance(f"extra-name-{j}", offer, config.informativeness.table)
            other_name = draws.below(f"other-name-{j}", offer, config.attribute_names)
            name = np.where(right_name, facts.extra_names[j], other_name)
            right_value = right_name & draws.chance(f"extra-value-{j}", offer, genuine)
            other_value = draws.below(f"other-value-{j}", offer, VALUES_PER_ASPECT)
            value = np.where(right_value, facts.extra_values[j] % VALUES_PER_ASPECT, other_value)
            keep = draws.chance(f"lists-extra-{j}", offer, _EXTRA_KEPT)
            for before in names:  # a name listed twice would be a contradiction
                keep &= name != before
            names.append(name)
            entries.append(_Entry(self._extra, name, value, keep))
        return entries

    def _written_sheets(self) -> pl.Series:
        """Every sheet with each of its values, its attributes already joined."""
        sheets = np.repeat(np.arange(self._world.config.attribute_names // SHEET), SHEET_VALUES)
        high, low = np.divmod(np.tile(np.arange(SHEET_VALUES), len(sheets) // SHEET_VALUES), VALUES_PER_ASPECT)
        always, never = np.ones(len(sheets), np.bool_), np.full(len(sheets), -1)
        pairs = (
            self._extra.column(sheets * SHEET + i, (low + i * high) % VALUES_PER_ASPECT, never, always)
            for i in range(SHEET)
        )
        written = join("#;#" if self._world.config.layout == "m5product" else ",", *pairs)
        return written.append(pl.Series([None], dtype=pl.String))

    def _sheet_columns(
        self, offer: Ints, facts: Facts, genuine: float, taken: list[Ints], there: Bools
    ) -> list[pl.Series]:
        """The sheets that each offer lists; none twice, nor one with a name that the table has already."""
        assert self._sheets is not None
        draws, config = self._world.draws, self._world.config
        columns = []
        for j, (own_sheet, own_value) in enumerate(zip(facts.sheets, facts.sheet_values, strict=True)):
            sheet, value = own_sheet.copy(), own_value.copy()
            wrong = np.flatnonzero(~draws.chance(f"right-sheet-{j}", offer, config.informativeness.table))
            sheet[wrong] = draws.below(f"other-sheet-{j}", offer[wrong], config.attribute_names // SHEET)
            wrong = np.flatnonzero(~draws.chance(f"genuine-sheet-{j}", offer, genuine))
            value[wrong] = draws.below(f"wrong-sheet-{j}", offer[wrong], SHEET_VALUES)
            keep = there & draws.chance(f"lists-sheet-{j}", offer, SHEET_KEPT)
            for before in taken:
                keep &= sheet != before
            taken = [*taken, sheet]
            columns.append(pick(self._sheets, sheet * SHEET_VALUES + value, keep))
        return columns


def _wordings(texts: Sequence[str]) -> list[str]:
    """Two wordings per language."""
    return [texts_of[k % len(texts_of)] for texts_of in (text.split("|") for text in texts) for k in range(_WORDINGS)]


def _flat(entries: Sequence[Sequence[str]]) -> list[str]:
    """The wordings of translated entries, in the order of `translated`."""
    return [word for entry in entries for word in _wordings(entry)]
