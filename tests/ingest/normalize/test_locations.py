"""Media locations and page addresses."""

from __future__ import annotations

import polars as pl
import pytest

from m5tools.ingest.normalize import locations


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        ("#https://a.com/x.jpg", "https://a.com/x.jpg"), ("//img.a.com/x.jpg", "https://img.a.com/x.jpg"),
        ("/m/x.jpg", "m/x.jpg"), ("./m\\x.jpg", "m/x.jpg"), ("../x.jpg", "../x.jpg"), ("file:///etc/passwd", "file:///etc/passwd"),
    ],
)  # fmt: skip
def test_locations_are_repaired(raw: str, location: str) -> None:
    assert pl.DataFrame({"l": [raw]}).select(locations.location(pl.col("l"))).item() == location


def test_equal_names_in_different_folders_are_different_files() -> None:
    paths = pl.Series(["https://a.com/p1/main.jpg", "https://a.com/p2/main.jpg", "p1/main.jpg", "p2/main.jpg"])
    assert locations.location_ids(paths, "shop").n_unique() == 4
    assert locations.location_ids(paths, "shop")[0] == locations.location_ids(paths, "other")[0]
    assert locations.location_ids(paths, "shop")[2] != locations.location_ids(paths, "other")[2]
