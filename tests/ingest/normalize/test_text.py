"""Texts: cleaned, unmarked, repaired."""

from __future__ import annotations

import polars as pl

from m5tools.ingest.normalize.text import clean, plain


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
