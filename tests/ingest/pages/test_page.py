"""Whole pages: which product is the page's own, which evidence wins, and that nothing raises."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.ingest.pages.decode import decode
from m5tools.ingest.pages.document import parse
from m5tools.ingest.pages.page import Record, record
from m5tools.ingest.readers.page_row import LONGEST_PAGE, page_row
from m5tools.vocabulary import RejectReason
from tests.conftest import REPOSITORY


def read(html: str, address: str | None = None) -> Record:
    found = record(parse(html, address))
    assert found is not None
    return found


def product(name: str, price: int, **more: object) -> str:
    about = {"@type": "Product", "name": name, "offers": {"price": price, "priceCurrency": "EUR"}, **more}
    return f'<script type="application/ld+json">{json.dumps(about)}</script>'


def test_of_several_products_the_one_with_the_pages_title_is_its_own() -> None:
    html = "<title>Blue plate | Shop</title><h1>Blue plate</h1>" + product("Red mug", 5) + product("Blue plate", 7)
    found = read(html, "https://shop.example/p/1")
    assert (found["name"], found["price"], found["url"]) == ("Blue plate", "7", "https://shop.example/p/1")
    assert found["evidence"]["price"] == "json_ld"


def test_a_listing_is_no_product() -> None:
    html = "<title>Tableware</title><h1>Tableware</h1>" + "".join(product(f"Thing no. {n}", n) for n in range(1, 9))
    assert record(parse(html)) is None


@pytest.mark.parametrize(
    "html",
    [
        "<title>News</title><h1>Prices rise</h1><p>A mug costs 5 € now, says the mayor.</p>",
        "<title>Contact</title><h1>Contact</h1><form><input name=mail><button>Send</button></form>",
        "<title>Shop</title><h1>Shop</h1>" + "".join(f'<div class="item"><b>T{n}</b> <span class="price">{n} €</span></div>' for n in range(1, 30)),
    ],
    ids=["article", "form", "tiles"],
)  # fmt: skip
def test_a_page_without_a_product_of_its_own_is_a_reject(html: str) -> None:
    row = page_row(0, html.encode())
    assert (row.record, row.reason) == (None, RejectReason.NO_CONTENT)


def test_a_page_without_markup_is_read_by_what_it_shows() -> None:
    found = read(
        """<html lang="de-AT"><title>Rote Tasse – Laden</title><h1>Rote Tasse</h1><p>Art.-Nr.: RT-1001</p>
        <div class="preis">12,90 €</div><button>In den Warenkorb</button><table><tr><th>Inhalt</th><td>0,3 l</td></tr></table>"""
    )
    assert (found["name"], found["sku"], found["price"], found["currency"]) == ("Rote Tasse", "RT-1001", "12.9", "EUR")
    assert (found["availability"], found["language"]) == ("InStock", "de-AT")
    assert found["attributes"] == [{"name": "Inhalt", "value": "0,3 l"}]
    assert found["evidence"] == {
        "name": "visible", "sku": "label", "price": "visible", "currency": "visible", "availability": "buy_button",
    }  # fmt: skip


def test_a_price_that_the_page_shows_beats_one_that_it_does_not() -> None:
    meta = '<meta property="product:price:amount" content="20"><meta property="product:price:currency" content="USD">'
    found = read(f"{meta}<h1>Red mug</h1><p>$20.00</p>" + product("Red mug", 15))
    assert (found["price"], found["currency"], found["evidence"]["price"]) == ("20", "USD", "open_graph")


def test_a_code_that_nothing_bears_out_gives_way() -> None:
    found = read("<h1>Red mug</h1><p>SKU: RM-204</p>" + product("Red mug", 15, sku="98127398"))
    assert (found["sku"], found["evidence"]["sku"]) == ("RM-204", "label")


def test_addresses_are_made_absolute_and_a_front_page_is_no_canonical() -> None:
    html = '<link rel="canonical" href="https://shop.example/"><h1>Red mug</h1>' + product(
        "Red mug", 5, image="/i/a.jpg"
    )
    found = read(html, "https://shop.example/mugs/red")
    assert found["url"] == "https://shop.example/mugs/red"
    assert found["images"] == ["https://shop.example/i/a.jpg"]
    saved = read("<!-- saved from url=(0030)https://shop.example/mugs/red -->" + product("Red mug", 5))
    assert saved["url"] == "https://shop.example/mugs/red"


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("é".encode("utf-8-sig"), None, "é"), ("é".encode("utf-16"), None, "é"), ("é".encode("latin-1"), "iso-8859-1", "é"),
        (b'<meta charset="windows-1251">' + "цена".encode("cp1251"), None, "цена"), ("é".encode(), "no-such-set", "é"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=gb2312">' + "价格".encode("gb18030"), None, "价格"),
        ("Größe".encode("cp1252") * 9, None, "Größe" * 9), (("Цена товара " * 9).encode("cp1251"), None, "Цена товара " * 9),
        ("é".encode() * 3_000 + b"\xff", "utf-8", "é" * 3_000 + "\ufffd"), ("€ Größe".encode("cp1252"), "utf-8", "€ Größe"),
    ],
)  # fmt: skip
def test_encodings(data: bytes, charset: str | None, text: str) -> None:
    assert decode(data, charset).endswith(text)


@pytest.mark.parametrize(
    "html",
    [
        b"<div>" * 200_000, b"<div>" * 200_000 + b"</div>" * 200_000, b"<x>" * 100_000 + b"</y>" * 100_000,
        b"<div " + b" ".join(b"a%d" % i for i in range(100_000)) + b">", b"<" * 1_000_000, b"<!--" * 500_000,
        b'<script type="application/ld+json">' + b'[{"a":' * 100_000, b"<script>price=/*" * 50_000, b'<script>price="\\"' * 50_000,
        b"<h1>Mug</h1>" + b"<p class=price>$1.00</p>" * 50_000, b"<h1>Mug</h1>" + b"<p>SKU: A1234</p>" * 20_000,
    ],
)  # fmt: skip
def test_hostile_pages_are_answered_soon(html: bytes) -> None:
    begin = time.process_time()
    page_row(0, html)
    assert time.process_time() - begin < 10


def test_rejects_say_why() -> None:
    reasons = {
        data: page_row(7, data)
        for data in (b"", b"\x89PNG\r\n\x1a\n\0\0\0", b"%PDF-1.4 <x>", b"x" * (LONGEST_PAGE + 1))
    }
    assert [r.reason for r in reasons.values()] == [
        RejectReason.NO_CONTENT, RejectReason.NOT_PARSEABLE, RejectReason.NOT_PARSEABLE, RejectReason.TOO_LONG,
    ]  # fmt: skip
    assert all(r.offset == 7 and r.message and len(r.raw) <= 65_536 for r in reasons.values())


WHOLE = (
    '<html lang="en"><meta charset="utf-8"><meta property="og:type" content="product"><title>Red mug</title><h1>Red mug</h1>'
    '<div itemscope itemtype="http://schema.org/Product"><b itemprop="name">Red mug</b><i itemprop="price">5,–</i></div>'
    '<p class="price">5.00 €</p><p>SKU: M-1001</p><script>var p = {"name": "Red mug", "price": 5, "sku": "M-1001"}</script>'
    '<table><tr><td>Size</td><td>0.3 l</td></tr></table><button>Add to cart</button>' + product("Red mug", 5, sku="M-1001")
).encode()  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(WHOLE)), noise=st.binary(max_size=40), place=st.integers(0, len(WHOLE)))
def test_a_damaged_page_is_one_row_all_the_same(cut: int, noise: bytes, place: int) -> None:
    for data in (WHOLE[:cut], WHOLE[:place] + noise + WHOLE[place:], noise):
        row = page_row(0, data)
        assert (row.record is None) == (row.reason is not None)


def test_half_a_surrogate_pair_cannot_get_out() -> None:
    row = page_row(
        0, b'<script type="application/ld+json">{"@type":"Product","name":"a\\ud800b","offers":{"price":1,}}</script>'
    )
    assert row.record is not None
    json.dumps(row.record, ensure_ascii=False).encode()


def _benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page_extraction", REPOSITORY / "benchmarks" / "page_extraction.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.real_data
def test_fields_of_real_pages_beside_three_extractors(real_data: Path) -> None:
    data = real_data / "product_pages_html"
    if not data.is_dir():
        pytest.skip(f"no {data.name} in {real_data}")
    benchmark = _benchmark()
    truth, peers = benchmark.load(data)
    for field, figures in benchmark.PUBLISHED.items():
        for peer, figure in figures.items():
            assert benchmark.score(truth, peers[peer], field, truth).f1 == pytest.approx(figure, abs=0.006)
    ours, _ = benchmark.answers_of(data, truth)
    for field in benchmark.FIELDS:
        mine, extruct = (benchmark.score(truth, a, field, truth).f1 for a in (ours, peers["extruct"]))
        assert mine > extruct or field == "InStock", field
    for field in ("price", "sku", "availability"):
        assert benchmark.score(truth, ours, field, truth).f1 > benchmark.score(truth, peers["Diffbot"], field, truth).f1
