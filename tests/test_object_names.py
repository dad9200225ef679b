"""Keys of a store as paths of files below a folder."""

from __future__ import annotations

import pytest

from m5tools import object_names
from m5tools.errors import UsageError

PLACE = "s3://shop/ds"


def test_what_a_dataset_is_made_of_passes() -> None:
    object_names.refuse_others(
        ["dataset.json", "runs/ingest/a/.gone", "tables/offers/x=1/ü …%.parquet", "a..b/..c"], PLACE
    )


@pytest.mark.parametrize(
    "name",
    ["/etc/x", "//x", "a//x", "a/./x", "./x", "../x", "a/../x", "a/..", "..", ".", "a\\x", "..\\x", "a\0x", "a" * 300],
)
def test_what_is_no_path_below_a_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no path below a folder; remove it from the store") as refused:
        object_names.refuse_others(["dataset.json", name], PLACE)
    assert repr(f"{PLACE}/{name}") in str(refused.value)


@pytest.mark.parametrize("below", ["tables/x", "tables/x/y"])
def test_a_file_and_a_folder_at_once_is_refused(below: str) -> None:
    for names in (["tables", below], [below, "tables"]):
        with pytest.raises(UsageError, match="'s3://shop/ds/tables' is an object and a folder at once"):
            object_names.refuse_others(names, PLACE)
    object_names.refuse_others(["tables-of", "table", below], PLACE)
