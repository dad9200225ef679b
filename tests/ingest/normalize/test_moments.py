"""Times."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from m5tools.ingest.normalize.moments import moments


def test_times_are_read_one_by_one() -> None:
    noon = datetime(2024, 10, 11, 12, 0, tzinfo=UTC)
    midnight = datetime(2024, 10, 11, tzinfo=UTC)
    expected = {
        "2024-10-11T12:00:00Z": noon, "2024-10-11 14:00:00.000+02:00": noon, "2024-10-11T12:00": noon,
        " 2024-10-11 12:00:00 ": noon, "2024-10-11T12:00Z": noon, "2024-10-11": midnight, "2024/10/11": midnight,
        "11/10/2024": None, "1728648000": None, "2024-13-11": None, "soon": None,
    }  # fmt: skip
    for texts in (list(expected), list(expected)[::-1]):
        found = moments(pl.Series([*texts, None, texts[0]]))
        assert dict(zip(texts, found[:-2], strict=True)) == expected
        assert found[-2:].to_list() == [None, expected[texts[0]]]
        assert found.dtype == pl.Datetime("us", "UTC")


def test_no_zone_leads_out_of_the_calendar() -> None:
    within, beyond, before = "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"
    found = moments(pl.Series([within, beyond, before]))
    assert found.to_list() == [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None, None]
