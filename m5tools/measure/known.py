"""What the corpus counted of values and of words, laid out so that a partition's look-ups cost what it asks.

A join builds a table of its right side: all values and all words of the corpus, once a partition. Here they lie sorted
by 64-bit numbers, once in a process, and are searched. Words are such numbers themselves. Of values they are hashes,
which say where to look and decide nothing: what lies there is compared as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

BRAND: Final = "brand"
"""The name under which brands are listed."""

Numbers = NDArray[np.uint64]


@dataclass(frozen=True)
class Vocabulary:
    """The short values that the corpus lists under each name, and its brands under the name of brands.

    Attributes:
        rows: `name`, `run`: each pair once, in the order of `pairs`.
        pairs: hashes of the rows, sorted.
        runs: hashes of the different runs, sorted.
    """

    rows: pl.DataFrame
    pairs: Numbers
    runs: Numbers

    @classmethod
    def of(cls, values: pl.DataFrame, brands: pl.DataFrame) -> Vocabulary:
        """
        Args:
            values: `name`, `value`.
            brands: `brand`.
        """
        listed = pl.concat([values.select("name", run="value"), brands.select(name=pl.lit(BRAND), run="brand")])
        rows = listed.unique().with_columns(pair=_of_pair()).sort("pair", "name", "run")
        runs = rows.select(of_run("run")).to_series().unique().sort()
        return cls(rows.drop("pair"), rows["pair"].to_numpy(), runs.to_numpy())

    def holds(self, runs: pl.Series) -> pl.Series:
        """Of hashes of runs (:func:`of_run`) the different ones that are listed under some name; sorted."""
        asked = runs.unique().sort()
        _, there = found(self.runs, asked.to_numpy())
        return asked.filter(pl.Series(there))

    def listed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows (`name`, `run` …) whose run the corpus lists under their name."""
        pairs = rows.select(_of_pair()).to_series()
        asked = pairs.unique().sort().to_numpy()
        first, beyond = np.searchsorted(self.pairs, asked), np.searchsorted(self.pairs, asked, side="right")
        many = beyond - first  # several rows of one hash are rare, and all of them are looked at
        places = np.repeat(beyond - np.cumsum(many), many) + np.arange(many.sum())
        likely = rows.filter(pairs.is_in(pl.Series(asked[many > 0]).implode()))
        return likely.join(self.rows[places], on=["name", "run"], how="semi")


def of_run(column: str) -> pl.Expr:
    """The hash of a run of words."""
    return pl.col(column).hash()


def _of_pair() -> pl.Expr:
    return pl.col("name").hash(1) ^ of_run("run")


@dataclass(frozen=True)
class TitleWords:
    """How many products' titles hold each word, in all and by category.

    Attributes:
        words: the different words, sorted.
        everywhere: products of all categories, int64 [words].
        homes: `category`, `home`: its number.
        keys: place among the words × 2³² + number of the category, sorted.
        here: products of that category, int64 [keys].
    """

    words: Numbers
    everywhere: NDArray[np.int64]
    homes: pl.DataFrame
    keys: Numbers
    here: NDArray[np.int64]

    @classmethod
    def of(cls, counted: pl.DataFrame) -> TitleWords:
        """
        Args:
            counted: `corpus_words`: `word`, `category`, `products`.
        """
        homes = counted.select(pl.col("category").unique().sort()).with_row_index("home").select("category", "home")
        rows = counted.join(homes, on="category").select("word", "home", "products").sort("word", "home")
        totals = rows.group_by("word", maintain_order=True).agg(pl.col("products").sum())
        keys = rows.select(_key(pl.col("word").rle_id(), pl.col("home"))).to_series()
        return cls(
            totals["word"].to_numpy(),
            totals["products"].to_numpy(),
            homes,
            keys.to_numpy(),
            rows["products"].to_numpy(),
        )

    def counts(self, said: pl.DataFrame) -> pl.DataFrame:
        """The rows whose word is known, in their order, with `everywhere` and `here` (0 where it is not known there).

        Args:
            said: `word`; `home`, null for a category that is not among `homes`.
        """
        places, there = found(self.words, said["word"].to_numpy())
        rows = said.filter(pl.Series(there)).with_columns(place=pl.Series(places[there], dtype=pl.Int64))
        home = pl.col("home").fill_null(self.homes.height)
        keys, at_home = found(self.keys, rows.select(_key(pl.col("place"), home)).to_series().to_numpy())
        here = np.zeros(rows.height, np.int64)
        here[at_home] = self.here[keys[at_home]]
        everywhere = self.everywhere[rows["place"].to_numpy()]
        return rows.drop("place").with_columns(pl.Series("everywhere", everywhere), pl.Series("here", here))


def _key(place: pl.Expr, home: pl.Expr) -> pl.Expr:
    return place.cast(pl.UInt64) * (1 << 32) + home.cast(pl.UInt64)


def found(numbers: Numbers, asked: Numbers) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each of some numbers lies among sorted ones, and whether it is there at all."""
    order = np.argsort(asked)  # in order they are found several times as fast: each near the one before
    places = np.empty(len(asked), np.intp)
    places[order] = np.searchsorted(numbers, asked[order])
    there = places < len(numbers)
    there[there] = numbers[places[there]] == asked[there]
    return places, there
