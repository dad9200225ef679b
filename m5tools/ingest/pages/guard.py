"""Pages made to hurt a parser, told from their text alone before it is parsed.

The tree builder looks through its stack of open elements for most block and formatting tags, and through the attributes
of a tag for each new one, as the HTML standard (section 13.2) asks; both grow with the square of what a page holds. A
hundred thousand nested elements take minutes, so such a page is refused. Real pages nest below one hundred levels.
"""

from __future__ import annotations

import re

DEEPEST = 1_500
MOST_ATTRIBUTES = 2_000
MOST_STEPS = 500_000_000

_SEARCHED = frozenset(
    [
        "address", "article", "aside", "blockquote", "center", "details", "dialog", "dir", "div", "dl", "fieldset",
        "figcaption", "figure", "footer", "header", "hgroup", "main", "menu", "nav", "ol", "section", "summary",
        "ul", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "form", "table", "a", "b", "big", "code", "em", "font",
        "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
    ]
)  # fmt: skip
# Elements without content, and those that the next of their kind closes.
_NEVER_DEEP = frozenset(
    [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p",
        "li", "dd", "dt", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "html", "head", "body",
    ]
)  # fmt: skip
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_LONG_TAG = 20_000
_CODE = re.compile(
    r"<script\b.*?(?:</script|\Z)|<style\b.*?(?:</style|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE
)
_QUOTED = re.compile(r""""[^"]*(?:"|\Z)|'[^']*(?:'|\Z)""")


def refusal(text: str) -> str | None:
    """Why a page must not be parsed, or None."""
    closing = text.count("</")
    if text.count("<") - closing > DEEPEST:
        searched, any_element = _depths(text)
        if searched > DEEPEST or any_element * closing > MOST_STEPS:
            return f"elements nested deeper than {DEEPEST:,}"
    if max(map(len, text.split(">"))) > _LONG_TAG and _most_attributes(text) > MOST_ATTRIBUTES:
        return f"an element with more than {MOST_ATTRIBUTES:,} attributes"
    return None


def _depths(text: str) -> tuple[int, int]:
    """How deep elements can nest at most: those that the tree builder searches for, and any."""
    searched = deepest = anything = deepest_anything = 0
    for found in _TAG.finditer(text):
        name = found[2].lower()
        if name in _NEVER_DEEP:
            continue
        step = -1 if found[1] else 1
        anything = max(0, anything + step)
        deepest_anything = max(deepest_anything, anything)
        if name in _SEARCHED:
            searched = max(0, searched + step)
            deepest = max(deepest, searched)
    return deepest, deepest_anything


def _most_attributes(text: str) -> int:
    most = 0
    for part in _CODE.sub("", text).split(">"):
        if len(part) > _LONG_TAG and (start := part.find("<")) >= 0:
            most = max(most, len(_QUOTED.sub("", part[start:]).split()))
    return most
