"""Which products may be duplicates: pairs by every kind of evidence, from what was gathered.

Those that share an identifier, a text, a table or a file are all compared; of those that share rare words or bands each
product picks the nearest.

Everywhere `asked` are the rows of which each pair must hold one (newcomers), or None for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.evidence.identifiers import identifier_pairs
from m5tools.dedup.evidence.nearest import collisions, most_shared
from m5tools.dedup.evidence.rare_words import rare_word_pairs
from m5tools.dedup.evidence.shown import file_pairs, nothing_shown
from m5tools.dedup.evidence.table import table_pairs
from m5tools.dedup.evidence.text import beside, equal_text_pairs
from m5tools.dedup.evidence.vectors import vector_pairs
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, Words, follow, met, union, wanted

_BANDS: Final = "shared_bands"
RARE_WORDS: Final = "rare_words"
"""The scratch table of keys of rare words: a part per partition, cut into slices, rows counted over the dataset."""
_BY_KEYS: Final = {"identifiers": identifier_pairs, "equal_texts": equal_text_pairs, "tables": table_pairs}


@dataclass(frozen=True)
class Banded:
    """Pairs under bands: as their first rows see them, as their second do; and hubs, as of a join."""

    ahead: pl.DataFrame
    back: pl.DataFrame
    hubs: int
    hub_rows: int

    def keep(self, gathered: Gathered, kind: str) -> None:
        """Leave them for :func:`nearest`, by a name of their own."""
        for name, pairs in zip(_kept((kind,)), (self.ahead, self.back), strict=True):
            gathered.keep(_BANDS, name, pairs)


def by_keys(gathered: Gathered, kind: str, asked: pl.Series | None, policy: ComparePolicy) -> Joined:
    """Pairs that share an identifier, a text or a table."""
    return _BY_KEYS[kind](gathered.parts("sought"), policy, asked)


def by_bands(gathered: Gathered, bands: Sequence[str], asked: pl.Series | None, policy: ComparePolicy) -> Banded:
    """Pairs that share MinHash bands, with how many of these they share.

    Under a key those stand together that share the band beside it as well, so that of many the nearest are met first as
    in an LSH forest (Bawa, Condie & Ganesan, WWW 2005).

    Args:
        gathered: where the keys lie.
        bands: names of bands.
        asked: see above.
        policy: window and cap of the joins.
    """
    found, hubs, hub_rows = _followed(gathered, bands, asked, policy)
    origin = gathered.scan("sought").select("origin").collect()["origin"].to_numpy()
    ahead, back = collisions(_as_one(found), origin)
    if asked is not None:
        mine = pl.any_horizontal(pl.col("own", "other").is_in(asked.implode()))
        ahead, back = ahead.filter(mine), back.filter(mine)
    return Banded(ahead, back, hubs, hub_rows)


def _followed(
    gathered: Gathered, bands: Sequence[str], asked: pl.Series | None, policy: ComparePolicy
) -> tuple[list[Words], int, int]:
    """What bands lead to, and their hubs. The list alone holds its parts once this has returned, and no key is held."""
    second = {band: beside(band, policy.text) for band in bands}
    every = gathered.scan("bands").select("row", *sorted({*second, *second.values()})).collect()
    found: list[Words] = []
    hubs = hub_rows = 0
    for band in bands:
        keyed = every.select("row", key=band, beside=second[band]).drop_nulls("key")
        keyed = keyed if asked is None else met(keyed, asked)
        row, key, other = (keyed[name].to_numpy() for name in ("row", "key", "beside"))
        followed = follow(key, row, policy.join.window, policy.join.cap, other)
        found += followed.pairs
        hubs, hub_rows = hubs + followed.hubs, hub_rows + followed.hub_rows
    return found, hubs, hub_rows


def _as_one(found: list[Words]) -> Words:
    """Parts as one array; each leaves the list once it is copied, so that pairs are in memory once."""
    every = np.empty(sum(map(len, found)), np.uint64)
    end = len(every)
    while found:
        part = found.pop()
        every[end - len(part) : end] = part
        end -= len(part)
    return every


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
    """Pairs that share rare words of one slice, with the weight they share: own, other, weight; each pair both ways,
    sorted."""
    keyed = gathered.bucket(RARE_WORDS, part)
    if asked is None:
        return rare_word_pairs(keyed, policy)
    pairs = rare_word_pairs(met(keyed, asked), policy)
    return pairs.filter(pl.any_horizontal(pl.col("own", "other").is_in(asked.implode())))


def nearest(
    gathered: Gathered, partition: int, proven: Sequence[pl.DataFrame], bands: Iterable[str], policy: ComparePolicy
) -> tuple[pl.DataFrame, int]:
    """What products of a partition are compared with by rare words and by bands: of either what shares the most.

    Args:
        gathered: where pairs and what they share lie.
        partition: which.
        proven: pairs whose first row is in the partition and that are compared whoever picks them.
        bands: what pairs under bands were kept by. Others that lie there are of a run that joined bands otherwise.
        policy: how many are picked.

    Returns:
        Columns a, b; and how many pairs beside the proven there are to pick from whose first row is in the partition.
    """
    first, beyond = gathered.offsets()[partition : partition + 2]
    rules = policy.rare_words
    picks = {
        "shared_words": (gathered.names("shared_words"), rules.candidates, rules.candidates_within),
        _BANDS: (_kept(bands), policy.join.window, policy.join.window),
    }
    found = [
        most_shared(gathered.between(kind, "own", first, beyond, names), *most)
        for kind, (names, *most) in picks.items()
    ]
    offered = union([*(each.of_first for each in found), *proven]).height - union(proven).height
    return union(each.pairs for each in found), offered


def _kept(bands: Iterable[str]) -> list[str]:
    """By which names pairs under bands are kept as their first rows see them, and as their second do."""
    return [f"{kind}{end}" for kind in bands for end in ("", "-back")]
