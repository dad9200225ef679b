"""Broken encodings: put right where that is certain, left alone where nothing is broken."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.normalize.mojibake import repaired

HONEST = [
    "Größe wählbar – für Küche", "qualité supérieure – été", "Français & Español – año", "crème brûlée “édition”", "naïve “façade”",
    "不锈钢电热水壶 1.7 升", "เสื้อยืดผ้าฝ้าย", "привет мир – дом", "SÃO PAULO", "„MENÜ“ – GRÖSSE", "Âge : 3–5 ans", "70 °C ± 2", "ﬁne ½ “x”",
    "Ménagère d'été €5", "İSTANBUL ÇAĞ", "f\ufffdr", "a ⭐ b", "",
]  # fmt: skip


def one(text: str | None) -> str | None:
    found: str | None = repaired(pl.Series([text], dtype=pl.String))[0]
    return found


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_is_not_touched(text: str) -> None:
    assert one(text) == text


@pytest.mark.parametrize("text", HONEST[:8])
@pytest.mark.parametrize("misread", ["latin-1", "cp1252"])
def test_what_was_misread_comes_back(text: str, misread: str) -> None:
    try:
        broken = text.encode().decode(misread)
    except UnicodeDecodeError:
        pytest.skip("these bytes are not of the encoding")
    assert broken != text
    assert one(broken) == text


def test_what_is_lost_stays_visible() -> None:
    found = one("Gr\ufffd\ufffde für KÃ¼che")
    assert found is not None
    assert found.count("\ufffd") == 2


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([*HONEST, "KÃ¼che", "donâ€™t"]), st.text(max_size=10)), max_size=5)
)
def test_no_text_depends_on_its_neighbours(texts: list[str | None]) -> None:
    assert repaired(pl.Series(texts, dtype=pl.String)).to_list() == [one(text) for text in texts]


@given(st.text(st.characters(codec="ascii")))
def test_ascii_is_not_touched(text: str) -> None:
    assert one(text) == text
