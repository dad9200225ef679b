"""How texts are cut for counting: category keys, words, runs of words, phrases; and which values say nothing.

One definition for the survey, which counts over the corpus, and for the stages that look the counts up or compare.
Everything works on whole columns; only the hashing of distinct phrases is a Python loop.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import xxhash

WORD: Final = r"[\p{L}\p{M}\p{N}]+(?:[.,]\p{N}+)*"
"""A word is letters and digits of any script; `15.6` and `0,5` stay whole."""

LONGEST_RUN: Final = 3
SHORTEST_PHRASE: Final = 12
"""UTF-8 bytes, not characters: four Chinese characters say as much as a dozen Latin letters."""

PLACEHOLDERS: Final = (
    "other", "others", "n/a", "na", "n.a", "not applicable", "none", "null", "nil", "nan", "see description",
    "see details", "see picture", "see image", "as described", "as shown", "refer to description", "unknown",
    "not specified", "unspecified", "not available", "unavailable", "no brand", "unbranded", "generic", "default",
    "does not apply", "tbd", "misc", "various", "sonstige", "siehe beschreibung", "unbekannt", "keine angabe",
    "autre", "autres", "inconnu", "non spécifié", "voir description", "其他", "其它", "无", "见描述",
    "详见描述", "未知",
)  # fmt: skip
"""Values that say nothing, lower case."""

# How UTF-8 looks when read as cp1252: a lead byte, then what cp1252 makes of 80–BF. Dashes and quotes follow capital
# letters in honest text too („MENÜ“), so they count only behind the two leads that honest text hardly has.
_RARE_TAIL: Final = "€ƒ‚„†‡ˆ‰Š‹ŒŽ˜™š›œžŸ\u00a1-\u00bf\u0081\u008d\u008f\u0090\u009d"
_ANY_TAIL: Final = _RARE_TAIL + "\u00a0“”‘’•–—…\ufffd"
MOJIBAKE: Final = "|".join(
    (
        f"[ÃÂ][{_ANY_TAIL}]",
        f"[ÄÅÆÇÈÉÊËÌÍÎÏÐÑØÙ][{_RARE_TAIL}]",
        f"[à-ï][{_ANY_TAIL}][{_ANY_TAIL}]",
        "ð[Ÿ\u0090\u009f]",
    )
)
"""Signs that a text was read in a wrong encoding: ingest repairs by them, measure counts what is left."""

_NOTHING_MEASURED: Final = r"^0+(?:[.,]0+)?\s?(?:kg|g|mg|lbs?|oz|t|km|m|cm|mm|in|inch|l|cl|ml|w|kw|v|a|mah|gb|mb|tb)$"
_ONLY_PUNCTUATION: Final = r"^[^\p{L}\p{N}]+$"

_ORNAMENT: Final = " *-–—_=~#>|★☆:,\"'()[]"
"""What a shop sets a sentence off with; it is no part of it."""
_END_OF_PHRASE: Final = r"[.!?;]+(?:\s+|$)|[。！？✓•\n\r]+"


def category_key(category: pl.Expr) -> pl.Expr:
    """A category path (list, root first) as one string joined by ' > '; null where it is unknown."""
    return pl.when(category.list.len() > 0).then(category.list.join(" > "))


def words(text: pl.Expr) -> pl.Expr:
    """The words of a text, NFKC, lower case, one space between them: the form in which two wordings are equal."""
    return text.str.normalize("NFKC").str.to_lowercase().str.extract_all(WORD).list.join(" ")


def says_nothing(value: pl.Expr, placeholders: Collection[str] = PLACEHOLDERS) -> pl.Expr:
    """True where a value says nothing: a word of the list, a measure of zero, or punctuation alone; null for null."""
    bare = value.str.to_lowercase().str.strip_chars(" .:")
    return bare.is_in(list(placeholders)) | value.str.contains(_ONLY_PUNCTUATION) | bare.str.contains(_NOTHING_MEASURED)


def runs(texts: pl.DataFrame) -> pl.DataFrame:
    """Every run of one to three neighbouring words of each text.

    Args:
        texts: `row` (any integer), `words` as :func:`words` makes them.

    Returns:
        `row`, `run`; a run that a text repeats is repeated.
    """
    one = (
        texts.select("row", run=pl.col("words").str.split(" "))
        .explode("run", empty_as_null=True, keep_nulls=True)
        .filter(pl.col("run").fill_null("") != "")
    )
    lengths = [one]
    longer = one
    for distance in range(1, LONGEST_RUN):
        longer = longer.with_columns(run=longer["run"] + " " + one["run"].shift(-distance))
        lengths.append(longer.filter(one["row"].shift(-distance) == one["row"]))
    return pl.concat(lengths)


def phrases(texts: pl.DataFrame) -> pl.DataFrame:
    """The phrases of each text: cut at sentence ends, bullets and line ends, lower case, spaces collapsed, ornaments
    around them left out.

    Args:
        texts: `row` (any integer), `text`.

    Returns:
        `row`, `phrase` (uint64, xxh3-64 of the phrase), `chars` (its length), in reading order; phrases of fewer than
        twelve characters are left out.
    """
    cut = (
        texts.select("row", text=pl.col("text").str.replace_all(_END_OF_PHRASE, "\n").str.split("\n"))
        .explode("text", empty_as_null=True, keep_nulls=True)
        .select("row", text=pl.col("text").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars(_ORNAMENT))
        .with_columns(chars=pl.col("text").str.len_chars().cast(pl.Int64))
        .filter(pl.col("text").str.len_bytes() >= SHORTEST_PHRASE)
    )
    return cut.select("row", hashed(cut["text"]).alias("phrase"), "chars")


def hashed(texts: pl.Series) -> pl.Series:
    """xxh3-64 of each text as uint64; null stays null. Stable across versions, machines and runs."""
    coded = texts.cast(pl.Binary).to_arrow().dictionary_encode()
    digests = np.fromiter(map(xxhash.xxh3_64_intdigest, coded.dictionary.to_pylist()), np.uint64, len(coded.dictionary))
    return pl.Series(texts.name, pa.array(digests).take(coded.indices))
