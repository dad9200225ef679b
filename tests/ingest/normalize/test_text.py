"""Texts: cleaned, unmarked, repaired."""

from __future__ import annotations

import re
import sys
import unicodedata

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.normalize.text import STEADY, clean, plain


def test_text_is_cleaned_and_blank_is_null() -> None:
    raw = ["  Ｃａｆé\u00a0 crème\t\n", " \u200b ", "", None, "a\x00b"]
    assert clean(pl.Series(raw)).to_list() == ["Café crème", None, None, None, "a b"]


def test_html_becomes_text_and_plain_text_stays() -> None:
    raw = ["<p>One</p><ul><li>Two &amp; three</li></ul>", "5 < 6 and 7 > 3", "AT&T", None, "<script>alert(1)</script>x"]
    found = plain(pl.Series("t", raw)).to_list()
    assert " ".join((found[0] or "").split()) == "One Two & three"
    assert found[1:4] == ["5 < 6 and 7 > 3", "AT&T", None]
    assert "<" not in (found[4] or "")


def test_a_mixed_number_stays_apart() -> None:
    assert clean(pl.Series(["1½ in", "½", "3⅜\u00a0in"])).to_list() == ["1 1⁄2 in", "1⁄2", "3 3⁄8 in"]


def _moved_by_nfkc() -> set[str]:
    """Characters that NFKC changes, reorders, or joins to the one before."""
    moved = set("".join(map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)))))
    for char in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.normalize("NFKC", char) != char or unicodedata.combining(char):
            moved.add(char)
        parts = unicodedata.decomposition(char).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            moved.add(chr(int(parts[1], 16)))
    return moved


def test_steady_characters_are_left_alone_by_nfkc_wherever_they_stand() -> None:
    characters = pl.Series([chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000])
    steady = set(characters.filter(characters.str.contains(f"[{STEADY}]")))
    assert len(steady) > 33_000
    assert not steady & _moved_by_nfkc()
    assert not {c for c in steady if c.isspace() or unicodedata.category(c) in ("Cc", "Zs", "Zl", "Zp")}


def _cleaned(text: str) -> str | None:
    """One value by the book."""
    apart = re.sub("(\\d)([\u00bc-\u00be\u2150-\u215e])", r"\1 \2", text)
    normal = unicodedata.normalize("NFKC", apart)
    spaced = re.sub("[\\s\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]+", " ", normal)
    return spaced.strip() or None


@given(st.lists(st.text("ab1½é’中ﬁ⁄ \t\n\0\u00a0\u0301\u200bａ") | st.none()))
def test_columns_are_cleaned_like_single_values(texts: list[str | None]) -> None:
    found = clean(pl.Series(texts, dtype=pl.String)).to_list()
    assert found == [None if text is None else _cleaned(text) for text in texts]
