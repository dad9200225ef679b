"""The specification of a product: rows of two cells, definition lists, and lists of `name: value`."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from m5tools.ingest.pages import words
from m5tools.ingest.pages.claims import Attribute
from m5tools.ingest.pages.document import Document, above, text_of
from m5tools.ingest.pages.layout import Layout, names
from m5tools.ingest.pages.select import select

LONGEST_NAME = 60
LONGEST_VALUE = 600
MOST = 300
FEWEST_LINES = 3


def read(document: Document, layout: Layout) -> list[Attribute]:
    """Pairs of every table and list outside zones of other products, first mention first."""
    found: dict[str, Attribute] = {}
    for block in select(document.tree, _PLACES):
        pairs = list(_BLOCKS.get(block.tag or "", _rows)(block))
        if pairs and not layout.elsewhere(block):
            for name, value in pairs:
                name = name.rstrip(" :：").strip()
                if name and value and len(name) <= LONGEST_NAME and len(value) <= LONGEST_VALUE and name != value:
                    found.setdefault(name.casefold(), {"name": name, "value": value})
        if len(found) >= MOST:
            break
    return list(found.values())[:MOST]


def _table(block: LexborNode) -> Iterator[tuple[str, str]]:
    """Rows of exactly a name and a value; a table that holds tables is layout."""
    if block.css_first("table table, form") is not None:
        return
    rows = [[c for c in row.iter() if c.tag in ("td", "th")] for row in block.css("tr")]
    fitting = [cells for cells in rows if len(cells) == 2]
    if len(fitting) * 2 < len(rows):
        return
    for name, value in fitting:
        yield text_of(name), text_of(value)


def _definitions(block: LexborNode) -> Iterator[tuple[str, str]]:
    name = ""
    for node in block.css("dt,dd"):
        if node.tag == "dt":
            name = text_of(node)
        elif name:
            yield name, text_of(node)
            name = ""


def _lines(block: LexborNode) -> Iterator[tuple[str, str]]:
    """List items that are all `name: value`, or all of two elements of which the first ends in a colon."""
    lines = [text_of(item) for item in block.iter() if item.tag == "li"]
    pairs = [line.replace("：", ":").partition(":") for line in lines]
    fitting = [
        (n.strip(), v.strip())
        for n, colon, v in pairs
        if colon and 0 < len(n.strip()) <= 40 and v.strip() and not v.startswith("//")
    ]
    if len(fitting) >= FEWEST_LINES and len(fitting) * 4 >= len(lines) * 3:
        yield from fitting


def _rows(block: LexborNode) -> Iterator[tuple[str, str]]:
    """Children of two elements each, in an element that calls itself a specification."""
    if not words.SPECIFICATION_CLASS.search(names(block)):
        return
    rows = [list(row.iter()) for row in block.iter()]
    fitting = [(text_of(r[0]), text_of(r[1])) for r in rows if len(r) == 2]
    if len(fitting) >= FEWEST_LINES and len(fitting) * 4 >= len(rows) * 3:
        yield from (pair for pair in fitting if all(pair))


def _listed(block: LexborNode) -> Iterator[tuple[str, str]]:
    lines = list(_lines(block))
    if lines:
        yield from lines
        return
    named = any(words.SPECIFICATION_CLASS.search(names(n)) for n in [block, *above(block, 2)])
    rows = [[c for c in row.iter() if c.tag not in ("br", "img")] for row in block.iter()]
    fitting = [(text_of(r[0]), text_of(r[1])) for r in rows if len(r) == 2]
    if named and len(fitting) >= FEWEST_LINES and len(fitting) == len(rows):
        yield from (pair for pair in fitting if all(pair))


_PLACES = (
    "table,dl,ul,div[class*=spec i],div[class*=param i],div[class*=attr i],div[class*=charact i],div[class*=propert i],"
    "div[class*=feature i]"
)
_BLOCKS = {"table": _table, "dl": _definitions, "ul": _listed}
