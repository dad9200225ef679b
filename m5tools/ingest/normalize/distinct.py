"""A column as its distinct texts, each cleaned once, and which of them every row holds."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.ingest.normalize.mojibake import repaired
from m5tools.ingest.normalize.text import clean

_TOUCHED: Final = r"[^\x21-\x7e ]|  |^ | $|^$"
"""What all texts hold that need cleaning, and those that another encoding broke."""
_MOST_KEPT: Final = 32_768
_LONGEST_KEPT: Final = 60


class Texts(NamedTuple):
    """A column.

    Attributes:
        distinct: its texts, cleaned, in the order in which they come first; the last is null and stands for none.
        place: (rows,) which of them a row holds.
    """

    distinct: pl.Series
    place: npt.NDArray[np.int64]

    @classmethod
    def of(cls, column: pl.Series) -> Texts:
        coded = column.to_arrow().dictionary_encode()
        texts = pl.Series(coded.dictionary, dtype=pl.String).extend_constant(None, 1)
        touched = texts.str.contains(_TOUCHED).arg_true()
        if len(touched):
            texts = texts.scatter(touched, _cleaned(texts.gather(touched)))
        place = coded.indices.fill_null(len(texts) - 1) if coded.null_count else coded.indices
        return cls(texts, place.to_numpy(zero_copy_only=False).astype(np.int64))

    def column(self, name: str) -> pl.Series:
        """The text of every row."""
        return self.distinct.gather(self.place).alias(name)


_known: dict[str, str | None] = {}


def _cleaned(texts: pl.Series) -> pl.Series:
    """The texts, cleaned. Short ones come again in the next batch: they are kept, and forgotten when they are many."""
    if len(_known) > _MOST_KEPT:
        _known.clear()
    given = texts.to_list()
    unknown = [text for text in given if text not in _known]
    if not unknown:
        return pl.Series([_known[text] for text in given], dtype=pl.String)
    fresh = dict(zip(unknown, clean(repaired(pl.Series(unknown))).to_list(), strict=True))
    found = pl.Series([fresh[text] if text in fresh else _known[text] for text in given], dtype=pl.String)
    _known.update((text, cleaned) for text, cleaned in fresh.items() if len(text) <= _LONGEST_KEPT)
    return found
