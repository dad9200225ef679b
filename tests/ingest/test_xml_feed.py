"""XML feeds: Google Merchant and others; hostile ones; broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import Row, xml_feed
from m5tools.ingest.readers.xml_feed import XmlFeed
from m5tools.ingest.readers.xml_layout import record_element
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

MAPPING = Mapping(source="test", format="xml")
HEAD = (
    '<?xml version="1.0"?>\n<rss version="2.0" xmlns:shop="http://base.google.com/ns/1.0"><channel>\n'
    "<title>Shop</title><link>https://shop.example</link>\n"
)
ITEM = (
    "<item><shop:id>{0}</shop:id><title><![CDATA[Tea & <b>{0}</b>]]></title><shop:price>9.99 USD</shop:price>"
    "<shop:additional_image_link>a</shop:additional_image_link><shop:additional_image_link>b</shop:additional_image_link>"
    "<shop:shipping><shop:country>DE</shop:country><shop:price>1 EUR</shop:price></shop:shipping>"
    "<description>Caf&eacute;&nbsp;&amp; more</description></item>"
)
ITEMS = [ITEM.format(i) for i in range(12)]
TAIL = "\n</channel></rss>"


def product(i: int) -> dict[str, Any]:
    return {
        "g:id": str(i),
        "title": f"Tea & <b>{i}</b>",
        "g:price": "9.99 USD",
        "g:additional_image_link": ["a", "b"],
        "g:shipping": {"g:country": "DE", "g:price": "1 EUR"},
        "description": "Café\xa0& more",
    }


PRODUCTS = [product(i) for i in range(12)]


def feed(folder: Path, text: str | bytes, mapping: Mapping = MAPPING) -> list[Row]:
    (folder / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return read(XmlFeed(), folder / "a.xml", mapping)


@pytest.fixture(params=[37, 1 << 18])
def _steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_feed, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("_steps")
def test_a_google_merchant_feed(tmp_path: Path) -> None:
    text = HEAD + "\n".join(ITEMS) + TAIL
    rows = feed(tmp_path, text)
    assert records(rows) == PRODUCTS
    assert [row.raw.decode() for row in rows] == ITEMS
    assert all(text.encode()[row.offset :].startswith(row.raw) for row in rows)


def test_an_atom_feed_and_any_other(tmp_path: Path) -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>x</title>'
        '<link href="/a"/><link href="/b"/>'
        '<entry><g:id>1</g:id><link href="/p/1"/></entry><entry><g:id>2</g:id><link href="/p/2"/></entry></feed>'
    )
    assert records(feed(tmp_path, atom)) == [{"g:id": i, "link": {"@href": f"/p/{i}"}} for i in "12"]
    offers = (
        '<!DOCTYPE yml_catalog SYSTEM "shops.dtd"><yml_catalog><shop><categories><category id="1">a</category>'
        '<category id="2">b</category></categories><offers><offer id="7" available="true"><name>x</name>'
        '<param name="Size">M</param><param name="Colour">red</param></offer></offers></shop></yml_catalog>'
    )
    params = [{"@name": "Size", "#text": "M"}, {"@name": "Colour", "#text": "red"}]
    assert records(feed(tmp_path, offers)) == [{"@id": "7", "@available": "true", "name": "x", "param": params}]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("<a><b><x>1</x></b><b><x>2</x></b></a>", "b"),
        ("<a><m><t>1</t></m><l><ware><x>1</x><v><y/></v><v><y/></v></ware><ware><x>2</x></ware></l></a>", "ware"),
        ('<a><p id="1" n="x"/><p id="2" n="y"/></a>', "p"),
        ("<product><id>1</id><name>x</name></product>", "product"),
        ("<a/>", "a"),
        ("no element", None),
    ],
)
def test_the_element_of_a_record_is_found_out(text: str, name: str | None) -> None:
    assert record_element(text.encode()) == name


def test_the_mapping_may_name_it(tmp_path: Path) -> None:
    text = "<a><b><c><t>1</t></c></b><b><c><t>2</t></c></b></a>"
    assert records(feed(tmp_path, text)) == [{"c": {"t": i}} for i in "12"]
    assert records(feed(tmp_path, text, Mapping(source="t", format="xml", record="c"))) == [{"t": i} for i in "12"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "windows-1252", "gb18030"])
def test_encodings_are_read_as_declared(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?><a><p><t>Größe</t></p><p><t>é</t></p></a>'
    assert records(feed(tmp_path, text.encode(encoding))) == [{"t": "Größe"}, {"t": "é"}]


SUBSETS = {
    "internal": '<!ENTITY shop "Shop &amp; Sons"><!ENTITY eacute "&#233;"><!ENTITY lt "&#38;#60;">',
    "of a file": '<!ENTITY shop SYSTEM "file:///etc/passwd">',
    "of the web": '<!ENTITY shop "x"><!ENTITY % a SYSTEM "http://127.0.0.1/a.dtd"> %a;',
    "doubling": '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{i} "&a{i - 1};&a{i - 1};">' for i in range(1, 64)) + '<!ENTITY shop "&a63;">',
    "tags": "<!-- ]> --><!ENTITY shop '<item><title>no product</title></item>'>",
}  # fmt: skip


@pytest.mark.usefixtures("_steps")
@pytest.mark.parametrize("subset", SUBSETS)
def test_entities_that_a_document_declares_stay_as_they_are_written(tmp_path: Path, subset: str) -> None:
    items = [*ITEMS]
    items[3] = items[3].replace("9.99", "9.99 &shop;").replace("<shop:price>", "<shop:price from='&shop;&#65;'>")
    rows = feed(tmp_path, f"<!DOCTYPE rss [{SUBSETS[subset]}]>" + HEAD.partition("\n")[2] + "\n".join(items) + TAIL)
    assert [row.reason for row in rows if row.reason] == []
    changed = PRODUCTS[3] | {"g:price": {"@from": "&shop;A", "#text": "9.99 &shop; USD"}}
    changed["g:shipping"] = {"g:country": "DE", "g:price": {"@from": "&shop;A", "#text": "1 EUR"}}
    assert records(rows) == [*PRODUCTS[:3], changed, *PRODUCTS[4:]]
    assert [row.raw.decode() for row in rows] == items


@pytest.mark.usefixtures("_steps")
def test_a_broken_item_behind_declarations_costs_itself(tmp_path: Path) -> None:
    items = [*ITEMS]
    items[5] = items[5].replace("</title>", "</titel>")
    head = f"<!DOCTYPE rss [{SUBSETS['internal']}]>" + HEAD.partition("\n")[2]
    rows = feed(tmp_path, head + "\n".join(items) + TAIL)
    assert records(rows) == PRODUCTS[:5] + PRODUCTS[6:]
    assert [row.raw.decode().strip() for row in rows if row.reason] == [items[5]]


BROKEN = {
    "an end tag misspelt": lambda text: text.replace("</title>", "</titel>"),
    "an ampersand": lambda text: text.replace("9.99", "a & b"),
    "no end tag": lambda text: text.removesuffix("</item>"),
    "no start tag": lambda text: text.removeprefix("<item>"),
    "no text": lambda text: text.replace("9.99", "\udcff\udcfe"),
    "an attribute without value": lambda text: text.replace("<item>", "<item a>"),
    "cut off": lambda text: text[:100],
    "a control character": lambda text: text.replace("USD", "\x01"),
}  # fmt: skip


@pytest.mark.usefixtures("_steps")
@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("at", [0, 5, 11])
def test_a_broken_item_costs_exactly_itself(tmp_path: Path, name: str, at: int) -> None:
    items = [*ITEMS]
    items[at] = BROKEN[name](items[at])
    rows = feed(tmp_path, HEAD + "\n".join(items) + TAIL)
    assert records(rows) == PRODUCTS[:at] + PRODUCTS[at + 1 :]
    assert [row.reason for row in rows if row.reason] == [RejectReason.NOT_PARSEABLE]


@pytest.mark.parametrize(
    ("encoding", "wrong"), [("shift_jis", b"\x81"), ("utf-16", b"\x00\xd8"), ("windows-1257", b"\xa5")]
)
def test_what_is_no_text_in_its_encoding_costs_its_item(tmp_path: Path, encoding: str, wrong: bytes) -> None:
    items = [*ITEMS]
    items[5] = items[5].replace("9.99", "{wrong}")
    head = HEAD.replace('"1.0"?>', f'"1.0" encoding="{encoding}"?>')
    first, second = (head + "\n".join(items) + TAIL).split("{wrong}")
    later = second.encode("utf-16-le" if encoding == "utf-16" else encoding)
    (tmp_path / "a.xml").write_bytes(first.encode(encoding) + wrong + later)
    rows = read(XmlFeed(), tmp_path / "a.xml", MAPPING)
    assert records(rows) == PRODUCTS[:5] + PRODUCTS[6:]
    assert [row.reason for row in rows if row.reason] == [RejectReason.NOT_PARSEABLE]


def test_an_item_that_is_too_long_is_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_feed, "LONGEST_ROW", 2_000)
    monkeypatch.setattr(xml_feed, "BLOCK_BYTES", 100)
    items = [*ITEMS]
    items[4] = items[4].replace("9.99", "9" * 9_000)
    rows = feed(tmp_path, HEAD + "\n".join(items) + TAIL)
    assert records(rows) == PRODUCTS[:4] + PRODUCTS[5:]
    assert [row.reason for row in rows if row.reason] == [RejectReason.TOO_LONG]


def test_a_feed_without_the_named_element_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(HEAD + "\n".join(ITEMS) + TAIL)
    (row,) = read(XmlFeed(), tmp_path / "a.xml", Mapping(source="test", format="xml", record="offer"))
    assert row.message == "it has no <offer>; its records may be <item>, see 'record' of the mapping"
    for empty in ("<offers></offers>", HEAD + TAIL):
        (tmp_path / "a.xml").write_text(empty)
        assert not read(XmlFeed(), tmp_path / "a.xml", Mapping(source="test", format="xml", record="offer"))


@pytest.mark.parametrize(
    ("declared", "written", "text"),
    [
        ("gb2312", "gb18030", "镕"),
        ("shift_jis", "cp932", "①㈱"),
        ("euc-kr", "cp949", "똠"),
        ("windows-1252", "latin-1", "\x81"),
    ],
)
def test_a_declared_encoding_is_the_set_that_browsers_take_it_for(
    tmp_path: Path, declared: str, written: str, text: str
) -> None:
    (tmp_path / "a.xml").write_bytes(
        f'<?xml version="1.0" encoding="{declared}"?><r><item><t>{text}</t></item></r>'.encode(written)
    )
    assert records(read(XmlFeed(), tmp_path / "a.xml", MAPPING)) == [{"t": text}]


@pytest.mark.parametrize(("text", "count"), [("", 0), ("no XML", 1), ("<", 1), ("<a>", 1), (HEAD, 1), (HEAD + TAIL, 0)])
def test_what_holds_no_record(tmp_path: Path, text: str, count: int) -> None:
    assert sum(row.reason is not None for row in feed(tmp_path, text)) == count
