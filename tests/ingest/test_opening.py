"""Packed files, damaged ones, and files of other file systems."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import stat
import struct
import subprocess
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import fsspec
import pyarrow as pa
import pytest

from m5tools.errors import UsageError
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


def archived(*names: str, data: bytes = LINES) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    return packed.getvalue()


class Pipe(io.RawIOBase):
    """Where `zipfile` cannot go back, so that sizes stand behind what is packed."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        added = bytes(data)  # type: ignore[call-overload]
        self.data += added
        return len(added)


def without_entry(data: bytes, place: int) -> bytes:
    """The archive without the entry of its directory that stands there among the others; its bytes stay."""
    with ZipFile(io.BytesIO(data)) as archive:
        start, members = archive.start_dir, len(archive.infolist())
    entries = [b"PK\1\2" + entry for entry in data[start:-22].split(b"PK\1\2")[1:]]
    del entries[place]
    kept = b"".join(entries)
    return data[:start] + kept + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, members - 1, members - 1, len(kept), start, 0)


UNLISTED = {
    "two archives": lambda: archived("b.jsonl") + archived("a.jsonl"),
    "a cut one behind": lambda: archived("a.jsonl") + archived("b.jsonl", data=LINES[:900])[:-30],
    "the first": lambda: without_entry(archived("b.jsonl", "a.jsonl"), 0),
    "the last": lambda: without_entry(archived("a.jsonl", "b.jsonl"), 1),
}


@pytest.mark.parametrize("made", UNLISTED)
def test_what_the_directory_does_not_list_is_a_reject(tmp_path: Path, made: str) -> None:
    (tmp_path / "a.zip").write_bytes(UNLISTED[made]())
    *good, bad = read(JsonLines(), tmp_path / "a.zip")
    assert [row.record for row in good] == PRODUCTS
    assert "begins a file that its directory does not list" in bad.message


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("lie", ["sizes", "all sizes", "shorter"])
def test_a_member_that_the_directory_calls_shorter_is_a_reject(tmp_path: Path, lie: str, packed: bool) -> None:
    data = bytearray(archived("a.jsonl"))
    entry = data.index(b"PK\1\2")
    head = LINES[: LINES.index(b"\n") + 1]
    checksum, size = (zlib.crc32(head), len(head)) if lie == "shorter" else (0, 0)
    struct.pack_into("<I", data, entry + 16, checksum)
    struct.pack_into("<I", data, entry + 24, size)
    if lie == "all sizes":
        struct.pack_into("<I", data, entry + 20, 0)
    if not packed:
        data[6] |= 8  # the header leaves its sizes to what follows
        struct.pack_into("<II", data, 18, 0, 0)
    (tmp_path / "a.zip").write_bytes(data)
    rows = read(JsonLines(), tmp_path / "a.zip")
    assert records(rows) == ([] if lie == "all sizes" else PRODUCTS)
    assert rows[-1].reason is RejectReason.NOT_PARSEABLE


@pytest.mark.parametrize("name", ["X.jsonl", "b.jsonlX"])
def test_bytes_under_no_name_or_that_of_a_folder_are_a_reject(tmp_path: Path, name: str) -> None:
    data = archived("a.jsonl", name).replace(name.encode(), name.replace("X", "\0" if name[0] == "X" else "/").encode())
    (tmp_path / "a.zip").write_bytes(data)
    rows = read(JsonLines(), tmp_path / "a.zip")
    assert records(rows) == PRODUCTS
    (bad,) = (row for row in rows if row.reason)
    assert bad.message.startswith("it holds bytes and has no name of a file")


def test_archives_of_all_writers_hold_nothing_unlisted(tmp_path: Path) -> None:
    pipe = Pipe()
    with ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("empty.jsonl", b"")
        archive.writestr("folder/", b"")
        with archive.open("a.jsonl", "w", force_zip64=True) as member:
            member.write(LINES)
        archive.writestr("end.jsonl", b"")
    aligned = io.BytesIO()
    with ZipFile(aligned, "w") as archive:
        for name, data in (("a.jsonl", LINES), ("b.jsonl", b"")):
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 0xD935, 4_000) + bytes(4_000)
            archive.writestr(info, data)
    inner = io.BytesIO()
    with ZipFile(inner, "w") as archive:
        archive.writestr("__MACOSX/inner.zip", archived("b.jsonl"))
        archive.writestr("a.jsonl", LINES)
    padded = archived("a.jsonl")
    made = {"pipe": pipe.data, "aligned": aligned.getvalue(), "inner": inner.getvalue(), "padded": padded + bytes(400)}
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
        rows = read(JsonLines(), tmp_path / name)
        assert [row.record for row in rows] == PRODUCTS, name


def test_an_archive_of_nothing_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archived())
    with pytest.raises(UsageError, match="the archive holds no file"):
        read(JsonLines(), tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes(archived() + archived("a.jsonl"))
    assert [row.record for row in read(JsonLines(), tmp_path / "a.zip")] == PRODUCTS


@pytest.mark.skipif(shutil.which("zip") is None, reason="Info-ZIP is not installed")
@pytest.mark.parametrize("options", [["-r", "-", "."], ["-0r", "-", "."], ["-9rD", "-", "."], ["-r", "../b.zip", "."]])
def test_archives_of_info_zip_hold_nothing_unlisted(tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "in" / "x"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(LINES)
    (folder / "b.jsonl").write_bytes(b"")
    done = subprocess.run(["zip", "-q", *options], cwd=tmp_path / "in", check=True, capture_output=True)
    path = tmp_path / "b.zip"
    if done.stdout:
        path.write_bytes(done.stdout)
    rows = read(JsonLines(), path)
    assert [row.record for row in rows] == PRODUCTS


def test_zstandard_files_may_begin_with_a_frame_to_skip(tmp_path: Path) -> None:
    lines = LINES.splitlines(keepends=True)
    parts = [PACKINGS["zst"](b"".join(lines[at : at + 1_500])) for at in (0, 1_500)]
    sizes = [struct.pack("<III", 0x184D2A50 + i, 4, len(part)) for i, part in enumerate(parts)]
    (tmp_path / "a").write_bytes(b"".join(size + part for size, part in zip(sizes, parts, strict=True)))
    assert [row.record for row in read(JsonLines(), tmp_path / "a")] == PRODUCTS


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


def test_a_member_that_came_through_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    piped = zipfile.ZipInfo("-")
    piped.external_attr = (stat.S_IFIFO | 0o600) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(piped, LINES)
    assert [row.record for row in read(JsonLines(), path)] == PRODUCTS
