"""`m5 show A B`: every way in which two products are joined or are not, in words, on the command line."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.why import why
from m5tools.engine.local import run_stage
from m5tools.vocabulary import Relation

from ..dedup.shop import Listing, drawing, encoded, product_id, tables_of
from .conftest import M5

Ask = Callable[..., str]
SHOES = "Trail running shoe Falcon"
DRILL = {"title": "Bosch cordless drill GSR 18V-55", "seller": "Ann"}


@pytest.fixture
def ask(make_dataset: Callable[..., Dataset], m5: M5) -> Ask:
    """Deduplicate listings, and ask about two of them by name."""

    def run(listings: list[Listing], one: str, other: str, once: bool = False) -> str:
        dataset = make_dataset(tables_of(listings))
        with dataset.changing() as manifest:
            crawls = enumerate(sorted({listing.source for listing in listings}), start=1)
            manifest["crawls"] = [
                {"source": source, "crawl_id": f"c{i}", "media_root": None, "unique_products": once}
                for i, source in crawls
            ]
            for crawl in manifest["crawls"]:
                manifest["stages"][f"ingest/{crawl['crawl_id']}"] = manifest["stages"]["ingest/c1"]
        run_stage(dataset, Compare(CompareConfig()))
        run_stage(dataset, Dedup(DedupConfig()))
        said = m5("show", product_id(one), product_id(other), "-d", dataset.root)
        assert said.code == 0, said.err
        return said.out

    return run


def test_an_identifier_joins(ask: Ask) -> None:
    said = ask([Listing("a", SHOES, gtin="4006381333931"), Listing("b", "Falcon", gtin="4006381333931")], "b", "a")
    assert "same_product: one identifier\n" in said
    assert "+ identifier 1.00: gtin 4006381333931" in said
    assert "both are in the same_product cluster" in said


def test_an_option_makes_a_variant(ask: Ask) -> None:
    said = ask([Listing("a", f"{SHOES}, size 42"), Listing("b", f"{SHOES}, size 38")], "a", "b")
    assert "variant: near-equal titles, and an option differs" in said or "variant: title, table" in said
    assert "- they differ in size: " in said
    assert "42" in said
    assert "38" in said


def test_a_measure_is_told_in_its_unit(ask: Ask) -> None:
    memory = "Memory card Falcon Ultra for cameras"
    said = ask([Listing("a", f"{memory}, 256 GB"), Listing("b", f"{memory}, 1.5 TB")], "a", "b")
    assert "- they differ in storage: 1500 GB / 256 GB\n" in said
    assert "differs in storage: 1500 GB / 256 GB\n" in said


def test_the_wording_of_two_sellers_joins(ask: Ask) -> None:
    listings = [Listing("a", **DRILL), Listing("b", "GSR 18V-55 Bosch drill driver", seller="Bob")]
    said = ask(listings, "a", "b")
    assert "same_product: wording of two sellers" in said
    assert "+ wording" in said


def test_never_compared(ask: Ask) -> None:
    said = ask([Listing("a", SHOES), Listing("b", "Wall clock with pendulum")], "a", "b")
    assert "nothing: never compared" in said
    assert "? no item group, GTIN, part number, text, table, picture, clip or sound in common" in said
    assert "? titles are 0.00 alike without colour and measures (Jaccard index), candidates are sought from 0.6" in said
    assert "? the titles share no word" in said


def test_never_compared_though_a_title_is_missing(ask: Ask) -> None:
    said = ask([Listing("a", SHOES), Listing("b")], "a", "b")
    assert "titles: one or both are missing" in said


def test_compared_and_below_the_threshold(ask: Ask) -> None:
    listings = [Listing("a", "Quartz wall clock", "Round, silent."), Listing("b", "Quartz kitchen timer", seller="Bob")]
    said = ask(listings, "a", "b")
    assert "nothing: compared, and not joined" in said
    assert "? title, table and media score " in said
    assert "below the threshold 0.6" in said
    assert "below the threshold 0.60 that the data gave" in said


def test_two_listings_of_one_seller(ask: Ask) -> None:
    listings = [Listing("a", "Falcon S410 hunter knife"), Listing("b", "Falcon S410 traditional knife")]
    said = ask(listings, "a", "b")
    assert "nothing: compared, and not joined" in said
    assert "which tells nothing between two listings of one seller" in said


def test_an_identifier_speaks_against(ask: Ask) -> None:
    listings = [
        Listing("a", SHOES, "Light.", gtin="4006381333931"),
        Listing("b", SHOES, "Light.", gtin="9783161484100", seller="Bob"),
    ]
    said = ask(listings, "a", "b")
    assert "nothing: compared, and not joined" in said
    assert "- their GTINs differ" in said
    assert "but what speaks against" in said


def test_a_better_rival(ask: Ask) -> None:
    """Where each shop lists a product once, the nearer of two takes the place."""
    listings = [
        Listing("a", "Bosch cordless drill GSR 18V-55 kit", source="ann"),
        Listing("b", "Bosch cordless drill GSR 18V-55 kit", source="bob", brand="Bosch"),
        Listing("c", "Bosch cordless drill GSR 18V-55", source="bob"),
    ]
    said = ask(listings, "a", "c", once=True)
    assert "nothing: compared, and not joined" in said
    assert "but a rival is better" in said
    assert product_id("b") in said
    assert "each product has one partner at most" in said


def test_two_of_a_source_that_lists_each_once(ask: Ask) -> None:
    said = ask([Listing("a", SHOES, "Light."), Listing("b", SHOES, "Light.")], "a", "b", once=True)
    assert "'shop' lists each product once, so no two of its own are one" in said


def test_a_chain_that_was_broken(ask: Ask) -> None:
    """A and C have other GTINs; B has neither and joins one of them."""
    same = {"description": "Boils fast, in steel, with a hinged lid.", "attributes": {"material": "steel", "lid": "hinged", "type": "kettle"}}  # fmt: skip
    listings = [
        Listing("a", "Steel kettle Acme Boilmaster", gtin="4006381333931", seller="Ann", **same),
        Listing("b", "Steel kettle Acme Boilmaster", seller="Bob", **same),
        Listing("c", "Steel kettle Acme Boilmaster", gtin="9783161484100", seller="Cid", **same),
    ]
    answers = [ask(listings, "b", other) for other in ("a", "c")]
    assert all(answer.count("same_product: ") == 1 for answer in answers)
    (broken,) = (answer for answer in answers if "no same_product cluster holds both" in answer)
    assert "it would hold several GTINs (4006381333931, 9783161484100)" in broken


def test_joined_through_a_third(ask: Ask) -> None:
    pictures = [encoded(drawing(seed)) for seed in (1, 2)]
    listings = [
        Listing("a", "Steel kettle", images=(pictures[0],), gtin="4006381333931", seller="Ann"),
        Listing(
            "b", "Boilmaster", images=tuple(pictures), gtin="4006381333931", brand="Acme", mpn="BM-1700", seller="Bob"
        ),
        Listing("c", "Acme water boiler", brand="Acme", mpn="BM1700", seller="Cid"),
    ]
    said = ask(listings, "a", "c")
    assert said.splitlines()[2].startswith("nothing: ")
    ways = [[product_id(n) for n in "abc"], [product_id(n) for n in "cba"]]
    assert any(f"joined through {' – '.join(way)}" in said for way in ways)


def test_json_and_mistakes(make_dataset: Callable[..., Dataset], m5: M5) -> None:
    dataset = make_dataset(tables_of([Listing("a", SHOES), Listing("b", SHOES)]))
    early = m5("show", product_id("a"), product_id("b"), "-d", dataset.root)
    assert (early.code, "m5 dedup --dataset" in early.err) == (2, True)
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    told = json.loads(m5("show", product_id("a"), product_id("b"), "-d", dataset.root, "--json").out)
    assert (told["relation"], told["evidence"][0]["evidence"]) == ("same_offer", "content")
    same = m5("show", product_id("a"), product_id("a"), "-d", dataset.root)
    assert (same.code, "name two" in same.err) == (2, True)
    unknown = m5("show", product_id("a"), "nobody", "-d", dataset.root)
    assert (unknown.code, "no product 'nobody'" in unknown.err) == (2, True)


def test_a_pair_is_told_by_what_held_when_it_was_decided(m5: M5, tmp_path: Path) -> None:
    """A later crawl lowers nothing and adds no rival to an old pair; its own pairs are told as well."""
    clock, timer = "Quartz wall clock", "Quartz kitchen timer"
    crawls = [[("k1", "Ann", clock), ("k2", "Bob", timer)], [("k3", "Cid", "Quartz alarm clock"), ("k4", "Dan", clock)]]
    dataset = tmp_path / "dataset"
    answers = []
    for i, rows in enumerate(crawls):
        file = tmp_path / f"{i}.jsonl"
        file.write_text("".join(json.dumps({"id": n, "seller": s, "title": t}) + "\n" for n, s, t in rows))
        sets = (f"source=shop{i}", "mapping=synth", f"files={file}")
        assert m5("ingest", "-d", dataset, "-w", 0, *(w for s in sets for w in ("--set", s))).code == 0
        for stage in ("fetch", "survey", "measure", "compare", "dedup"):
            assert m5(stage, "-d", dataset, "-w", 0).code == 0
        answers.append(m5("show", "k1", "k2", "-d", dataset).out)
    assert "below the threshold 0.60 that the data gave" in answers[0]
    assert answers[1] == answers[0]
    assert "nothing: compared, and not joined" in m5("show", "k1", "k3", "-d", dataset).out
    assert m5("show", "k1", "k4", "-d", dataset).out.count("same_product") == 2


@pytest.mark.real_data
@pytest.mark.parametrize("once", [True, False])
def test_it_says_of_a_real_catalogue_what_was_decided(real_data: Path, tmp_path: Path, m5: M5, once: bool) -> None:
    """Abt and Buy: whatever pair is asked about, the relation is the edge's, and what was not joined has a reason."""
    mapping = tmp_path / "abt_buy.yaml"
    text = (Path(__file__).parents[2] / "schemas" / "sources" / "abt_buy.yaml").read_text()
    mapping.write_text(text if once else text.replace("unique_products: true", "unique_products: false"))
    dataset = tmp_path / "dataset"
    for source in ("abt", "buy"):
        sets = (f"source={source}", f"mapping={mapping}", f"files={real_data / 'abt_buy' / source}.csv")
        assert m5("ingest", "-d", dataset, "-w", 0, *(w for s in sets for w in ("--set", s))).code == 0
    for stage in ("fetch", "survey", "measure", "compare", "dedup"):
        assert m5(stage, "-d", dataset, "-w", 0).code == 0
    made = Dataset(dataset)
    edges = {
        (a, b): r for a, b, r in made.read("edges").select("product_a", "product_b", "relation").unique().iter_rows()
    }
    compared = made.read("comparisons").sort(pl.col("contained") + pl.col("word_score"), descending=True)
    pairs = compared.select("product_a", "product_b").head(4000).rows()
    asked = random.Random(1).sample(pairs, 100)
    found = [why(made, *pair) for pair in asked]
    assert [w.relation for w in found] == [edges.get(pair) for pair in asked]
    joined = {Relation(w.relation) if w.relation else None for w in found}
    assert {None, Relation.SAME_PRODUCT} <= joined
    for answer in found:
        assert answer.evidence if answer.relation else answer.missing, answer
    assert any("a rival is better" in words for w in found for words in w.missing) or not once
