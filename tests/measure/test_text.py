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


def test_a_product_without_text_has_zeros_and_nulls() -> None:
    found = row(None)
    assert (found["title_chars"], found["title_words"], found["contacts"]) == (0, 0, 0)
    assert found["language"] is found["digit_share"] is found["boilerplate_share"] is None


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


def test_markup_and_contacts() -> None:
    found = row("A", "<p class='x'>Write to shop@example.co.uk &amp; call +49 (0)30 1234567</p><br/> 3 < 5 > 2")
    assert (found["markup_tags"], found["contacts"]) == (4, 2)
    assert row("Bosch 3165140766213", "EAN 4006381333931, 100 x 200 x 300 mm, 2024-05-06")["contacts"] == 0


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Stainless steel water boiler for the kitchen"), ("de", "Wasserkocher aus Edelstahl für die Küche"),
     ("fr", "Bouilloire électrique pour la cuisine"), ("zh", "这款电热水壶采用不锈钢材质，适合家庭和办公室日常使用")],
)  # fmt: skip
def test_languages(language: str, text: str) -> None:
    found = row(text)
    assert found["language"] == language
    assert 0.5 < found["language_margin"] <= 1


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


def test_languages_can_be_left_out() -> None:
    frame = pl.DataFrame({"product_id": ["p"], "title": ["Stainless steel water boiler"], "description": ["x"]})
    assert "language" not in signals(frame, NO_PHRASES, languages=False).columns
