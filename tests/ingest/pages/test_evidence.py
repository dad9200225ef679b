"""Each kind of evidence by itself, on snippets."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from m5tools.ingest.pages import (
    json_ld,
    labelled,
    microdata,
    open_graph,
    rdfa,
    schema_org,
    shown,
    specification,
    state,
    stock,
)
from m5tools.ingest.pages.breadcrumbs import breadcrumbs
from m5tools.ingest.pages.claims import Claims, availability, condition
from m5tools.ingest.pages.document import Document, parse
from m5tools.ingest.pages.layout import Layout
from m5tools.ingest.pages.visible_price import visible_price


def linked(text: str, address: str | None = None) -> Claims:
    """Claims of the first product in one JSON-LD script."""
    return schema_org.claims(next(schema_org.products(json_ld.read([text]))), address)


def page(body: str, head: str = "<title>Red mug 0.3 l</title>") -> tuple[Document, Layout]:
    document = parse(f"<html><head>{head}</head><body>{body}</body></html>")
    return document, Layout(document)


PLAIN = '{"@type": "Product", "name": "Mug", "sku": "M-1", "offers": {"price": "1299.00", "priceCurrency": "EUR"}}'


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"<!-- {PLAIN} -->",
        f"//<![CDATA[\n{PLAIN}\n//]]>",
        PLAIN + ";",
        PLAIN.replace("}}", "},}"),
        PLAIN.replace('"Mug"', '"Mug", "description": "two\nlines\tof it"'),
        '{"@type": "WebSite"}\n' + PLAIN,
        f'{{"@context": "https://schema.org", "@graph": [{{"@type": "WebPage"}}, {PLAIN}]}}',
        f'{{"@type": "ItemPage", "mainEntity": {PLAIN}}}',
        PLAIN.replace('"Product"', '["Product", "Thing"]'),
        PLAIN.replace('"Product"', '"http://schema.org/product"'),
        PLAIN.replace('{"price"', '[{"price"').replace("}}", "}]}"),
        PLAIN.replace('"', "&quot;"),
        PLAIN[:-1],
        PLAIN.replace('"name"', "name").replace('"Mug"', "'Mug'"),
        PLAIN.replace('"price": "1299.00"', '"@type": "Offer", "priceSpecification": [{"priceType": "ListPrice", "price": 1500}, {"price": 1299}]'),
        PLAIN.replace('"price": "1299.00"', '"@type": "AggregateOffer", "lowPrice": "1.299,00", "highPrice": "2000"'),
    ],
    ids=[
        "plain", "comment", "cdata", "semicolon", "trailing comma", "raw line break", "two values", "graph", "main entity",
        "list of types", "type as address", "list of offers", "entities", "cut off", "object literal", "list price beside",
        "aggregate offer",
    ],
)  # fmt: skip
def test_json_ld_is_read_however_it_is_broken(text: str) -> None:
    said = linked(text)
    assert (said["name"], said["sku"], said["price"], said["currency"]) == ("Mug", "M-1", "1299", "EUR")


def test_strings_where_objects_belong_and_the_reverse() -> None:
    said = linked(
        '{"@type":"Product","name":{"@value":"Mug"},"brand":["Acme"],"sku":471,"image":[{"@type":"ImageObject","url":"a.jpg"},"b.jpg"],'
        '"offers":{"price":5,"availability":"http://schema.org/OutOfStock","itemCondition":"UsedCondition","seller":{"name":"Shop"}},'
        '"gtin13":"4006381333931","category":"Home > Mugs","aggregateRating":{"ratingValue":4.5,"reviewCount":"7"},'
        '"additionalProperty":[{"name":"Volume","value":0.3,"unitText":"l"},{"name":"Empty","value":""}],"color":"red"}'
    )
    assert said["name"] == "Mug"
    assert said["brand"] == "Acme"
    assert said["sku"] == "471"
    assert said["images"] == ["a.jpg", "b.jpg"]
    assert (said["availability"], said["condition"], said["seller"]) == ("OutOfStock", "UsedCondition", "Shop")
    assert said["gtin"] == "4006381333931"
    assert said["category"] == ["Home", "Mugs"]
    assert (said["rating"], said["reviews"]) == ("4.5", "7")
    assert said["attributes"] == [{"name": "Volume", "value": "0.3 l"}, {"name": "color", "value": "red"}]


def test_of_a_group_the_variant_in_the_address_is_the_pages_own() -> None:
    text = (
        '{"@type":"ProductGroup","productGroupID":"G1","name":"Shirt","brand":{"name":"Acme"},"hasVariant":['
        '{"@type":"Product","sku":"SH-RED","offers":{"price":10,"availability":"OutOfStock"}},'
        '{"@type":"Product","sku":"SH-BLUE","offers":{"price":12,"availability":"InStock"}}]}'
    )
    said = linked(text, "https://shop.example/shirt?sku=SH-BLUE")
    assert (said["group_id"], said["variants"]) == ("G1", 2)
    assert (said["name"], said["brand"], said["sku"], said["price"]) == ("Shirt", "Acme", "SH-BLUE", "12")
    assert linked(text)["availability"] == "InStock", "one variant that can be had makes the group available"


def test_references_and_cycles_do_not_hang() -> None:
    text = '[{"@type":"Product","@id":"#p","name":"Mug","offers":{"@id":"#o"}},{"@id":"#o","@type":"Offer","price":3,"itemOffered":{"@id":"#p"}}]'
    assert linked(text)["price"] == "3"


def test_related_products_are_not_the_pages_own() -> None:
    text = '{"@type":"Product","name":"A","isRelatedTo":{"@type":"Product","name":"B"},"review":{"itemReviewed":{"@type":"Product","name":"C"}}}'
    assert [p["name"] for p in schema_org.products(json_ld.read([text]))] == ["A"]


def test_microdata_and_rdfa_give_the_same_items() -> None:
    micro = """<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name"> Red  mug </h1>
      <img itemprop="image" src="m.jpg"><span itemprop="brand" itemscope itemtype="http://schema.org/Brand"><b itemprop="name">Acme</b></span>
      <div itemprop="offers" itemscope itemtype="http://schema.org/Offer"><span itemprop="price" content="5.50">5,50</span>
      <link itemprop="availability" href="http://schema.org/InStock"><meta itemprop="priceCurrency" content="EUR"></div></div>"""
    lite = (
        micro.replace('itemscope itemtype="https://schema.org/', 'vocab="https://schema.org/" typeof="')
        .replace('itemscope itemtype="http://schema.org/', 'typeof="').replace("itemprop", "property")
    )  # fmt: skip
    for items in (microdata.read(LexborHTMLParser(micro)), rdfa.read(LexborHTMLParser(lite))):
        said = schema_org.claims(next(schema_org.products(items)), None)
        assert (said["name"], said["brand"], said["images"]) == ("Red mug", "Acme", ["m.jpg"])
        assert (said["price"], said["currency"], said["availability"]) == ("5.5", "EUR", "InStock")


def test_itemref_reaches_elements_elsewhere() -> None:
    html = '<div itemscope itemtype="http://schema.org/Product" itemref="d"><b itemprop="name">Mug</b></div><p id="d" itemprop="sku">M1</p>'
    (item,) = microdata.read(LexborHTMLParser(html))
    assert item["sku"] == ["M1"]


def test_a_breadcrumb_list_is_ordered_by_position() -> None:
    text = """{"@type":"BreadcrumbList","itemListElement":[{"position":2,"item":{"name":"Mugs"}},{"position":1,"name":"Home"}]}"""
    assert breadcrumbs(json_ld.read([text])) == ["Home", "Mugs"]


def test_open_graph_and_its_product_extension() -> None:
    document, _ = page(
        "",
        """<meta property="og:type" content="og:product"><meta property="og:title" content="Mug"><meta property="og:image" content="a.jpg">
        <meta property="product:price:amount" content="1,299.00"><meta property="product:price:currency" content="USD">
        <meta property="product:availability" content="in stock"><meta property="product:retailer_item_id" content="M-1">""",
    )
    assert open_graph.is_product(document)
    said = open_graph.read(document)
    assert (said["name"], said["price"], said["currency"], said["sku"]) == ("Mug", "1299", "USD", "M-1")
    assert (said["availability"], said["images"]) == ("InStock", ["a.jpg"])


@pytest.mark.parametrize(
    "script",
    [
        'window.__STATE__ = {"page": {"product": {"title": "Red mug 0.3 l", "sku": "M-77001", "price": {"current": {"value": 12.5, "currency": "EUR"}}}}};',
        "dataLayer.push({ecommerce: {detail: {products: [{name: 'Red mug 0.3 l', id: 'M-77001', price: '12.50', currency: 'EUR',}]}}})",
        'var p = JSON.parse("{\\"name\\":\\"Red mug 0.3 l\\",\\"sku\\":\\"M-77001\\",\\"price\\":12.5,\\"currency\\":\\"EUR\\"}");',
    ],
    ids=["window", "data layer", "parsed string"],
)
def test_state_is_found_by_the_pages_title(script: str) -> None:
    other = 'var other = {"name": "Blue plate", "sku": "P-1", "price": 99, "currency": "USD"};'
    document, _ = page(f"<h1>Red mug 0.3 l</h1><script>{other}</script><script>{script}</script>")
    said = state.read(document)
    assert (said["sku"], said["price"], said["currency"]) == ("M-77001", "12.5", "EUR")


@pytest.mark.parametrize(
    ("html", "amount"),
    [
        ('<span class="price">19<sup>50</sup> €</span>', "19.5"),
        ('<del class="price">€ 30,00</del> <b class="price">€ 25,00</b>', "25"),
        ('<span class="old-price">30 €</span><span class="price">25 €</span>', "25"),
        ('<p>You save</p><span class="price">5 €</span><span class="price">25 €</span>', "25"),
        ('<div class="product-price"><span>1 299</span><span>00</span><span>Kč</span></div>', "1299"),
    ],
)
def test_the_price_a_reader_would_point_at(html: str, amount: str) -> None:
    tiles = "".join(f'<div><b>Other</b><span class="price">{n} €</span></div>' for n in range(60, 70))
    document, layout = page(
        f'<h1>Red mug 0.3 l</h1>{html}<button>Add to cart</button><div class="related">{tiles}</div>'
    )
    found = visible_price(document, layout)
    assert found is not None
    assert f"{found.money.amount.normalize():f}" == amount


@pytest.mark.parametrize(
    ("html", "field", "value"),
    [
        ("<p>SKU: MUG-0042 | more</p>", "sku", "MUG-0042"),
        ("<span>Artikelnummer</span><span>100 234</span>", "sku", "100"),
        ("<span>Art.-Nr.:</span><b>100234</b>", "sku", "100234"),
        ("<li>Référence : AB-12/3</li>", "sku", "AB-12/3"),
        ("<p>Артикул: 771-22</p>", "sku", "771-22"),
        ("<p>商品編號：A1234567</p>", "sku", "A1234567"),
        ("<p>EAN: 4006381333931</p>", "gtin", "4006381333931"),
        ("<table><tr><th>ISBN</th><td>978-0-306-40615-7</td></tr></table>", "gtin", "9780306406157"),
        ("<p>Model number: XJ-900</p>", "mpn", "XJ-900"),
        ("<dl><dt>Hersteller</dt><dd>Acme</dd></dl>", "brand", "Acme"),
        ("<p>Condition: Used</p>", "condition", "UsedCondition"),
    ],
)
def test_values_stand_beside_their_label(html: str, field: str, value: str) -> None:
    document, layout = page(f"<h1>Red mug</h1>{html}")
    assert labelled.read(document, layout, specification.read(document, layout))[field] == value  # type: ignore[literal-required]


@pytest.mark.parametrize(
    "html", ["<p>EAN: 4006381333930</p>", "<p>SKU: red</p>", "<p>Ref: 12.05.2020</p>", "<p>Code: 30 cm</p>"]
)
def test_a_label_does_not_make_everything_a_code(html: str) -> None:
    document, layout = page(f"<h1>Red mug</h1>{html}")
    assert not {"gtin", "sku"} & labelled.read(document, layout, []).keys()


@pytest.mark.parametrize(
    ("html", "verdict"),
    [
        ("<p>Derzeit nicht verfügbar</p>", ("OutOfStock", "stock_words")), ("<p>Skladom</p>", ("InStock", "stock_words")),
        ("<p>Temporarily out of stock</p><button>Add to cart</button>", ("OutOfStock", "stock_words")),
        ("<button>Ajouter au panier</button>", ("InStock", "buy_button")), ("<button disabled>カートに入れる</button>", None),
        ("<select><option>42 sold out</option></select><button>Buy now</button>", ("InStock", "buy_button")), ("<p>Nice</p>", None),
        ('<div class="related"><p>Sold out</p></div>', None),
    ],
)  # fmt: skip
def test_stock_in_many_words(html: str, verdict: tuple[str, str] | None) -> None:
    document, layout = page(f"<h1>Red mug 0.3 l</h1>{html}")
    assert stock.read(document, layout, None) == verdict


def test_specifications_in_tables_lists_and_rows() -> None:
    document, layout = page(
        """<table><tr><th>Volume</th><td>0.3 l</td></tr><tr><td>Colour:</td><td>red</td></tr></table>
        <ul><li>Weight: 200 g</li><li>Height: 9 cm</li><li>Origin: PT</li></ul><dl><dt>Glaze</dt><dd>matt</dd></dl>
        <div class="spec-rows"><p><b>A</b><i>1</i></p><p><b>B</b><i>2</i></p><p><b>C</b><i>3</i></p></div>
        <ul><li>Free shipping</li><li>Read more: here</li><li>x</li></ul>"""
    )
    pairs = {a["name"]: a["value"] for a in specification.read(document, layout)}
    assert pairs == {
        "Volume": "0.3 l", "Colour": "red", "Weight": "200 g", "Height": "9 cm", "Origin": "PT", "Glaze": "matt",
        "A": "1", "B": "2", "C": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "name"),
    [("https://schema.org/InStock", "InStock"), ("in stock", "InStock"), ("OUT_OF_STOCK", "OutOfStock"), ("maybe", None), (True, "InStock"), (None, None)],
)  # fmt: skip
def test_names_of_availability(given: object, name: str | None) -> None:
    assert availability(given) == name


def test_names_of_condition() -> None:
    assert [condition(v) for v in ("http://schema.org/NewCondition", "used", "fine", 3)] == [
        "NewCondition",
        "UsedCondition",
        None,
        None,
    ]


def test_pictures_clips_and_description_by_their_looks() -> None:
    text = "A mug of red stoneware, thrown by hand and fired twice in Caldas."
    document, layout = page(
        f"""<div class="header"><img src="logo.png" alt="Red mug 0.3 l"></div><h1>Red mug 0.3 l</h1>
        <img alt="Red mug, 0.3 l, front" src="small.jpg" data-zoom-image="large.jpg"><div class="gallery"><img src="back.jpg"></div>
        <img src="data:image/gif;base64,AA" alt="Red mug 0.3 l"><img src="flag.png" alt="Portugal">
        <video><source src="turn.mp4"></video><div id="product-description">{text}</div>
        <div class="related"><div class="description">{text * 2}</div><img alt="Red mug 0.3 l" src="other.jpg"></div>"""
    )
    assert shown.images(document, layout) == ["large.jpg", "back.jpg"]
    assert shown.videos(document, layout) == ["turn.mp4"]
    assert shown.description(document, layout) == text
