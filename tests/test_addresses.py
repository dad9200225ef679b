"""Addresses lose what does not name the page, and nothing else."""

from __future__ import annotations

import polars as pl
import pytest

from m5tools.addresses import canonical_url, product_page


def canonical(*given: str | None) -> list[str | None]:
    return (
        pl.DataFrame({"url": pl.Series(given, dtype=pl.String)})
        .select(canonical_url(pl.col("url")))
        .to_series()
        .to_list()
    )


def page(given: str | None) -> str | None:
    found: str | None = (
        pl.DataFrame({"url": pl.Series([given], dtype=pl.String)}).select(product_page(pl.col("url"))).item()
    )
    return found


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("HTTPS://Shop.com/P/1/?b=2&utm_source=x&a=1#reviews", "https://shop.com/P/1?a=1&b=2"),
        (" https://shop.com/1?&UTM_id=1&&ref=2&spm=3 ", "https://shop.com/1"),
        ("https://shop.com?preref=1", "https://shop.com?preref=1"),
        ("https://shop.com/?a=1?b#c#/d", "https://shop.com/?a=1?b"),
        ("https://shop.com//a//", "https://shop.com//a"),
        ("Shop.com/P", "://shop.com/P"),
        ("", "://"),
        (None, None),
    ],
)
def test_addresses_lose_what_does_not_name_the_page(given: str | None, wanted: str | None) -> None:
    assert canonical(given) == [wanted]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://shop.com/#/item/1", "https://shop.com/#/item/2"),
        ("https://shop.com/#!/item/1", "https://shop.com/#!/item/2"),
        ("https://web.org/a/http://shop.com/1", "https://web.org/A/http://shop.com/1"),
        ("shop.com/1", "shop.com/2"),
    ],
)
def test_addresses_of_two_pages_stay_two(one: str, other: str) -> None:
    mine, theirs = canonical(one, other)
    assert mine != theirs


@pytest.mark.parametrize("given", ["https://shop.com/1", "https://shop.com?id=1", "https://shop.com/#/item/1"])
def test_a_page_of_a_host_is_one(given: str) -> None:
    assert page(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "https://shop.com", "http://shop.com/?utm_source=x", "p/1.html", "shop.com/1", "file:///p/1"]
)
def test_front_pages_and_paths_without_host_are_none(given: str | None) -> None:
    assert page(given) is None
