"""In which options the products of an item group differ."""

from __future__ import annotations

import polars as pl

from m5tools.dedup.evidence.facts import FACTS
from m5tools.dedup.evidence.varying import varying_options, with_varying

_ROWS = [
    *((row, "size", [size], True, False) for row, size in enumerate(["s", "m", "s"])),
    *((row, "colour", values, True, False) for row, values in enumerate([["red"], ["red", "scarlet"], ["red"]])),
]
_FACTS = pl.DataFrame(_ROWS, schema=FACTS, orient="row")


def test_an_option_varies_of_which_no_value_is_common_to_all() -> None:
    grouped = _FACTS.with_columns(group=pl.lit("g"))
    assert varying_options(grouped).rows() == [("g", "size")]
    marked = with_varying(grouped, varying_options(grouped))
    assert marked.select("name", "varies", "varying").unique(maintain_order=True).rows() == [
        ("size", True, 1), ("colour", False, 1),
    ]  # fmt: skip


def test_nothing_varies_without_a_group() -> None:
    marked = with_varying(
        _FACTS.with_columns(group=pl.lit(None, pl.String)), _FACTS.clear().select(group="name", name="name")
    )
    assert not marked["varies"].any()
    assert marked["varying"].sum() == 0
