"""Table evidence: how far the attributes of two products agree, and what tells them apart.

Facts are compared by name. Two sets of values *differ* when each holds one that the other lacks ("red, L" / "red, M");
one that merely says more agrees. A text that is the other with a word more ("leather", "genuine leather") does neither.
Measures are compared in a common unit. A difference in an option (colour, size, capacity …) is what separates variants;
a difference in another measure only speaks against identity. What both say because nearly everybody does
(:mod:`m5tools.dedup.evidence.usual`) is left out; a difference from it counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.keyed import Parts, alike, shared
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, neighbours

NO_FACTS = {
    "shared": (pl.UInt32, 0),
    "agreeing": (pl.UInt32, 0),
    "options_agreeing": (pl.UInt32, 0),
    "options_usual": (pl.UInt32, 0),
    "options_differ": (pl.UInt32, 0),
    "measures_differ": (pl.UInt32, 0),
    "varying": (pl.UInt32, 0),
    "varying_agreeing": (pl.UInt32, 0),
    "difference": (pl.String, ""),
}
"""What :func:`compare` says of two products of which none lists a fact: columns, their types and values."""

_FEW_WORDS = 3
"""Of a value; a longer one is a list or a sentence, in which a word more may be another thing."""
_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"
"""Scripts without spaces between words."""


def table_pairs(products: Parts, policy: ComparePolicy, asked: pl.Series | None = None) -> Joined:
    """Products with equal tables of some size; where some rows are asked about, pairs with one of these.

    Args:
        products: columns row, table_key, stem, table_pairs.
        policy: window and cap of the join, and the size.
        asked: these rows; None: all.
    """
    large = pl.when(pl.col("table_pairs") >= policy.table.min_pairs).then("table_key")
    (keyed,) = alike(products, [shared(products, large)], "stem")
    return neighbours(keyed, policy.join.window, policy.join.cap, asked)


def compare(pairs: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The tables of pairs, side by side.

    Args:
        pairs: columns a, b.
        facts: of all products in them, as :func:`~m5tools.dedup.evidence.varying.with_varying` gives them, and `usual`,
            see :func:`m5tools.dedup.evidence.usual.all_usual`.

    Returns:
        `pairs` with `shared` and `agreeing` (names that are no option, uint32), without what both say and is usual;
        `options_agreeing`, `options_usual` (those of them that are usual), `options_differ` and `measures_differ`
        (uint32); `varying` and `varying_agreeing` (options that vary within the item group of the first, and those of
        them that agree); `difference` (text: "colour: red / blue").
    """
    facts = facts.sort("row", maintain_order=True)
    a, b, products = _places(pairs, facts)
    names, option, measured = _names(facts), facts["option"].to_numpy(), facts["measured"].to_numpy()
    met = _met(a, b, products, names)
    several, first = _held(facts)
    sides = (met.one, met.other)
    options, measures, single = (np.array([of[side] for side in sides]) for of in (option, measured, ~several))
    differs = first[met.one] != first[met.other]
    unsure = np.flatnonzero(~single.all(axis=0))
    differs[unsure] = _values(facts, met, unsure).select(_each_has_its_own()).to_series().to_numpy()
    worded = np.flatnonzero(differs & single.all(axis=0) & ~options.any(axis=0) & ~measures.any(axis=0))
    more = np.zeros(len(differs), bool)
    more[worded] = _more(facts, met, first, worded)
    differs &= ~more
    optional, measured_both = options.any(axis=0), measures.all(axis=0)
    usual = _usual(facts, met) & ~differs
    told = ~optional & ~more & ~usual

    def counted(which: np.ndarray) -> pl.Series:
        return pl.Series(np.bincount(met.pair[which], minlength=len(a)).astype(np.uint32))

    varying = np.zeros(len(a), np.uint32)
    np.maximum.at(varying, met.pair, facts["varying"].to_numpy()[met.one])
    return pairs.with_columns(
        shared=counted(told),
        agreeing=counted(told & ~differs),
        options_agreeing=counted(optional & ~differs),
        options_usual=counted(optional & usual),
        options_differ=counted(optional & differs),
        varying=pl.Series(varying),
        varying_agreeing=counted(facts["varies"].to_numpy()[met.one] & ~differs),
        measures_differ=counted(~optional & differs & measured_both),
        difference=_difference(facts, met, names, np.flatnonzero(differs), len(a)),
    )


@dataclass(frozen=True)
class _Met:
    """What both products of pairs have under one code: which pair, and places on either side (int64 [k])."""

    pair: np.ndarray
    one: np.ndarray
    other: np.ndarray


def _places(pairs: pl.DataFrame, facts: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products counted from 0 (int64): both sides of pairs, and whose each fact is, ascending."""
    rows = np.union1d(pairs["a"].to_numpy(), pairs["b"].to_numpy())
    a, b, products = (np.searchsorted(rows, each.to_numpy()) for each in (pairs["a"], pairs["b"], facts["row"]))
    return a, b, products


def _names(facts: pl.DataFrame) -> np.ndarray:
    """int64: names as numbers, in the order of what is told of them ("colour: red / blue")."""
    distinct = facts.select("name").unique().sort(pl.col("name") + ": ").with_row_index("code")
    return facts.select("name").join(distinct, on="name", how="left", maintain_order="left")["code"].to_numpy()


def _met(a: np.ndarray, b: np.ndarray, products: np.ndarray, codes: np.ndarray) -> _Met:
    """What pairs have under one code.

    Args:
        a, b: products of pairs.
        products: whose each row is, ascending.
        codes: of rows, of those of one product all different.
    """
    ends = np.searchsorted(products, np.arange(max(a.max(initial=-1), b.max(initial=-1)) + 2))
    sizes = ends[a + 1] - ends[a]
    pair = np.repeat(np.arange(len(a)), sizes)
    one = np.arange(len(pair)) + np.repeat(ends[a] - np.cumsum(sizes) + sizes, sizes)
    asked = pl.DataFrame({"key": b[pair] << 32 | codes[one], "pair": pair, "one": one})
    held = pl.DataFrame({"key": products << 32 | codes, "other": np.arange(len(products))})
    met = asked.join(held, on="key", maintain_order="left")
    return _Met(*(met[name].to_numpy() for name in ("pair", "one", "other")))


def _held(facts: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Of facts whether they hold several values (bool), and the first as a number (uint64)."""
    held = facts.select(several=pl.col("values").list.len() > 1, first=pl.col("values").list.first().hash())
    return held["several"].to_numpy(), held["first"].to_numpy()


def _usual(facts: pl.DataFrame, met: _Met) -> np.ndarray:
    """bool: whether all that one of two sides says is usual; of sides that agree it is what both say."""
    usual = facts["usual"].to_numpy()
    either: np.ndarray = usual[met.one] | usual[met.other]
    return either


def _values(facts: pl.DataFrame, met: _Met, some: np.ndarray) -> pl.DataFrame:
    """`values` and `values_b` of some of what was met."""
    values = facts["values"]
    return pl.DataFrame({"values": values.gather(met.one[some]), "values_b": values.gather(met.other[some])})


def _more(facts: pl.DataFrame, met: _Met, first: np.ndarray, some: np.ndarray) -> np.ndarray:
    """bool: whether of some single values one says the other and more; each two are looked at once."""
    both = pl.DataFrame({"mine": first[met.one[some]], "theirs": first[met.other[some]], "place": some})
    distinct = both.unique(["mine", "theirs"], maintain_order=True)
    told = _values(facts, met, distinct["place"].to_numpy()).select(_says_more()).to_series()
    known = distinct.select("mine", "theirs", more=told)
    return both.join(known, on=["mine", "theirs"], how="left", maintain_order="left")["more"].to_numpy()


def _difference(facts: pl.DataFrame, met: _Met, names: np.ndarray, some: np.ndarray, pairs: int) -> pl.Series:
    """What differs, in words, for each pair."""
    some = some[np.argsort(met.pair[some] << 32 | names[met.one[some]])]
    values, beside = pl.col("values").list.join(", "), pl.col("values_b").list.join(", ")
    told = _values(facts, met, some).select(
        told=pl.concat_str(facts["name"].gather(met.one[some]), pl.lit(": "), values, pl.lit(" / "), beside)
    )
    if facts["name"].str.contains(": ", literal=True).any():
        told = told.with_columns(pair=met.pair[some]).sort("pair", "told").select("told")
    ends = np.searchsorted(met.pair[some], np.arange(pairs + 1))
    lists = pa.LargeListArray.from_arrays(ends, told["told"].to_arrow().cast(pa.large_string()))
    return pl.Series(pl.from_arrow(lists)).list.join("; ")


def _each_has_its_own() -> pl.Expr:
    """Whether each side holds a value that the other lacks."""
    mine, theirs = pl.col("values"), pl.col("values_b")
    return (mine.list.set_difference(theirs).list.len() > 0) & (theirs.list.set_difference(mine).list.len() > 0)


def _says_more() -> pl.Expr:
    """Each side says one thing in words, and one of them is a part of the other."""
    mine, theirs = (pl.col(side).list.first() for side in ("values", "values_b"))
    number = r"^[\d.,]+$"
    worded = ~mine.str.contains(number) & ~theirs.str.contains(number)
    one, other = (pl.concat_str(pl.lit(" "), side, pl.lit(" ")) for side in (mine, theirs))
    within = other.str.contains(one, literal=True) | one.str.contains(other, literal=True)
    wide = mine.str.contains(_WIDE) & theirs.str.contains(_WIDE)
    within |= wide & (theirs.str.contains(mine, literal=True) | mine.str.contains(theirs, literal=True))
    short = pl.max_horizontal(mine.str.count_matches(" "), theirs.str.count_matches(" ")) < _FEW_WORDS
    return worded & within & short
