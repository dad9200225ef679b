"""What a title says that tells variants apart (colour, size, measures), and the stem that is left without it.

"Acme tee red, size 42" and "Acme tee blue, size 38" share the stem "acme tee"; their colours and sizes become facts
beside those of the attribute table and are compared there. Numbers that stay in the stem are codes, for digits are
identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl

from m5tools.dedup.policy import ComparePolicy

COLOUR = "colour"
SIZE = "size"
"""What colours and sizes of titles are called, as the policy calls attributes of these kinds."""

_NUMBER = r"\d+(?:[.,]\d+)?"
_LETTER_SIZE = r"xxs|xs|xl|xxl|xxxl|[2-6]xl"
_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"
_PUNCTUATION = r"[^\p{L}\p{M}\p{N} ]+"
_COMPOUND = r"[\p{L}\p{N}]+(?:[-/.][\p{L}\p{N}]+)+"
_NUMBERED = r"\p{L}*\d[\p{L}\p{N}]*"
_CODE = r"^\d{5,}$|^(?:\d+\p{L}|\p{L}+\d)[\p{L}\d]{2,}$"
_DIMENSIONS = r"^\d+(?:[x×]\d+)+\p{L}{0,2}$"
_SET_OFF = r"[,(|–-] ?[sml](?:[,)|–-]|$)"
"""A letter between marks: "Tee-M-Blue", "Tee, M"."""
_PACKED = (
    r"\b(?:pack|set|box|case|lot|packung|paquet|paquete|confezione)s? (?:of|de|da|von|mit) \d{1,3}\b"
    r"|\b\d{1,3}er[ -]?(?:pack|packung|set)\b"
)
_PIECES = "pcs"
_HAN = re.compile("[\u4e00-\u9fff]")
_STORAGE = "storage"
_KIBI = 1024
_SIGNIFICANT = 3
"""Digits of a measure that are compared: 15.6 inches and 396 mm are equal."""


def plain(text: pl.Expr) -> pl.Expr:
    """Text to compare: NFKC, lower case, single spaces; null when nothing is left. For rows, not within groups."""
    return text.map_batches(_plain, return_dtype=pl.String, is_elementwise=True)


def _plain(text: pl.Series) -> pl.Series:
    # Most texts are ASCII with single blanks already; to normalise those as well would cost four times as much.
    text = _changed(text, text.str.len_bytes() != text.str.len_chars(), lambda t: t.str.normalize("NFKC"))
    text = text.str.to_lowercase()
    spaced = text.str.contains(r"[^\S ]|  ")
    return _changed(text, spaced, lambda t: t.str.replace_all(r"\s+", " ")).str.strip_chars().replace("", None)


def _changed(texts: pl.Series, where: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Texts, changed where it is said; the others are not looked at."""
    rows = where.fill_null(False).arg_true()
    if rows.is_empty():
        return texts
    source = np.arange(len(texts))
    source[rows.to_numpy()] = len(texts) + np.arange(len(rows))
    return pl.concat([texts, change(texts.gather(rows))]).gather(source)


def measure(number: pl.Expr, unit: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """A number with its unit as text that is equal for equal measures: "396 length"; unknown units stay as they are."""
    factor = unit.replace_strict(policy.unit_factors, default=1.0, return_dtype=pl.Float64)
    kind = unit.replace_strict(policy.unit_kinds, default=unit, return_dtype=pl.String)
    # A shop's terabyte has 1000 gigabytes or 1024, its gigabyte as many megabytes.
    binary = (kind == _STORAGE) & (number % _KIBI == 0) & (number > 0)
    number = pl.when(binary).then(number / _KIBI * 1000).otherwise(number)
    value = (number * factor).round_sig_figs(_SIGNIFICANT).cast(pl.String)
    return pl.concat_str(value, kind.fill_null(""), separator=" ").str.strip_chars()


def colour_values(text: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """A plain colour as a list: the colour words in it, those that are shades and, where it says more, itself.

    So "brown" agrees with "dark brown", which differs from "light brown"; "navy blue" is what "navy" and "blue" are.
    """
    pattern = _colours(policy, shortest_han=1)
    words = text.str.extract_all(pattern)
    colours = words.list.eval(pl.element().replace(policy.colour_words))
    shades = words.list.eval(pl.element().filter(pl.element().is_in(sorted(policy.shade_words))))
    more = text.str.replace_all(pattern, "").str.contains(r"[\p{L}\p{N}]") | (words.list.len() == 0)
    return colours.list.concat(shades).list.concat(pl.concat_list(pl.when(more).then(text))).list.drop_nulls()


def _named(word: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """A colour word as a list: its colour and, where it is a shade, itself."""
    shade = pl.when(word.is_in(sorted(policy.shade_words))).then(word)
    return pl.concat_list(word.replace(policy.colour_words), shade).list.drop_nulls()


def size_value(text: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """A plain size without the word before it: "eu 42", "size 42" and "42" are one."""
    bare = text.str.replace(rf"^(?:{_alternatives(policy.size_words)})\b[\s:.]*", "")
    number = bare.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).cast(pl.String)
    return pl.coalesce(number, bare)


def read_measure(text: pl.Expr, policy: ComparePolicy) -> tuple[pl.Expr, pl.Expr]:
    """Number and unit of a plain text that is nothing but a measure; null otherwise."""
    whole = pl.when(text.str.contains(rf"^(?:{_measures(tuple(policy.unit_kinds))})$")).then(text)
    number = whole.str.extract(rf"^({_NUMBER})").str.replace(",", ".", literal=True).cast(pl.Float64)
    return number, whole.str.extract(rf"^{_NUMBER}[\s-]*(.+)$")


def stem(title: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """A plain title without colours, sizes, measures and punctuation; null when nothing is left."""
    for pattern in (_measures(policy.title_units), _PACKED, _sizes(policy), _colours(policy), _NO_WORD):
        title = title.str.replace_all(pattern, " ")
    rest = title.str.strip_chars()
    return pl.when(rest != "").then(rest)


def codes(stem: pl.Expr) -> pl.Expr:
    """The distinct words of a stem that hold a digit, sorted."""
    return stem.str.extract_all(r"[\p{L}]*\d[\p{L}\d]*").list.unique().list.sort().fill_null([])


def compound_codes(text: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """The model codes that a plain text writes in parts ("kd-g335"), whole ("kdg335"); a list."""
    return _codes_among(_compact(text), policy)


def words_of(text: pl.Expr, compound: pl.Expr) -> pl.Expr:
    """A plain text as words with blanks between; its :func:`compound_codes`, a list, stand there whole as well."""
    return pl.concat_str(text.str.replace_all(_PUNCTUATION, " "), compound.list.join(" "), separator=" ")


def model_codes(text: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    """What looks like a model number among the words of a plain text: letters and digits mixed, or five digits and
    more; a list. A code written in parts is among the words of :func:`words_of` only, where it stands whole."""
    return _codes_among(text.str.extract_all(_NUMBERED), policy).list.unique()


def numbers(text: pl.Expr) -> pl.Expr:
    """The distinct numbers in a plain text, a list."""
    return text.str.extract_all(r"\d+(?:\.\d+)?").list.unique()


def is_code(word: pl.Expr) -> pl.Expr:
    """Whether a word looks like a model number and not like dimensions."""
    return word.str.contains(_CODE) & ~word.str.contains(_DIMENSIONS)


def _codes_among(words: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    return words.list.eval(pl.element().filter(_is_code(pl.element(), policy)))


def _is_code(word: pl.Expr, policy: ComparePolicy) -> pl.Expr:
    units = tuple(u for u in policy.unit_kinds if u[-1].isalpha())
    return is_code(word) & ~word.str.contains(rf"^\d+(?:{_alternatives(units)})$")


def _compact(text: pl.Expr) -> pl.Expr:
    """Words joined by hyphen, slash or dot, without these; a list."""
    return text.str.extract_all(_COMPOUND).list.eval(pl.element().str.replace_all(r"[-/.]", ""))


def title_facts(products: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """Colours, sizes and measures of titles.

    Args:
        products: columns `row` and `title` (plain).
        policy: the words and units.

    Returns:
        Columns `row`, `name`, `value`: one row a fact.
    """
    titles = products.select("row", "title").drop_nulls("title")
    colours = (
        titles.select("row", value=pl.col("title").str.extract_all(_colours(policy)))
        .explode("value", empty_as_null=False)
        .select("row", name=pl.lit(COLOUR), value=_named(pl.col("value"), policy))
        .explode("value", empty_as_null=False)
    )
    sizes = (
        titles.select("row", value=pl.col("title").str.extract_all(_sizes(policy)))
        .explode("value", empty_as_null=False)
        .select("row", name=pl.lit(SIZE), value=size_value(pl.col("value").str.strip_chars(" ,()|–-"), policy))
    )
    found = (
        titles.select("row", text=pl.col("title").str.extract_all(_measures(policy.title_units)))
        .explode("text", empty_as_null=False)
        .select(
            "row",
            number=pl.col("text").str.extract(rf"^({_NUMBER})").str.replace(",", ".").cast(pl.Float64),
            unit=pl.col("text").str.extract(rf"^{_NUMBER}[\s-]*(.+)$"),
        )
    )
    counted = pl.col("title").str.replace_all(_measures(policy.title_units), " ").str.extract_all(_PACKED)
    packs = titles.select("row", text=counted).explode("text", empty_as_null=False)
    number = pl.col("text").str.extract(r"(\d+)").cast(pl.Float64)
    found = pl.concat([found, packs.select("row", number=number, unit=pl.lit(_PIECES))])
    measures = found.select(
        "row",
        name=pl.col("unit").replace_strict(policy.unit_kinds, default=None, return_dtype=pl.String),
        value=measure(pl.col("number"), pl.col("unit"), policy),
    )
    return pl.concat([colours, sizes, measures]).drop_nulls().unique().sort("row", "name", "value")


@cache
def _alternatives(words: tuple[str, ...]) -> str:
    """One of the words, the longest first."""
    return "|".join(re.escape(w) for w in sorted(words, key=lambda w: (-len(w), w)))


def _colours(policy: ComparePolicy, shortest_han: int = 2) -> str:
    """Colour words of titles, or of values: there also Chinese ones of one character, and words such as "cream"."""
    words = tuple(policy.colour_words) if shortest_han == 1 else policy.title_colours
    han = tuple(w for w in words if _HAN.match(w))
    spaced = tuple(w for w in words if not _HAN.match(w))
    long_enough = tuple(w for w in han if len(w) >= shortest_han)
    return "|".join([rf"\b(?:{_alternatives(spaced)})\b", *([_alternatives(long_enough)] if long_enough else [])])


def _sizes(policy: ComparePolicy) -> str:
    words = _alternatives(policy.size_words)
    return rf"\b(?:{words})[\s:.]*(?:{_NUMBER}|{_LETTER_SIZE}|s|m|l)\b|\b(?:{_LETTER_SIZE})\b|{_SET_OFF}"


def _measures(units: tuple[str, ...]) -> str:
    words = tuple(u for u in units if u[-1].isalpha())
    marks = tuple(u for u in units if not u[-1].isalpha())
    return rf"\b{_NUMBER}[\s-]*(?:(?:{_alternatives(words)})\b|(?:{_alternatives(marks)}))"
