"""Places in a store in one form; what is roundabout is refused."""

from __future__ import annotations

import pytest

from m5tools import objects


@pytest.mark.parametrize("uri", ["s3://bucket/a/b", "s3a://bucket/a/b", "s3://bucket/a/b/", "s3://bucket/a/b//"])
def test_a_place_has_one_form(uri: str) -> None:
    assert objects.plain(uri) == "s3://bucket/a/b"


@pytest.mark.parametrize(
    "uri",
    ["s3://", "s3:///a", "s3://bucket//a", "s3://bucket/../a", "s3://bucket/./a", "gs://bucket/a", "http://a/b", "a"],
)
def test_what_is_no_folder_of_a_store_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="without empty names"):
        objects.plain(uri)


def test_an_object_is_told_by_bucket_and_path() -> None:
    pytest.importorskip("s3fs")
    bucket, path = objects.object_at("s3://bucket/a/b c.png")
    assert (bucket.folder, path) == ("s3://bucket", "a/b c.png")
    assert objects.object_at("s3://bucket/d")[0] is bucket
