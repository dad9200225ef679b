"""Signals of a product's title and description, over whole columns.

A dear pattern is tried only where a cheap one says that it may be found; the others are empty there and cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import polars as pl

from m5tools import wording
from m5tools.measure.known import Numbers, found
from m5tools.measure.language import identifier

_LETTERS_FOR_LANGUAGE: Final = 20
_CHARS_FOR_LANGUAGE: Final = 200
_SYLLABLES: Final = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"

_LOST: Final = "\ufffd"
# A sign that stands for an apostrophe (you�re, l�eau) harms nobody, nor does one between words (32� wide, Plano� case).
_APOSTROPHES: Final = (
    (r"(?i)(\p{L})\x{FFFD}{1,3}(s|t|d|m|re|ll|ve)\b", "$1'$2"),
    (r"(?i)\b([ldjnscm]|qu)\x{FFFD}{1,3}([aeiouyh])", "$1'$2"),
)
_INSIDE_A_WORD: Final = r"\p{L}\x{FFFD}{1,3}\p{L}"
_TOUCHES_A_LETTER: Final = r"\p{L}\x{FFFD}|\x{FFFD}\p{L}"

_SCRIPTS: Final = {
    "Latn": r"\p{Latin}", "Hani": r"\p{Han}", "Kana": r"[\p{Hiragana}\p{Katakana}]", "Hang": r"\p{Hangul}",
    "Cyrl": r"\p{Cyrillic}", "Arab": r"\p{Arabic}", "Grek": r"\p{Greek}", "Hebr": r"\p{Hebrew}", "Thai": r"\p{Thai}",
    "Deva": r"\p{Devanagari}",
}  # fmt: skip

_NO_WORDS: Final = np.empty(0, np.uint64)


def signals(
    products: pl.DataFrame,
    phrases: pl.DataFrame,
    languages: bool,
    placeholders: Collection[str] = wording.PLACEHOLDERS,
    known: Numbers = _NO_WORDS,
) -> pl.DataFrame:
    """Rows of `signals_text`.

    Args:
        products: `product_id`, `title`, `description`.
        phrases: `phrase` (uint64): the sentences that count as boilerplate.
        languages: detect languages (the dearest of the signals).
        placeholders: what says nothing where it is the whole title, lower case.
        known: hashes of words that titles of the corpus use, sorted.
    """
    title, description, whole = pl.col("title"), pl.col("description"), pl.col("whole")
    rows = products.select(
        "product_id", title=title.fill_null(""), description=description.fill_null(""), titled=title
    ).with_columns(whole=title + "\n" + description)
    chars = whole.str.len_chars() - 1
    measured = rows.select(
        "product_id",
        title_chars=title.str.len_chars(),
        title_words=title.str.count_matches(wording.COUNTED_WORD),
        title_says_nothing=wording.title_says_nothing(pl.col("titled"), placeholders),
        title_repetition_share=_repeated_words(title),
        description_chars=description.str.len_chars(),
        digit_share=whole.str.count_matches(r"\d") / chars,
        emoji_share=_where(whole, ~_ascii(whole)).str.count_matches(wording.EMOJI).fill_null(0) / chars,
        url_share=_covered(whole, wording.URL, whole.str.contains(r"(?i)https?://|www\.")) / chars,
        markup_share=_covered(whole, wording.MARKUP, whole.str.contains("[<&]")) / chars,
        emails=_where(whole, whole.str.contains("@", literal=True)).str.count_matches(wording.EMAIL).fill_null(0),
        phones=whole.str.count_matches(wording.PHONE),
        replacement_chars=whole.str.count_matches(_LOST, literal=True),
        mojibake_marks=_where(whole, ~_ascii(whole)).str.count_matches(wording.MOJIBAKE).fill_null(0),
    )
    measured = measured.with_columns(
        pl.selectors.ends_with("_share").fill_nan(None),
        broken_chars=pl.col("replacement_chars") + pl.col("mojibake_marks"),
    )
    measured = measured.hstack(_broken_words(rows.select("title", "whole"), measured["broken_chars"], known))
    measured = measured.hstack(said_again(products["description"], phrases)).hstack(script(rows["whole"]))
    if languages:
        measured = measured.hstack(language(rows["whole"]))
    return measured.with_columns(pl.selectors.unsigned_integer().cast(pl.Int32))


def _where(text: pl.Expr, holds: pl.Expr) -> pl.Expr:
    """The text where the condition holds, else null."""
    return pl.when(holds).then(text)


def _ascii(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes() == text.str.len_chars()


def _covered(text: pl.Expr, pattern: str, may: pl.Expr) -> pl.Expr:
    """Characters that matches of the pattern cover."""
    some = _where(text, may)
    return (some.str.len_chars() - some.str.replace_all(pattern, "").str.len_chars()).fill_null(0)


def _repeated_words(title: pl.Expr) -> pl.Expr:
    words = title.str.to_lowercase().str.extract_all(r"[\p{L}\p{M}\p{N}]{2,}")
    return 1 - words.list.n_unique() / words.list.len()


def _broken_words(texts: pl.DataFrame, broken: pl.Series, known: Numbers) -> pl.DataFrame:
    """`broken_share` and `title_broken_share`: of the words of the whole text and of the title, those with a lost or
    garbled letter; null without words.

    A letter lost inside a word of the title, or inside two words, shows that letters were lost: then signs at the end
    of words are letters too. Where what stands on both sides of the sign are known words (modern look�and), only the
    space between them was lost; of others a single one in a description may be such a space.
    """
    rows = texts.with_row_index("row")
    signed = _signed_words(rows.filter(broken > 0), known)
    harmed = (pl.col("harmed") & pl.col("in_title")).any() | (pl.col("harmed").sum() > 1) | pl.col("garbled").any()
    found = signed.filter(harmed.over("row") & (pl.col("letter") | pl.col("garbled")))
    counts = found.group_by("row").agg(whole_broken=pl.len(), title_broken=pl.col("in_title").sum())
    marked = rows.join(counts, on="row", how="left", maintain_order="left")

    def share(text: str) -> pl.Expr:
        words = pl.when(pl.col(f"{text}_broken").is_not_null()).then(pl.col(text)).str.count_matches(r"\S+")
        empty = pl.col(text).str.strip_chars() == ""
        return pl.when(~empty).then((pl.col(f"{text}_broken") / words).fill_nan(None).fill_null(0.0))

    return marked.select(broken_share=share("whole"), title_broken_share=share("title"))


def _signed_words(rows: pl.DataFrame, known: Numbers) -> pl.DataFrame:
    """The words that hold a sign of wrong decoding: `row`, `in_title`, `letter` (a lost sign touches a letter),
    `garbled`, `harmed` (it shows that letters were lost)."""
    parted = {"title": True, "rest": False}
    texts = rows.with_columns(rest=pl.col("whole").str.slice(pl.col("title").str.len_chars()))
    word = pl.col("word")
    words = pl.concat(
        texts.select("row", word=_mended(pl.col(text)).str.extract_all(wording.BROKEN_WORD), in_title=pl.lit(in_title))
        for text, in_title in parted.items()
    ).explode("word", empty_as_null=False)
    words = words.drop_nulls("word").with_row_index("number")
    parts = (
        words.filter(word.str.contains(_INSIDE_A_WORD))
        .select("number", part=word.str.to_lowercase().str.extract_all(r"[\p{L}\p{M}\p{N}]+"))
        .explode("part", empty_as_null=False)
    )
    _, used = found(known, wording.hashed(parts["part"]).to_numpy())
    whole = (pl.col("part").str.len_chars() > 1) & pl.Series(used)
    joined = parts.with_columns(whole=whole).group_by("number").agg(joined=pl.col("whole").all())
    told = words.join(joined, on="number", how="left", maintain_order="left")
    inside = word.str.contains(_INSIDE_A_WORD) & ~pl.col("joined").fill_null(False)
    garbled = word.str.contains(wording.MOJIBAKE)
    return told.select(
        "row",
        "in_title",
        letter=word.str.contains(_TOUCHES_A_LETTER) & ~pl.col("joined").fill_null(False),
        garbled=garbled,
        harmed=inside | garbled,
    )


def _mended(text: pl.Expr) -> pl.Expr:
    for pattern, plain in _APOSTROPHES:
        text = text.str.replace_all(pattern, plain)
    return text


def said_again(descriptions: pl.Series, phrases: pl.DataFrame) -> pl.DataFrame:
    """`boilerplate_share` and `repetition_share` of each description: characters in phrases that are boilerplate, and
    in phrases that it has said before, over characters in all phrases; null without any."""
    texts = pl.DataFrame({"text": descriptions}).with_row_index("row")
    found = wording.phrases(texts).with_columns(
        shared=pl.col("phrase").is_in(phrases["phrase"].implode()),
        again=~pl.struct("row", "phrase").is_first_distinct(),
    )
    chars = pl.col("chars")
    shares = found.group_by("row").agg(
        boilerplate_share=chars.filter("shared").sum() / chars.sum(),
        repetition_share=chars.filter("again").sum() / chars.sum(),
    )
    joined = texts.join(shares, on="row", how="left", maintain_order="left")
    return joined.select("boilerplate_share", "repetition_share")


def script(texts: pl.Series) -> pl.DataFrame:
    """`script` (ISO 15924) that most letters of each text belong to, and `script_share`, theirs among the letters of
    known scripts; null without letters. The first of the list wins a tie."""
    text = pl.col("text")
    foreign = pl.DataFrame({"text": texts}).with_row_index("row").filter(text.str.contains(r"[\p{L}&&\P{Latin}]"))
    counts = foreign.select("row", *(text.str.count_matches(letters).alias(s) for s, letters in _SCRIPTS.items()))
    most, every = pl.max_horizontal(*_SCRIPTS), pl.sum_horizontal(*_SCRIPTS)
    named = pl.coalesce(pl.when(pl.col(s) == most).then(pl.lit(s)) for s in _SCRIPTS)
    decided = counts.filter(every > 0).select("row", found=named, share=most / every)
    rows = pl.DataFrame({"text": texts}).with_row_index("row")
    lettered = text.str.contains(r"\p{Latin}")
    return rows.join(decided, on="row", how="left", maintain_order="left").select(
        script=pl.coalesce("found", pl.when(lettered).then(pl.lit("Latn"))),
        script_share=pl.coalesce("share", pl.when(lettered).then(1.0)),
    )


def language(texts: pl.Series) -> pl.DataFrame:
    """`language`, `language_probability` and `language_margin` of each text's first 200 characters.

    Null where there are fewer than twenty letters; a letter of a script that writes syllables or words counts three.
    """
    head = pl.col("text").str.slice(0, _CHARS_FOR_LANGUAGE)
    syllables = _where(head, ~_ascii(head)).str.count_matches(_SYLLABLES).fill_null(0)
    enough = head.str.count_matches(r"\p{L}") + 2 * syllables >= _LETTERS_FOR_LANGUAGE
    heads = pl.DataFrame({"text": texts}).select(text=pl.when(enough).then(head))
    distinct = heads.drop_nulls().unique(maintain_order=True)
    known = distinct.hstack(identifier().classify(distinct["text"].to_list()))
    return heads.join(known, on="text", how="left", maintain_order="left").select(
        "language", language_probability="probability", language_margin="margin"
    )
