"""Products laid out to be compared: what must be equal as numbers, texts as sorted sets that are merged as they lie.

Every partition compares with nearly all others, so what a comparison reads of a product is made once, when the product
is gathered, and mapped from disk: rows are taken from it as they are, and nothing is decoded, hashed or looked up again
for each pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.common import FIRST, SECOND, Shared
from m5tools.dedup.evidence.identifiers import branded
from m5tools.dedup.evidence.likeness import Vocabularies, lengths
from m5tools.dedup.evidence.shingle_matrix import in_columns, shingles_in
from m5tools.dedup.evidence.shingle_sets import F64, I32, U32, U64, ShingleSets
from m5tools.dedup.evidence.tokens import (
    DECLARED,
    DESCRIPTION,
    NUMBERS,
    OWN_CODES,
    STEM,
    STEM_CODES,
    STEM_NUMBERED,
    STEM_WORDS,
    TITLE_CODES,
    TITLE_LETTERS,
    TITLE_WORDS,
    WHOLE_CODES,
    WHOLE_WORDS,
    sets_of,
)
from m5tools.dedup.evidence.usual import Usual, all_usual
from m5tools.dedup.evidence.values import value_sets
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.sides import facts_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

KEYS: Final = (
    "source", "offerer", "title", "description", "brand", "gtin", "url", "model", "part", "named", "group",
    "category", "content_hash", "table_key", "media_key", "currency",
)  # fmt: skip
"""What two products may share, as numbers; 0 for nothing."""
SIZES: Final = (TITLE_WORDS, WHOLE_WORDS, STEM, DESCRIPTION, TITLE_CODES, NUMBERS, STEM_WORDS, STEM_NUMBERED)
FIGURES: Final = ("price", "stem_chars", "facts", "options", *SIZES)
"""Numbers of a product, and how many tokens of each kind it has."""
SAID: Final = ("row", "product_id", "source", "title", "brand", "gtin", "url", "mpn", "group", "facts")
"""What is read of a product as text, for the few pairs of which it is asked."""

MARKS: Final = {
    "codes": (WHOLE_CODES, TITLE_CODES),
    "family": (DECLARED, OWN_CODES),
    NUMBERS: (NUMBERS, None),
    STEM_WORDS: (STEM_WORDS, None),
    STEM_NUMBERED: (STEM_NUMBERED, None),
    STEM_CODES: (STEM_CODES, None),
}
"""Small sets, which are laid out as one: columns of each begin at a multiple of 2³²."""
USUAL: Final = "usual"
"""Of each fact of `SAID` whether most say so: known once all are counted, and kept beside them."""
_KIND: Final = 2**32
_LENGTHS: Final = 4
_MARKED: Final = {
    "words": True, "letters": False, "stems": False, "descriptions": False, "marks": True, "values": True,
}  # fmt: skip
"""Sets, and whether a token of them may be in two that are laid out as one."""
_SAYING: Final = ("words", "letters")
"""Sets of which each token tells so much; their tokens are told by place once all words are counted."""


def lay(sides: pl.DataFrame, policy: ComparePolicy) -> tuple[pa.Table, pa.Table]:
    """Lay out products.

    Args:
        sides: row and the columns of `m5tools.dedup.sides.SIDE`, in order of rows.
        policy: which part numbers name something.

    Returns:
        What is known before words are counted, as :class:`Laid` reads it: row, keys, figures and sets; and what
        :func:`weigh` makes the rest of.
    """
    sets = {name: sets_of(sides[name]) for name in sorted({*SIZES, *_sets_named()})}
    option = pl.element().struct.field("option")
    figures = sides.select(
        pl.col("price").fill_null(0),
        pl.col("stem").str.len_chars().fill_null(0),
        pl.col("facts").list.len(),
        pl.col("facts").list.eval(option).list.sum().alias("options"),
        *(pl.lit(pl.Series(name, sets[name].sizes)) for name in SIZES),
    )
    row = {"row": sides["row"].to_arrow()}
    known = {
        "keys": _table(_keys(sides, policy), pa.uint64()),
        "figures": _table(np.ascontiguousarray(figures.cast(pl.Float64).to_numpy()), pa.float64()),
        **_lists("stems", in_columns(sets[STEM], FIRST)),
        **_lists("descriptions", in_columns(sets[DESCRIPTION], FIRST)),
        **_lists("marks", _marks(sets)),
    }
    said = {
        **_lists("words", in_columns(sets[WHOLE_WORDS], FIRST) + in_columns(sets[TITLE_WORDS], SECOND)),
        **_lists("letters", in_columns(sets[TITLE_LETTERS], FIRST)),
    }
    return pa.table(row | known), pa.table(row | said)


def weigh(said: pa.Table, sides: pl.DataFrame, vocabularies: Vocabularies, usual: Usual) -> pa.Table:
    """What products that were laid out say, as far as it tells.

    Args:
        said: what :func:`lay` made of them.
        sides: `facts` of the same products, in the same order.
        vocabularies: of the whole dataset.
        usual: which facts are, in the whole dataset.

    Returns:
        lengths (float64 [n, 4]); words and letters by their places in the vocabularies; values, see
        :mod:`m5tools.dedup.evidence.values`; and `usual`: lists, of each fact whether all that it says is.
    """
    words, letters = (_matrix(said, name) for name in _SAYING)
    words.indices = vocabularies.words_at(shingles_in(words.indices))
    letters.indices = vocabularies.letters_at(shingles_in(letters.indices))
    told = {"lengths": _table(lengths(words, letters, vocabularies), pa.float64())}
    told |= _lists("words", words) | _lists("letters", letters)
    numbered = sides.select("facts", row=pl.int_range(pl.len(), dtype=pl.UInt32))
    facts = facts_of(numbered).rename({"row": "product"})
    usual_values = usual.borne(facts)["usual"].to_numpy()
    told |= _lists("values", value_sets(facts, usual_values, sides.height))
    ends = np.searchsorted(facts["product"].to_numpy(), np.arange(sides.height + 1))
    flags = pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), pa.array(all_usual(facts, usual_values)))
    return pa.table(told | {USUAL: flags})


def hashed(value: pl.Expr) -> pl.Expr:
    """A value as a key: a number, 0 for a null."""
    return pl.when(value.is_not_null()).then(value.hash()).otherwise(0)


def of_kind(shared: Shared, kind: str, one: int = FIRST, other: int = FIRST) -> Any:
    """bool: of the tokens that pairs share among `MARKS` those of a kind, which each side holds in one of its sets."""
    return (shared.columns // _KIND == list(MARKS).index(kind)) & shared.held(one, other)


def numbers_of(columns: Any) -> U64:
    """The numbers of tokens among `MARKS` by their columns: of codes as the table `sought` lists them."""
    found: U64 = (columns % _KIND).astype(np.uint64)
    return found


def joined(parts: Iterable[pa.Table]) -> pa.Table:
    """Several layouts as one, in order of rows."""
    every = pa.concat_tables(parts)
    return every.take(pa.array(np.argsort(every["row"].to_numpy(), kind="stable"))).combine_chunks()


@dataclass(frozen=True)
class Laid:
    """Products as they were laid out, mapped from disk.

    Attributes:
        table: what :func:`lay` made.
        weighed: what :func:`weigh` made.
    """

    table: pa.Table
    weighed: pa.Table

    @cached_property
    def rows(self) -> U32:
        found: U32 = _chunk(self.table["row"]).to_numpy()
        return found

    @cached_property
    def keys(self) -> U64:
        found: U64 = _values(self.table["keys"]).reshape(-1, len(KEYS))
        return found

    @cached_property
    def figures(self) -> F64:
        found: F64 = _values(self.table["figures"]).reshape(-1, len(FIGURES))
        return found

    @cached_property
    def lengths(self) -> F64:
        found: F64 = _values(self.weighed["lengths"]).reshape(-1, _LENGTHS)
        return found

    @cached_property
    def values(self) -> I32:
        """How many values the table of each product has."""
        found: I32 = np.diff(_chunk(self.weighed["values"]).offsets.to_numpy())
        return found

    def places(self, rows: U32) -> Any:
        """Where rows stand, each of which is there."""
        dense = len(self.rows) and self.rows[-1] == len(self.rows) - 1
        return rows.astype(np.int64) if dense else np.searchsorted(self.rows, rows)

    def sets(self, name: str) -> csr_array:
        """Sets as a sparse matrix of their marks."""
        return _matrix(self.table if name in self.table.column_names else self.weighed, name)


def _lists(name: str, matrix: csr_array) -> dict[str, pa.Array]:
    """A sparse matrix as columns of lists."""
    offsets = pa.array(matrix.indptr.astype(np.int32))
    columns = {name: pa.ListArray.from_arrays(offsets, pa.array(matrix.indices))}
    if _MARKED[name]:
        columns[f"{name}_in"] = pa.ListArray.from_arrays(offsets, pa.array(matrix.data))
    return columns


def _matrix(table: pa.Table, name: str) -> csr_array:
    from scipy.sparse import csr_array  # a quarter of a second to load, which every other stage would pay too

    held = _chunk(table[name])
    columns = held.values.to_numpy()
    marks = _values(table[f"{name}_in"]) if _MARKED[name] else np.ones(len(columns), np.int8)
    wide = columns.dtype == np.int64
    shape = (len(held), len(MARKS) * _KIND if wide else np.iinfo(np.int32).max)
    return csr_array((marks, columns, held.offsets.to_numpy().astype(columns.dtype, copy=False)), shape=shape)


def _sets_named() -> Iterable[str]:
    return {TITLE_LETTERS, *(name for both in MARKS.values() for name in both if name)}


def _keys(sides: pl.DataFrame, policy: ComparePolicy) -> U64:
    """uint64 [n, KEYS]: equal where the texts are; 0 for a null."""
    told = sides.with_columns(part=branded("mpn", policy), named=branded("model", policy))
    told = told.with_columns(pl.col("currency").fill_null(""))
    numbers = told.select(hashed(pl.col(key)).alias(key) for key in KEYS)
    return np.ascontiguousarray(numbers.to_numpy().astype(np.uint64, copy=False))


def _marks(sets: Mapping[str, ShingleSets]) -> csr_array:
    """All small sets as one, each kind in columns of its own."""
    width = len(MARKS) * _KIND
    found = None
    for number, both in enumerate(MARKS.values()):
        for mark, name in zip((FIRST, SECOND), both, strict=True):
            if name:
                own = in_columns(sets[name], mark, number * _KIND, width)
                found = own if found is None else found + own
    return found


def _table(values: Any, kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), kind), values.shape[1])


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _values(column: pa.ChunkedArray) -> Any:
    return _chunk(column).values.to_numpy()
