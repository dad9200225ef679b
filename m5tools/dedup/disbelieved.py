"""Identifiers that two products share and that are not believed, in words; how, see :mod:`m5tools.dedup.crowds`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup.crowds import PAGE
from m5tools.dedup.evidence.identifiers import branded
from m5tools.dedup.policy import ComparePolicy

_CALLED: Final = {"gtin": "GTIN", "part": "brand and part number", PAGE: "address", "group": "item group"}


def disbelieved(dataset: Dataset, a: str, b: str, seen: Mapping[str, Any], policy: ComparePolicy) -> Iterator[str]:
    """What two products share though it proves nothing of them, and by how many it is borne.

    Args:
        dataset: where `compare` has run.
        a, b: product ids.
        seen: their row of `comparisons`; empty where they were not compared.
        policy: how many bearers are too many.
    """
    kept = ("product_id", "source", "gtin", PAGE, "group", "stem")
    bearers = dataset.scan("sought").select(*kept, part=branded("mpn", policy))
    both = bearers.filter(pl.col("product_id").is_in([a, b])).collect()
    for kind, called in _CALLED.items():
        if kind == PAGE and both["source"].n_unique() == 1:
            continue
        values = both[kind]
        if values.null_count() or values.n_unique() > 1 or seen.get(f"same_{kind}"):
            continue
        bearing = bearers.filter(pl.col(kind) == values[0]).select("source", "stem").collect()
        products, titles = bearing.height, bearing["stem"].n_unique()
        if kind == PAGE and bearing.unique()["source"].is_duplicated().any():
            proves = "proves nothing: one source lists several of these on it"
        elif products > policy.join.cap and kind != "group":
            proves = "proves nothing"
        elif products > policy.join.cap or titles > policy.identifier.hub_titles:
            proves = "is believed of like titles only"
        else:
            continue
        named = values[0].rpartition("\x1f")[2]
        yield f"one {called} ({named}), but {products:,} products under {titles:,} titles bear it, so it {proves}"
