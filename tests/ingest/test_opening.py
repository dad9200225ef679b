"""Packed files, damaged ones, and files of other file systems."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from m5tools.ingest.readers import READERS, Chunk, locations, opening
from m5tools.ingest.readers.json_lines import JsonLines
from m5tools.ingest.readers.opening import opened
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
