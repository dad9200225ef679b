"""What the system, Polars and Arrow say becomes one line with the file and the remedy."""

from __future__ import annotations

import errno
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from m5tools import atomic
from m5tools.errors import told_by_the_system


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EMFILE, "x", "/d/a"), "/d/a: too many open files; raise the limit on open files (ulimit -n)"),
        (OSError(errno.EIO, "x", "/d/a"), "/d/a: input/output error; see to the disk or the file server"),
        (OSError(errno.ENOSPC, "x"), "/d or /tmp: no space left on device; free some space"),
        (OSError("Too many open files (os error 24): /d/part.parquet"),
         "/d/part.parquet: too many open files; raise the limit on open files (ulimit -n)"),
        (pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
         "/d or /tmp: no space left on device; free some space"),
        (MemoryError("Unable to allocate 12 GiB"),
         "/d or /tmp: cannot allocate memory (Unable to allocate 12 GiB); "
         "free memory, raise its limit (ulimit -v), or use fewer --workers"),
        (OSError(errno.EACCES, "x"), None),
        (OSError(errno.ENOENT, "x", "/d/a"), None),
        (ValueError("no (os error 28)"), None),
        (pl.exceptions.ComputeError("a damaged file"), None),
    ],
)  # fmt: skip
def test_one_line(error: Exception, told: str | None) -> None:
    assert told_by_the_system(error, "/d or /tmp") == told


def _fill(file: Path) -> None:
    with atomic.whole_file(file) as temporary:
        temporary.touch()
        with pa.OSFile("/dev/full", "wb") as sink:
            sink.write(bytes(1 << 16))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_names_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    with pytest.raises(OSError, match="No space left") as full:
        _fill(file)
    assert told_by_the_system(full.value) == f"{file}: no space left on device; free some space"
    assert list(tmp_path.iterdir()) == []
