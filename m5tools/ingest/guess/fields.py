"""Which field is the id, the title, the price …: by name, where values agree, then by what values look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from m5tools.ingest.guess.choice import Choice
from m5tools.ingest.guess.names import NESTED, bare, language_of, place_of
from m5tools.ingest.guess.profile import (
    ADDRESS,
    CURRENCY,
    DATE,
    FILES,
    LANGUAGE,
    NUMBER,
    PRICE,
    PRICED,
    Profile,
)
from m5tools.ingest.mapping import FIELDS, ProductField

ALTERNATIVES = 3
LONG_TEXT = 80
LONGEST_TITLE = 300
# Below this share of different values a long text is the shop's, not the product's: a licence, a return policy.
SAME_TEXT = 0.1
# The first column of a table without names is where an id is, if there is one.
_ID_NAME = re.compile(
    r"(?:^|[^a-z])(?:u?id|code|no|nr|num|number|key|ref|sku|uuid)(?:$|[^a-z])|^column_1$", re.IGNORECASE
)
# Where an element of XML has attributes, its text is called so.
TEXT_INSIDE = ".#text"
_DIGITS = re.compile(r"^[\d\s-]{8,17}X?$")


def _is_media(p: Profile) -> bool:
    return any(p.looks(pattern, 0.5) for pattern in FILES.values())


def _is_words(p: Profile) -> bool:
    others = (ADDRESS, NUMBER, DATE, PRICE)
    return p.is_text and not any(p.looks(pattern, 0.5) for pattern in others) and not _is_media(p)


def _is_price(p: Profile) -> bool:
    return p.is_text and (p.looks(NUMBER, PRICED) or p.is_priced)


def _is_flag_or_word(p: Profile) -> bool:
    return all(isinstance(v, bool) for v in p.values) or (p.is_text and p.length <= 60)


_FITS: Final[dict[ProductField, Callable[[Profile], bool]]] = {
    "native_id": lambda p: p.is_nearly_id and not _is_media(p),
    "url": lambda p: p.looks(ADDRESS) and not _is_media(p),
    "title": lambda p: _is_words(p) and p.length <= LONGEST_TITLE,
    "description": lambda p: _is_words(p) or bool(p.items and all(isinstance(i, str) for i in p.items)),
    "brand": lambda p: _is_words(p) and p.length <= LONG_TEXT,
    "gtin": lambda p: p.looks(_DIGITS, 0.5),
    "mpn": lambda p: p.is_text and p.length <= 60 and not p.looks(ADDRESS, 0.2),
    "sku": lambda p: p.is_text and p.length <= 60 and not p.looks(ADDRESS, 0.2),
    "group_id": lambda p: p.is_text and p.length <= 60 and not p.looks(ADDRESS, 0.2),
    "price": _is_price,
    "currency": lambda p: p.is_currency,
    "availability": _is_flag_or_word,
    "condition": _is_flag_or_word,
    "seller": lambda p: p.is_text and p.length <= LONG_TEXT,
    "language": lambda p: p.looks(LANGUAGE),
    "crawled_at": lambda p: p.looks(DATE),
}
# Where the first of these is blank, the next may speak; ids and groups of two fields would be mixed.
_IN_TURN: Final = frozenset({"title", "description", "brand", "gtin", "mpn", "price", "url"})


def named(profiles: list[Profile]) -> Iterator[Choice]:
    """Product fields that are told by their name."""
    for target in FIELDS:
        found = []
        for order, profile in enumerate(profiles):
            name, language = language_of(profile.path)
            place = place_of(name, target) if target in ("title", "description") else place_of(profile.path, target)
            if place is not None and profile.values and _FITS[target](profile):
                # An id that all have comes before one that a few lack, but not one of a part of the product.
                lacking = (place >= NESTED, not profile.is_id) if target == "native_id" else (False, False)
                found.append((lacking, place, language not in (None, "en"), order, profile))
        if not found:
            continue
        found.sort(key=lambda item: item[:4])
        best = found[0][4]
        language = language_of(best.path)[1]
        same = [p for _, place, _, _, p in found if place < NESTED and language_of(p.path)[1] == language]
        same += [p for p in profiles if p.path == best.path.removesuffix(TEXT_INSIDE) and p.texts]
        if target in _IN_TURN and best.filled < 1:
            taken = tuple([best, *(p for p in same if p is not best)][:ALTERNATIVES])
        else:
            taken = (best,)
        yield _field(target, taken, "by name" + (_flaws(best) if target == "native_id" else ""))


def _flaws(p: Profile) -> str:
    """What is to be known of an id that a few rows lack or repeat."""
    said = f"; {p.missing} of {p.rows} rows have none: their address or content stands for it" if p.missing else ""
    return said + (f"; {p.repeats} of {p.rows} rows repeat one: they become rejects" if p.repeats else "")


def by_values(profiles: list[Profile], have: set[str], beside_price: list[Profile]) -> Iterator[Choice]:
    """Product fields that no name told, by what the values look like.

    Args:
        profiles: fields that nothing else takes.
        have: product fields that are told already.
        beside_price: fields of the object that the price lies in.
    """
    free = [p for p in profiles if p.values and "." not in p.path]
    taken: set[str] = set()
    told: list[tuple[str, str, Callable[[Profile], bool]]] = [
        ("native_id", "every record has its own", lambda p: p.is_id and bool(_ID_NAME.search(p.path))),
        ("url", "addresses, hardly two the same", lambda p: _FITS["url"](p) and p.distinct > 0.9),
        ("gtin", "numbers with a right check digit", lambda p: p.is_gtin),
        ("currency", "currency codes", lambda p: p.looks(CURRENCY)),
        ("price", "amounts with a currency sign", lambda p: p.looks(PRICE)),
    ]
    for target, why, fits in told:
        fields = [*beside_price, *free] if target == "currency" else free
        match = next((p for p in fields if target not in have and p.path not in taken and fits(p)), None)
        if match is not None:
            taken.add(match.path)
            yield _field(target, (match,), why)
    rest = [p for p in free if p.path not in taken]
    if "title" not in have and (title := _title(rest)) is not None:
        rest.remove(title)
        yield _field("title", (title,), "the field most like a title")
    long = [p for p in rest if _is_words(p) and p.length > LONG_TEXT]
    if "description" not in have and long:
        yield _field("description", (max(long, key=lambda p: (p.filled > 0.5, p.length)),), "long texts")


def _title(profiles: list[Profile]) -> Profile | None:
    """Texts of a few words, hardly two the same; else any text at all: a product needs one."""
    words = [p for p in profiles if _is_words(p) and p.length <= LONGEST_TITLE]
    several = [p for p in words if p.words >= 1.5 and p.distinct > 0.3]
    texts = several or words or [p for p in profiles if p.is_text and not p.looks(DATE)]
    return max(texts, key=lambda p: round(p.filled * p.distinct, 2), default=None)


def _field(target: str, taken: tuple[Profile, ...], why: str) -> Choice:
    paths = [p.path for p in taken]
    return Choice("fields", target, paths[0] if len(paths) == 1 else paths, taken, why)


def further_texts(profiles: list[Profile], main: dict[str, Choice]) -> Iterator[Choice]:
    """Texts beside title and description: other languages of them, short descriptions, bullets, other long texts."""
    for profile in profiles:
        if not profile.values:
            continue
        name, language = language_of(profile.path)
        twin = next((t for t in ("title", "description") if language and _names(name, t, main)), None)
        lists_texts = bool(profile.items) and all(isinstance(i, str) for i in profile.items)
        if not (_is_words(profile) or lists_texts):
            continue
        role = twin or next((r for r in ("short_description", "bullet", "keywords") if _called(name, r)), None)
        if role is None and profile.is_text and profile.length > LONG_TEXT and profile.distinct > SAME_TEXT:
            role = re.sub(r"\W+", "_", name.casefold()).strip("_") or "text"
        if role is not None:
            spec = {"from": profile.path, "role": role} | ({"language": language} if language else {})
            why = "another language" if twin else "by name" if _called(name, role) else "long texts"
            yield Choice("texts", "", spec, (profile,), why)


def _names(name: str, target: str, main: dict[str, Choice]) -> bool:
    choice = main.get(target)
    return choice is not None and any(bare(language_of(p.path)[0]) == bare(name) for p in choice.taken)


def _called(name: str, role: str) -> bool:
    return role in ("short_description", "bullet", "keywords") and place_of(name, role) is not None
