"""Pairs by keys, read part by part, are those of all products at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from m5tools.dedup.evidence.identifiers import branded, identifier_pairs
from m5tools.dedup.evidence.keyed import Parts, alike, hashed, shared
from m5tools.dedup.evidence.table import table_pairs
from m5tools.dedup.evidence.text import equal_text_pairs
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import Joined, joined, neighbours
from tests.dedup.shop import POLICY

_COUNT = 300
_COPIES = 30
"""Rows at the end that say what rows at the beginning do."""
_FEW = POLICY.model_copy(update={"join": POLICY.join.model_copy(update={"window": 2, "cap": 20})})
Pairs = Callable[[Parts, ComparePolicy, pl.Series | None], Joined]


def _products(seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)

    def drawn(kind: pl.DataType | type[pl.DataType], *most: int) -> pl.Series:
        """Of several ranges of values, the smaller shared by many; a third null."""
        values = rng.integers(0, rng.choice(most, _COUNT))
        texts = [None if rng.random() < 0.3 else f"a{value}" for value in values]
        found = pl.Series(texts, dtype=pl.String)
        return found if kind == pl.String else pl.DataFrame({"t": found}).select(hashed("t")).to_series()

    codes = [rng.integers(0, 40, rng.integers(0, 4)).tolist() for _ in range(_COUNT)]
    found = pl.DataFrame(
        {
            "row": pl.Series(range(_COUNT), dtype=pl.UInt32),
            "source": [f"s{i}" for i in rng.integers(0, 3, _COUNT)],
            "offerer": [f"o{i}" for i in rng.integers(0, 2, _COUNT)],
            **{name: drawn(pl.String, 4, 30) for name in ("title", "group", "gtin", "url", "stem")},
            "brand": drawn(pl.String, 3),
            "mpn": pl.Series([f"mpn-{i}" for i in rng.integers(0, 60, _COUNT)]),
            "own_codes": pl.Series(codes, dtype=pl.List(pl.UInt32)),
            **{name: drawn(pl.UInt64, 3, 40) for name in ("description", "table_key", "media_key")},
            "table_pairs": pl.Series(rng.integers(0, 9, _COUNT), dtype=pl.Int32),
        }
    )
    again = found[:_COPIES].with_columns(pl.col("row") + np.uint32(_COUNT - _COPIES))
    return pl.concat([found[:-_COPIES], again])


def _by_identifiers(products: pl.DataFrame, asked: pl.Series | None) -> Joined:
    rows = products.sort("table_key", "stem", "row", nulls_last=True)
    coded = rows.select("row", "brand", code="own_codes").explode("code", empty_as_null=False)
    listed_twice = pl.when(pl.col("source").n_unique().over("url") > 1).then("url")
    keyed = [rows.select("row", key=key) for key in (pl.col("group"), pl.col("gtin"), listed_twice)]
    keyed.append(rows.select("row", key=branded("mpn", _FEW)))
    keyed.append(coded.select("row", key=pl.concat_str("brand", "code", separator="\x1f")))
    return joined(neighbours(keys, 2, 20, asked) for keys in keyed)


def _by_texts(products: pl.DataFrame, asked: pl.Series | None) -> Joined:
    content = ("title", "description", "table_key", "media_key")
    rows = products.sort("table_key", "media_key", "row", nulls_last=True)
    filled = rows.filter(pl.any_horizontal(pl.col(content).is_not_null()))
    whole = filled.select("row", key=pl.struct("offerer", *content).hash())
    return joined((neighbours(rows.select("row", key="title"), 2, 20, asked), neighbours(whole, 1, None, asked)))


def _by_tables(products: pl.DataFrame, asked: pl.Series | None) -> Joined:
    large = products.filter(pl.col("table_pairs") >= _FEW.table.min_pairs).sort("stem", "row", nulls_last=True)
    return neighbours(large.select("row", key="table_key"), 2, 20, asked)


@pytest.mark.parametrize("newcomers", [None, 0, 40])
@pytest.mark.parametrize(
    ("pairs", "plainly"),
    [(identifier_pairs, _by_identifiers), (equal_text_pairs, _by_texts), (table_pairs, _by_tables)],
    ids=["identifiers", "texts", "tables"],
)
def test_parts_change_nothing(
    pairs: Pairs, plainly: Callable[[pl.DataFrame, pl.Series | None], Joined], newcomers: int | None
) -> None:
    asked = None if newcomers is None else pl.Series("row", range(_COUNT - newcomers, _COUNT), dtype=pl.UInt32)
    for seed in range(3):
        products = _products(seed)
        parts = [products[:90].lazy(), products[90:90].lazy(), products[90:].lazy()]
        found, wanted = pairs(parts, _FEW, asked), plainly(products, asked)
        assert found.pairs.equals(wanted.pairs)
        assert (found.hubs, found.hub_rows) == (wanted.hubs, wanted.hub_rows)
        if newcomers != 0:
            assert wanted.pairs.height > 0
    if newcomers is None and pairs is not table_pairs:
        assert wanted.hubs > 0


def test_of_keys_that_nobody_shares_nothing_is_kept_or_ordered() -> None:
    ordered = []

    def read(rows: pl.DataFrame) -> pl.DataFrame:
        ordered.append(rows.height)
        return rows

    products = pl.DataFrame(
        {
            "row": pl.Series(range(8), dtype=pl.UInt32),
            "url": ["a", "b", None, "c", "b", None, "d", "e"],
            "stem": list("hgfedcba"),
        }
    )
    parts = [products[:5].lazy().map_batches(read), products[5:].lazy().map_batches(read)]
    keyed = shared(parts, hashed("url"))
    assert keyed["row"].to_list() == [1, 4]
    (found,) = alike(parts, [keyed], "stem")
    assert found["row"].to_list() == [4, 1]
    ordered.clear()
    assert alike(parts, [keyed.clear()], "stem")[0].is_empty()
    assert not ordered, "nothing is read where nothing is shared"
