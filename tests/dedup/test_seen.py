"""What is seen: edited pictures join sellers, colours make variants, placeholders join nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from .shop import KETTLE, SHIRT, Find, Listing, drawing, encoded, with_margin


@pytest.mark.parametrize(
    "edit",
    [
        lambda image: encoded(image, 50),
        lambda image: encoded(image.resize((300, 300))),
        lambda image: encoded(with_margin(image, 0.05)),
        lambda image: encoded(with_margin(image, 0.15)),
        lambda image: encoded(with_margin(image, 0.40)),
    ],
    ids=["q50", "300px", "margin5", "margin15", "margin40"],
)
def test_edited_picture_of_another_seller_is_the_same_product(find: Find, edit: Callable[[Any], bytes]) -> None:
    found = find(
        [
            Listing("a", "Acme steel kettle", attributes=KETTLE, images=(encoded(drawing(1)),), seller="Ann"),
            Listing("b", "Cordless water boiler", attributes=KETTLE, images=(edit(drawing(1)),), seller="Bob"),
            Listing("c", "Tall jug", attributes=KETTLE, images=(encoded(drawing(2)),), seller="Cy"),
        ]
    )
    assert found.relations == {frozenset("ab"): "same_product"}
    assert set(found.edges["evidence"]) == {"image", "table"} or set(found.edges["evidence"]) == {
        "image",
        "table",
        "text",
    }


def test_picture_alone_is_not_enough(find: Find) -> None:
    photo = encoded(drawing(1))
    found = find(
        [Listing("kettle", "Steel kettle", images=(photo,)), Listing("novel", "A long novel", images=(photo,))]
    )
    assert found.relations == {}


def test_one_shirt_in_two_colours_is_a_variant(find: Find) -> None:
    red, blue = encoded(drawing(3, (190, 40, 40))), encoded(drawing(3, (40, 80, 190)))
    told = find(
        [
            Listing("red", "Acme tee shirt", attributes=SHIRT | {"color": "red"}, images=(red,)),
            Listing("blue", "Acme tee shirt", attributes=SHIRT | {"color": "blue"}, images=(blue,)),
        ],
        name="told",
    )
    assert told.relation("red", "blue") == "variant"
    seen = find(
        [
            Listing("red", "Acme tee shirt", attributes=SHIRT, images=(red,)),
            Listing("blue", "Acme tee shirt", attributes=SHIRT, images=(blue,)),
        ],
        name="seen",
    )
    assert seen.relation("red", "blue") == "variant"


def test_unreadable_blank_and_placeholder_pictures_match_nothing(find: Find) -> None:
    blank = encoded(Image.new("RGB", (300, 300), "white"))
    placeholder = encoded(drawing(9))
    pictures = [(None,), (b"garbage 1",), (blank,), (placeholder,)]
    listings = [
        Listing(
            f"{kind}{i}", f"{word} {kind}", attributes=KETTLE | {"lid": word, "type": word}, images=images, seller=word
        )
        for kind, images in enumerate(pictures)
        for i, word in enumerate(("Sturdy garden rake", "Velvet curtain"))
    ]
    assert find(listings, hubs={placeholder: 5000}, name="guarded").relations == {}
