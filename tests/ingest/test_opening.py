"""Packed files, damaged ones, and files of other file systems."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import fsspec
import pyarrow as pa
import pytest

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS, Chunk, locations, opening
from m5tools.ingest.readers.json_lines import JsonLines
from m5tools.ingest.readers.opening import opened
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

# Products too different to be packed well: damage then hits few of them.
PRODUCTS = [{"id": str(i), "title": f"{i * 7919**5:x}" * 3} for i in range(3_000)]
LINES = b"".join(json.dumps(product).encode() + b"\n" for product in PRODUCTS)


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a", data)
    return packed.getvalue()


PACKINGS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    "zip": zipped,
    "gz in zip": lambda data: zipped(gzip.compress(data)),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_packings_are_told_by_their_bytes(tmp_path: Path, packing: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(PACKINGS[packing](LINES))
    assert records(read(JsonLines(), tmp_path / "a.jsonl")) == PRODUCTS


def test_a_file_that_is_unpacked_already_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(LINES)
    assert records(read(JsonLines(), tmp_path / "a.jsonl.gz")) == PRODUCTS


@pytest.mark.parametrize("packing", [name for name in PACKINGS if "zip" not in name])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_what_lies_before_a_cut_is_kept(tmp_path: Path, packing: str, share: float) -> None:
    data = PACKINGS[packing](LINES)
    (tmp_path / "a").write_bytes(data[: int(len(data) * share)])
    rows = read(JsonLines(), tmp_path / "a")
    found = records(rows)
    assert found == PRODUCTS[: len(found)]
    assert packing in ("bz2", "xz", "zst") or len(found) > 0.9 * share * len(PRODUCTS)  # those unpack whole blocks
    assert "damaged or cut off" in rows[-1].message
    assert {row.reason for row in rows[len(found) :]} == {RejectReason.NOT_PARSEABLE}


@pytest.mark.parametrize("packing", [name for name in PACKINGS if "zip" not in name])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_decoder_is_given_back_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str, share: float
) -> None:
    made = []
    for magic, codec in opening._CODECS.items():
        monkeypatch.setitem(opening._CODECS, magic, lambda file, codec=codec: made.append(codec(file)) or made[-1])
    data = PACKINGS[packing](LINES)
    (tmp_path / "a").write_bytes(data[: int(len(data) * share)])
    read(JsonLines(), tmp_path / "a")
    assert made
    assert all(decoder.closed for decoder in made)


@pytest.mark.parametrize("packing", PACKINGS)
def test_damage_is_one_place_not_a_failure(tmp_path: Path, packing: str) -> None:
    data = bytearray(PACKINGS[packing](LINES))
    for place in range(len(data) // 2, len(data) // 2 + 40):
        data[place] ^= 0x5A
    (tmp_path / "a").write_bytes(data)
    rows = read(JsonLines(), tmp_path / "a")
    assert any("damaged" in row.message for row in rows)


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("damage", ["magic", "cut", "text behind"])
def test_a_later_stream_that_is_damaged_is_told(tmp_path: Path, packing: str, damage: str) -> None:
    """Parallel packers write many streams; libraries take the rest for something that was appended."""
    lines = LINES.splitlines(keepends=True)
    one, two = (PACKINGS[packing](b"".join(lines[at : at + 1_000])) for at in (0, 1_000))
    behind = {"magic": b"\x01" + two[1:], "cut": two[:7], "text behind": b"hello"}[damage]
    (tmp_path / "a").write_bytes(one + behind)
    *good, bad = read(JsonLines(), tmp_path / "a")
    assert [row.record for row in good] == PRODUCTS[:1_000]
    assert bad.message.startswith("the file is damaged or cut off: ")


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_streams_may_be_padded(tmp_path: Path, packing: str) -> None:
    lines = LINES.splitlines(keepends=True)
    streams = [PACKINGS[packing](b"".join(lines[at : at + 1_000])) for at in (0, 1_000, 2_000)]
    (tmp_path / "a").write_bytes(streams[0] + streams[1] + b"\0" * 8 + streams[2] + b"\0" * 512)
    rows = read(JsonLines(), tmp_path / "a")
    assert [row.record for row in rows] == PRODUCTS


def test_a_wrong_checksum_is_told_behind_the_last_row(tmp_path: Path) -> None:
    data = bytearray(zipped(LINES))
    place = data.index(b"PK\x01\x02") + 16
    data[place] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    rows = read(JsonLines(), tmp_path / "a.zip")
    assert records(rows) == PRODUCTS
    assert "its checksum differs" in rows[-1].message


def test_what_macos_adds_to_an_archive_is_no_input(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jsonl", LINES)
        archive.writestr("__MACOSX/._a.jsonl", b"\0\5\x16\7\0\2\0\0Mac OS X\n\n")
    assert records(read(JsonLines(), tmp_path / "a.zip")) == PRODUCTS


def overlapping(names: list[str], content: bytes) -> bytes:
    """An archive in which each member holds the bytes of all that follow: a stored block quotes the next one's header."""
    data, crc, size = packed(content), zlib.crc32(content), len(content)
    body, directory = local_header(names[-1], crc, data, size) + data, []
    for name in [*reversed(names[:-1]), None]:
        directory.append((crc, len(data), size, len(body)))
        if name is None:
            break
        quoted = body[: len(body) - len(data)]
        data = struct.pack("<BHH", 0, len(quoted), len(quoted) ^ 0xFFFF) + body
        content = quoted + content
        crc, size = zlib.crc32(content), len(content)
        body = local_header(name, crc, data, size) + data
    entries = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 33, *sums, len(name), 0, 0, 0, 0, 0, len(body) - length)
        + name.encode()
        for name, (*sums, length) in zip(names, reversed(directory), strict=True)
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(entries), len(body), 0)
    return body + entries + end


def local_header(name: str, crc: int, data: bytes, size: int) -> bytes:
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(data), size, len(name), 0)
    return head + name.encode()


def packed(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize(
    ("kind", "record", "content"),
    [
        ("json_lines", None, b'{"id": "1"}\n'),
        ("json", None, b'[{"id": "1"}]'),
        ("json", "items", b'{"items": [{"id": "1"}]}'),
        ("csv", None, b"id,title\n1,x\n"),
        ("xml", None, b"<a><p><id>1</id></p><p><id>2</id></p></a>"),
    ],
)
def test_members_that_share_bytes_are_rejects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, record: str | None, content: bytes
) -> None:
    names = [f"{i:04d}" for i in range(300)]
    (tmp_path / "a.zip").write_bytes(overlapping(names, content))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, suppress(zipfile.BadZipFile):
        assert archive.read("0298").endswith(content)  # later Pythons refuse as well, but on opening
    opens = []
    monkeypatch.setattr(opening.zipfile, "ZipFile", lambda *args: opens.append(args) or ZipFile(*args))
    mapping = Mapping.model_validate({"source": "t", "format": kind, "record": record})
    rows = read(READERS[kind], tmp_path / "a.zip", mapping)
    refused = rows[: len(names) - 1]
    assert [row.reason for row in refused] == [RejectReason.NOT_PARSEABLE] * len(refused)
    assert [row.message.split("'")[1] for row in refused] == names[1:]
    assert all("overlaps" in row.message for row in refused)
    assert records(rows)
    assert len(opens) < 10, "the directory of the archive is not read for what is refused"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR])
def test_a_member_that_is_no_file_is_a_reject(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("a")
    link.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b", LINES)
    bad, *good = read(JsonLines(), path)
    assert (bad.raw, bad.message.partition(";")[0]) == (b"", "it is a link or a device, not a file")
    assert [row.record for row in good] == PRODUCTS
    found = sniff(path)
    assert (found.format, found.bad) == ("json_lines", 1)


def test_members_without_bytes_overlap_nothing(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jsonl", b'{"id": "1"}\n')
        archive.writestr("b.jsonl", b"")
        archive.getinfo("b.jsonl").header_offset = 3
    (tmp_path / "b.zip").write_bytes(b"#!/bin/sh\n" + (tmp_path / "a.zip").read_bytes())
    assert records(read(JsonLines(50_000), tmp_path / "a.zip")) == [{"id": "1"}]


def test_a_damaged_feed_of_which_nothing_can_be_read_is_told(tmp_path: Path) -> None:
    data = bytearray(zipped(b"<a><p><id>1</id></p></a>"))
    data[data.index(b"in/a") + 4] = 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    (row,) = read(READERS["xml"], tmp_path / "a.zip", Mapping.model_validate({"source": "t", "format": "xml"}))
    assert "damaged" in row.message


def test_files_of_any_file_system_are_read() -> None:
    for name, data in (("a.jsonl", LINES), ("b.jsonl.gz", gzip.compress(LINES)), ("c.zip", zipped(LINES))):
        with fsspec.open(f"memory://crawl/in/{name}", "wb") as file:
            file.write(data)
    files = locations.matching("memory://crawl/**/*.*")
    assert [file.rpartition("/")[2] for file in files] == ["a.jsonl", "b.jsonl.gz", "c.zip"]
    for file in files:
        assert records(read(JsonLines(50_000), file)) == PRODUCTS
        ((uri, size, state),) = locations.facts(file)
        assert (uri, size) == (file, locations.size_of(file))
        assert state == locations.facts(file)[0][2]
    assert len(JsonLines(50_000).chunks(files[0], "a")) > 3


def test_a_file_uri_is_the_local_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(PRODUCTS))
    uri = (tmp_path / "a.json").as_uri()
    assert records(read(READERS["json"], uri)) == PRODUCTS
    with opened(Chunk(uri, "a")) as source:
        assert source.file.read(1) == b"["
