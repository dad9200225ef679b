"""The part of a text that a tag is about, found with the very patterns by which measure counted it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import polars as pl

from m5tools import wording
from m5tools.dataset import Dataset

Piece = tuple[str, bool]
"""A stretch of text, and whether it is the offending part."""

_OPEN, _CLOSE = "\ue000", "\ue001"  # private use: no meaning of their own, and taken out of foreign text first
_PATTERNS = {
    "url_share": wording.URL,
    "markup_share": wording.MARKUP,
    "emoji_share": wording.EMOJI,
    "emails": wording.EMAIL,
    "phones": wording.PHONE,
    "digit_share": r"\d+",
    "replacement_chars": r"\x{FFFD}+",
    "mojibake_marks": wording.MOJIBAKE,
    "broken_chars": wording.BROKEN_WORD,
    "broken_share": wording.BROKEN_WORD,
    "title_broken_share": wording.BROKEN_WORD,
}
_WHOLE = frozenset({"title_says_nothing", "title_chars", "title_words"})
_PHRASES = frozenset({"boilerplate_share", "repetition_share"})
_REPEATED = "title_repetition_share"
_TITLE_WORD = r"[\p{L}\p{M}\p{N}]{2,}"

_KEPT_BEFORE, _KEPT_AFTER = 90, 160


def title(signal: str, texts: Sequence[str]) -> list[tuple[Piece, ...]]:
    """Titles with what the signal speaks of marked."""
    if signal in _WHOLE:
        return [((text, bool(text)),) for text in texts]
    if signal == _REPEATED:
        return [_said_before(pieces) for pieces in _matched(texts, _TITLE_WORD)]
    return _matched(texts, _PATTERNS.get(signal))


def description(signal: str, texts: Sequence[str], boilerplate: Collection[int]) -> list[tuple[Piece, ...]]:
    """Descriptions with what the signal speaks of marked.

    Args:
        boilerplate: hashes of the phrases that are the shop's.
    """
    if signal in _PHRASES:
        again = signal == "repetition_share"
        return _phrases(texts, None if again else frozenset(boilerplate))
    return _matched(texts, None if signal.startswith("title_") else _PATTERNS.get(signal))


def boilerplate(dataset: Dataset, texts: Sequence[str]) -> frozenset[int]:
    """Hashes of the phrases of these texts that measure took for boilerplate."""
    stages = dataset.manifest()["stages"]
    config = stages["measure"]["config"] if "measure" in stages else {}
    here = wording.phrases(
        pl.DataFrame({"row": range(len(texts)), "text": texts}, schema_overrides={"text": pl.String})
    )
    common = wording.boilerplate(
        dataset.scan("corpus_phrases").filter(pl.col("phrase").is_in(here["phrase"].unique().implode())),
        config.get("boilerplate_titles", 1),
        config.get("boilerplate_categories", 0),
        int(dataset.scan("products").select(pl.len()).collect().item()),
        int(dataset.scan("corpus_categories").select(pl.len()).collect().item()),
    )
    return frozenset(common.select("phrase").collect()["phrase"])


def shortened(pieces: Sequence[Piece], limit: int) -> tuple[Piece, ...]:
    """The pieces in at most about `limit` characters: what is far from any mark gives way to an ellipsis."""
    if sum(len(text) for text, _ in pieces) <= limit:
        return tuple(pieces)
    if not any(marked for _, marked in pieces):
        return ((_cut("".join(text for text, _ in pieces), limit), False),)
    kept: list[Piece] = []
    room = limit
    for place, (text, marked) in enumerate(pieces):
        if not marked and len(text) > _KEPT_BEFORE + _KEPT_AFTER:
            after = text[:_KEPT_AFTER] if place else ""
            before = text[-_KEPT_BEFORE:] if place + 1 < len(pieces) else ""
            text = f"{after} … {before}"
        kept.append((_cut(text, room), marked))
        room -= len(text)
        if room <= 0:
            break
    return tuple(kept)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def _matched(texts: Sequence[str], pattern: str | None) -> list[tuple[Piece, ...]]:
    plain = pl.Series(texts, dtype=pl.String).str.replace_all(f"[{_OPEN}{_CLOSE}]", "")
    marked = plain if pattern is None else plain.str.replace_all(f"({pattern})", f"{_OPEN}${{1}}{_CLOSE}")
    return [_pieces(text) for text in marked]


def _pieces(text: str) -> tuple[Piece, ...]:
    found: list[Piece] = []
    for part in re.split(f"({_OPEN}[^{_CLOSE}]*{_CLOSE})", text):
        if part:
            found.append((part.strip(_OPEN + _CLOSE), part.startswith(_OPEN)))
    return tuple(found)


def _said_before(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    seen: set[str] = set()
    found = []
    for text, is_word in pieces:
        word = text.lower()
        found.append((text, is_word and word in seen))
        if is_word:
            seen.add(word)
    return tuple(found)


def _phrases(texts: Sequence[str], common: frozenset[int] | None) -> list[tuple[Piece, ...]]:
    """Phrases that are common, or that their text has said before (`common` is None), marked."""
    ends = pl.Series(texts, dtype=pl.String).str.replace_all(f"[{_OPEN}{_CLOSE}]", "")
    ends = ends.str.replace_all(f"({wording.END_OF_PHRASE})", f"${{1}}{_CLOSE}")
    cut = [[part for part in text.split(_CLOSE) if part] for text in ends]
    flat = pl.DataFrame({"text": [part for parts in cut for part in parts]}, schema={"text": pl.String})
    hashes = dict(wording.phrases(flat.with_row_index("row")).select("row", "phrase").iter_rows())
    found, row = [], 0
    for parts in cut:
        seen: set[int] = set()
        pieces = []
        for part in parts:
            phrase = hashes.get(row)
            row += 1
            pieces.append((part, phrase in (seen if common is None else common)))
            if phrase is not None:
                seen.add(phrase)
        found.append(tuple(pieces))
    return found
