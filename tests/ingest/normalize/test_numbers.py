"""Written numbers in the ways of the world."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.normalize.numbers import Decimal, decimal_of, number

# decimal sign, group sign, groups
LOCALES: dict[str, tuple[Decimal, str, bool]] = {
    "en": (".", ",", False), "de": (",", ".", False), "fr": (",", " ", False), "de-CH": (".", "’", False),
    "en-IN": (".", ",", True),
}  # fmt: skip


def written(whole: int, part: str, locale: str) -> str:
    decimal, group, indian = LOCALES[locale]
    digits = str(whole)
    head, groups = digits[:-3], [digits[-3:]]
    while head:
        size = 2 if indian else 3
        groups.insert(0, head[-size:])
        head = head[:-size]
    return group.join(groups) + (decimal + part if part else "")


@pytest.mark.parametrize("locale", LOCALES)
@given(whole=st.integers(0, 10**9), part=st.text("0123456789", max_size=4))
def test_what_a_locale_writes_is_read_in_it(locale: str, whole: int, part: str) -> None:
    decimal, group, _ = LOCALES[locale]
    text = written(whole, part, locale)
    found = number(text, decimal)
    if group == " " and " " in text and not part:
        assert found is None  # 1 500 may be one and five hundred
    else:
        assert found == float(f"{whole}.{part or 0}")


@given(
    whole=st.integers(0, 10**7), part=st.text("0123456789", min_size=1, max_size=2), locale=st.sampled_from([*LOCALES])
)
def test_cents_say_which_sign_is_which(whole: int, part: str, locale: str) -> None:
    assert number(written(whole, part, locale)) == float(f"{whole}.{part}")


@pytest.mark.parametrize(
    "text", ["1,500", "1.500", "12.000", "1 500", "1.2.3", "1,23,4", "1.234.56", "", ".", ",", "1e5", "²", "9" * 16]
)
def test_what_may_be_two_numbers_is_none(text: str) -> None:
    assert number(text) is None


def test_three_digits_go_by_the_locale() -> None:
    assert [number("1.500", d) for d in (".", ",")] == [1.5, 1500]
    assert [number(t) for t in ("0.500", "1234.567", ".70", "1,29,900", "16.499.000")] == [
        0.5,
        1234.567,
        0.7,
        129900,
        16499000,
    ]


def test_languages() -> None:
    assert [decimal_of(code) for code in ("de", "de-CH", "pt_BR", "en", "zh", "es", "es-MX", "xx", None)] == [
        ",", ".", ",", ".", ".", None, ".", None, None,
    ]  # fmt: skip
