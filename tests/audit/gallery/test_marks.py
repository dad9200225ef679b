"""The marked part of a text is the part that measure counted."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from m5tools import wording
from m5tools.audit.gallery import marks
from m5tools.dataset import Dataset
from m5tools.measure import text as measure

SHOP = "Subscribe to our newsletter and save five percent."


def marked(pieces: tuple[marks.Piece, ...]) -> list[str]:
    return [text for text, bad in pieces if bad]


@pytest.mark.parametrize(
    ("signal", "text", "bad"),
    [
        ("url_share", "see https://a.example/x?y=1 or www.b.example", ["https://a.example/x?y=1", "www.b.example"]),
        ("markup_share", "<b>bold</b> &amp; more", ["<b>", "</b>", "&amp;"]),
        ("emoji_share", "hot 🔥 deal ☀", ["🔥", "☀"]),
        ("emails", "ask me@shop.example today", ["me@shop.example"]),
        ("phones", "call +49 30 1234567 now", ["+49 30 1234567"]),
        ("broken_share", "Caf\ufffd for cr\ufffdme br\ufffdl\ufffde", ["Caf\ufffd", "cr\ufffdme", "br\ufffdl\ufffde"]),
        ("luma_mean", "nothing of it", []),
    ],
)
def test_what_matched_is_marked(signal: str, text: str, bad: list[str]) -> None:
    (pieces,) = marks.description(signal, [text], ())
    assert marked(pieces) == bad
    assert "".join(piece for piece, _ in pieces) == text


def test_the_marks_cover_what_measure_counted() -> None:
    texts = ["buy at https://shop.example/p <br> now", "no mark here at all"]
    products = pl.DataFrame({"product_id": ["a", "b"], "title": ["", ""], "description": texts})
    counted = measure.signals(products, pl.DataFrame({"phrase": []}, schema={"phrase": pl.UInt64}), languages=False)
    for signal in ("url_share", "markup_share"):
        for pieces, share, text in zip(marks.description(signal, texts, ()), counted[signal], texts, strict=True):
            assert sum(map(len, marked(pieces))) / len(text) == pytest.approx(share, rel=0.05)


def test_titles_that_say_nothing_are_marked_whole_and_repeated_words_from_the_second_on() -> None:
    assert marks.title("title_says_nothing", ["Item 3", ""]) == [(("Item 3", True),), (("", False),)]
    (pieces,) = marks.title("title_repetition_share", ["Big mug, big BIG mugs"])
    assert marked(pieces) == ["big", "BIG"]
    assert marks.description("title_broken_share", ["Caf\ufffd"], ()) == [(("Caf\ufffd", False),)]


def test_the_shops_phrases_are_marked_and_so_are_those_said_again(make_dataset: Callable[..., Dataset]) -> None:
    own = "This mug holds half a litre of tea."
    phrase = wording.phrases(pl.DataFrame({"row": [0], "text": [SHOP]}))["phrase"].item()
    counted = {"phrase": phrase, "titles": 9, "categories": 9, "products": 9}
    dataset = make_dataset({"products": [], "corpus_phrases": [counted]})
    text = f"{own} {SHOP} {own}"
    common = marks.boilerplate(dataset, [text])
    assert common == {phrase}
    (pieces,) = marks.description("boilerplate_share", [text], common)
    assert [part.strip() for part in marked(pieces)] == [SHOP]
    (pieces,) = marks.description("repetition_share", [text], common)
    assert [part.strip() for part in marked(pieces)] == [own]
    assert "".join(piece for piece, _ in pieces) == text


def test_foreign_text_cannot_mark_itself() -> None:
    assert marks.description("url_share", ["a \ue000b\ue001 c"], ()) == [(("a b c", False),)]


def test_a_long_text_is_cut_around_its_marks() -> None:
    (pieces,) = marks.description("url_share", ["x" * 5_000 + " www.shop.example " + "y" * 5_000], ())
    short = marks.shortened(pieces, 700)
    assert marked(short) == ["www.shop.example"]
    assert sum(len(text) for text, _ in short) <= 701
    assert marks.shortened((("z" * 900, False),), 700) == (("z" * 699 + "…", False),)
