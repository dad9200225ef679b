"""Readers: every row is given, good or bad, with its place; chunks never lose or double a row."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.errors import UsageError
from m5tools.ingest.mapping import FolderParts, Mapping
from m5tools.ingest.readers import folder as folders
from m5tools.ingest.readers.csv_dialect import delimiter_of
from m5tools.ingest.readers.csv_table import CsvTable
from m5tools.ingest.readers.encoding import encoding_of
from m5tools.ingest.readers.folder import Folder
from m5tools.ingest.readers.json_lines import JsonLines, _next_line
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read

LINES = [b'{"id": 1}', b"", b'{"id": 2, "t": "\xc3\xa9"}', b"{broken", b"[1, 2]", b"   ", b'"text"', b'{"id": 3}']


def test_every_line_is_a_record_or_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(LINES))
    rows = read(JsonLines(), path)
    assert [row.record for row in rows if row.record] == [{"id": 1}, {"id": 2, "t": "é"}, {"id": 3}]
    reasons = [row.reason for row in rows if row.reason]
    assert reasons == [RejectReason.NOT_PARSEABLE, RejectReason.NOT_AN_OBJECT, RejectReason.NOT_AN_OBJECT]
    data = path.read_bytes()
    assert all(data[row.offset :].lstrip(b"\xef\xbb\xbf").startswith(row.raw) for row in rows)


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), max_size=30), size=st.integers(1, 64), last=st.booleans())
def test_chunks_of_any_size_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], size: int, last: bool
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    text = b"\n".join(json.dumps({"v": "x" * n}).encode() if n % 5 else b"" for n in lengths)
    path.write_bytes(text + (b"\n" if last else b""))
    whole, cut = read(JsonLines(1 << 30), path), read(JsonLines(size), path)
    assert [(r.offset, r.raw) for r in cut] == [(r.offset, r.raw) for r in whole]


def test_compressed_and_zipped_files_read_the_same(tmp_path: Path) -> None:
    data = b"\n".join(LINES)
    (tmp_path / "a.jsonl").write_bytes(data)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    (tmp_path / "a.jsonl.bz2").write_bytes(bz2.compress(data))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.jsonl", data)
    plain = [row.raw for row in read(JsonLines(), tmp_path / "a.jsonl")]
    for name in ("a.jsonl.gz", "a.jsonl.bz2", "a.zip"):
        assert [row.raw for row in read(JsonLines(), tmp_path / name)] == plain, name
    assert JsonLines().chunks(str(tmp_path / "a.zip"), "a.zip")[0].name == "a.zip/in/a.jsonl"


def test_an_endless_line_is_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.ingest.readers.json_lines.LONGEST_ROW", 100)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1}\n' + b"x" * 1_000 + b'\n{"id": 2}\n')
    rows = read(JsonLines(), path)
    assert [row.reason for row in rows] == [None, RejectReason.TOO_LONG, None]
    assert rows[2].record == {"id": 2}


def test_one_line_longer_than_many_chunks_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.ingest.readers.json_lines.LONGEST_ROW", 100)
    monkeypatch.setattr("m5tools.ingest.readers.json_lines.PIECE_BYTES", 7)
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b'{"id": 1}, ' * 9_000 + b"]")
    assert [row.reason for row in read(JsonLines(1_000), path)] == [RejectReason.TOO_LONG]
    with path.open("rb") as file:
        assert _next_line(file, 1_000, 2_000) == 2_000
        assert file.tell() == 2_000, "another chunk's bytes are of no interest"


def test_bytes_that_are_no_text_are_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"t": "caf\xe9"}\n{"t": "\\ud800"}\n')
    reasons = [row.reason for row in read(JsonLines(), tmp_path / "a.jsonl")]
    assert reasons == [RejectReason.NOT_UTF8, RejectReason.NOT_PARSEABLE]


def test_archives_that_cannot_be_read_wholly_are_named(tmp_path: Path) -> None:
    def archive(name: str, change: tuple[bytes, bytes] | None = None, flag: int = 0) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("a.jsonl", b'{"id": 1}\n' * 99)
        data = bytearray(path.read_bytes().replace(*change) if change else path.read_bytes())
        for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = data.index(signature) + place
            data[at : at + 2] = flag.to_bytes(2, "little")
        path.write_bytes(data)
        return path

    with pytest.raises(UsageError, match="encrypted"):
        read(JsonLines(), archive("locked.zip", flag=1))
    with pytest.raises(UsageError, match=r"^name\.zip cannot be read"):
        read(JsonLines(), archive("name.zip", (b"a.jsonl", b"\xff.jsonl"), flag=0x800))
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("a.jsonl", b'{"id": 1}\n')
        with pytest.warns(UserWarning, match="Duplicate"):
            opened.writestr("a.jsonl", b'{"id": 2}\n')
    with pytest.raises(UsageError, match="two files of one name"):
        read(JsonLines(), path)


def test_a_ragged_row_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id;title\n1;"a;b\nc"\n2\n3;x;y\n\n4;d\n', encoding="utf-8-sig")
    rows = read(CsvTable(), path)
    assert [row.record for row in rows] == [{"id": "1", "title": "a;b\nc"}, None, None, {"id": "4", "title": "d"}]
    assert [row.offset for row in rows] == [0, 1, 2, 3]
    assert rows[1].message == "1 fields where the header has 2"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title\n1,Café crème\n", encoding=encoding)
    assert read(CsvTable(), path)[0].record == {"id": "1", "title": "Café crème"}


def test_a_character_cut_by_the_sample_is_no_evidence() -> None:
    assert encoding_of("abcdé".encode()[:5], whole=False) == "utf-8"
    assert encoding_of("abcdé".encode()[:5], whole=True) == "cp1252"


def test_bytes_that_are_not_text_are_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.ingest.readers.opening.HEAD_BYTES", 12)
    monkeypatch.setattr("m5tools.ingest.readers.csv_dialect.HEAD_BYTES", 12)
    (tmp_path / "a.csv").write_bytes(b"id,t\n1,good\n2,b\xffd\n3,good\n")
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.reason for row in rows] == [None, RejectReason.NOT_UTF8, None]
    assert rows[1].raw == b"2,b\xffd"


def test_a_small_file_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,title\n1,café\n".encode("cp1252"))
    assert [row.record for row in read(CsvTable(), path)] == [{"id": "1", "title": "café"}]


def test_a_quote_that_is_never_closed_is_no_product(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,title\n1,"a\nb"\n2,"x\n3,y\n4,z\n')
    rows = read(CsvTable(), path)
    assert [row.reason for row in rows] == [None, RejectReason.NOT_PARSEABLE, None, None]
    assert rows[1].raw == b'2,"x'
    assert rows[3].record == {"id": "4", "title": "z"}
    path.write_text('id,title\n1,a\n2,"x\ny\nz\n')
    rows = read(CsvTable(), path)
    assert [row.reason for row in rows] == [None, RejectReason.NOT_PARSEABLE]
    assert rows[1].raw == b'2,"x\ny\nz'
    assert "takes in 3 lines" in rows[1].message


def test_a_header_that_is_no_text_names_its_columns_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,t\x81\n1,a\n")
    assert read(CsvTable(), tmp_path / "a.csv")[0].record == {"id": "1", "t\ufffd": "a"}


def test_a_file_name_that_is_no_text_is_one_reject(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb"):  # noqa: PTH123 - a path of bytes
        pass
    mapping = Mapping(source="test", format="folder", parts=FolderParts(image={".png": "main"}))
    rows = read(Folder(), tmp_path, mapping)
    assert [(row.raw, row.reason) for row in rows] == [(b"a", None), (b"caf\xe9", RejectReason.NOT_UTF8)]


@pytest.mark.parametrize(("header", "delimiter"), [("a,b", ","), ("a;b;c", ";"), ('"a,b,c";d', ";"), ("a\tb", "\t")])
def test_delimiters_are_found_out(header: str, delimiter: str) -> None:
    assert delimiter_of([header]) == delimiter


def test_a_text_of_a_folder_is_whole_or_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "LONGEST_TEXT", 20)
    texts = {"latin": "Crème".encode("latin-1"), "long": b"x" * 21, "mug": b"x" * 20, "utf": "Crème".encode()}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_bytes(text)
    rows = read(Folder(), tmp_path, Mapping(source="test", format="folder", parts=FolderParts(text=".txt")))
    told = [row.reason or row.record["title"] for row in rows if row.reason or row.record]
    assert told == [RejectReason.NOT_UTF8, RejectReason.TOO_LONG, "x" * 20, "Crème"]


@pytest.mark.parametrize("texts", [{"_a.txt": "image"}, {"_a.txt": "stem"}])
def test_texts_of_a_folder_have_fields_of_their_own(texts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"is there already; give the text a field of its own"):
        FolderParts(texts=texts)


def test_files_that_share_a_stem_are_one_row(tmp_path: Path) -> None:
    for name in ("fruit/apple.png", "fruit/apple_desc_es.ogg", "fruit/apple.ogg", "fruit/pear.png", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "fruit/apple.txt").write_text("An apple.\nes.utf8=Una manzana.\n", encoding="utf-8")
    parts = FolderParts(text=".txt", image={".png": "main"}, audio={".ogg": "effect", "_desc_es.ogg": "spoken_name"})
    apple, pear = read(Folder(), tmp_path, Mapping(source="test", format="folder", parts=parts))
    assert apple.record is not None
    assert pear.record is not None
    assert apple.record["title"] == "An apple."
    assert apple.record["folders"] == ["fruit"]
    assert {a["role"] for a in apple.record["audio"]} == {"effect", "spoken_name"}
    assert pear.record["title"] == ""
    assert pear.record["image"] == [{"path": "fruit/pear.png", "role": "main"}]


def test_a_csv_row_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\r\nid,t\r\n1,"a ""b"",\r\nc"\r\n2,"x",y\r\n')
    rows = read(CsvTable(), path)
    assert [row.raw for row in rows] == [b'1,"a ""b"",\r\nc"', b'2,"x",y']
    assert [row.reason for row in rows] == [None, RejectReason.WRONG_FIELD_COUNT]


def test_a_field_without_end_is_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.ingest.readers.csv_table.LONGEST_FIELD", 100)
    (tmp_path / "a.csv").write_bytes(b"y" * 200 + b"\nid,t\n1,a\n2," + b"x" * 200 + b"\n3,c\n")
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.record for row in rows] == [None, {"id": "1", "t": "a"}, None, {"id": "3", "t": "c"}]
    assert [len(row.raw) for row in rows] == [200, 3, 202, 3]


def test_half_a_character_of_utf_16_costs_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,t\n1,".encode("utf-16") + b"\x00\xd8" + "\n2,b\n".encode("utf-16-le"))
    rows = read(CsvTable(), tmp_path / "a.csv")
    assert [row.record for row in rows] == [None, {"id": "2", "t": "b"}]
    assert (rows[0].reason, rows[0].raw) == (RejectReason.NOT_UTF8, "1,\udcff".encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", b"PK\x03\x04 no more"),
    ],
    ids=["zip"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"^{name} cannot be read: "):
        read(JsonLines(), path)


@pytest.mark.parametrize("reader", [JsonLines(), CsvTable()])
def test_a_folder_for_a_file_is_told_what_to_write_instead(tmp_path: Path, reader: JsonLines | CsvTable) -> None:
    (tmp_path / "rows.csv").write_text("")
    with pytest.raises(UsageError, match=f"^{tmp_path} is a folder; name the files in it, .*[*].csv"):
        read(reader, tmp_path)


def test_an_archive_of_nothing_and_a_file_for_a_folder_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    with pytest.raises(UsageError, match="the archive holds no file"):
        read(JsonLines(), tmp_path / "a.zip")
    with pytest.raises(UsageError, match="is no folder"):
        read(Folder(), tmp_path / "a.zip")
