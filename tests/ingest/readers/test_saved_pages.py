"""Saved pages as files, folders and web archives: one row a page, damage costs itself alone."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from m5tools.errors import UsageError
from m5tools.ingest import mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS, Row
from m5tools.ingest.readers.warc_end import End
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read as rows_of
from tests.ingest.test_opening import overlapping

MAPPING = mapping.load("schema_org")


def page(number: int) -> bytes:
    offers = {"price": number, "priceCurrency": "EUR"}
    about = json.dumps({"@type": "Product", "name": f"Mug {number}", "sku": f"M-{number}", "offers": offers})
    return f'<html lang="en"><title>Mug {number}</title><script type="application/ld+json">{about}</script>'.encode()


def record(address: str, body: bytes, headers: str = "Content-Type: text/html", status: str = "200 OK") -> bytes:
    block = f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body
    head = (
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:7d0a5f6e-0000-4000-8000-000000000001>\r\n"
        f"WARC-Date: 2026-01-02T03:04:05Z\r\nWARC-Target-URI: {address}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def read(path: Path) -> list[Row]:
    return rows_of(READERS["pages"], path, MAPPING)


def names(rows: list[Row]) -> list[str | None]:
    return [row.record["name"] if row.record else row.reason.value if row.reason else None for row in rows]


def test_single_files_plain_and_gzipped(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(page(1))
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(page(2)))
    (tmp_path / "b.htm.gz").write_bytes(gzip.compress(page(3))[:-20])
    assert [names(read(tmp_path / n)) for n in ("a.html", "a.html.gz", "b.htm.gz")] == [
        ["Mug 1"],
        ["Mug 2"],
        ["not_parseable"],
    ]
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "none.html")
    with pytest.raises(UsageError, match="neither a saved page nor a web archive"):
        read(tmp_path / "a.txt")


def test_a_folder_is_read_in_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.ingest.readers.html_page.PAGES_A_CHUNK", 2)
    for n in range(1, 6):
        (tmp_path / f"in/{n}").mkdir(parents=True)
        (tmp_path / f"in/{n}/page.html").write_bytes(page(n))
    (tmp_path / "in/archive.warc").write_bytes(record("http://a.example/9", page(9)))
    assert len(READERS["pages"].chunks(str(tmp_path), "in")) == 4
    rows = read(tmp_path)
    assert names(rows) == [f"Mug {n}" for n in (1, 2, 3, 4, 5, 9)]
    assert [row.offset for row in rows] == [0, 1, 2, 3, 4, 0]
    assert rows[4].record is not None
    assert rows[4].record["file"] == "in/5/page.html"


def records() -> list[bytes]:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(4)), page(4))
    return [
        record("http://a.example/1", page(1)),
        record("http://a.example/2", gzip.compress(page(2)), "Content-Type: text/html\r\nContent-Encoding: gzip"),
        record("http://a.example/3", page(3), "Content-Type: text/html\r\nContent-Encoding: br"),
        record("http://a.example/4", chunked, "Content-Type: text/html\r\nTransfer-Encoding: chunked"),
        record("http://a.example/i", b"\x89PNG", "Content-Type: image/png"),
        record("http://a.example/n", page(5), status="404 Not Found"),
        record(
            "http://a.example/6",
            "<h1>Tasse é</h1>".encode("latin-1") + page(6),
            "Content-Type: text/html; charset=latin1",
        ),
    ]


EXPECTED = ["Mug 1", "Mug 2", "Mug 3", "Mug 4", "no_content", "no_content"]


def test_warc_and_wacz_give_the_same_rows(tmp_path: Path) -> None:
    plain, packed = b"".join(records()), b"".join(map(gzip.compress, records()))
    (tmp_path / "a.warc").write_bytes(plain)
    (tmp_path / "a.warc.gz").write_bytes(packed)
    frames = b"".join(pa.compress(one, codec="zstd", asbytes=True) for one in records())
    (tmp_path / "a.warc.zst").write_bytes(frames)
    for name, member in (("a.wacz", packed), ("zst.wacz", frames)):
        with zipfile.ZipFile(tmp_path / name, "w") as package:
            package.writestr(f"archive/data.warc.{'zst' if member is frames else 'gz'}", member)
            package.writestr("pages/pages.jsonl", "{}")
    for name in ("a.warc", "a.warc.gz", "a.warc.zst", "a.wacz", "zst.wacz"):
        rows = read(tmp_path / name)
        assert names(rows)[:6] == EXPECTED, name
        assert rows[6].record is not None
        assert rows[0].record is not None
        assert (rows[0].record["url"], rows[0].record["seen_at"]) == ("http://a.example/1", "2026-01-02T03:04:05Z")
    offsets = [row.offset for row in read(tmp_path / "a.warc")]
    assert all(plain[o:].startswith(b"WARC/1.") for o in offsets)
    with zipfile.ZipFile(tmp_path / "empty.wacz", "w"):
        pass
    with pytest.raises(UsageError, match="holds no archive"):
        read(tmp_path / "empty.wacz")


def test_a_page_that_is_cut_off_on_the_wire_is_a_reject(tmp_path: Path) -> None:
    kind = "Content-Type: text/html\r\n"
    packed, chunked = zlib.compress(page(1)), b"%x\r\n%s\r\n" % (len(page(1)), page(1))
    records = [
        record("http://a.example/1", page(1)[:-9], f"{kind}Content-Length: {len(page(1))}"),
        record("http://a.example/2", packed[:-9], f"{kind}Content-Encoding: deflate"),
        record("http://a.example/3", chunked, f"{kind}Transfer-Encoding: chunked"),
        record("http://a.example/4", chunked[:-9], f"{kind}Transfer-Encoding: chunked"),
        record("http://a.example/5", page(5), f"{kind}Transfer-Encoding: chunked"),
        record("http://a.example/6", zlib.compress(page(6)), f"{kind}Content-Encoding: deflate\r\nContent-Length: 9"),
        record("http://a.example/7", page(7), f"{kind}Content-Encoding: deflate\r\nContent-Length: 9"),
        record("http://a.example/8", page(8), f"{kind}Content-Length: x"),
        record("http://a.example/9", b"000000000005\r\n%s\r\n0" % page(9)[:5], f"{kind}Transfer-Encoding: chunked"),
        record("http://a.example/a", b"", f"{kind}Content-Length: 900", status="304 Not Modified"),
        record("http://a.example/b", b"\x89PNG", "Content-Type: image/png\r\nContent-Length: 900"),
        record("http://a.example/c", "テ".encode("iso2022_jp") + page(3), f"{kind}Content-Encoding: gzip"),
    ]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    rows = read(tmp_path / "a.warc")
    good = ["Mug 5", "Mug 6", "Mug 7", "Mug 8"]
    assert names(rows) == [*["not_parseable"] * 4, *good, *["no_content"] * 3, "Mug 3"]
    assert "ends" in rows[0].message


def test_an_encrypted_package_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.wacz", "w") as package:
        package.writestr("archive/data.warc", b"".join(records()))
    content = bytearray((tmp_path / "a.wacz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.wacz").write_bytes(content)
    with pytest.raises(UsageError, match="is encrypted; unpack it"):
        read(tmp_path / "a.wacz")


def test_many_damaged_places_are_no_square(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies behind a place is looked through for those alone that a record was read from."""
    seen: list[int] = []
    check = End.check
    monkeypatch.setattr(End, "check", lambda end, last: seen.append(last.place) or check(end, last))
    (tmp_path / "a.warc").write_bytes(
        b"WARC/1.0\r\n" * 300 + record("http://a.example/1", page(1)) + b"WARC/1.0 " * 300 + bytes(2 << 20)
    )
    assert "Mug 1" in names(read(tmp_path / "a.warc"))
    assert len(seen) < 3


@pytest.mark.parametrize("change", [(b"WARC-Type: response", b"WARC-Type: responce"), (b"WARC-Type: ", b"WARC-Typo: ")])
def test_a_record_of_no_known_type_is_a_reject(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    one, two = (record(f"http://a.example/{n}", page(n)) for n in (1, 2))
    (tmp_path / "a.warc").write_bytes(one.replace(*change) + two)
    assert names(read(tmp_path / "a.warc")) == ["not_parseable", "Mug 2"]


def test_lines_that_end_otherwise_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(record("http://a.example/1", page(1)).replace(b"\r\n", b"\n"))
    assert "not_parseable" in names(read(tmp_path / "a.warc"))


def test_archives_of_a_package_that_share_bytes_are_rejects(tmp_path: Path) -> None:
    members = [f"archive/{i}.warc" for i in range(3)]
    (tmp_path / "a.wacz").write_bytes(overlapping(members, record("http://a.example/1", page(1))))
    rows = read(tmp_path / "a.wacz")
    assert names(rows) == ["not_parseable", "not_parseable", "Mug 1"]
    assert all("overlaps" in row.message for row in rows[:2])


def test_a_damaged_member_costs_itself(tmp_path: Path) -> None:
    members = [gzip.compress(record(f"http://a.example/{n}", page(n))) for n in range(1, 6)]
    members[2] = members[2][:30] + b"\xff" * 20 + members[2][50:]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(members))
    rows = read(tmp_path / "a.warc.gz")
    assert names(rows) == ["Mug 1", "Mug 2", "not_parseable", "Mug 4", "Mug 5"]
    assert [row.offset for row in rows] == [sum(map(len, members[:n])) for n in range(5)]


@pytest.mark.parametrize("cut", [1, 40, 200, 400])
def test_the_end_cut_off_is_one_reject(tmp_path: Path, cut: int) -> None:
    whole = b"".join(record(f"http://a.example/{n}", page(n)) for n in (1, 2))
    (tmp_path / "a.warc").write_bytes(whole[: -4 - cut])
    good, bad = read(tmp_path / "a.warc")
    assert (names([good]), bad.record) == (["Mug 1"], None)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_wherever_an_archive_is_cut_off_something_tells(tmp_path: Path, status: str) -> None:
    records = [record("http://a.example/1", page(1), status=status), record("http://a.example/2", page(2))]
    for name, parts in (("a.warc", records), ("a.warc.gz", [gzip.compress(part, mtime=0) for part in records])):
        whole, border = b"".join(parts), len(parts[0])
        complete = ["Mug 1" if status == "200 OK" else "no_content", "Mug 2"]
        for cut in range(1, len(whole)):
            (tmp_path / name).write_bytes(whole[:cut])
            found = sorted(names(read(tmp_path / name)), key=lambda name: name == "not_parseable")
            begun = 1 if cut <= border else 2
            # Of a record that is whole, what its member ends with may be cut off.
            assert len(found) == begun or (name == "a.warc.gz" and found[-1] == "not_parseable"), (name, cut)
            assert begun <= len(found) <= begun + 1, (name, cut)
            assert begun == 1 or found[0] == complete[0], (name, cut)
            assert begun == 2 or cut >= border - 12 or found[0] in ("not_parseable", "no_content"), (name, cut)


def test_what_follows_the_last_record_is_told(tmp_path: Path) -> None:
    one = record("http://a.example/1", page(1))
    for name, whole, blank in (("a.warc", one, b"\r\n\r\n"), ("a.warc.gz", gzip.compress(one), b"")):
        (tmp_path / name).write_bytes(whole + blank)
        assert names(read(tmp_path / name)) == ["Mug 1"]
        (tmp_path / name).write_bytes(whole + b"junk")
        assert sorted(names(read(tmp_path / name))) == ["Mug 1", "not_parseable"]
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(one) + gzip.compress(b"\r\n"))
    assert names(read(tmp_path / "a.warc.gz")) == ["Mug 1"]
    two, three = record("http://a.example/2", page(22)), record("http://a.example/3", page(333))
    for members in (
        [one + two + three],
        [one, two + three],
        [one + two, three],
        [b"\r\n" + one, b"\r\n\r\n" + two + three],
    ):
        (tmp_path / "a.warc.gz").write_bytes(b"".join(map(gzip.compress, members)))
        assert names(read(tmp_path / "a.warc.gz")) == ["Mug 1", "Mug 22", "Mug 333"]
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(one + one)[:-9])
    assert names(read(tmp_path / "a.warc.gz")).count("not_parseable") == 1


@pytest.mark.parametrize("content", [b"nothing", b"\x00" * 999, b"\x1f\x8b\x08" * 50, b"WARC/1.0\r\n" * 20, b"WARC/1."])
def test_what_is_no_archive_ends(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.warc").write_bytes(content)
    assert all(row.reason is RejectReason.NOT_PARSEABLE for row in read(tmp_path / "a.warc"))


def test_an_encoded_bomb_is_too_long(tmp_path: Path) -> None:
    bomb = gzip.compress(b"<p>" * (8 << 20))
    (tmp_path / "a.warc").write_bytes(
        record("http://a.example/", bomb, "Content-Type: text/html\r\nContent-Encoding: gzip")
    )
    assert [row.reason for row in read(tmp_path / "a.warc")] == [RejectReason.TOO_LONG]


def test_rows_become_products(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(b"".join(records()))
    (chunk,) = READERS["pages"].chunks(str(tmp_path / "a.warc"), "a.warc")
    parsed = parse(READERS["pages"].batches(chunk, MAPPING), MAPPING, Chunked("shop", "shop-1", "a.warc"))
    products = pl.DataFrame(pa.Table.from_batches(parsed.staged).drop_columns(["raw"]))
    assert (parsed.rows, products.height, parsed.rejects.height) == (7, 5, 2)
    first = products.filter(sku="M-1").row(0, named=True)
    assert (first["title"], first["price"], first["currency"], first["language"]) == ("Mug 1", 1.0, "EUR", "en")
    assert first["crawled_at"].isoformat() == "2026-01-02T03:04:05+00:00"


def test_pages_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(page(1))
    found = sniff(tmp_path / "a.html")
    assert (found.format, found.layout) == ("pages", "schema_org")
