"""Which products may be duplicates: pairs by every kind of evidence, from what was gathered.

Everywhere `asked` are the rows of which each pair must hold one (newcomers), or None for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from m5tools.dedup.evidence.identifiers import identifier_pairs
from m5tools.dedup.evidence.rare_words import most_shared, rare_word_pairs
from m5tools.dedup.evidence.shown import file_pairs, nothing_shown
from m5tools.dedup.evidence.table import table_pairs
from m5tools.dedup.evidence.text import equal_text_pairs
from m5tools.dedup.evidence.vectors import vector_pairs
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, joined, met, neighbours, wanted

_BY_KEYS: Final = {"identifiers": identifier_pairs, "equal_texts": equal_text_pairs, "tables": table_pairs}
_KEYS: Final = {
    "identifiers": ("row", "group", "gtin", "brand", "mpn", "own_codes", "table_key", "stem"),
    "equal_texts": ("row", "offerer", "title", "description", "table_key", "media_key"),
    "tables": ("row", "table_key", "stem", "table_pairs"),
}
"""What each kind reads of all products."""


def by_keys(gathered: Gathered, kind: str, asked: pl.Series | None, policy: ComparePolicy) -> Joined:
    """Pairs that share an identifier, a text or a table."""
    return _BY_KEYS[kind](gathered.scan("sought").select(_KEYS[kind]).collect(), policy, asked)


def by_bands(gathered: Gathered, bands: Sequence[str], asked: pl.Series | None, policy: ComparePolicy) -> Joined:
    """Pairs that share a MinHash band."""
    every = gathered.scan("bands")
    rows = every.select("row").collect()
    keys = (rows.hstack(every.select(key=band).collect()) for band in bands)
    return joined(neighbours(keyed, policy.join.window, policy.join.cap, asked) for keyed in keys)


def by_files(gathered: Gathered, kind: str, asked: pl.Series | None, shows: bool, policy: ComparePolicy) -> Joined:
    """Pairs that show or play the same.

    All files are looked at, old ones too: under how many titles a picture stands, with its copies, is a matter of all.
    """
    if not shows:
        return nothing_shown(kind)
    if (
        asked is not None
        and gathered.scan(kind).filter(pl.col("row").is_in(asked.implode())).head(1).collect().is_empty()
    ):
        return nothing_shown(kind)
    found = file_pairs(kind, gathered.parts(kind), policy, gathered.scratch)
    return found if asked is None else replace(found, pairs=wanted(found.pairs, asked))


def by_vectors(gathered: Gathered, asked: pl.Series | None, policy: ComparePolicy) -> Joined:
    """Pairs whose titles are near as vectors."""
    assert policy.embedding is not None
    products = gathered.scan("sought").select("row", "origin", "once").collect()
    pairs = vector_pairs(gathered.scan("vectors").collect(), products, policy.embedding)
    return Joined(pairs if asked is None else wanted(pairs, asked))


def by_rare_words(gathered: Gathered, part: int, asked: pl.Series | None, policy: ComparePolicy) -> pl.DataFrame:
    """Pairs that share rare words, with the weight they share: own, other, weight; each pair both ways, sorted."""
    keyed = gathered.scan(f"rare_words_{part}").collect()
    if asked is None:
        return rare_word_pairs(keyed, policy)
    pairs = rare_word_pairs(met(keyed, asked), policy)
    return pairs.filter(pl.any_horizontal(pl.col("own", "other").is_in(asked.implode())))


def nearest(gathered: Gathered, partition: int, policy: ComparePolicy) -> pl.DataFrame:
    """Of the pairs by rare words those that share the most, for each product of a partition."""
    first, beyond = gathered.offsets()[partition : partition + 2]
    shared = gathered.between("shared_words", "own", first, beyond, gathered.names("shared_words"))
    return most_shared(shared, policy)
