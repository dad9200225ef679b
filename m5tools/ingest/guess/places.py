"""Where categories, attributes and media are, and how they are written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from m5tools.ingest.guess.choice import Choice
from m5tools.ingest.guess.names import NESTED, bare, called_after, language_of, place_of, role_of
from m5tools.ingest.guess.profile import ADDRESS, FILES, NUMBER, PATH, PRICE, QUANTITY, Profile

_NAME_KEYS: Final = (
    "name",
    "key",
    "label",
    "title",
    "attribute",
    "attribute_name",
    "attributename",
    "k",
    "code",
    "名称",
    "@name",
)
_VALUE_KEYS: Final = (
    "value",
    "val",
    "values",
    "text",
    "content",
    "attribute_value",
    "attributevalue",
    "v",
    "值",
    "#text",
)
_SEPARATORS: Final = {">": r"\s*>\s*", "›": r"\s*›\s*", "»": r"\s*»\s*", "|": r"\s*\|\s*", "/": r"\s*/\s*"}
_LEVEL: Final = re.compile(r"^(?P<name>.*?)[\s_.-]*(?:lvl|level|l)?[\s_.-]*(?P<number>\d)$", re.IGNORECASE)
_BETWEEN: Final = ("|", "\n", ";", ",", " ")
_ROLE_KEYS: Final = ("role", "variant")
_LONGEST_OPTION = 60
_OPTIONS_SHOWN = 8
_BEST_KEYS: Final = ("path", "hires", "original", "large", "url", "src", "link", "href", "image", "thumb")


def category(profiles: list[Profile]) -> Choice | None:
    """The category path: levels in fields of their own, or one field."""
    levels = _levels(profiles)
    found = []
    for order, p in enumerate(profiles):
        place = place_of(p.path, "category")
        is_path = p.looks(PATH, 0.5) or bool(p.items)
        if p.values and not p.looks(ADDRESS, 0.2) and not p.looks(NUMBER, 0.5):
            if place is not None:
                found.append((not is_path, place, order, p, "by name"))
            elif p.looks(PATH) and p.distinct < 0.7 and p.length < 200 and p.words < 20:
                found.append((False, 2 * NESTED, order, p, "paths that come again"))
    if levels and not any(not flat for flat, *_ in found):
        return Choice("category", "", {"columns": [p.path for p in levels]}, tuple(levels), "a level a field")
    if not found:
        return None
    *_, best, why = min(found, key=lambda item: item[:3])
    spec: dict[str, Any] = {"from": best.path}
    if best.lists_objects:
        item = next((k for k in _NAME_KEYS if k in best.object_keys()), None)
        if item is None:
            return None
        spec["item"] = item
    elif best.is_text:
        marks = [m for m in _SEPARATORS if best.looks(re.compile(rf"\S\s*{re.escape(m)}\s*\S"), 0.3)]
        if marks:
            spec["levels"] = _SEPARATORS[marks[0]]
    elif best.holds_objects:
        return None
    return Choice("category", "", spec, (best,), why)


def _levels(profiles: list[Profile]) -> list[Profile]:
    found: dict[str, list[tuple[int, Profile]]] = {}
    for p in profiles:
        match = _LEVEL.match(p.path)
        if match and p.is_text and p.values and p.distinct < 0.9:
            name = bare(match["name"])
            if name in ("lvl", "level", "cat", "l") or place_of(match["name"], "category") is not None:
                found.setdefault(name, []).append((int(match["number"]), p))
    best = max(found.values(), key=len, default=[])
    return [p for _, p in sorted(best, key=lambda item: item[0])] if len(best) > 1 else []


def attributes(profiles: list[Profile]) -> Iterator[Choice]:
    """Every place of attributes."""
    yield from _numbered(profiles)
    inside: tuple[str, ...] = ()
    for p in profiles:
        found = _attributes(p) if p.values and not p.path.startswith(inside) else None
        if found is not None:
            spec, why = found
            inside = (*inside, f"{p.path}.")
            yield Choice("attributes", "", {"from": p.path} | spec, (p,), why)


def _attributes(p: Profile) -> tuple[dict[str, Any], str] | None:
    """How a field holds attributes, and what tells; None where it holds none."""
    own_name = called_after(p.path).rpartition(".")[2]
    if p.lists_pairs:
        return {}, "lists of [name, value]"
    if p.lists_objects:
        keys = p.object_keys()
        name = next((k for k in _NAME_KEYS if k in keys), None)
        value = next((k for k in _VALUE_KEYS if k in keys), None)
        if not name or not value or _media(p) is not None:
            return None
        spec = ({} if name == "name" else {"name_key": name}) | ({} if value == "value" else {"value_key": value})
        names = [str(item.get(name)) for item in p.items if isinstance(item, dict)]
        return spec | _options(names), "objects with name and value"
    if p.holds_objects and (p.is_table or place_of(p.path, "attributes") is not None):
        inner = [v for value in p.values if isinstance(value, dict) for v in value.values() if v not in (None, "")]
        nested = bool(inner) and all(isinstance(v, dict) for v in inner)
        words: dict[str, Any] = {"keys_are_values": True, "blank": ["n/a"]} if nested else {}
        return words | _options(list(p.object_keys())), "objects with many names"
    if (marks := p.pair_marks()) and place_of(p.path, "description") is None:
        names = [part.partition(marks[1])[0].strip() for text in p.texts for part in text.split(marks[0])]
        return {"pairs": marks[0], "assign": marks[1]} | _options(names), "texts of names and values"
    if p.is_text and p.length <= _LONGEST_OPTION and place_of(p.path, "option") is not None:
        return {"name": own_name, "options": [own_name.casefold()]}, "by name; tells variants apart"
    if p.is_text and place_of(p.path, "attribute") is not None:
        return {"name": own_name}, "by name"
    if p.looks(QUANTITY) and not p.is_id and not _is_price(p):
        return {"name": own_name}, "numbers with units"
    return None


def _is_price(p: Profile) -> bool:
    """Whether what looks like numbers with units are amounts with currencies."""
    return p.looks(PRICE) or (place_of(p.path, "price") is not None and p.is_priced)


def _options(names: list[str]) -> dict[str, Any]:
    """Names among these that tell variants apart, as a mapping lists them."""
    options = sorted({n.casefold() for n in names if place_of(n, "option") is not None})
    return {"options": options[:_OPTIONS_SHOWN]} if options else {}


def _numbered(profiles: list[Profile]) -> Iterator[Choice]:
    """Fields of names and fields of values that belong together by their number."""
    templates: dict[str, list[Profile]] = {}
    for p in profiles:
        match = re.fullmatch(r"(\D*)(\d+)(\D*)", p.path)
        is_place_in_list = match is not None and match[1].endswith(".")
        if match and not is_place_in_list:
            templates.setdefault(f"{match[1]}{{n}}{match[3]}", []).append(p)
    rest: dict[str, str] = {}
    for template in templates:
        if re.search("value|val(?![a-z])", template, re.IGNORECASE):
            rest.setdefault(_core(template), template)
    for names, taken in templates.items():
        values = rest.get(_core(names))
        if values is None or values == names or not re.search("key|name|label", names, re.IGNORECASE):
            continue
        language = language_of(names)[1]
        spec = {"from": names, "numbered_values": values} | ({"language": language} if language else {})
        texts = [text for p in taken for text in p.texts]
        yield Choice("attributes", "", spec | _options(texts), (*taken, *templates[values]), "numbered pairs of fields")


def _core(template: str) -> str:
    return re.sub(
        r"attributes?|option|propert(?:y|ies)|keys?|names?|labels?|values?|val|\W|_|\(s\)", "", template.casefold()
    )


def media(profiles: list[Profile]) -> Iterator[Choice]:
    """Every place of pictures, clips and sounds."""
    inside: tuple[str, ...] = ()
    for p in profiles:
        found = _media(p) if p.values and not p.path.startswith(inside) else None
        if found is not None:
            modality, spec = found
            inside = (*inside, f"{p.path}.")
            role = role_of(p.path) if modality == "image" else None
            why = "addresses, by name" if _modality_named(p.path) else "names of files"
            yield Choice(modality, "", spec | ({"role": role} if role else {}), (p,), why)


def _media(p: Profile) -> tuple[str, dict[str, Any]] | None:
    """The modality that a field lists files of, and how; None where it lists none."""
    named = _modality_named(p.path)
    for modality in (named,) if named else FILES:
        spec = _location(p, modality, bool(named))
        if spec is not None:
            return modality, spec
    return None


def _modality_named(path: str) -> str | None:
    return next((modality for modality in FILES if place_of(path, modality) is not None), None)


def _location(p: Profile, modality: str, named: bool) -> dict[str, Any] | None:
    if p.lists_objects:
        keys = [key for key in p.object_keys() if _fits(_under(p, key), modality, named)]
        ranked = {key: place for place, key in enumerate(_BEST_KEYS)}
        best = min(keys, key=lambda key: ranked.get(bare(key), len(ranked)), default=None)
        role = next(({"role_item": key} for key in _ROLE_KEYS if key in p.object_keys()), {})
        return None if best is None else {"from": p.path, "item": best} | role
    if p.items:
        flat = Profile(p.path, 1, tuple(p.items))
        return {"from": p.path} if _fits(flat, modality, named) else None
    between = next((mark for mark in _BETWEEN if _joins(p, mark)), None)
    parts = (part.strip() for text in p.texts for part in (text.split(between) if between else [text]))
    if not p.is_text or not _fits(Profile(p.path, 1, tuple(filter(None, parts))), modality, named):
        return None
    return {"from": p.path} | ({"split": between} if between else {})


def _under(p: Profile, key: str) -> Profile:
    inside = (item.get(key) for item in p.items if isinstance(item, dict))
    return Profile(f"{p.path}.{key}", 1, tuple(v for v in inside if v not in (None, "")))


def _fits(p: Profile, modality: str, named: bool) -> bool:
    return bool(p.values) and (p.looks(FILES[modality], 0.5) or (named and p.looks(ADDRESS)))


def _joins(p: Profile, mark: str) -> bool:
    """Whether some texts hold several locations with this between them."""
    several = [t for t in p.texts if mark in t]
    return bool(several) and all(
        sum(bool(ADDRESS.search(x.strip()) or any(f.search(x) for f in FILES.values())) for x in t.split(mark)) > 1
        for t in several
    )
