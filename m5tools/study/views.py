"""What is compared in a study: columns of its results, and sums of them that are nought where there is no effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """One column of results: a cell, how its vectors are pooled, and what was taken away at test time."""

    model_config = ConfigDict(frozen=True)

    cell: str
    pooling: str
    removal: str = "0%"

    @staticmethod
    def of(text: str) -> View:
        """Read "<cell>/<pooling>" or "<cell>/<pooling>@<removal>"."""
        cell, _, rest = text.rpartition("/")
        pooling, _, removal = rest.partition("@")
        return View(cell=cell, pooling=pooling, removal=removal or "0%")

    def __str__(self) -> str:
        taken = "" if self.removal == "0%" else f", {self.removal} taken away"
        return f"{self.cell} / {self.pooling}{taken}"


@dataclass(frozen=True)
class Contrast:
    """A sum of views, each times a factor, of every seed: a difference of two, an interaction of four, a level alone.

    Attributes:
        name: how it is shown.
        terms: factor and view; the factors add up to nought, but for a level.
    """

    name: str
    terms: tuple[tuple[float, View], ...]

    @staticmethod
    def difference(first: str, second: str) -> Contrast:
        """The first view less the second."""
        views = View.of(first), View.of(second)
        return Contrast(f"{views[0]} − {views[1]}", ((1.0, views[0]), (-1.0, views[1])))

    @staticmethod
    def effect(name: str, factors: Mapping[str, float]) -> Contrast:
        """A named sum of views by their text."""
        return Contrast(name, tuple((factor, View.of(text)) for text, factor in factors.items()))

    @property
    def formula(self) -> str:
        """The sum written out."""
        return " ".join(
            f"{'−' if f < 0 else '+'} {'' if abs(f) == 1 else f'{abs(f):g} × '}({v})" for f, v in self.terms
        )
