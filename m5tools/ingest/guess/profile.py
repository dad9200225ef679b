"""A field seen through its values: how many are filled, what shape they have, what they look like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import mean
from typing import Any, Final

import polars as pl

from m5tools.ingest.delivered import Record, selector, structure_of, text_of
from m5tools.ingest.normalize.currency import CODES, currency_of
from m5tools.ingest.normalize.identifiers import gtin_of
from m5tools.ingest.normalize.price import prices

DEPTH = 4
FIELDS_LOOKED_AT = 1_000
# An object with more keys than this, or one whose keys change from record to record, is a table of attributes.
KEYS_OF_A_RECORD = 24
KEY_FILLED = 0.3
MOST = 0.8
PRICED = 0.6
# So many rows may lack an id, and so many may repeat one: crawls hold a few broken and twice listed products.
FEW = 0.02
ROWS_TO_MISS_ONE = 5
ROWS_TO_REPEAT_ONE = 20
# One in ten numbers of eight digits has a right check digit by chance, and so have many ids of that length.
SHORTEST_GTIN = 12

ADDRESS: Final = re.compile(r"^#*(?:https?:)?//[^\s/]+\.[^\s/]+", re.IGNORECASE)
_FILES: Final = {
    "image": r"jpe?g|png|webp|gif|bmp|tiff?|avif",
    "video": r"mp4|webm|mov|m4v|avi|mkv",
    "audio": r"mp3|ogg|wav|flac|m4a|opus",
}
FILES: Final = {m: re.compile(rf"\.(?:{ends})(?:$|[?#_&!@])", re.IGNORECASE) for m, ends in _FILES.items()}
DATE: Final = re.compile(r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d|$)")
NUMBER: Final = re.compile(r"^[+-]?\d{1,15}(?:[.,\s]\d{1,3})*$")
_SIGN: Final = rf"[$€£¥₹₱₩฿₫₽₺₴₪₦]|zł|Kč|kr\.?|R\$|Rp\.?|RM|{'|'.join(sorted(CODES))}"
PRICE: Final = re.compile(rf"^(?:(?:{_SIGN})\s*\d[\d.,\s]*|\d[\d.,\s]*\s*(?:{_SIGN}))\s*$")
QUANTITY: Final = re.compile(r"^\d+(?:[.,]\d+)?\s*(?:[a-zA-Zµ°]{1,6}|[\"″])\.?$")
CURRENCY: Final = re.compile(rf"^(?:{'|'.join(sorted(CODES))})$")
LANGUAGE: Final = re.compile(r"^[a-z]{2}(?:[_-][A-Za-z]{2,4})?$")
PATH: Final = re.compile(r"\S\s*(?:>|›|»)\s*\S|\S \| \S|\S\s?/\s?\S")
_PAIR_MARKS: Final = (
    ("#;#", "#:#"),
    ("|", ":"),
    (";", ":"),
    ("\n", ":"),
    (",", "="),
    (";", "="),
    ("|", "="),
    (",", ":"),
)


@dataclass(frozen=True)
class Profile:
    """A field of some records.

    Attributes:
        path: its name or dotted path.
        rows: records looked at.
        values: those that are not blank, JSON in texts parsed.
    """

    path: str
    rows: int
    values: tuple[Any, ...]

    @property
    def filled(self) -> float:
        return len(self.values) / max(1, self.rows)

    @cached_property
    def texts(self) -> list[str]:
        """Values that are texts or numbers, as text."""
        plain = (v for v in self.values if not isinstance(v, list | dict | bool))
        return [text.strip() for v in plain if (text := text_of(v)) is not None]

    @cached_property
    def items(self) -> list[Any]:
        """What the lists among the values hold."""
        return [item for v in self.values if isinstance(v, list) for item in v]

    @property
    def is_text(self) -> bool:
        return bool(self.texts) and len(self.texts) >= MOST * len(self.values)

    @cached_property
    def example(self) -> str:
        value = self.values[0] if self.values else None
        return text_of(value) or ""

    @cached_property
    def distinct(self) -> float:
        """Share of different values among the filled."""
        return len({text_of(v) for v in self.values}) / max(1, len(self.values))

    @cached_property
    def length(self) -> float:
        """Mean length of the texts."""
        return mean(map(len, self.texts)) if self.texts else 0.0

    @cached_property
    def words(self) -> float:
        """Mean number of words, or of eastern characters, which carry no spaces."""
        counts = (max(len(t.split()), len(re.findall(r"[\u3040-\u9fff\uac00-\ud7af]", t)) // 2) for t in self.texts)
        return mean(counts) if self.texts else 0.0

    def looks(self, pattern: re.Pattern[str], share: float = MOST) -> bool:
        """Whether most of the texts fit a pattern."""
        return self.is_text and sum(bool(pattern.search(t)) for t in self.texts) >= share * len(self.texts)

    @cached_property
    def is_gtin(self) -> bool:
        """Whether most values are article numbers with a right check digit, and not all the same."""
        valid = sum(len(text) >= SHORTEST_GTIN and gtin_of(text) is not None for text in self.texts)
        return len(set(self.texts)) > 1 and valid >= 0.9 * len(self.values)

    @cached_property
    def is_priced(self) -> bool:
        """Whether ingest reads most of the texts as prices."""
        texts = pl.Series(self.texts, dtype=pl.String)
        return self.is_text and int(prices(texts, texts.clear(len(texts)))["price"].count()) >= PRICED * len(texts)

    @property
    def is_currency(self) -> bool:
        """Whether most texts are codes or signs of currencies."""
        told = sum(currency_of(text) is not None or text.casefold().rstrip(".") == "kr" for text in self.texts)
        return self.is_text and told >= MOST * len(self.texts)

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.rows - len(self.values)

    @cached_property
    def repeats(self) -> int:
        """Values that came before."""
        return len(self.values) - len({text_of(value) for value in self.values})

    @property
    def is_nearly_id(self) -> bool:
        """The same as :attr:`is_id`, but for a few rows that lack one or repeat another's."""
        few = max(1, int(FEW * self.rows))
        missing = self.missing == 0 or (self.missing <= few and self.rows >= ROWS_TO_MISS_ONE)
        repeats = self.repeats == 0 or (self.repeats <= few and self.rows >= ROWS_TO_REPEAT_ONE)
        return self._has_form_of_id and missing and repeats

    @property
    def is_id(self) -> bool:
        """Whether every record has one, no two the same, and it could be an id by its form."""
        return self._has_form_of_id and self.filled > 0.999 and self.distinct > 0.999

    @property
    def _has_form_of_id(self) -> bool:
        short = self.is_text and max(map(len, self.texts)) <= 100 and not any(" " in t for t in self.texts)
        return short and not self.looks(DATE)

    def object_keys(self) -> Counter[str]:
        """How often each key occurs in objects: the values themselves, or what their lists hold."""
        objects = [v for v in self.values if isinstance(v, dict)] or [i for i in self.items if isinstance(i, dict)]
        return Counter(key for item in objects for key in item)

    @property
    def holds_objects(self) -> bool:
        return any(isinstance(v, dict) for v in self.values)

    @property
    def lists_objects(self) -> bool:
        return any(isinstance(i, dict) for i in self.items)

    @property
    def lists_pairs(self) -> bool:
        lists = [i for i in self.items if isinstance(i, list)]
        return bool(lists) and all(len(i) == 2 for i in lists)

    @property
    def is_table(self) -> bool:
        """Whether the values are objects of ever different keys: attributes, not a part of the record."""
        if not self.holds_objects:
            return False
        objects = [v for v in self.values if isinstance(v, dict)]
        keys = self.object_keys()
        rare = sum(count < KEY_FILLED * len(objects) for count in keys.values())
        return len(keys) > KEYS_OF_A_RECORD or rare > len(keys) / 2

    def pair_marks(self) -> tuple[str, str] | None:
        """The separators of texts such as `k: v | k: v`, where most of them have two pairs or more."""
        for pairs, assign in _PAIR_MARKS if self.is_text else ():
            good = 0
            for text in self.texts:
                parts = text.split(pairs)
                named = sum(0 < len(p.partition(assign)[0].strip()) <= 40 and assign in p for p in parts)
                good += len(parts) >= 2 and named >= 0.7 * len(parts) and "://" not in text
            if good >= 0.6 * len(self.texts):
                return pairs, assign
        return None


def profiles(records: list[Record]) -> list[Profile]:
    """Every field of some records (of very many the most frequent), objects taken apart, in the order they come."""
    counts = Counter(name for record in records for name in record)
    names = list(counts)
    if len(names) > FIELDS_LOOKED_AT:
        most = {name for name, _ in counts.most_common(FIELDS_LOOKED_AT)}
        names = [name for name in names if name in most]
    found: list[Profile] = []
    for name in names:
        found += _profiles(name, records, DEPTH)
    return found


def profile(path: str, records: list[Record]) -> Profile:
    """One field."""
    values = (structure_of(value) for value in selector(path)(records))
    return Profile(path, len(records), tuple(v for v in values if not is_blank(v)))


def is_blank(value: Any) -> bool:
    """Whether a value says nothing."""
    return value is None or value in ("", [], {}) or (isinstance(value, str) and (not value.strip() or value == "null"))


def _profiles(path: str, records: list[Record], depth: int) -> Iterable[Profile]:
    seen = profile(path, records)
    yield seen
    if not depth or seen.is_table or not (seen.holds_objects or seen.lists_objects):
        return
    inside = path if seen.holds_objects else f"{path}.0"
    for key in seen.object_keys():
        yield from _profiles(f"{inside}.{key}", records, depth - 1)
