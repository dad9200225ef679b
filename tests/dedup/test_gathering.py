"""What is told of products that came is gone through partition by partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from m5tools.dedup.abreast import TOLD
from m5tools.dedup.evidence.facts import FACTS
from m5tools.dedup.gathered import Gathered
from m5tools.dedup.gathering import options_of_groups
from m5tools.dedup.sides import facts_of
from m5tools.stage import Work

_FACT = pl.Struct({name: kind for name, kind in FACTS.items() if name != "row"})
_SAID = {"row": pl.UInt32, "group": pl.String, "facts": pl.List(_FACT)}


def _told(count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Products of which a third are in a group, and as many list nothing."""

    def fact(name: int) -> dict[str, Any]:
        values = [f"v{i}" for i in range(rng.integers(1, 3))]
        return {"name": f"n{name}", "values": values, "option": rng.random() < 0.5, "measured": False}

    return pl.DataFrame(
        {
            "row": range(count),
            "group": [f"g{rng.integers(9)}" if rng.random() < 0.3 else None for _ in range(count)],
            "facts": [[fact(name) for name in range(rng.integers(0, 3))] for _ in range(count)],
        },
        schema=_SAID,
    )


def test_of_products_without_an_item_group_no_facts_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, gathered = np.random.default_rng(3), Gathered(tmp_path, 4)
    parts = [_told(count, rng) for count in (40, 0, 70, 30)]
    parts[3] = parts[3].with_columns(group=pl.lit(None, pl.String))
    for partition, told in enumerate(parts):
        gathered.keep(TOLD, partition, told)
        gathered.write("sought", partition, told.select("row", "group"))
    gathered.number()
    every = pl.concat(parts).with_columns(row=pl.Series(range(140), dtype=pl.UInt32))
    expected = facts_of(every).filter("option").join(every.select("row", "group").drop_nulls(), on="row")
    read, from_arrow = [], pl.from_arrow

    def noting(table: Any) -> Any:
        if "facts" in table.column_names:
            read.append(table.num_rows)
        return from_arrow(table)

    monkeypatch.setattr(pl, "from_arrow", noting)
    found = options_of_groups(cast(Work, None), gathered)
    assert found.sort("row", "name").equals(expected.sort("row", "name"))
    assert found.height > 0
    assert read == [part["group"].count() for part in parts], "a partition at a time"
