"""Everything known about one product, in the order and words of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from m5tools import schema
from m5tools.audit.columns import shown
from m5tools.audit.gallery.cards import Previews, Product, assets_of
from m5tools.audit.gallery.previews import Preview
from m5tools.vocabulary import MEDIA, Reason, State

MOST_ROWS = 100
VALUE_CHARS = 1_500
TEXT_CHARS = 20_000
PREVIEWS = 12


@dataclass(frozen=True)
class Table:
    """Rows of one table that name the product.

    Attributes:
        name, meaning: of the table's law; the name with its policy, cut or shards.
        heads: the columns in which any row says something.
        rows: a text for each head; None where the row says nothing.
        more: rows left out.
    """

    name: str
    meaning: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    more: int

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """The heads, none of them a number's."""
        return [(head, False) for head in self.heads]


@dataclass(frozen=True)
class Facts:
    """One product.

    Attributes:
        previews: with the asset each is of.
        relatives: relation, id, whether the gallery has a page of it, and the evidence.
    """

    product_id: str
    title: str
    source: str
    native_id: str
    url: str
    description: str
    previews: tuple[tuple[str, Preview], ...]
    relatives: tuple[tuple[str, str, bool, str], ...]
    tables: tuple[Table, ...]


def of(product_id: str, product: Product, previews: Previews, with_page: set[str]) -> Facts:
    """The facts of a product.

    Args:
        with_page: the products that have a page.
    """
    row = (product.get("products") or [{}])[0]
    files = [(asset, previews.get((m.value, asset))) for m in MEDIA for asset in assets_of(m.value, product)]
    return Facts(
        product_id=product_id,
        title=shown(row.get("title"), 300),
        source=shown(row.get("source"), 100),
        native_id=shown(row.get("native_id"), 100),
        url=shown(row.get("url"), 300),
        description=(row.get("description") or "")[:TEXT_CHARS],
        previews=tuple((asset, preview) for asset, preview in files if preview)[:PREVIEWS],
        relatives=_relatives(product_id, product.get("edges", ()), with_page),
        tables=tuple(_table(label, rows) for label, rows in product.items() if rows),
    )


def _relatives(
    product_id: str, edges: Sequence[Mapping[str, Any]], with_page: set[str]
) -> tuple[tuple[str, str, bool, str], ...]:
    found = []
    for edge in edges[:MOST_ROWS]:
        other = edge["product_b"] if edge["product_a"] == product_id else edge["product_a"]
        evidence = f"{edge['evidence']} {edge['score']:.2f}: {edge['detail']}"
        found.append((edge["relation"], other, other in with_page, shown(evidence, 300)))
    return tuple(sorted(found))


def _table(label: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    law = schema.law(label.partition("/")[0])
    told = [{name: _told(name, value) for name, value in row.items()} for row in rows[:MOST_ROWS]]
    heads = tuple(name for name in law.names if name != "product_id" and any(row.get(name) for row in told))
    body = tuple(tuple(row.get(name) for name in heads) for row in told)
    return Table(label, law.meaning, heads, body, len(rows) - len(told))


def _told(column: str, value: Any) -> str | None:
    """A value in words; None where there is none."""
    if value is None or value == [] or value == "":
        return None
    codes: type[State] | type[Reason] | None = {"state": State, "reason": Reason}.get(column)  # type: ignore[assignment]
    if codes is not None and isinstance(value, int):
        return codes(value).word
    if codes is not None and isinstance(value, list):
        return ", ".join(codes(code).word for code in value)
    return shown(_plain(value), VALUE_CHARS)


def _plain(value: Any) -> str:
    match value:
        case bytes():
            return f"{value[:32].hex()}{'…' if len(value) > 32 else ''} ({len(value):,} bytes)"
        case float():
            return f"{value:.6g}"
        case datetime():
            return value.isoformat()
        case {"key": key, "value": item}:
            return f"{key}: {_plain(item)}"
        case dict():
            return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
        case list() | tuple():
            # Of a clip's fingerprints a few tell as much as all.
            told = " · ".join(_plain(item) for item in value[:40])
            return f"{told} · … ({len(value):,})" if len(value) > 40 else told
        case _:
            return str(value)
