from __future__ import annotations

from pathlib import Path

import pytest

from m5tools.uris import is_uri, named


@pytest.mark.parametrize("uri", ["s3://b/x", "https://b.org/x", "file:///tmp/x", "FILE:///tmp/x"])
def test_a_uri_that_became_a_path_is_told_as_it_was_given(uri: str) -> None:
    assert is_uri(uri)
    assert is_uri(Path(uri))
    assert named(uri) == named(Path(uri)) == uri


@pytest.mark.parametrize("path", ["b/x", "/tmp/s3:/x", "C:/x", "s3:x", "."])
def test_paths_are_none(path: str) -> None:
    assert not is_uri(path)
    assert named(path) == path
