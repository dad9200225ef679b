"""The address of a page, told by two sources, identifies a product; told by one, or of many, it does not."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.evidence.identifiers import identifier_pairs
from m5tools.dedup.why import why
from m5tools.engine.local import run_stage
from tests.dedup.shop import POLICY, Found, Listing, Option, deliver, tables_of

KETTLE = "Steel kettle with a hinged lid"
FLASK = "Bouilloire en acier inoxydable"
PAGE = "https://shop.com/p/1"

Find = Callable[..., Found]


def two(one_source: str = "shop", other_source: str = "feed", **other: str | None) -> list[Listing]:
    """One page, worded so that nothing but its address tells."""
    url = other.pop("url", "https://Shop.com/p/1/?utm_source=feed#top")
    return [
        Listing("a", KETTLE, source=one_source, seller="Ann", url=PAGE),
        Listing("b", FLASK, source=other_source, seller="Bob", url=url, **other),  # type: ignore[arg-type]
    ]


def test_one_page_of_two_sources_is_one_product(find: Find) -> None:
    found = find(two())
    assert found.relation("a", "b") == "same_product"
    shown = found.edges.filter(evidence="identifier")
    assert shown["detail"].to_list() == [f"address {PAGE}"]
    told = why(found.dataset, *(e.product_id for e in two()))
    assert told.rule == "one identifier"
    assert told.evidence[0]["detail"] == f"address {PAGE}"


@pytest.mark.parametrize("url", [None, "https://shop.com/p/2", "http://other.com/p/1"])
def test_other_addresses_and_none_match_nothing(find: Find, url: str | None) -> None:
    assert find(two(url=url)).edges.is_empty()


def test_no_address_on_both_sides_matches_nothing(find: Find) -> None:
    listings = two(url=None)
    listings[0].url = None
    assert find(listings).edges.is_empty()


def test_front_pages_match_nothing(find: Find) -> None:
    listings = two(url="https://shop.com/")
    listings[0].url = "https://shop.com"
    assert find(listings).edges.is_empty()


def test_one_page_of_one_source_proves_nothing(find: Find) -> None:
    assert find(two(other_source="shop")).edges.is_empty()


def test_one_page_of_one_source_proves_nothing_beside_other_candidates(find: Find) -> None:
    mine = [Listing(f"c{i}", "USB cable", source="shop", seller=f"s{i}", url=PAGE) for i in range(2)]
    found = find([*mine, Listing("d", "USB cable", source="feed", seller="t", url=PAGE)])
    assert found.relation("c0", "d") == "same_product", "the page joins what two sources list"
    assert found.edges.filter(evidence="identifier").height == 2, (
        "and not the two of one source, which equal titles led to"
    )


def test_a_differing_option_makes_variants(find: Find) -> None:
    one, other = two()
    one.attributes, other.attributes = {"colour": Option("red")}, {"colour": Option("blue")}
    assert find([one, other]).relation("a", "b") == "variant"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"gtin": "4006381333931"}, {"gtin": "4012345678901"}),
        ({"brand": "acme", "mpn": "AB-100"}, {"brand": "acme", "mpn": "AB-200"}),
        ({"brand": "acme"}, {"brand": "zenith"}),
    ],
    ids=["GTIN", "part number", "brand"],
)
def test_what_contradicts_keeps_one_page_apart(find: Find, one: dict[str, str], other: dict[str, str]) -> None:
    listings = two()
    for listing, said in zip(listings, (one, other), strict=True):
        for name, value in said.items():
            setattr(listing, name, value)
    assert find(listings).relation("a", "b") != "same_product"


WORDS = ("lamp", "chair", "spoon", "carpet", "radio", "violin", "hammer", "basket", "mirror", "pillow")


def test_a_page_on_which_one_source_lists_several_titles_is_the_page_of_none(find: Find) -> None:
    mine = [Listing(f"a{word}", f"Oaken {word}", source="shop", seller="Ann", url=PAGE) for word in WORDS]
    theirs = [Listing("b", FLASK, source="feed", seller="Bob", url=PAGE)]
    found = find([*mine, *theirs])
    assert found.edges.is_empty()
    told = why(found.dataset, mine[0].product_id, theirs[0].product_id)
    assert told.against == [
        f"one address ({PAGE}), but 11 products under 11 titles bear it, "
        "so it proves nothing: one source lists several of these on it"
    ]
    inside = why(found.dataset, mine[0].product_id, mine[1].product_id)
    assert not any("address" in words for words in inside.against)


def test_offers_of_one_title_on_a_page_are_believed(find: Find) -> None:
    mine = [Listing(f"a{i}", KETTLE, source="shop", seller=f"s{i}", url=PAGE) for i in range(3)]
    found = find([*mine, Listing("b", FLASK, source="feed", seller="Bob", url=PAGE)])
    assert frozenset(("a0", "a1", "a2", "b")) in found.groups("same_product")


def test_a_page_above_the_cap_welds_nothing(find: Find) -> None:
    crowd = [
        Listing(f"u{i}", None, source=f"s{i % 7}", description=f"thing {i}", url=PAGE)
        for i in range(POLICY.join.cap + 1)
    ]
    assert find(crowd).edges.filter(evidence="identifier").is_empty()


def test_a_page_of_many_sources_is_believed_of_like_titles(find: Find) -> None:
    crowd = [
        Listing(f"u{i}", f"{WORDS[i % 10]} {WORDS[i // 10]}", source=f"s{i}", url=PAGE)
        for i in range(POLICY.identifier.hub_titles + 5)
    ]
    like = [Listing(f"k{i}", KETTLE, source=f"t{i}", url=PAGE) for i in range(2)]
    found = find([*crowd, *like])
    assert found.relation("k0", "k1") in ("same_product", "same_offer")
    assert not any({name[0] for name in pair} == {"u", "k"} for pair in found.relations)


def test_a_newcomer_meets_a_page_of_the_index(make_dataset: Callable[..., Dataset]) -> None:
    old, new = two()
    dataset = make_dataset(tables_of([old]))
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    assert dataset.read("edges").is_empty()
    deliver(dataset, "c2", [new], [old])
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    assert dataset.read("edges").filter(evidence="identifier")["detail"].to_list() == [f"address {PAGE}"]
    clusters = dataset.read("clusters").filter(relation="same_product")
    assert set(clusters["product_id"]) == {old.product_id, new.product_id}


def test_addresses_of_one_source_are_no_candidates() -> None:
    rows = pl.DataFrame(
        {
            "row": pl.Series([0, 1, 2, 3, 4], dtype=pl.UInt32),
            "source": ["a", "b", "a", "a", "b"],
            "url": ["u", "u", "v", "v", None],
            "own_codes": pl.Series([[]] * 5, dtype=pl.List(pl.UInt32)),
            "table_key": pl.Series([None] * 5, dtype=pl.UInt64),
            **{name: pl.Series([None] * 5, dtype=pl.String) for name in ("group", "gtin", "brand", "mpn", "stem")},
        }
    )
    assert identifier_pairs([rows.lazy()], POLICY).pairs.rows() == [(0, 1)]
