"""What very many products share joins none of them, at the sizes a crawl has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest

from .shop import Found, Listing, drawing, encoded

BOILERPLATE = "Welcome to our shop. We ship worldwide within three days and answer every question with pleasure."


def titles(count: int) -> Iterator[str]:
    """Titles that have nothing in common."""
    for number in range(count):
        word = hashlib.sha256(str(number).encode()).hexdigest()
        yield f"{word[:7]} {word[9:16]} {word[20:26]}"


@pytest.mark.slow
@pytest.mark.parametrize("titles_counted", [5_000, 1], ids=["the corpus knows", "the corpus does not know"])
def test_a_picture_of_5000_products_welds_nothing(find: Callable[..., Found], titles_counted: int) -> None:
    placeholder = encoded(drawing(9))
    listings = [
        Listing(str(i), title, images=(placeholder,), seller="AnnBobCy"[i % 3]) for i, title in enumerate(titles(5_000))
    ]
    found = find(listings, partitions=4, hubs={placeholder: titles_counted})
    assert found.edges.is_empty()
    assert found.counts["pairs"] < 100, "nor is it a reason to compare"


@pytest.mark.slow
def test_a_description_of_100000_products_welds_nothing(find: Callable[..., Found]) -> None:
    found = find([Listing(str(i), title, BOILERPLATE) for i, title in enumerate(titles(100_000))], partitions=8)
    assert found.edges.is_empty()
    assert found.counts["hub_products"] >= 100_000
    assert found.counts["pairs"] < 100_000
