"""Titles, tables, groups and identifiers: what they prove of two products, and the traps that others fall into."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage

from .shop import KETTLE, SHIRT, Find, Found, Listing, Option, drawing, encoded, tables_of


def test_short_titles_are_no_evidence(find: Find) -> None:
    found = find([Listing("cable", "USB cable"), Listing("mug", "Blue mug"), Listing("blank", ""), Listing("none")])
    assert found.relations == {}
    assert found.clusters.is_empty()


def test_equal_rows_of_one_source_are_one_offer(find: Find) -> None:
    found = find([Listing("first", "USB cable"), Listing("second", "USB cable"), Listing("other", "USB hub")])
    assert found.relations == {frozenset(("first", "second")): "same_offer"}


def test_equal_short_titles_alone_do_not_join(find: Find) -> None:
    found = find(
        [
            Listing("a", "USB cable", price=3, seller="Ann"),
            Listing("b", "USB cable", price=9, seller="Bob"),
            Listing("c", "USB cable", "Two metres, white.", price=3, seller="Ann"),
        ]
    )
    assert found.relations == {}
    assert found.counts["pairs_found"] > 0


def test_relisted_offer_with_another_price(find: Find) -> None:
    same = {"title": "Steel kettle Acme 1.7 l", "description": "Boils fast.", "attributes": KETTLE, "seller": "Ann"}
    found = find([Listing("old", price=19, **same), Listing("new", price=17, **same)])
    assert found.relation("old", "new") == "same_offer"
    assert found.edges.filter(evidence="content")["detail"].item() == "title, description, table and media are equal"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Trail running shoe Falcon, size 42", "Trail running shoe Falcon, size 38"),
        ("Pocket phone Nimbus 128 GB", "Pocket phone Nimbus 256 GB"),
        ("Living room television Aurora 55″", "Living room television Aurora 65″"),
        ("Pocket phone Nimbus 128 Go", "Pocket phone Nimbus 256 Go"),
        ("Crew neck tee shirt red", "Crew neck tee shirt blue"),
        ("夏季红色圆领短袖纯棉T恤衫", "夏季蓝色圆领短袖纯棉T恤衫"),
        ("Oat drink Haver 1 l", "Oat drink Haver 500 ml"),
        ("Crew neck tee shirt Falcon, L", "Crew neck tee shirt Falcon, M"),
        ("Crew neck tee shirt Falcon-XL-Blue", "Crew neck tee shirt Falcon-M-Blue"),
        ("Alkaline batteries Volta pack of 4", "Alkaline batteries Volta pack of 12"),
        ("Alkaline Batterien Volta 4er-Pack", "Alkaline Batterien Volta 12 Stück"),
    ],
)
def test_differing_option_in_title_is_a_variant(find: Find, one: str, other: str) -> None:
    assert find([Listing("one", one), Listing("other", other)]).relation("one", "other") == "variant"


def test_equal_measures_in_other_units_are_no_difference(find: Find) -> None:
    sold = {"brand": "Aurora", "mpn": "AU-5521"}
    found = find([Listing("in", "Television 15.6 in", **sold), Listing("mm", "Television 396 mm", **sold)])
    assert found.relation("in", "mm") == "same_product"


def test_texts_alone_must_hold_the_same_words(find: Find) -> None:
    fan = "Show everybody whose fan you are with this shirt of the finest cotton, printed by hand."
    found = find(
        [
            Listing("one", "Minnesota Lynx basketball secondary logo tee - green", fan, attributes={"part": "shirts"}),
            Listing("turned", "Green Minnesota Lynx basketball secondary logo tee", fan, attributes={"part": "shirts"}),
            Listing(
                "long",
                "Minnesota Lynx basketball secondary logo long sleeve tee - green",
                fan,
                attributes={"part": "shirts"},
            ),
        ]
    )
    assert found.relations == {frozenset(("one", "turned")): "same_product"}


def test_dimensions_are_no_model_code(find: Find) -> None:
    found = find(
        [
            Listing("pair", "Quantum cloth backgrounds white/black, 300x600", "A must for beauty."),
            Listing("black", "Quantum background cloth black 300x600", "A must for beauty."),
            Listing("model", "Quantum background cloth black WH1000", "Made for portraits.", seller="Ann"),
            Listing("resold", "Quantum cloth background black WH1000 new", "For portraits.", seller="Bob"),
        ]
    )
    assert found.relations == {frozenset(("model", "resold")): "same_product"}


def test_an_item_without_options_is_no_duplicate_of_its_variant(find: Find) -> None:
    photo, table = (encoded(drawing(1)),), KETTLE
    listed = {"size": Option("32"), "color": Option("black")}
    found = find(
        [
            Listing("item", "Cronus yoga pant", attributes=table, images=photo, seller="Ann"),
            Listing("black", "Cronus yoga pant-32-Black", attributes=table | listed, images=photo, seller="Ann"),
            Listing("copy", "Cronus yoga pant", attributes=table, images=photo, seller="Bob"),
        ]
    )
    assert found.relation("item", "black") == "variant"
    assert found.relation("item", "copy") == "same_product"


def test_differing_codes_are_different_products(find: Find) -> None:
    found = find(
        [
            Listing("3310", "Classic mobile phone Nokaya 3310 with charger", attributes=KETTLE),
            Listing("7790", "Classic mobile phone Nokaya 7790 with charger", attributes=KETTLE),
        ]
    )
    assert found.relations == {}


def test_group_with_differing_option_comes_before_identifiers(find: Find) -> None:
    shirt = {"group_id": "g1", "gtin": "4006381333931", "title": "Crew neck tee"}
    found = find(
        [
            Listing("red", attributes=SHIRT | {"color": Option("red")}, **shirt),
            Listing("rot", attributes=SHIRT | {"farbe": Option("rot")}, seller="Bob", **shirt),
            Listing("blue", attributes=SHIRT | {"color": Option("blue")}, **shirt),
        ]
    )
    assert found.relation("red", "blue") == "variant"
    assert found.relation("red", "rot") == "same_product"
    assert found.groups("same_product") == {frozenset(("red", "rot"))}
    assert found.groups("variant") == {frozenset(("red", "rot", "blue"))}
    detail = found.edges.filter(evidence="table", relation="variant")["detail"][0]
    assert "colour: " in detail


def test_group_that_agrees_in_all_it_varies_in_is_one_product(find: Find) -> None:
    table = SHIRT | {"size": Option("42")}
    found = find(
        [
            Listing("ours", "Crew neck tee", group_id="g1", attributes=table | {"color": Option("red")}, seller="Ann"),
            Listing("theirs", "Shirt of jersey", group_id="g1", attributes={"size": Option("42")}, seller="Bob"),
            Listing("large", "Tee", group_id="g1", attributes={"size": Option("46")}, seller="Cid"),
        ]
    )
    assert found.relation("ours", "theirs") == "same_product"
    assert found.relation("ours", "large") == "variant"


def test_one_model_in_two_colours_is_a_variant_and_an_accessory_is_none(find: Find) -> None:
    found = find(
        [
            Listing("red", "Sonor clock radio with alarm KD240 red", brand="Sonor", attributes={"model": "KD240"}),
            Listing("blue", "Sonor clock radio with alarm, blue", brand="Sonor", mpn="KD240-3", seller="Bob"),
            Listing("case", "Sonor case for KD240, black", brand="Sonor", attributes={"model": "PSC85"}, seller="Cid"),
        ]
    )
    assert found.relation("red", "blue") == "variant"
    assert found.relation("red", "case") is None


def test_products_of_one_brand_with_two_rare_facts_are_compared(find: Find) -> None:
    table = {"material": "oak", "weight": "1.7 kg", "origin": "Poland"}
    find_in = [
        Listing("ours", "Water boiler", brand="Alto", attributes=table, seller="Ann"),
        Listing("theirs", "Electric kettle", brand="Alto", attributes=table | {"lid": "flat"}, seller="Bob"),
        Listing("other", "Bread toaster", brand="Orion", attributes=table | {"slots": "2"}, seller="Cid"),
    ]
    found = find(find_in)
    compared = found.dataset.read("comparisons").select("product_a", "product_b").rows()
    assert {frozenset(found.names[p] for p in pair) for pair in compared} == {frozenset(("ours", "theirs"))}


def _sold_twice(count: int, coded: float) -> list[Listing]:
    """Mugs of one maker at two sellers, in words that tell little; only some carry a GTIN at both."""
    rng = np.random.default_rng(5)
    listings = []
    for i in range(count):
        table = {name: f"{name} no. {rng.integers(12)}" for name in ("glaze", "kiln", "handle", "rim")}
        gtin = f"40063{i:08d}" if rng.random() < coded else None
        price = float(rng.integers(5, 500))
        for seller, words, share in (("Ann", "mug", 1.0), ("Bob", "cup", 1.1)):
            told = {name: value for name, value in table.items() if rng.random() < 0.9}
            title = f"Alto {words} of stoneware"
            listings.append(
                Listing(
                    f"{seller}{i}", title, brand="Alto", gtin=gtin, seller=seller, price=price * share, attributes=told
                )
            )
    return listings


def test_identifiers_teach_what_agreement_is_worth(find: Find) -> None:
    def taught(coded: float, name: str) -> list[bool]:
        """Of the pairs that were judged by what was taught, whether they are one product."""
        found = find(_sold_twice(600, coded), name=name)
        judged = found.edges.filter(evidence="agreement").select("product_a", "product_b").rows()
        return [len({found.names[product][3:] for product in pair}) == 1 for pair in judged]

    right = taught(0.6, "many")
    assert len(right) > 50
    assert sum(right) / len(right) > 0.8
    assert taught(0.05, "few") == [], "where few carry a GTIN nothing is taught"


def test_groups_belong_to_their_source(find: Find) -> None:
    found = find(
        [
            Listing("ours", "Garden hose", group_id="7", source="a"),
            Listing("theirs", "Desk lamp", group_id="7", source="b"),
        ]
    )
    assert found.relations == {}


def test_gtin_joins_sellers_and_null_does_not(find: Find) -> None:
    found = find(
        [
            Listing("a", "Acme kettle, steel", gtin="4006381333931", seller="Ann"),
            Listing("b", "Water boiler by Acme", gtin="04006381333931", seller="Bob"),
            Listing("c", "Toaster", seller="Ann"),
            Listing("d", "Blender", seller="Bob"),
            Listing("zero", "Lamp", gtin="00000000"),
            Listing("nought", "Chair", gtin="00000000"),
        ]
    )
    assert found.relations == {frozenset("ab"): "same_product"}


def test_part_number_needs_its_brand(find: Find) -> None:
    found = find(
        [
            Listing("a", "Wireless headphones", brand="Sonor", mpn="WH-1000XM4"),
            Listing("b", "Over-ear headset, noise cancelling", brand="SONOR", mpn="wh1000xm4"),
            Listing("c", "Garden chair", brand="Grün", mpn="WH1000XM4"),
            Listing("d", "Garden table", mpn="WH1000XM4"),
        ]
    )
    assert found.relations == {frozenset("ab"): "same_product"}


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ({"屏幕尺寸": '55"'}, {"尺寸": '65"'}, "variant"),
        ({"存储容量": "128 GB"}, {"capacité": "256 Go"}, "variant"),
        ({"storage": "1000 GB"}, {"capacité": "1 To"}, "same_product"),
        ({"storage": "512 GB"}, {"capacité": "1 To"}, "variant"),
        ({"颜色": "墨绿"}, {"颜色": "绿色"}, "same_product"),
        ({"颜色": "墨绿"}, {"颜色": "酒红"}, "variant"),
        ({"longueur totale": "1,5 m"}, {"gesamtlänge": "20 cm"}, "variant"),
        ({"packungsgröße": "0.4 kg"}, {"nettogewicht": "500 g"}, "variant"),
    ],
)
def test_options_of_other_languages(find: Find, one: dict[str, str], other: dict[str, str], relation: str) -> None:
    sold = {"gtin": "4006381333931", "brand": "Acme"}
    found = find([Listing("a", "Aurora 55", attributes=one, **sold), Listing("b", "Aurora", attributes=other, **sold)])
    assert found.relation("a", "b") == relation


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ("Acme face cream", {"colour": "grey"}, "same_product"),
        ("Acme serum scarlet", {"colour": "red"}, "same_product"),
        ("Acme serum scarlet", {"colour": "crimson"}, "variant"),
        ("Acme serum navy", {"farbe": "blau"}, "same_product"),
        ("Acme serum red", {"colour": "cream"}, "variant"),
    ],
)
def test_shades_and_words_that_are_no_colours(find: Find, one: str, other: dict[str, str], relation: str) -> None:
    sold = {"gtin": "4006381333931", "brand": "Acme"}
    found = find([Listing("a", one, **sold), Listing("b", "Acme skin care", attributes=other, **sold)])
    assert found.relation("a", "b") == relation


def test_one_seller_who_swaps_a_word_means_another_product(find: Find) -> None:
    hats = [
        Listing("hunter", "Stetson felt hat S4101 hunter", attributes=KETTLE),
        Listing("traditional", "Stetson felt hat S4101 traditional", attributes=KETTLE),
    ]
    assert find(hats).relation("hunter", "traditional") != "same_product"


RADIOS = [
    Listing("a", "Jvc KD-G335 car receiver with equalizer", source="north"),
    Listing("b", "KDG335 receiver for the car, by Jvc", source="south"),
    Listing("c", "Jvc KD-G425 car receiver with changer", source="north"),
    Listing("d", "Garden hose of ten turns", source="south"),
]


def test_a_model_number_joins_other_wording(find: Find) -> None:
    assert find(RADIOS).relations == {frozenset("ab"): "same_product"}
    edge = find(RADIOS, name="again").edges.filter(evidence="wording")
    assert edge.height == 1
    assert "a model code" in edge["detail"].item()


def test_a_source_that_lists_once_has_one_partner_and_no_duplicates(make_dataset: Callable[..., Dataset]) -> None:
    again = [
        Listing("a2", "Jvc KD-G335 car receiver with equalizer", source="north", price=3.0),
        Listing("b2", "Jvc KDG335 receiver for the car", source="south"),
    ]
    dataset = make_dataset(tables_of([*RADIOS, *again]))
    with dataset.changing() as manifest:
        manifest["crawls"] = [
            {"source": source, "crawl_id": crawl, "media_root": None, "unique_products": True}
            for source, crawl in (("north", "c1"), ("south", "c2"))
        ]
        manifest["stages"]["ingest/c2"] = manifest["stages"]["ingest/c1"]
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    found = Found(dataset, {e.product_id: e.name for e in [*RADIOS, *again]}, {})
    joined = found.groups("same_product")
    assert len(joined) == 2
    assert all(len(group) == 2 and len(group & {"a", "a2"}) == 1 for group in joined)


@pytest.mark.parametrize("many", [False, True])
def test_of_a_source_of_many_sellers_two_records_worded_otherwise_may_be_one_product(
    make_dataset: Callable[..., Dataset], many: bool
) -> None:
    table = {"brand": "Norora", "model": "HD349", "storage": (1.0, "TB"), "case": "steel", "plug": "usb c"}
    sold = [
        Listing("a", "Norora outdoor flash drive HD349 robust anti slip", attributes=table),
        Listing("b", "Norora outdoor flash drive HD349 washable, any weather", attributes=table),
    ]
    dataset = make_dataset(tables_of(sold))
    with dataset.changing() as manifest:
        manifest["crawls"][0]["many_sellers"] = many
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    groups = Found(dataset, {listing.product_id: listing.name for listing in sold}, {}).groups("same_product")
    assert bool(groups) is many


def test_placeholders_are_no_facts(find: Find) -> None:
    vague = {"lid": "n/a", "type": "other", "color": "see description", "warranty": "unknown"}
    sold = {"gtin": "4006381333931", "brand": "Acme"}
    found = find(
        [
            Listing("told", "Acme kettle", attributes=KETTLE | {"color": "red"}, seller="Ann", **sold),
            Listing("vague", "Acme boiler", attributes=vague, seller="Bob", **sold),
            Listing("rake", "Sturdy garden rake", brand="Unbranded", mpn="A-1001", attributes=vague, seller="Ann"),
            Listing("sofa", "Velvet curtain long", brand="Unbranded", mpn="A-1001", attributes=vague, seller="Bob"),
        ]
    )
    assert found.relations == {frozenset(("told", "vague")): "same_product"}
