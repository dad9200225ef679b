"""Archives and folders that reach out or blow up: nothing is written or read outside, and memory stays bounded."""

from __future__ import annotations

import gzip
import json
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS, Row
from m5tools.media.guard import bounded
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

from . import poison_seeds as seeds
from .poison_readers import mapping_of

LINE = json.dumps({"id": 1, "title": "mug"}).encode() + b"\n"
SECRET = "<html><h1>a private file</h1><title>a private file</title></html>"


def rows(kind: str, path: Path) -> list[Row]:
    return read(READERS[kind], path, mapping_of(kind))


@pytest.mark.parametrize(
    "name",
    ["../out.jsonl", "../../../../tmp/out.jsonl", "/etc/out.jsonl", "C:\\out.jsonl", "a\\..\\..\\b", "x/./../../y"],
)
def test_a_name_that_reaches_out_names_a_row_and_no_file(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (inside / "in.zip").write_bytes(seeds.archive({name: LINE}))
    before = set(tmp_path.rglob("*"))
    assert records(rows("json_lines", inside / "in.zip")) == [{"id": 1, "title": "mug"}]
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/etc/out.jsonl").exists()


def test_a_link_in_an_archive_is_refused_and_nobody_follows_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        link = zipfile.ZipInfo("link.jsonl")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    (row,) = rows("json_lines", tmp_path / "in.zip")
    assert (row.raw, row.reason) == (b"", RejectReason.NOT_PARSEABLE)
    assert row.message.startswith("it is a link")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.REGTYPE])
def test_tar_archives_are_no_input(tmp_path: Path, kind: bytes) -> None:
    from m5tools.ingest.sniff import sniff

    with tarfile.open(tmp_path / "in.tar", "w") as archive:
        info = tarfile.TarInfo("../../etc/passwd")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(UsageError, match="tar archives must be unpacked"):
        sniff(tmp_path / "in.tar")


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder with a page and texts of its own, and links to what lies outside of it."""
    for name in ("private.html", "private.txt"):
        (tmp_path / name).write_text(SECRET)
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "own.html").write_bytes(seeds.page())
    (folder / "mug.txt").write_text("Mug\nBlue.")
    (folder / "alias.txt").symlink_to("mug.txt")
    (folder / "out.html").symlink_to("../private.html")
    (folder / "out.txt").symlink_to(tmp_path / "private.txt")
    (folder / "loop.html").symlink_to("loop.html")
    return folder


@pytest.mark.parametrize("kind", ["pages", "folder"])
def test_a_link_out_of_a_folder_is_a_reject_that_says_so(stranger: Path, kind: str) -> None:
    more = {"parts": {"text": ".txt"}} if kind == "folder" else {}
    mapping = Mapping.model_validate({"source": "s", "format": kind, **more})
    found = read(READERS[kind], stranger, mapping)
    assert "private" not in repr(found).replace("private.", "")
    (bad,) = (row for row in found if row.reason)
    assert "is a link that leads out of the folder" in bad.message
    assert len(records(found)) == (2 if kind == "folder" else 1)


def test_an_archive_behind_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "private.warc").write_bytes(seeds.warc())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.warc").symlink_to("../private.warc")
    with pytest.raises(UsageError, match="leads out of the folder"):
        rows("pages", tmp_path / "in")


def zeros(size: int) -> bytes:
    return gzip.compress(bytes(size), 9, mtime=0)


BOMBS: dict[str, Callable[[], bytes]] = {
    "one line of zeros": lambda: zeros(400_000_000),
    "one line of zeros, zipped": lambda: seeds.archive({"a.jsonl": bytes(400_000_000)}),
    "zipped twice": lambda: seeds.archive({"a.jsonl.gz": zeros(400_000_000)}),
    "one endless string": lambda: gzip.compress(b'{"title": "' + b"x" * 400_000_000, 1, mtime=0),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["json_lines", "csv", "xml", "json"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_rejects_in_little_memory(tmp_path: Path, bomb: str, kind: str) -> None:
    (tmp_path / "bomb").write_bytes(BOMBS[bomb]())
    with bounded(256 * 2**20):
        found = rows(kind, tmp_path / "bomb")
    assert all(row.reason for row in found)
    assert sum(len(row.raw) for row in found) <= 64 * 2**20


def test_a_page_that_unpacks_to_more_than_a_page_is_one_reject(tmp_path: Path) -> None:
    (tmp_path / "a.html.gz").write_bytes(zeros(50_000_000))
    with bounded(256 * 2**20):
        (row,) = rows("pages", tmp_path / "a.html.gz")
    assert row.reason == RejectReason.TOO_LONG


def test_a_name_with_a_nul_ends_there(tmp_path: Path) -> None:
    body = seeds.archive({"aXjsonl": LINE}).replace(b"aXjsonl", b"a\0jsonl")
    (tmp_path / "in.zip").write_bytes(body)
    assert records(rows("json_lines", tmp_path / "in.zip")) == [{"id": 1, "title": "mug"}]


@pytest.mark.parametrize("kind", ["json_lines", "json", "csv", "xml"])
def test_two_archives_in_one_file_are_told_by_every_format(tmp_path: Path, kind: str) -> None:
    data = {"xml": b"<a><p><id>1</id></p></a>", "csv": b"id,title\n1,mug\n"}.get(kind, LINE)
    (tmp_path / "in.zip").write_bytes(seeds.archive({"a": data}) + seeds.archive({"b": data}))
    found = rows(kind, tmp_path / "in.zip")
    (bad,) = (row for row in found if row.reason)
    assert "begins a file that its directory does not list" in bad.message
    assert len(records(found)) == 1


def test_a_device_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.html")
    (tmp_path / "in" / "a.html").write_bytes(seeds.page())
    assert len(rows("pages", tmp_path / "in")) == 1
