"""What the name of a field says: `schemas/field_names.yaml` holds what shops call the fields of a product."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

import yaml

from m5tools import resources
from m5tools.ingest.normalize.currency import CODES, is_sign

# Names are compared without case, accents, spaces and punctuation.
_ROLES: Final = {"main": ("main", "primary", "cover", "base"), "thumbnail": ("thumb", "thumbnail", "small")}
LANGUAGES: Final = frozenset(
    {"ar", "bg", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja",
     "ko", "lt", "lv", "ms", "nb", "nl",
     "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"}
)  # fmt: skip
NESTED: Final = 100
TEXT: Final = "#text"
# What stands in an object for the thing that the object is called after: `{"price": {"value": 5, …}}`.
_ITSELF: Final = frozenset({"text", "value"})
# A price has a currency inside; other things inside of something are of that, not of the product.
_PARTS: Final = {"currency": "price"}
_CURRENCY: Final = re.compile(r"(?P<name>.+?)[\s_(\[-]+(?P<currency>[A-Za-z]{3}|[^\w\s()\[\]]{1,3})[)\]]?")
_LANGUAGE = re.compile(r"^(?P<name>.+?)[._\-\s(:]+(?P<language>[a-z]{2})(?:[_-][A-Za-z]{2})?\)?$")


def bare(name: str) -> str:
    """A name without case, accents, spaces and punctuation."""
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in parts if c.isalnum())


@cache
def _places() -> dict[str, dict[str, int]]:
    """For everything that has names: each bare name and how far behind the best one it is."""
    text = (resources.folder("schemas") / "field_names.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, int]] = {}
    for target, words in yaml.safe_load(text).items():
        names = [bare(word) for word in words.split()]
        found[target] = {name: place for place, name in reversed(list(enumerate(names)))}
    return found


def place_of(name: str, target: str) -> int | None:
    """How far behind the best name for something this one is; None where it is no name for it.

    Of a dotted path the whole (`seller.name`) is looked at first, then its last step, far behind, unless what it lies
    in is something else (`brand.url`).
    """
    places = _places()[target]
    whole = places.get(bare(name))
    if whole is not None:
        return whole
    if target == "price" and (plain := _without_currency(name)) != name:
        return place_of(plain, target)
    inner = called_after(name)
    if inner != name and (found := place_of(inner, target)) is not None:
        return found
    outer, _, last = name.rpartition(".")
    if last == TEXT:
        return None
    found = places.get(bare(last)) if outer else None
    others = _places().keys() - {target, _PARTS.get(target)}
    if found is None or any(bare(step) in _places()[t] for step in outer.split(".") for t in others):
        return None
    return found + NESTED


def is_known(name: str) -> bool:
    """Whether anything of a product is called so."""
    return any(bare(name) in names for names in _places().values())


def called_after(path: str) -> str:
    """The path of the object of which this one is the value: `price` of `price.value`, of `price.#text` (text beside
    attributes in XML) and of `price.$numberDecimal` (a type in a dump of MongoDB).
    """
    outer, _, last = path.rpartition(".")
    return outer if outer and (bare(last) in _ITSELF or last.startswith("$")) else path


def _without_currency(name: str) -> str:
    """A name without the currency that ends it: `Price (USD)`, `preis_eur`, `price [€]`."""
    match = _CURRENCY.fullmatch(name)
    ended = match is not None and (match["currency"].upper() in CODES or is_sign(match["currency"]))
    return match["name"] if match is not None and ended else name


def language_of(name: str) -> tuple[str, str | None]:
    """A name without the language that ends it, and that language: `name.de_DE` is `name` in `de`."""
    match = _LANGUAGE.match(name)
    if match and match["language"] in LANGUAGES:
        return match["name"], match["language"]
    return name, None


def role_of(name: str) -> str | None:
    """What a field of pictures says by its name that they are."""
    words = set(re.split(r"[\W_]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).casefold()))
    return next((role for role, hints in _ROLES.items() if words & set(hints)), None)
