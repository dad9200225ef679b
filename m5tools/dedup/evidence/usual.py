"""Facts that tell little, for many who list such a name say the same: "warranty: 1 year", "material: cotton".

Where a share p of the products that list a name say one thing, two of them agree in it by chance with probability p, so
agreement on a frequent value tells less than on a rare one (Newcombe et al., Automatic Linkage of Vital Records,
Science 1959; Winkler, Frequency-Based Matching in the Fellegi-Sunter Model of Record Linkage, 1989). An option is
counted among all products: few titles tell a colour, and those that do say something by telling it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.dedup.evidence.shingle_sets import U32, U64
from m5tools.dedup.evidence.vocabulary import COUNTS, summed, taken_back
from m5tools.dedup.policy import TableRules

VALUED, NAMED = "facts", "names"
"""What is counted: names with a value, and names."""
_SPREADING: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)


def fact_counts(came: pl.DataFrame, gone: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """How many more products say what: of `VALUED` and `NAMED` the counts, columns token and titles (int32), sorted.

    Args:
        came: facts of products that came or changed, as :func:`m5tools.dedup.evidence.facts.product_facts` gives them.
        gone: those of the latter before they changed.
    """
    new, old = _said(came), _said(gone)
    return {kind: summed([_counted(new[kind]), taken_back(_counted(old[kind]))]) for kind in new}


def often(facts: pl.DataFrame, rules: TableRules) -> pl.DataFrame:
    """Of the counts of facts those that may be usual: nearly every value is said by a few products."""
    return facts.filter(pl.col("titles") > rules.usual_from)


@dataclass(frozen=True)
class Usual:
    """Which facts are usual.

    Attributes:
        facts: columns token (ascending) and titles, of those that may be usual.
        names: of all names.
        products: number of all products.
        rules: from which shares what products say is usual.
    """

    facts: pl.DataFrame
    names: pl.DataFrame
    products: int
    rules: TableRules

    @classmethod
    def told(cls, facts: pl.DataFrame, names: pl.DataFrame, products: int, rules: TableRules) -> Usual:
        """From the counts of both kinds over all products."""
        return cls(often(facts, rules), names, products, rules)

    def borne(self, facts: pl.DataFrame) -> pl.DataFrame:
        """By how many products values are borne.

        Args:
            facts: as :func:`m5tools.dedup.evidence.facts.product_facts` gives them.

        Returns:
            One row a value, in order: `borne` (products that say it under this name; 0 where they are too few to
            count), `among` (products that list the name; of an option all products) and `usual`.
        """
        sizes = facts["values"].list.len().to_numpy()
        names = np.repeat(_hashed(facts["name"]), sizes)
        borne = _looked_up(self.facts, _of(names, facts["values"].explode(empty_as_null=False)))
        some = np.flatnonzero(borne)
        option = np.repeat(facts["option"].to_numpy(), sizes)[some]
        among = np.where(option, self.products, _looked_up(self.names, _short(names[some])))
        share = np.where(option, self.rules.usual_options, self.rules.usual_share)
        found = {"among": np.zeros_like(borne), "usual": np.zeros(len(borne), np.bool_)}
        found["among"][some] = among
        found["usual"][some] = borne[some] >= share * among
        return pl.DataFrame({"borne": borne, **found})


def all_usual(facts: pl.DataFrame, usual: Any) -> Any:
    """bool: of facts whether all their values are usual.

    Args:
        facts: as of :meth:`Usual.borne`.
        usual: bool, whether each of the values is, in order.
    """
    ends = facts["values"].list.len().cum_sum().to_numpy()
    unusual = np.concatenate([[0], np.cumsum(~usual)])
    return unusual[ends] == unusual[np.concatenate([[0], ends[:-1]])]


def _said(facts: pl.DataFrame) -> dict[str, U32]:
    """Every value of every product under its name, and every name, as numbers."""
    values = facts.select("name", value="values").explode("value", empty_as_null=False)
    return {VALUED: _of(_hashed(values["name"]), values["value"]), NAMED: _short(_hashed(facts["name"]))}


def _hashed(texts: pl.Series) -> U64:
    hashes: U64 = texts.hash(0).to_numpy()
    return hashes


def _of(names: U64, values: pl.Series) -> U32:
    """Names with a value, as numbers."""
    return _short(names * _SPREADING ^ _hashed(values))


def _short(hashes: U64) -> U32:
    return (hashes >> _HALF).astype(np.uint32)


def _counted(tokens: U32) -> pl.DataFrame:
    token, titles = np.unique(tokens, return_counts=True)
    return pl.DataFrame({"token": token, "titles": titles}, schema=COUNTS)


def _looked_up(counts: pl.DataFrame, tokens: U32) -> Any:
    """int64 [n]: how many products bear each; 0 for one that is not there."""
    known = counts["token"].to_numpy()
    if not len(known):
        return np.zeros(len(tokens), np.int64)
    places = np.minimum(np.searchsorted(known, tokens), len(known) - 1)
    return np.where(known[places] == tokens, counts["titles"].to_numpy()[places], 0).astype(np.int64)
