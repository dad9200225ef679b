"""The grammar of quantities: each form, and what is left to be text."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.normalize import units
from m5tools.ingest.normalize.quantity import quantity
from m5tools.ingest.normalize.stated import Locale

READ = {
    "single": {
        "15.6″": ([15.6], "in"), "15.6 in": ([15.6], "in"), "1,5 L": ([1.5], "l"), "1.234,56 g": ([1234.56], "g"),
        "-5 °C": ([-5], "°C"), "℃ 5": None, "5℃": ([5], "°C"), "115-lb.": ([115], "lb"), "12– oz": ([12], "oz"),
        ".5 oz": ([0.5], "oz"), "1/2 in": ([0.5], "in"), "1 1/2 in": ([1.5], "in"), "18-9/16\"": ([18.5625], "in"),
        "11 3/4": ([11.75], None), "5′11″": ([71], "in"), "5'11\"": ([71], "in"), "1 lb 4 oz": ([20], "oz"),
        "1 h 30 min": ([90], "min"), "12 pcs": ([12], "pcs"), "3 Stück": ([3], "pcs"), "pack of 3": ([3], "pcs"),
        "set of 5": ([5], "pcs"), "2-pack": ([2], "pcs"), "3er Pack": ([3], "pcs"), "Carton of 12": ([12], "pcs"),
        "50/Pack": ([50], "pcs"), "470 Sheets per Cube": ([470], "sheet"), "10 Ounce Bag": ([10], "oz"),
        "SPF 50": ([50], "SPF"), "60 SPF": ([60], "SPF"), "16oz/473ml": ([16], "floz"), "1.0Fl.oz (30ml)": ([1], "floz"),
        "5inch/12.7cm": ([5], "in"), "12 ct": ([12], "pcs"), "0.20 ct": ([0.2], "ct"), "6500K": ([6500], "K"),
        "8 x": ([8], "x"), "250G": ([250], "g"), "1,29,900 mAh": ([129900], "mAh"), "180 m²": ([180], "m²"), "2 кг": ([2], "kg"),
        "1 000 g": ([1000], "g"), "1\u00a0000 g": ([1000], "g"),
        "1\u2009000\u202fg": ([1000], "g"), "12 500,5 kg": ([12500.5], "kg"), "12V DC": ([12], "V"), "230 V AC": ([230], "V"), "DC 12V": ([12], "V"),
        "DC5V": ([5], "V"), "230 V~": ([230], "V"), "2 A (AC)": ([2], "A"), "–18°C": ([-18], "°C"), "−18 °C": ([-18], "°C"), "—5 %": ([-5], "%"),
        "Ø 30 cm": ([30], "cm"), "⌀5,5 mm": ([5.5], "mm"), "dia. 30 cm": ([30], "cm"), "5 Nm": ([5], "Nm"), "5 nm": ([5], "nm"),
        "500 MB/s": ([500], "MB/s"), "6 Gb/s": ([6], "Gbps"), "5000万像素": ([50], "MP"), "10個入り": ([10], "pcs"), "3 ans": ([3], "year"), "12,5 % vol.": ([12.5], "%"), "500 g ℮": ([500], "g"),
        "1.5 كجم": ([1.5], "kg"), "٥٠٠ مل": ([500], "ml"), "24 miesiące": ([24], "month"), "2 lata": ([2], "year"), "500 毫升": ([500], "ml"), "Net Wt: 12 oz": ([12], "oz"), "10 mW": ([10], "mW"), "5 fl oz": ([5], "floz"),
    },
    "about": {"approx. 5 kg": ([5], "kg"), "~5kg": ([5], "kg"), "ca. 1,5 l": ([1.5], "l"), "约 5 kg": ([5], "kg")},
    "at_most": {"< 5 W": ([5], "W"), "≤1MP": ([1], "MP"), "max. 80 W": ([80], "W"), "up to 20 h": ([20], "h")},
    "at_least": {"3 years and up": ([3], "year"), "Ages 3+": ([3], "year"), "SPF 50+": ([50], "SPF"), "> 5 m": ([5], "m")},
    "tolerance": {"5 ± 0.1 mm": ([5, 0.1], "mm"), "±5%": ([5], "%")},
    "range": {
        "10–20 cm": ([10, 20], "cm"), "10 to 20 cm": ([10, 20], "cm"), "200V-240V": ([200, 240], "V"), "6-12years": ([6, 12], "year"),
        "-20 – 60 °C": ([-20, 60], "°C"), "109\" - 120\"": ([109, 120], "in"), "500 g - 1 kg": ([500, 1000], "g"),
        "-20 °C to +60 °C": ([-20, 60], "°C"), "–20 bis –10 °C": ([-20, -10], "°C"), "-10...+40 °C": ([-10, 40], "°C"), "10…20 cm": ([10, 20], "cm"),
        "AC 100-240V": ([100, 240], "V"), "1 000 – 2 000 g": ([1000, 2000], "g"),
    },
    "dimensions": {
        "14.7 x 11.1 x 10.2 inches": ([14.7, 11.1, 10.2], "in"), "23x23x1cm": ([23, 23, 1], "cm"), "3cm*10m": ([3, 1000], "cm"),
        "17\"L x 10\"W x 11.5\"H": ([17, 10, 11.5], "in"), "1080×2400": ([1080, 2400], None), "10 x 20 cm (L x W)": ([10, 20], "cm"),
        "L10 x W20 x H30 cm": ([10, 20, 30], "cm"), "L: 10 cm W: 20 cm H: 30 cm": ([10, 20, 30], "cm"), "H30xB20xT10 cm": ([30, 20, 10], "cm"),
        "L. 200 x l. 90 x H. 75 cm": ([200, 90, 75], "cm"), "10L x 20W x 30H cm": ([10, 20, 30], "cm"), "10 (L) x 20 (W) cm": ([10, 20], "cm"),
        "Ø30 x H20 cm": ([30, 20], "cm"), "Höhe 85 cm, Breite 60 cm": ([85, 60], "cm"), "长30cm×宽20cm": ([30, 20], "cm"), "5'3\" x 7'7\"": ([63, 91], "in"),
        "ca. 30 x 20 cm": ([30, 20], "cm"),
        "1 000 x 500 mm": ([1000, 500], "mm"),
    },
    "product": {
        "2 × 250 g": ([2, 250], "g"), "2x250g": ([2, 250], "g"), "250 g x 2": ([2, 250], "g"), "2 x 6 x 330 ml": ([2, 6, 330], "ml"), "330ml×24罐": ([24, 330], "ml"),
        "20 Beutel à 2 g": ([20, 2], "g"),
        "6.8 Ounce (Pack of 3)": ([3, 6.8], "oz"), "1 bag (20 oz.)": ([1, 20], "oz"), "3 Packs x 100 Sheets": ([3, 100], "sheet"),
    },
    "alternatives": {"50/60 Hz": ([50, 60], "Hz"), "20/40-GB": ([20, 40], "GB"), "38mm/40mm/41mm": ([38, 40, 41], "mm")},
    "size": {"EU 42": ([42], "EU"), "US 9.5": ([9.5], "US"), "UK 8": ([8], "UK"), "8.5 M US": ([8.5], "US")},
}  # fmt: skip
TEXT = [
    "Battery: 5000mAh Li-Ion", "iPhone 12", "Galaxy S23 Ultra", "5G", "5 G", "4K", "10K", "XL", "32/34", "39-42", "122633-001", "7/8",
    "2504EMP7X5", "16:09", "1080p", "5v/2a", "66W/6A", "3 in 1", "2x Caffeine", "1,500 g", "1.500 g", "0196188254004", "1/2 GB",
    "5 parsecs", "8.5 M", "10-5 cm", "2024-05-06", "12.05.2024", "+49 30 1234567", "100% Cotton", "2 M / 3 M", "5 MW", "1st", "7 of 9",
    "5 NM", "64 Gb", "500 mb/s", "5 kn", "0x10 g", "0 x 10 cm", "1,2,3 g", "1,2,3", "1 500", "0 500 g", "1 0000 g", "–18 cm", "-5 kg", "– 18 °C",
    "DC 12 cm", "12 cm DC", "T8 L120 cm", "L10 x L20 cm", "L10 x W20", "D3 1000 IU", "L10 g x W20 g", "1990s", "1 lata", "5'13\" x 7'7\"", "10 -20", "10, 000", "1 2 3", "", "x", "12345678",
]  # fmt: skip


@pytest.mark.parametrize(("form", "value"), [(form, value) for form, values in READ.items() for value in values])
def test_quantities(form: str, value: str) -> None:
    expected = READ[form][value]
    found = quantity(unicodedata.normalize("NFKC", value))
    assert (found and (found.form, list(found.numbers), found.unit)) == (expected and (form, *expected))


@pytest.mark.parametrize("value", TEXT)
def test_unsure_stays_text(value: str) -> None:
    assert quantity(unicodedata.normalize("NFKC", value)) is None


def test_sizes_of_what_is_worn() -> None:
    worn = Locale(sizes=True)
    found = {text: quantity(text, worn) for text in ("32/34", "W32 L34", "39-42", "3L", "1,5 L", "8 W", "150ML")}
    assert {t: q and (q.form, q.numbers, q.unit) for t, q in found.items()} == {
        "32/34": ("size", (32, 34), None), "W32 L34": ("size", (32, 34), None), "39-42": ("range", (39, 42), None),
        "3L": None, "1,5 L": ("single", (1.5,), "l"), "8 W": None, "150ML": ("single", (150,), "ml"),
    }  # fmt: skip


def test_what_a_bare_m_is_and_whose_bits_are_bytes() -> None:
    texts = ("6 m", "6 M", "6-12 m", "3 y", "6m+", "6 m2", "6 mm", "64 Gb")
    of_age, of_time, memory = Locale(letter="month"), Locale(letter=None), Locale(memory=True)
    assert [(q and (q.numbers, q.unit)) for q in (quantity(text, of_age) for text in texts)] == [
        ((6,), "month"), ((6,), "month"), ((6, 12), "month"), ((3,), "year"), ((6,), "month"), ((6,), "m²"), ((6,), "mm"), None,
    ]  # fmt: skip
    assert [quantity(text, of_time) is None for text in texts] == [True] * 3 + [True, True, False, False, True]
    found = quantity("64 Gb", memory)
    assert found is not None
    assert (found.numbers, found.unit) == ((64,), "GB")
    aged = quantity("Ages 6-12 m")
    assert aged is not None
    assert (aged.numbers, aged.unit) == ((6, 12), "month")


@pytest.mark.parametrize("decimal", [",", "."])
@given(
    value=st.decimals(0, 10**6, places=3, allow_nan=False),
    unit=st.sampled_from(["mm", "kg", "l", "GB", "W", "°C", "sheet", "month", "floz", "m²", "µg"]),
    gap=st.sampled_from(["", " ", "-"]),
)
def test_what_is_written_is_read(decimal: str, value: object, unit: str, gap: str) -> None:
    found = quantity(
        unicodedata.normalize("NFKC", f"{value}".replace(".", decimal) + gap + unit), Locale(decimal=decimal)
    )  # type: ignore[arg-type]
    assert found is not None
    assert (found.form, found.numbers, found.unit) == ("single", (float(str(value)),), unit)


@given(st.text("1 ,./-x'\"inGBof()±~to", max_size=60))
def test_nothing_takes_long(text: str) -> None:
    begun = time.process_time()
    quantity(text)
    assert time.process_time() - begun < 0.25


def test_every_spelling_leads_to_a_unit_and_case_tells_some_apart() -> None:
    assert all(units.unit_of(spelling) is not None for spelling in units.spellings())
    assert [u and u.name for u in map(units.unit_of, ("mW", "MW", "kg", "KG", "M", "L", "G", "Mo", "fl oz"))] == [
        "mW", None, "kg", "kg", None, "l", "g", "MB", "floz",
    ]  # fmt: skip
    mile, metre = units.unit_of("mile"), units.unit_of("m")
    assert mile is not None
    assert metre is not None
    assert units.convert(1, mile, metre) == 1609.344
