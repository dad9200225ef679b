"""Attributes in whatever shape they were delivered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest import attribute_places
from m5tools.ingest.delivered import structure_of
from m5tools.ingest.extract import Extractor
from m5tools.ingest.mapping import AttributeField, Mapping
from m5tools.ingest.pairs import pairs_of, written_pairs

RED_L = [("Colour", "red"), ("Size", "L")]


@pytest.mark.parametrize(
    "value",
    [
        {"Colour": "red", "Size": "L"},
        [{"name": "Colour", "value": "red"}, {"name": "Size", "value": "L"}],
        [{"key": "Colour", "content": "red"}, {"label": "Size", "text": "L"}],
        [["Colour", "red"], ["Size", "L"]],
        [{"Colour": "red"}, {"Size": "L"}],
        ["Colour: red", "Size: L"],
        '{"Colour": "red", "Size": "L"}',
        '[["Colour", "red"], ["Size", "L"]]',
        "Colour: red | Size: L",
        "Colour=red,Size=L",
        "Colour#:#red#;#Size#:#L",
        "Colour: red\n- Size: L\n",
        "• Colour: red • Size: L",
        "Colour：red；Size：L".replace("；", ";"),
        "<table><tr><th>Colour:</th><td>red</td></tr><tr><td>Size</td><td>L</td></tr></table>",
        "<dl><dt>Colour</dt><dd>red</dd><dt>Size:</dt><dd>L</dd></dl>",
        "<ul><li>Colour: red</li><li>Size: L</li></ul>",
    ],
)
def test_every_shape_gives_the_same_pairs(value: Any) -> None:
    assert list(pairs_of(structure_of(value), "name", "value")) == RED_L


def test_a_run_on_specification() -> None:
    text = (
        "Product Dimensions: 14.7 x 11.1 x 10.2 inches ; 4.06 pounds |Shipping Weight: 4 pounds (View shipping rates a"
    )
    assert written_pairs(text) == [
        ("Product Dimensions", "14.7 x 11.1 x 10.2 inches ; 4.06 pounds"), ("Shipping Weight", "4 pounds (View shipping rates a"),
    ]  # fmt: skip
    glued = "ProductDimensions:4x4x6.6inches|ItemWeight:8ounces|ASIN:B07NPM5WBP"
    assert written_pairs(glued) == [
        ("ProductDimensions", "4x4x6.6inches"),
        ("ItemWeight", "8ounces"),
        ("ASIN", "B07NPM5WBP"),
    ]


def test_what_continues_a_value_stays_with_it() -> None:
    assert written_pairs("a=x,y,b=z") == [("a", "x,y"), ("b", "z")]
    assert written_pairs("Site: https://a.com/x | Colour: red") == [("Site", "https://a.com/x"), ("Colour", "red")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red",
        "https://a.com/?x=1&y=2",
        "A fine shoe, made by hand, in Italy.",
        "12:30",
        "Brand: A Colour: B Size: C",
        "a | b | c",
    ],
)
def test_no_list_of_pairs(text: str) -> None:
    assert written_pairs(text) == []


def test_a_column_of_one_shape_and_a_mixed_one_are_read_alike() -> None:
    mapping = Mapping.model_validate({"source": "s", "format": "json_lines", "attributes": [{"from": "a"}]})
    shapes = [{"Colour": "red"}, {"Size": "L"}, None, {}, {"name": "Colour", "value": "red"}]
    take = Extractor(mapping).take
    alone = [take([{"a": shape}]).attributes.select("name_raw", "value_raw").rows() for shape in shapes]
    together = take([{"a": shape} for shape in shapes]).attributes
    assert together["row"].to_list() == [0, 1, 4]
    assert together.select("name_raw", "value_raw").rows() == [pair for pairs in alone for pair in pairs]
    assert alone[4] == [("Colour", "red")]


@given(
    st.dictionaries(st.text("abcXYZ é", min_size=1, max_size=9).filter(lambda n: n.strip() == n and n[0].isalnum()),
                    st.text("abc 123.()", max_size=9).map(str.strip), min_size=2, max_size=5),
    st.sampled_from([(" | ", ": "), ("#;#", "#:#"), (",", "="), ("\n", ": "), ("; ", ": ")]),
)  # fmt: skip
def test_what_is_joined_is_taken_apart(pairs: dict[str, str], signs: tuple[str, str]) -> None:
    text = signs[0].join(f"{name}{signs[1]}{value}" for name, value in pairs.items())
    assert written_pairs(text) == list(pairs.items())


@given(st.recursive(st.one_of(st.none(), st.text(max_size=9), st.integers()), lambda inner: st.one_of(
    st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)), max_leaves=8))  # fmt: skip
def test_no_shape_is_an_error(value: Any) -> None:
    assert all(isinstance(name, str) for name, _ in pairs_of(value, "name", "value"))


LETTERS = ["#;#", "#:#", "#", ";", ":", "a", "é", " ", "\x1c", "\x85", "\u3000", "\u200b", "\0", "[", "]", "{", '"']


def mapped(pairs: str, assign: str) -> Extractor:
    place = {"from": "a", "pairs": pairs, "assign": assign}
    return Extractor(Mapping.model_validate({"source": "s", "format": "json_lines", "attributes": [place]}))


@given(
    st.lists(st.one_of(st.none(), st.lists(st.sampled_from(LETTERS), max_size=14).map("".join)), max_size=6),
    st.sampled_from([("#;#", "#:#"), (";", ":"), ("##", "#"), (" ", "a")]),
)
def test_texts_taken_apart_by_columns_are_those_taken_apart_one_by_one(
    values: list[str | None], signs: tuple[str, str]
) -> None:
    take = mapped(*signs).take
    together = take([{"a": value} for value in values]).attributes
    one_by_one = []
    for row, value in enumerate(values):
        # A number beside it, and the batch goes value by value.
        for name, content in take([{"a": value}, {"a": 1}]).attributes.select("name_raw", "value_raw").iter_rows():
            one_by_one.append((row, name, content))
    assert together.select("row", "name_raw", "value_raw").rows() == one_by_one


def test_a_text_of_json_among_texts_of_pairs_is_read_as_what_it_is() -> None:
    found = (
        mapped("#;#", "#:#").take([{"a": "Size#:#L"}, {"a": '{"Colour": "red"}'}, {"a": "[new] Fit#:#slim"}]).attributes
    )
    assert found.select("row", "name_raw", "value_raw").rows() == [
        (0, "Size", "L"), (1, "Colour", "red"), (2, "[new] Fit", "slim"),
    ]  # fmt: skip


def test_names_lose_what_python_takes_for_space() -> None:
    assert set(attribute_places._SPACE) == {chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace()}


class Counting(str):
    """A text that counts how many of its letters are looked at."""

    looked = 0

    def __iter__(self) -> Iterator[str]:
        for letter in str(self):
            Counting.looked += 1
            yield letter


def test_no_text_is_walked_through_letter_by_letter_to_see_that_it_is_no_list_of_objects() -> None:
    place = AttributeField.model_validate({"from": "a"})
    assert attribute_places._object_pairs(place, [Counting("Colour: red | Size: L")] * 50) is None
    assert Counting.looked == 1
