"""What a shelf shows of each of its products: picture, strip, sound, text or table, and why it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from m5tools import schema, wording
from m5tools.audit.columns import shown
from m5tools.audit.gallery import marks
from m5tools.audit.gallery.marks import Piece
from m5tools.audit.gallery.previews import Preview
from m5tools.audit.gallery.sample import Example, Shelf
from m5tools.dataset import Dataset
from m5tools.vocabulary import Modality, Reason, State

TITLE_CHARS, TEXT_CHARS, LONGEST_TEXT = 200, 700, 20_000
PAIRS, PAIR_CHARS = 12, 120
LOCATIONS = 3

Product = Mapping[str, Sequence[Mapping[str, Any]]]
Known = Mapping[str, Product]
Previews = Mapping[tuple[str, str], Preview]


@dataclass(frozen=True)
class Card:
    """One product on a shelf.

    Attributes:
        title: plain, for links and labels.
        preview: of the file judged, or of the first that has one.
        texts: title and description, cut into pieces of which some are marked; empty where text is not the point.
        pairs: name and value of the table, and whether the value is the offending part.
        locations: where files were listed and what became of them.
        why: the verdict in words.
        note: source and price.
    """

    product_id: str
    title: str
    preview: Preview | None
    texts: tuple[tuple[Piece, ...], ...] = ()
    pairs: tuple[tuple[str, str, bool], ...] = ()
    more_pairs: int = 0
    locations: tuple[tuple[str, str], ...] = ()
    why: str = ""
    note: str = ""


@dataclass(frozen=True)
class Group:
    """The cards of one cluster, how many products it has, and what joins those shown."""

    products: int
    cards: tuple[Card, ...]
    evidence: tuple[str, ...]


def of(shelf: Shelf, known: Known, previews: Previews, boilerplate: frozenset[int]) -> list[Card] | list[Group]:
    """The cards of a shelf, of a relation by cluster."""
    if shelf.kind == "relation":
        return [
            Group(
                cluster.products,
                tuple(_plain(product, known[product], previews) for product in cluster.members),
                tuple(dict.fromkeys(f"{e['evidence']}: {shown(e['detail'], 160)}" for e in cluster.edges)),
            )
            for cluster in shelf.clusters
        ]
    texts = _texts(shelf, known, boilerplate)
    return [
        _card(shelf, example, known[example.product_id], previews, texts[place])
        for place, example in enumerate(shelf.examples)
    ]


def boilerplate(dataset: Dataset, shelves: Sequence[Shelf], known: Known) -> frozenset[int]:
    """The shop's phrases among the texts that any shelf marks them in."""
    said = [
        _text(known[e.product_id], "description")
        for shelf in shelves
        for e in shelf.examples
        if e.signal == "boilerplate_share"
    ]
    return marks.boilerplate(dataset, said) if said else frozenset()


def _card(
    shelf: Shelf, example: Example, product: Product, previews: Previews, texts: tuple[tuple[Piece, ...], ...]
) -> Card:
    row = _row(product)
    of_table = shelf.modality == Modality.TABLE or (shelf.kind == "tag" and shelf.key.startswith("pair."))
    pairs, more = _pairs(product, example.signal) if of_table else ((), 0)
    media = shelf.modality in ("image", "video", "audio")
    return Card(
        product_id=example.product_id,
        title=shown(row.get("title"), TITLE_CHARS),
        preview=_preview(shelf.modality, example.asset_id, product, previews) if media else None,
        texts=texts,
        pairs=pairs,
        more_pairs=more,
        locations=_locations(shelf.modality, product) if media and shelf.kind == "state" else (),
        why=_why(example),
        note=shown(row.get("source"), 60),
    )


def _plain(product_id: str, product: Product, previews: Previews) -> Card:
    row = _row(product)
    price = f"{row['price']:g} {row.get('currency') or ''}".strip() if row.get("price") is not None else ""
    return Card(
        product_id=product_id,
        title=shown(row.get("title"), TITLE_CHARS),
        preview=_preview("image", None, product, previews),
        note=" · ".join(word for word in (shown(row.get("source"), 60), price) if word),
    )


def _row(product: Product) -> Mapping[str, Any]:
    rows = product.get("products", ())
    return rows[0] if rows else {}


def _text(product: Product, field: str) -> str:
    return (_row(product).get(field) or "")[:LONGEST_TEXT]


def _texts(shelf: Shelf, known: Known, phrases: frozenset[int]) -> list[tuple[tuple[Piece, ...], ...]]:
    """Title and description of each example; of several signals each marks in its own way."""
    if shelf.modality != Modality.TEXT:
        return [()] * len(shelf.examples)
    found: list[tuple[tuple[Piece, ...], ...]] = [()] * len(shelf.examples)
    places: dict[str, list[int]] = {}
    for place, example in enumerate(shelf.examples):
        places.setdefault(example.signal or "", []).append(place)
    for signal, mine in places.items():
        products = [known[shelf.examples[place].product_id] for place in mine]
        titles = marks.title(signal, [_text(p, "title") for p in products])
        bodies = marks.description(signal, [_text(p, "description") for p in products], phrases)
        for place, head, body in zip(mine, titles, bodies, strict=True):
            found[place] = (marks.shortened(head, TITLE_CHARS), marks.shortened(body, TEXT_CHARS))
    return found


def _pairs(product: Product, signal: str | None) -> tuple[tuple[tuple[str, str, bool], ...], int]:
    rows = list(product.get("attributes", ()))
    bad = _offending(rows, signal)
    order = sorted(range(len(rows)), key=lambda place: not bad[place])[:PAIRS]
    told = [(rows[i]["name_raw"], rows[i]["value_raw"], bad[i]) for i in sorted(order)]
    if signal and signal.startswith("foreign_brand"):
        told.insert(0, ("brand", _row(product).get("brand"), True))
    return tuple((shown(n, 60), shown(v, PAIR_CHARS) or "–", mark) for n, v, mark in told), len(rows) - len(order)


def _offending(rows: list[Mapping[str, Any]], signal: str | None) -> list[bool]:
    """Which pairs of a table the signal speaks of."""
    if signal in ("placeholders", "placeholder_share"):
        values = pl.DataFrame({"value": [row["value"] for row in rows]}, schema={"value": pl.String})
        return values.select(wording.says_nothing(pl.col("value")).fill_null(False)).to_series().to_list()
    if signal in ("repeated_names", "contradictory_names"):
        names = [row["name"] for row in rows]
        return [names.count(name) > 1 for name in names]
    return [False] * len(rows)


def _preview(modality: str, asset: str | None, product: Product, previews: Previews) -> Preview | None:
    if asset is not None:
        return previews.get((modality, asset))
    assets = assets_of(modality, product)
    return next((previews[modality, a] for a in assets if (modality, a) in previews), None)


def assets_of(modality: str, product: Product) -> list[str]:
    """The files of a product that may show a modality, as listed; a clip may be heard, too."""
    by_location = {row["location_id"]: row["asset_id"] for row in product.get("fetched", ())}
    kinds = (modality, "video") if modality == "audio" else (modality,)
    listed = [row for kind in kinds for row in product.get("media", ()) if row["modality"] == kind]
    found = (by_location.get(row["location_id"]) for row in listed)
    return list(dict.fromkeys(asset for asset in found if asset))


def _locations(modality: str, product: Product) -> tuple[tuple[str, str], ...]:
    fetched = {row["location_id"]: row for row in product.get("fetched", ())}
    measured = {row["asset_id"]: row for row in product.get(f"signals_{modality}", ())}
    found: list[tuple[str, str]] = []
    for row in product.get("media", ()):
        if row["modality"] != modality or len(found) == LOCATIONS:
            continue
        came = fetched.get(row["location_id"])
        last = measured.get(came["asset_id"], came) if came else None
        state = "not fetched" if last is None else _became(last["state"], last["reason"])
        found.append((shown(row["location_raw"], 160), state))
    return tuple(found)


def _became(state: int, reason: int) -> str:
    why = Reason(reason)
    return State(state).word if why is Reason.NONE else f"{State(state).word}: {why.word.replace('_', ' ')}"


def _why(example: Example) -> str:
    if example.signal is None:
        return ""
    value = "" if example.value is None else f" {example.value:.4g}"
    limit = (
        ""
        if example.threshold is None
        else f", {(example.comparison or 'limit').replace('_', ' ')} {example.threshold:.4g}"
    )
    return shown(f"{example.signal.replace('_', ' ')}{value}{limit}", 120)


def meaning(shelf: Shelf) -> list[tuple[str, str]]:
    """The signals that a tag's examples rest on, with what their law says of them."""
    tables = ("signals_pair", *(f"signals_{m.value}" for m in Modality))
    laws = {column.name: column.meaning for name in tables for column in schema.law(name).columns}
    laws |= {c.name: c.meaning for c in schema.law(f"signals_{shelf.modality}").columns} if shelf.modality else {}
    signals = dict.fromkeys(e.signal for e in shelf.examples if e.signal)
    return [(signal, laws[signal]) for signal in sorted(signals) if signal in laws]
