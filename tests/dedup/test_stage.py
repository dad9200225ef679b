"""The stage as a whole: the traps that other deduplicators fall into, and independence of order."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError

from .shop import Found, Listing, Option, drawing, encoded, tables_of, with_margin

Find = Callable[..., Found]

KETTLE = {"material": "steel", "type": "kettle", "warranty": "two years", "lid": "hinged"}
SHIRT = {"material": "cotton", "fit": "regular", "neck": "crew", "sleeve": "short"}


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


def test_boilerplate_costs_linear_time_and_welds_nothing(find: Find) -> None:
    shared = "Welcome to our shop. We ship worldwide within three days and answer every question with pleasure."
    words = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(20_000)]
    found = find([Listing(str(i), f"{w[:7]} {w[9:16]} {w[20:26]}", shared) for i, w in enumerate(words)], partitions=4)
    assert found.clusters.is_empty()
    assert found.counts["hubs"] >= 1
    assert found.counts["hub_products"] >= 20_000
    assert found.counts["pairs"] < 20_000


def test_many_relistings_make_one_cluster(find: Find) -> None:
    same = {"title": "Steel kettle Acme", "description": "Boils fast.", "attributes": KETTLE}
    found = find([Listing(str(i), price=float(i), **same) for i in range(700)])
    assert {len(group) for group in found.groups("same_offer")} == {700}


def test_survivor_is_the_most_complete(find: Find) -> None:
    found = find(
        [
            Listing("bare", "Water boiler", gtin="4006381333931", seller="Ann"),
            Listing("rich", "Acme kettle", "Boils.", attributes=KETTLE, gtin="4006381333931", seller="Bob"),
            Listing("poor", "Kettle, steel", "Boils.", gtin="4006381333931", seller="Cy"),
        ]
    )
    survivors = found.clusters.filter(pl.col("is_survivor"), relation="same_product")
    assert [found.names[p] for p in survivors["product_id"]] == ["rich"]
    assert survivors["cluster_id"].item() == min(found.names)


def _mixed_shop() -> list[Listing]:
    photo, edited = encoded(drawing(1)), encoded(with_margin(drawing(1), 0.1), 60)
    return [
        Listing("a", "Acme steel kettle", "Boils.", attributes=KETTLE, images=(photo,), seller="Ann"),
        Listing("a2", "Acme steel kettle", "Boils.", attributes=KETTLE, images=(photo,), seller="Ann", price=3),
        Listing("b", "Cordless water boiler", attributes=KETTLE, images=(edited,), seller="Bob"),
        Listing("red", "Crew neck tee shirt red", group_id="g", attributes=SHIRT),
        Listing("blue", "Crew neck tee shirt blue", group_id="g", attributes=SHIRT),
        Listing("green", "Crew neck tee shirt green", attributes=SHIRT),
        Listing("g1", "Toaster", gtin="4006381333931", seller="Ann"),
        Listing("g2", "Bread toaster, two slots", gtin="4006381333931", seller="Bob"),
        *(Listing(f"n{i}", f"Nothing like any other {word}") for i, word in enumerate(("oak", "quilt", "basalt"))),
    ]


def _bytes(dataset: Dataset) -> dict[str, bytes]:
    files = [p for table in ("comparisons", "compared", "edges", "clusters") for p in dataset.parts(table)]
    return {p.relative_to(dataset.root).as_posix(): p.read_bytes() for p in files}


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), partitions=st.integers(1, 4))
def test_order_of_rows_changes_nothing(find: Find, seed: int, partitions: int) -> None:
    shop = _mixed_shop()
    straight = find(shop, partitions, name=f"straight-{seed}-{partitions}")
    random.Random(seed).shuffle(shop)
    shuffled = find(shop, partitions, name=f"shuffled-{seed}-{partitions}")
    assert _bytes(straight.dataset) == _bytes(shuffled.dataset)
    assert straight.groups("same_product") == {frozenset(("a", "a2", "b")), frozenset(("g1", "g2"))}
    assert straight.groups("variant") >= {frozenset(("red", "blue", "green"))}


def test_a_row_more_changes_no_other_verdict(find: Find) -> None:
    before = find(_mixed_shop(), name="before").relations
    after = find([Listing("x", "Something else altogether"), *_mixed_shop()], name="after").relations
    assert before == after


def test_workers_change_nothing(make_dataset: Callable[..., Dataset]) -> None:
    tables = tables_of(_mixed_shop())
    alone, helped = make_dataset(tables, 3, "alone"), make_dataset(tables, 3, "helped")
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(alone, stage)
        run_stage(helped, stage, workers=2)
    assert _bytes(alone) == _bytes(helped)


def test_partitions_compared_by_the_run_change_nothing(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tables_of(_mixed_shop())
    single, runs = make_dataset(tables, 5, "single"), make_dataset(tables, 5, "runs")
    run_stage(single, Compare(CompareConfig()))
    monkeypatch.setattr("m5tools.dedup.compare._RUNS", 2)
    assert [unit.args for unit in Compare(CompareConfig()).units(runs, "compare")] == [
        {"first": 0, "beyond": 3},
        {"first": 3, "beyond": 5},
    ]
    run_stage(runs, Compare(CompareConfig()))
    for dataset in (single, runs):
        run_stage(dataset, Dedup(DedupConfig()))
    assert _bytes(single) == _bytes(runs)


def test_policy_is_part_of_the_run(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    shipped = Dedup(DedupConfig())
    text = (Path(__file__).parents[2] / "pipelines" / "policies" / "duplicates.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("threshold: 0.6", "threshold: 0.7"))
    config = DedupConfig(policy=str(tmp_path / "mine.yaml"))
    before = Dedup(config).run_name({})
    (tmp_path / "mine.yaml").write_text(text)
    assert Dedup(config).run_name({}) != before
    assert Dedup(config).outside() == shipped.outside()


def test_no_products(find: Find) -> None:
    found = find([])
    assert found.edges.is_empty()
    assert found.clusters.is_empty()


def test_unknown_policy() -> None:
    with pytest.raises(UsageError, match="no policy 'strict'"):
        Dedup(DedupConfig(policy="strict")).outside()


def test_edges_are_ordered_and_scored(find: Find) -> None:
    edges = find(_mixed_shop()).edges
    assert (edges["product_a"] < edges["product_b"]).all()
    assert edges["score"].is_between(0, 1).all()
    assert edges.equals(edges.sort("product_a", "product_b", "evidence"))
    assert edges.select(pl.struct("product_a", "product_b", "relation", "evidence").is_unique().all()).item()
