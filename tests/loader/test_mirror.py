"""Copies of a store's small files: they lie where they are looked for, whatever the store calls its objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from m5tools.errors import UsageError
from m5tools.loader import mirror

CUT = "memory://mirrored/cut"


@pytest.fixture
def objects() -> Iterator[dict[str, Any]]:
    fs = fsspec.filesystem("memory")
    yield fs.store
    fs.store.clear()


def _put(name: str) -> None:
    fsspec.filesystem("memory").pipe_file(f"/mirrored/cut/{name}", b"1")


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_parts_of_a_cut_lie_in_its_copy_alone(objects: dict[str, Any], tmp_path: Path) -> None:
    _put("products/part.parquet")
    for name in ("../outside.parquet", f"{tmp_path}/outside.parquet"):
        objects[f"/mirrored/cut/products/{name}"] = objects["/mirrored/cut/products/part.parquet"]
    folder = mirror.cut_folder(CUT, tmp_path / "cache")
    assert _files(folder) == ["products/part.parquet"]
    assert len(_files(tmp_path)) == 1


def test_a_part_that_can_be_no_file_here_is_refused(objects: dict[str, Any], tmp_path: Path) -> None:
    _put("products/a\0.parquet")
    assert objects
    with pytest.raises(UsageError, match="no path below a folder; remove it from the store"):
        mirror.cut_folder(CUT, tmp_path)
    assert _files(tmp_path) == []
