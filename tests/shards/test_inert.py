from __future__ import annotations

import html

import pytest
from markdown_it import MarkdownIt

from m5tools.shards.inert import shown, table

from .indexes import HOSTILE

HARMFUL = (
    HOSTILE, "- item", "1. item", "_a_ *b* ~~c~~", "![x](y)", "https://example.com", "a@b.example", "&lt;b&gt;", "a\\|b",
    "$x$ :smile: @name #1", "| a | b |", "===", "<!-- x", "[x]: y", "```",
)  # fmt: skip


@pytest.mark.parametrize("text", HARMFUL)
def test_text_stays_text(text: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    page = f"| a | b |\n|---|---|\n| {shown(text)} | c |\n\n- {shown(text)}\n"
    kinds = {t.type for token in reader.parse(page) for t in (token, *(token.children or ()))}
    assert kinds <= {
        *(f"{kind}_{end}" for kind in ("table", "thead", "tbody", "tr", "th", "td", "paragraph") for end in ("open", "close")),
        *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "inline", "text", "text_special"),
    }  # fmt: skip
    assert page.count("\n") == 5
    words = " ".join("".join(c for c in text if c != "\u202e").split())
    assert html.unescape(shown(text)) == words
    assert "www.example" not in shown(text)


def test_plain_words_are_left_readable_and_long_ones_are_cut() -> None:
    assert shown("Küche, Töpfe/Pfannen 2.5 l red_wine") == "Küche, Töpfe/Pfannen 2.5 l red_wine"
    assert shown("x" * 200) == "x" * 119 + "…"
    assert [*table(("a", "n"), [("x", 1234), ("y", 5)])] == ["| a | n |", "|---|---:|", "| x | 1,234 |", "| y | 5 |"]
    assert [*table(("a",), [(None,)])][-1] == "| – |"
