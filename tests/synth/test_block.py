"""What rows say: families, digits, and the verdicts on texts and tables, read back from the JSON alone."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import Any

import polars as pl
import pytest

from m5tools.ingest.normalize.mojibake import repaired
from m5tools.synth import SynthConfig, words
from m5tools.synth.block import block
from m5tools.synth.mess import NEAR_MISSES
from m5tools.synth.tables import Tables
from m5tools.synth.world import World

Row = tuple[dict[str, Any], dict[str, Any]]
FILLERS = set(words.PLACEHOLDER_VALUES)
NAMES_OF = {
    key: {word for text in texts for word in text.split("|")}
    for key, texts in words.NAMES.items()
    if key in ("brand", "colour", "material")
}


@pytest.fixture(scope="module")
def products() -> list[Row]:
    return listed(SynthConfig(products=6000, media=False))


def listed(config: SynthConfig) -> list[Row]:
    world = World(config)
    made = block(world, Tables(world), 0, config.products, "part")
    pairs = zip(made.text, made.truth.iter_rows(named=True), strict=True)
    return [(json.loads(text), row) for text, row in pairs if row["outcome"] == "product"]


def values(record: dict[str, Any]) -> list[str]:
    return [attribute["value"] for attribute in record.get("attributes") or ()]


def one(record: dict[str, Any], key: str) -> set[str]:
    return {item["value"] for item in record.get("attributes") or () if item["name"] in NAMES_OF[key]}


def test_blocks_do_not_change_the_rows() -> None:
    world = World(SynthConfig(products=300, media=False))
    tables = Tables(world)
    whole = block(world, tables, 0, 300, "part").text.to_list()
    halves = block(world, tables, 0, 130, "part").text.to_list() + block(world, tables, 130, 300, "part").text.to_list()
    assert sorted(whole) == sorted(halves)


def test_about_a_tenth_is_of_each_relation(products: list[Row]) -> None:
    offers = {row["offer"] for _, row in products}
    instances = {row["instance"] for _, row in products}
    assert 0.08 < 1 - len(offers) / len(products) < 0.12
    assert 0.08 < (len(offers) - len(instances)) / len(products) < 0.12
    in_groups = {row["instance"] for _, row in products if row["variant_group"] >= 0}
    groups = {row["variant_group"] for _, row in products} - {-1}
    assert 0.08 < (len(in_groups) - len(groups)) / len(products) < 0.12


def test_a_relisted_offer_has_the_same_content(products: list[Row]) -> None:
    fixed = ("title", "description", "attributes", "seller", "images", "gtin", "sku", "group_id")
    first: dict[int, dict[str, Any]] = {}
    for record, row in products:
        before = first.setdefault(row["offer"], record)
        assert [before.get(key) for key in fixed] == [record.get(key) for key in fixed]
        assert before is record or before["url"] != record["url"]


def test_copies_come_from_other_sellers_in_other_words(products: list[Row]) -> None:
    sellers, titles = defaultdict(set), defaultdict(set)
    offers: dict[int, set[int]] = defaultdict(set)
    gtins: dict[int, set[str]] = defaultdict(set)
    for record, row in products:
        offers[row["instance"]].add(row["offer"])
        sellers[row["instance"]].add(record["seller"])
        titles[row["instance"]].add(record.get("title"))
        gtins[row["instance"]].update(filter(None, [record.get("gtin")]))
    assert all(len(sellers[key]) == len(found) for key, found in offers.items())
    copied = [key for key, found in offers.items() if len(found) > 1]
    assert sum(len(titles[key]) > 1 for key in copied) > 0.9 * len(copied)
    assert max(map(len, gtins.values())) == 1


def test_variants_share_a_group_and_differ_in_one_option(products: list[Row]) -> None:
    colours: dict[int, dict[int, set[str]]] = defaultdict(dict)
    for record, row in products:
        listed = record.get("group_id")
        assert not listed or listed == f"G{row['variant_group']}"
        if row["variant_group"] >= 0 and not set(row["tags"]) & {"table.sparse", "table.placeholder"}:
            options = frozenset(values(record))
            colours[row["variant_group"]].setdefault(row["instance"], set()).update(options)
    several = [group for group in colours.values() if len(group) > 1]
    assert several
    assert all(len({frozenset(found) for found in group.values()}) == len(group) for group in several)


def test_gtins_have_valid_check_digits(products: list[Row]) -> None:
    found = [record["gtin"] for record, _ in products if record.get("gtin")]
    assert len(found) > 2000
    for gtin in found:
        assert len(gtin) == 13
        assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(gtin)) % 10 == 0


def test_ids_are_distinct(products: list[Row]) -> None:
    assert len({record["id"] for record, _ in products}) == len(products)


def test_table_tags_are_earned_and_no_other_table_earns_them(products: list[Row]) -> None:
    for record, row in products:
        tags, found = set(row["tags"]), values(record)
        assert bool(found) == (row["state_table"] == 0)
        names = [attribute["name"] for attribute in record.get("attributes") or ()]
        assert (len(found) == 1) == ("table.sparse" in tags)
        placeholders = sum(value in FILLERS for value in found)
        assert (2 * placeholders >= max(1, len(found))) == ("table.placeholder" in tags)
        assert (len(set(names)) < len(names)) == ("table.contradictory" in tags)
        if "table.contradictory" in tags:
            assert len(one(record, "material")) == 2


def test_text_tags_are_earned_and_no_other_text_earns_them(products: list[Row]) -> None:
    shop = {sentence for language in words.BOILERPLATE for sentence in language}
    greetings = {greeting for language in words.SHOP_GREETINGS for greeting in language}
    seen: Counter[str] = Counter()
    for record, row in products:
        tags, title, description = set(row["tags"]), record.get("title") or "", record.get("description") or ""
        assert bool(title or description) == (row["state_text"] == 0)
        rest = description
        for sentence in shop:
            rest = rest.replace(sentence, "").replace(sentence.upper(), "")
        for greeting in greetings:
            rest = rest.replace(greeting, "")
        assert (bool(description) and not rest.strip("*- ")) == ("text.boilerplate" in tags)
        assert (title in words.SHORT_TITLES and not description) == ("text.short" in tags)
        lost_sign = "text.lost_sign" in row["oddities"]
        assert ("\ufffd" in title) == ("text.mojibake" in tags or (lost_sign and not description))
        assert ("\ufffd" in description) == (("text.mojibake" in tags or lost_sign) and bool(description))
        assert not (lost_sign and any(tag.startswith("text.") for tag in tags))
        seen.update({*tags, *row["oddities"]})
    assert min(seen[tag] for tag in ("text.boilerplate", "text.short", "text.mojibake", "text.lost_sign")) > 60


def test_a_misread_description_can_be_put_right(products: list[Row]) -> None:
    misread = 0
    for record, row in products:
        title, description = record.get("title") or "", record.get("description") or ""
        whole = repaired(pl.Series([title, description]))
        assert whole[0] == title
        assert (whole[1] != description) == ("text.misread" in row["oddities"])
        if "text.misread" in row["oddities"]:
            misread += 1
            assert not any(tag.startswith("text.") for tag in row["tags"])
            assert any(whole[1].endswith(words_of) for words_of in words.ACCENTED_PHRASES)
    assert misread > 60


def test_only_a_mismatched_title_names_another_brand(products: list[Row]) -> None:
    generic = 0
    for record, row in products:
        tags, title = set(row["tags"]), record.get("title")
        if not title or row["state_table"] != 0 or any(tag.startswith(("text.", "table.")) for tag in tags):
            continue
        (brand,) = one(record, "brand")
        named = brand in title
        if "text.terse" in row["oddities"]:
            assert not named or title.startswith(brand)
            continue
        if not named and "pair.title_table_mismatch" not in tags:
            generic += 1  # the trap: "USB cable" names nothing
            assert not any(start in title for start in words.BRAND_STARTS)
        assert not (named and "pair.title_table_mismatch" in tags)
        if named and "table.two" not in row["oddities"]:
            assert sum(value in title for value in values(record)) >= 2
        assert named != bool({"text.stranger", "text.generic_title"} & set(row["oddities"]))
    assert generic > 30


def test_a_noisy_text_or_table_is_the_one_that_tells_of_another_product() -> None:
    config = SynthConfig.model_validate({"products": 2000, "media": False, "noise": {"text": 0.3, "table": 0.3}})
    wrong: Counter[str] = Counter()
    for record, row in listed(config):
        odd, tags = set(row["oddities"]) & {"text.stranger", "table.stranger"}, set(row["tags"])
        assert len(odd) <= 1
        if any(tag.startswith(("text.", "table.")) for tag in tags) or "text.generic_title" in row["oddities"]:
            assert not odd
            continue
        both = row["state_text"] == 0 and row["state_table"] == 0
        assert (bool(odd) and both) == ("pair.title_table_mismatch" in tags)
        if record.get("brand") and record.get("title") and "text.terse" not in row["oddities"]:
            assert (record["brand"] in record["title"]) == ("text.stranger" not in odd)
        if record.get("brand") and row["state_table"] == 0:
            assert (one(record, "brand") == {record["brand"]}) == ("table.stranger" not in odd)
        wrong.update(odd)
    assert min(wrong.values()) > 200
    assert len(wrong) == 2


def test_near_misses_of_texts_and_tables_say_what_they_sell(products: list[Row]) -> None:
    seen: Counter[str] = Counter()
    for record, row in products:
        odd, title = set(row["oddities"]), record.get("title") or ""
        seen.update(odd)
        if "text.terse" in odd:
            assert re.fullmatch(r"(\w+ )?[A-Z]{1,2}\d{3}", title)
            assert not record.get("description")
        if "text.brand_phrase" in odd:
            assert re.search(r"(1[89]|20)\d\d( 年)?[.。]$", record["description"])
        if "table.two" in odd:
            assert len(values(record)) == 2
            assert not FILLERS & set(values(record))
        for modality in ("text", "table"):
            if any(near in odd for near in NEAR_MISSES if near.startswith(modality)):
                assert not any(tag.startswith(modality) for tag in row["tags"])
    assert min(seen[near] for near in ("text.terse", "text.brand_phrase", "text.lost_sign", "table.two")) > 80


def test_shops_set_the_same_sentences_off_in_their_own_way(products: list[Row]) -> None:
    texts = [record["description"] for record, row in products if "text.boilerplate" in row["tags"]]
    forms = Counter(
        "stars" if "***" in text else "dash" if text.startswith("- ") else "loud" if text.isupper() else "plain"
        for text in texts
    )
    assert len(forms) == 4
    assert forms["plain"] > len(texts) / 2
