"""Text signals on hand-written rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from m5tools import wording
from m5tools.measure.text import signals

NO_PHRASES = pl.DataFrame({"phrase": pl.Series([], dtype=pl.UInt64)})


def row(title: str | None, description: str | None = None, phrases: pl.DataFrame = NO_PHRASES) -> dict[str, Any]:
    frame = pl.DataFrame(
        {"product_id": ["p"], "title": [title], "description": [description]},
        schema={"product_id": pl.String, "title": pl.String, "description": pl.String},
    )
    return signals(frame, phrases, languages=True).row(0, named=True)


def test_lengths_and_shares() -> None:
    found = row("Kettle 1,7 L", "Holds 17 litres")
    assert (found["title_chars"], found["title_words"], found["description_chars"]) == (12, 3, 15)
    assert found["digit_share"] == pytest.approx(4 / 27)


@pytest.mark.parametrize(
    ("title", "words"),
    [("洗面奶", 1), ("面霜", 1), ("不锈钢水壶带盖子", 3), ("ステンレス製の水筒", 4), ("シャンプー", 1), ("AHC黄金面霜", 3), ("iPhone 15手机壳", 3),
     ("스테인리스 물병", 2), ("1,7 L", 2)],
)  # fmt: skip
def test_words_are_counted_where_no_space_parts_them(title: str, words: int) -> None:
    assert row(title)["title_words"] == words


def test_a_product_without_text_has_zeros_and_nulls() -> None:
    found = row(None)
    assert (found["title_chars"], found["title_words"], found["emails"], found["phones"]) == (0, 0, 0, 0)
    unknown = ("language", "language_margin", "script", "digit_share", "emoji_share", "url_share", "markup_share",
               "boilerplate_share", "repetition_share", "broken_share", "title_broken_share",
               "title_says_nothing", "title_repetition_share")  # fmt: skip
    assert {found[name] for name in unknown} == {None}


@pytest.mark.parametrize(
    "text",
    ["Größe wählbar – für Küche", "qualité supérieure – été", "Français & Español – año", "crème brûlée “édition”",
     "不锈钢电热水壶 1.7 升", "Ménagère d'été €5", "привет мир – дом"],
)  # fmt: skip
def test_garbled_text_is_told_from_honest_accents(text: str) -> None:
    assert row(text)["mojibake_marks"] == 0
    assert row(text.encode().decode("latin-1"))["mojibake_marks"] >= 1
    assert row(text.encode().decode("cp1252", errors="replace"))["mojibake_marks"] >= 1


@pytest.mark.parametrize(
    "text",
    ["„MENÜ“ – GRÖSSE", "SÃO PAULO", "Âge : 3–5 ans", "CAFÉ… DÉJÀ-VU", "ÅRHUS–ÖREBRO", "İSTANBUL ÇAĞ", "70 °C ± 2",
     "naïve “façade”"],
)  # fmt: skip
def test_capitals_with_accents_are_not_garbled(text: str) -> None:
    assert row(text)["mojibake_marks"] == 0


def test_lost_letters_are_counted() -> None:
    assert row("Gr\ufffd\ufffde", "f\ufffdr")["replacement_chars"] == 3


def test_an_apostrophe_or_a_sign_between_words_breaks_no_word() -> None:
    for text in ("You�re a fan, it�s great � Maroon", "Plano� case, 32� wide", "l�eau d���argent"):
        found = row(text)
        assert found["replacement_chars"] > 0
        assert (found["broken_share"], found["title_broken_share"]) == (0, 0), text


def test_words_with_lost_or_garbled_letters_are_broken() -> None:
    # Once letters were lost inside words, a sign at the end of one is a letter too.
    assert row("qualit� sup�rieure fine")["title_broken_share"] == pytest.approx(2 / 3)
    found = row("Table of oak", "Gr��e w�hlbar, it�s new")
    assert (found["broken_share"], found["title_broken_share"]) == (pytest.approx(2 / 7), 0)
    assert row("M\ufffdnag\ufffdre l\ufffdg\ufffdre fine")["title_broken_share"] == pytest.approx(2 / 3)
    assert row("FrÃ¼hstÃ¼ck set")["title_broken_share"] == pytest.approx(1 / 2)
    assert row("Grün")["title_broken_share"] == 0


def test_shares_of_markup_addresses_and_emoji() -> None:
    found = row("A", "<p class='x'>&amp;</p> 3 < 5 > 2")
    assert found["markup_share"] == pytest.approx(len("<p class='x'>&amp;</p>") / 33)
    assert row("A", "see https://a.example/b?c=d now")["url_share"] == pytest.approx(23 / 32)
    assert row("A", "www.a.example HTTP://B.example")["url_share"] == pytest.approx(29 / 31)
    assert row("★ best 🎁 ✓")["emoji_share"] == pytest.approx(3 / 10)
    assert row("Colour™ 20 °C – “x”")["emoji_share"] == 0


def test_contacts() -> None:
    found = row("A", "Write to shop@example.co.uk or me@x.example, call +49 (0)30 1234567 or tel. 0301234567")
    assert (found["emails"], found["phones"]) == (2, 1)
    harmless = row("Bosch 3165140766213", "EAN 4006381333931, 100 x 200 x 300 mm, 2024-05-06, user@home")
    assert (harmless["emails"], harmless["phones"]) == (0, 0)


@pytest.mark.parametrize(
    "title", ["n/a", "Item 3", "test123", "No title", "-", "商品", "NEW", "Artikel 12", "new item"]
)
def test_titles_that_say_nothing(title: str) -> None:
    assert row(title)["title_says_nothing"]


@pytest.mark.parametrize("title", ["501", "Testo 300", "New Balance 574", "Product bag", "Samsung", "iPhone 5", "茶"])
def test_titles_that_say_something(title: str) -> None:
    assert not row(title)["title_says_nothing"]


def test_repetition_counts_what_was_said_before() -> None:
    assert row("case Case for phone case")["title_repetition_share"] == pytest.approx(2 / 5)
    twice = "a kettle made of steel and glass"
    found = row("t", f"{twice}. Something else is said in this one. {twice.upper()}!")
    assert found["repetition_share"] == pytest.approx(
        len(twice) / (2 * len(twice) + len("something else is said in this one"))
    )
    assert row("t", twice)["repetition_share"] == 0


@pytest.mark.parametrize(
    ("script", "text"),
    [("Latn", "Kettle 1.7 L"), ("Hani", "电热水壶 USB"), ("Kana", "ステンレスのケトル"), ("Hang", "전기 주전자 2L"),
     ("Cyrl", "Электрический чайник"), ("Thai", "กาต้มน้ำไฟฟ้า"), (None, "1234 – 5")],
)  # fmt: skip
def test_scripts(script: str | None, text: str) -> None:
    assert row(text)["script"] == script


def test_the_share_of_a_script() -> None:
    assert row("чай tea tea")["script_share"] == pytest.approx(6 / 9)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Stainless steel water boiler for the kitchen"), ("de", "Wasserkocher aus Edelstahl für die Küche"),
     ("fr", "Bouilloire électrique pour la cuisine"), ("zh", "这款电热水壶采用不锈钢材质，适合家庭和办公室日常使用")],
)  # fmt: skip
def test_languages(language: str, text: str) -> None:
    found = row(text)
    assert found["language"] == language
    assert 0.5 < found["language_margin"] <= found["language_probability"] <= 1


def test_letters_that_are_syllables_count_three() -> None:
    assert row("不锈钢电热水壶")["language"] == "zh"
    assert row("USB kettle")["language"] is None


def test_too_little_text_has_no_language() -> None:
    assert row("USB 3.0 128 GB 4711 0815 1234567890")["language"] is None


def test_boilerplate_is_weighed_by_its_length() -> None:
    shared = "we ship all orders within two days"
    own = "a kettle made of steel and glass"
    phrases = pl.DataFrame({"phrase": wording.hashed(pl.Series([shared]))})
    assert row("t", f"{shared.upper()}. {own}!", phrases)["boilerplate_share"] == pytest.approx(
        len(shared) / (len(shared) + len(own))
    )
    assert row("t", own, phrases)["boilerplate_share"] == 0
    assert row("t", "short. too.", phrases)["boilerplate_share"] is None


def test_a_greeting_before_a_sentence_of_the_shop_changes_nothing() -> None:
    shared = "we ship all orders within two days"
    phrases = pl.DataFrame({"phrase": wording.hashed(pl.Series([shared]))})
    assert row("t", f"Please note: {shared}. *** Dear buyer, {shared} ***", phrases)["boilerplate_share"] == 1


def test_languages_can_be_left_out() -> None:
    frame = pl.DataFrame({"product_id": ["p"], "title": ["Stainless steel water boiler"], "description": ["x"]})
    assert "language" not in signals(frame, NO_PHRASES, languages=False).columns


def test_a_lost_space_between_two_known_words_breaks_neither() -> None:
    text = "Its modern look\ufffdand colour\ufffdfine c\ufffdte bon"
    frame = pl.DataFrame({"product_id": ["p"], "title": ["Cap"], "description": [text]})
    known = wording.hashed(pl.Series(["look", "and", "colour"])).sort().to_numpy()
    found = signals(frame, NO_PHRASES, languages=False, known=known).row(0, named=True)
    assert found["broken_share"] == pytest.approx(2 / 7)  # "fine" is not known, so it may be a part of a word
    found = signals(frame, NO_PHRASES, languages=False).row(0, named=True)
    assert found["broken_share"] == pytest.approx(3 / 7)


def test_one_sign_inside_a_word_of_a_description_may_be_a_lost_space() -> None:
    assert row("Boots", "heavy duty\ufffdhiking boots")["broken_share"] == 0
    assert row("Duty\ufffdhiking boots")["broken_share"] == pytest.approx(1 / 2)
