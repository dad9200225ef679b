"""Names of encodings: codecs that Python knows beside encodings of text are as if none was named."""

from __future__ import annotations

import codecs
import encodings
import io
import pkgutil
from encodings.aliases import aliases
from pathlib import Path

import pytest

from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.charset import declared_encoding, text_encoding
from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.pages.decode import decode
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS, Batch, encoding
from m5tools.ingest.readers.encoding import encoding_of
from m5tools.ingest.readers.page_row import page_row
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

NAMES = sorted({*aliases, *aliases.values(), *(m.name for m in pkgutil.iter_modules(encodings.__path__))})


def codec_of(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:  # such as of another system
        return None


NO_TEXT = ["zlib", "hex", "idna", "undefined", "rot13", "punycode", "unicode_escape", "raw_unicode_escape"]


def test_a_page_or_feed_may_name_any_codec(tmp_path: Path) -> None:
    for name in NAMES:
        assert isinstance(decode(bytes(range(256)), name), str)
        assert "Größe" in decode(f'<meta charset="{name}">Größe'.encode()) or declared_encoding(name) is not None
        text = f"<?xml version='1.0' encoding='{name}'?><a><p><t>x</t></p><p><t>y</t></p></a>"
        (tmp_path / "a.xml").write_text(text)
        rows = read(READERS["xml"], tmp_path / "a.xml", Mapping.model_validate({"source": "t", "format": "xml"}))
        assert records(rows) == [{"t": "x"}, {"t": "y"}], name


@pytest.mark.parametrize("name", NO_TEXT)
def test_what_is_no_encoding_of_text_is_none(name: str) -> None:
    assert text_encoding(name) is None
    with pytest.raises(ValueError, match="not an encoding of text"):
        TableLayout.model_validate({"encoding": name})


CODECS = sorted({codec for name in NAMES if (codec := codec_of(name))})
PAGE = b'<html><script type="application/ld+json">{"@type": "Product", "name": "%s"}</script>'
# Escapes, shifts and bytes that mean nothing in one or other encoding with states.
HOSTILE = [
    bytes(range(256)),
    b"\x1b.J\x1bNA",
    b"\x1b$B\xff\xff\x1b(J \x1b$(O~~\x1b&@\x1b$B\x1b$(C\x0e!!\x0f",
    b"\x1b$)C\x0e\xff\xfe\x0f\x1b",
    b"~{\xff\xff~}~~{!",
    b"+AAA-+//8-+2AA-+3AA-\xff+2AA",
    b"\x1b(((((((((((((((((((((" + b"\x1b$$$$$$$$$$$$",
]


@pytest.mark.slow
def test_whatever_is_named_bytes_are_rows_or_rejects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_BLOCK", 20)  # so that many sequences are cut
    feed = Mapping.model_validate({"source": "t", "format": "xml", "fields": {"title": "t"}})
    batch = Batch()
    for name in CODECS:
        rows = [page_row(0, PAGE % hostile, charset=name) for hostile in HOSTILE]
        records = b"".join(b"<p><t>%s</t></p>" % hostile for hostile in HOSTILE)
        (tmp_path / "a.xml").write_bytes(b"<?xml version='1.0' encoding='%s'?><a>%s</a>" % (name.encode(), records))
        fed = read(READERS["xml"], tmp_path / "a.xml", feed)
        assert fed, name
        assert all(row.record is not None or row.message for row in [*rows, *fed]), name
        for row in [*rows, *fed]:
            batch.add(row)
    parsed = parse([batch], feed, Chunked("t", "c", "a.xml"))
    assert sum(table.num_rows for table in parsed.staged) + parsed.rejects.height == len(batch)


@pytest.mark.slow
def test_a_table_in_any_encoding_is_rows_or_rejects(tmp_path: Path) -> None:
    for name in filter(text_encoding, CODECS):
        mapping = Mapping.model_validate({"source": "t", "format": "csv", "table": {"encoding": name}})
        names = "id,title\n".encode(name, "replace")
        for hostile in HOSTILE:
            until_cut = b"x" * (io.DEFAULT_BUFFER_SIZE - len(names) - len(hostile)) + hostile
            (tmp_path / "a.csv").write_bytes(names + until_cut + b"\n1,a\n")
            assert read(READERS["csv"], tmp_path / "a.csv", mapping), name


@pytest.mark.parametrize("name", ["hz", "utf-7", "iso2022_jp", "cp424"])
def test_a_row_with_bytes_that_are_none_of_its_encoding_is_a_reject(tmp_path: Path, name: str) -> None:
    wrong = {"cp424": b"\x70", "iso2022_jp": b"\x1b$B\x7f\x7f\x1b(B"}.get(name, b"\xff")
    rows = "id,title\n1,a\n".encode(name), "2,".encode(name), wrong, "b\n3,c\n".encode(name)
    (tmp_path / "a.csv").write_bytes(b"".join(rows))
    mapping = Mapping.model_validate({"source": "t", "format": "csv", "table": {"encoding": name}})
    good, bad, last = read(READERS["csv"], tmp_path / "a.csv", mapping)
    assert (good.record, bad.reason, last.record) == (
        {"id": "1", "title": "a"}, RejectReason.NOT_UTF8, {"id": "3", "title": "c"}
    )  # fmt: skip
    assert "not utf-8" not in bad.message


def test_a_batch_of_records_too_deep_is_all_rejects(tmp_path: Path) -> None:
    deep = "<product><title>x</title>" + "<a>" * 1_500 + "</a>" * 1_500 + "</product>"
    (tmp_path / "a.xml").write_text(f"<products>{deep * 2}</products>")
    mapping = Mapping.model_validate({"source": "t", "format": "xml", "fields": {"title": "title"}})
    (chunk,) = READERS["xml"].chunks(str(tmp_path / "a.xml"), "a.xml")
    parsed = parse(READERS["xml"].batches(chunk, mapping), mapping, Chunked("t", "c", "a.xml"))
    assert (parsed.rows, parsed.rejects.height) == (2, 2)
    with pytest.raises(UsageError, match="none of 2 rows is a record"):
        sniff(tmp_path / "a.xml")


@pytest.mark.parametrize("depth", range(900, 1_000))
def test_a_record_nearly_too_deep_ends_nothing(depth: int) -> None:
    value: object = "x"
    for _ in range(depth):
        value = {"a": value}
    batch = Batch([0, 1], [b"{}"] * 2, [{"id": "1", "title": "t", "more": value}, {"id": "2", "title": "t"}])
    parsed = parse([batch], mappings.load("synth"), Chunked("s", "c", "f"))
    assert sum(rows.num_rows for rows in parsed.staged) + parsed.rejects.height == 2


@pytest.mark.parametrize(
    ("data", "rejects"),
    [
        (b"id,title\n1,a\0b\n2,c\n", 1),
        (b"id,title\n" + b"".join(b"%d,\0\n" % i for i in range(1_000)), 1_000),
        (b"id,title\n1,a\n\0\n2,c\n", 1),
    ],
)
def test_a_row_with_nul_is_a_reject(tmp_path: Path, data: bytes, rejects: int) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    rows = read(READERS["csv"], tmp_path / "a.csv")
    assert len(rows) == data.count(b"\n") - 1
    assert sum(row.reason is not None for row in rows) == rejects


@pytest.mark.parametrize("title", ["plain", "中中中", "ひらがな", "Łyżka żółta", "Чайник", "Â©", "हिन्दी"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_still_told(title: str, encoding: str) -> None:
    text = "id,title\n" + "".join(f"{i},{title}\n" for i in range(40))
    assert encoding_of(text.encode(encoding), whole=True) == encoding


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mapping_may_name_an_encoding_that_wants_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("id,title\n1,a\n".encode(f"{encoding}-le"))
    mapping = Mapping.model_validate({"source": "t", "format": "csv", "table": {"encoding": encoding}})
    assert records(read(READERS["csv"], tmp_path / "a.csv", mapping)) == [{"id": "1", "title": "a"}]
