"""Formats are told by bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from m5tools.ingest.readers.detect import format_of_bytes, telling


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"id": 1}\n{"id": 2}\n', "json_lines"),
        ('{"id": 1}\n{broken\n{"id": 2}\n{"id": 3}\n', "json_lines"),
        ('{"id": 1}', "json_lines"),
        ('{\n "id": 1\n}', "json"),
        ('{"1": {"id": 1}, "2": {"id": 2}}', "json"),
        ('\ufeff  [{"id": 1}]', "json"),
        ('<?xml version="1.0"?><rss/>', "xml"),
        ("<products><product/></products>", "xml"),
        ("<!DOCTYPE html><html></html>", None),
        ("id,title\n1,a\n", "csv"),
        ("id\ttitle\n1\ta\n", "csv"),
        ("PAR1 and so on", "parquet"),
        ("", None),
        ("\0" * 99, None),
        ("".join(map(chr, range(1, 128))) * 9, None),
        ("1\x01a\x02b\x03c\n" * 9, "csv"),
    ],
)
def test_a_format_is_told_by_the_first_bytes(text: str, name: str | None) -> None:
    assert format_of_bytes(text.encode()) == name


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_wide_texts_too(encoding: str) -> None:
    assert format_of_bytes('[{"id": 1}]'.encode(encoding)) == "json"
    assert format_of_bytes("id,title\n1,a\n".encode(encoding)) == "csv"


def test_packed_files_too_and_whatever_their_name(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_bytes(gzip.compress(b"<rss><channel/></rss>"))
    assert telling(str(tmp_path / "feed.csv"), "feed.csv")[0] == "xml"


@pytest.mark.parametrize("first", [b"", b"\x89PNG\r\n\x1a\n" + b"\x05" * 500])
def test_a_member_that_is_no_records_does_not_speak_for_an_archive(tmp_path: Path, first: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "crawl.zip", "w") as archive:
        archive.writestr("a", first)
        archive.writestr("b", '{"id": 1}\n{"id": 2}\n')
    kind, head = telling(str(tmp_path / "crawl.zip"), "crawl.zip")
    assert (kind, head[:9]) == ("json_lines", b'{"id": 1}')


def test_a_tar_archive_is_no_table(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "crawl.csv", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())
    assert telling(str(tmp_path / "crawl.csv"), "crawl.csv")[0] is None
