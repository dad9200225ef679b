"""Values that stand beside their label: `SKU: 123`, `EAN` in one cell and digits in the next, a brand in a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from m5tools.ingest.normalize.identifiers import gtin_of
from m5tools.ingest.pages import words
from m5tools.ingest.pages.claims import Attribute, Claims, condition, identifier
from m5tools.ingest.pages.document import Document, text_of
from m5tools.ingest.pages.layout import Layout, names
from m5tools.ingest.pages.select import select

LONGEST_LINE = 90
_CODE = re.compile(r"[\w][\w./+-]*(?: ?[-/] ?[\w.]+)*")
_DATE_OR_UNIT = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d+(?:[.,]\d+)? ?(?:cm|mm|kg|g|ml|l|w|v|€|\$|%|x)", re.IGNORECASE
)


def read(document: Document, layout: Layout, specification: list[Attribute]) -> Claims:
    """Identifiers and brand by their labels, in the specification first, then outside zones of other products."""
    said: dict[str, Any] = {}
    codes: list[str] = []
    pairs = [(a["name"], a["value"], True) for a in specification]
    for name, value, sure in [*pairs, *_lines(document, layout)]:
        line = f"{name}: {value}"
        if "gtin" not in said and (rest := _after(words.GTIN, line)) is not None and (gtin := _gtin(rest)):
            said["gtin"] = gtin
        elif "mpn" not in said and (rest := _after(words.MPN, line)) is not None and (code := _code(rest)):
            said["mpn"] = code
        elif (rest := _after(words.SKU, line)) is not None and (code := _code(rest)):
            codes.append(code)
        elif "brand" not in said and sure and (rest := _after(words.BRAND, line)) and _may_be_brand(rest):
            said["brand"] = rest
        elif (
            "condition" not in said
            and (rest := _after(words.CONDITION, line))
            and (state := condition(rest.split()[0]))
        ):
            said["condition"] = state
    if codes:
        # Of several codes the shop's own is the one it also names the page by.
        said["sku"] = next((c for c in codes if c.casefold() in document.addresses.casefold()), codes[0])
    if "brand" not in said and (brand := _brand(document, layout)):
        said["brand"] = brand
    return said  # type: ignore[return-value]


def _brand(document: Document, layout: Layout) -> str | None:
    """What an element that calls itself brand holds: a short text or a logo's; the title's own word first."""
    title = " ".join(document.titles[:2]).casefold()
    found: list[str] = []
    for node in select(
        document.tree,
        "[class*=brand i],[id*=brand i],[class*=manufacturer i],[class*=producer i],[class*=marca i],"
        "[itemprop=brand],[itemprop=manufacturer]",
    )[:60]:
        if not words.BRAND_CLASS.search(names(node)) or layout.elsewhere(node):
            continue
        image = node if node.tag == "img" else node.css_first("img[alt]")
        text = text_of(node) or (image.attributes.get("alt") or "" if image is not None else "")
        text = brand_name(text)
        if _may_be_brand(text):
            found.append(text)
    return next((b for b in found if b.casefold() in title), found[0] if len(set(found)) == 1 else None)


def brand_name(text: str) -> str:
    """A brand without its label: `Marca: Panasonic`, `More of brand: Panasonic` → `Panasonic`."""
    head, colon, tail = text.strip().rpartition(":")
    return tail.strip() if colon and any(words.BRAND.match(w) for w in head.split()) else text.strip()


def _may_be_brand(text: str) -> bool:
    return 1 < len(text) <= 40 and len(text.split()) <= 5 and re.search(r"\d{5}", text) is None


def _lines(document: Document, layout: Layout) -> Iterator[tuple[str, str, bool]]:
    """(label, value, stands in a colon pair): the halves of a short piece with a colon, else a piece and the next."""
    pieces = document.pieces
    for piece in pieces:
        text = piece.text
        if len(text) > LONGEST_LINE or not _begins_with_label(text) or layout.elsewhere(piece.node):
            continue
        following = pieces[piece.place + 1].text if piece.place + 1 < len(pieces) else ""
        if following in (":", "#", "：") and piece.place + 2 < len(pieces):
            following = pieces[piece.place + 2].text
        colon = ":" in text or "：" in text
        head, _, tail = text.replace("：", ":").partition(":")
        if tail.strip():
            yield head, tail.strip(), True
        elif len(following) <= LONGEST_LINE:
            yield text.rstrip(" :："), following, colon
            if not colon:  # "Artikel-Nr. 12345" in one piece
                yield text, "", False


def _begins_with_label(text: str) -> bool:
    return any(p.match(text) for p in (words.SKU, words.GTIN, words.MPN, words.BRAND, words.CONDITION))


def _after(label: re.Pattern[str], line: str) -> str | None:
    found = label.match(line)
    if found is None:
        return None
    rest = line[found.end() :].strip(" :：#.\u200e\u200f")
    return rest or None


def _code(text: str) -> str | None:
    """A shop's code at the beginning of a text: with a digit, neither date nor measure nor sentence."""
    found = _CODE.match(text)
    if found is None or not any(c.isdigit() for c in found[0]) or not 3 <= len(found[0]) <= 40:
        return None
    if _DATE_OR_UNIT.fullmatch(found[0]) or len(text) > len(found[0]) + 40:
        return None
    return identifier(found[0].strip("./- "))


def _gtin(text: str) -> str | None:
    for word in re.findall(r"[\dXx][\dXx -]{6,20}[\dXx]", text):
        if (found := gtin_of(re.sub(r"[ -]", "", word).upper())) is not None:
            return found
    return None
