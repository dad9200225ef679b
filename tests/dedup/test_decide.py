"""Comparisons are made once; other thresholds and weights decide again from what is stored."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.decide import apart, decided
from m5tools.dedup.rules import judged
from m5tools.dedup.taught import Taught
from m5tools.engine.local import run_stage
from m5tools.errors import StaleError

from .shop import POLICY, Listing, Option, product_id, tables_of

SHIPPED = Path(__file__).parents[2] / "pipelines" / "policies" / "duplicates.yaml"
TOASTERS = [
    Listing(
        "ours", "Bread toaster Alto, two slots, steel", attributes={"material": "steel", "slots": "2", "lid": "no"}
    ),
    Listing("theirs", "Alto bread toaster, two slots", attributes={"material": "steel", "slots": "2"}, seller="Bob"),
    Listing("lamp", "Desk lamp Orion with a clamp", attributes={"material": "brass"}),
]


@pytest.fixture
def compared(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset(tables_of(TOASTERS))
    run_stage(dataset, Compare(CompareConfig()))
    return dataset


def changed(folder: Path, *entries: tuple[str, str]) -> str:
    """A copy of the shipped policy with some entries changed."""
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in entries:
        assert text.count(old) == 1
        text = text.replace(old, new)
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_another_threshold_decides_anew_from_the_same_comparisons(compared: Dataset, tmp_path: Path) -> None:
    run_stage(compared, Dedup(DedupConfig()))
    before, made = compared.read("edges"), compared.manifest()["stages"]["compare"]
    assert set(before["relation"]) == {"same_product"}
    parts = {file: file.stat().st_mtime_ns for file in compared.parts("comparisons")}

    by_score, by_wording = (
        ("  threshold: 0.6\n", "  threshold: 1.0\n"),
        ("threshold: 0.6      # l", "threshold: 1.0      # l"),
    )
    less = ("weights: {words: 0.35, letters: 0.35", "weights: {words: 0.1, letters: 0.1")
    strict = changed(tmp_path, by_score, by_wording, less)
    run_stage(compared, Dedup(DedupConfig(policy=strict)))
    assert compared.read("edges").is_empty()
    assert compared.manifest()["stages"]["compare"] == made
    assert run_stage(compared, Compare(CompareConfig())).up_to_date

    run_stage(compared, Dedup(DedupConfig()))
    assert compared.read("edges").equals(before)
    assert {file: file.stat().st_mtime_ns for file in compared.parts("comparisons")} == parts


def test_other_words_need_other_comparisons(compared: Dataset, tmp_path: Path) -> None:
    mine = changed(tmp_path, ("min_title_chars: 10", "min_title_chars: 12"))
    with pytest.raises(StaleError, match=f"run: m5 compare --dataset .* --set policy={mine}"):
        run_stage(compared, Dedup(DedupConfig(policy=mine)))
    run_stage(compared, Compare(CompareConfig(policy=mine)))
    run_stage(compared, Dedup(DedupConfig(policy=mine)))
    assert compared.read("edges").height > 0


def test_without_comparisons_the_command_that_makes_them_is_named(make_dataset: Callable[..., Dataset]) -> None:
    with pytest.raises(StaleError, match="run: m5 compare --dataset"):
        run_stage(make_dataset(tables_of(TOASTERS)), Dedup(DedupConfig()))


def test_comparisons_hold_pairs_that_are_nothing_as_well(compared: Dataset) -> None:
    run_stage(compared, Dedup(DedupConfig()))
    rows = compared.read("comparisons")
    assert rows.height >= compared.read("edges").select("product_a", "product_b").unique().height
    assert rows.select("product_a", "product_b").is_unique().all()
    assert rows.filter(~rows["long_title"]).is_empty()


@pytest.mark.parametrize("table", [None, {"kiln": "Fornace Barovier"}])
def test_a_pair_that_shares_a_word_is_compared_only_where_something_else_speaks(
    make_dataset: Callable[..., Dataset], table: dict[str, str] | None
) -> None:
    titles = ("Orchid vase from Murano, hand blown crystal glass", "Painted tile Murano showing herons in reeds")
    wordy = [Listing(title, title, seller=title, attributes=table) for title in titles]
    dataset = make_dataset(
        tables_of([*wordy, *(Listing(str(i), f"Sturdy oak shelf {i} for books") for i in range(40))])
    )
    run_stage(dataset, Compare(CompareConfig()))
    compared = set(map(frozenset, dataset.read("comparisons").select("product_a", "product_b").iter_rows()))
    assert (frozenset(listing.product_id for listing in wordy) in compared) == (table is not None)


def _told(dataset: Dataset, chance: float) -> pl.DataFrame:
    """What pairs are by the shipped policy, where all that is asked of what was taught is as likely as given."""
    run_stage(dataset, Compare(CompareConfig()))
    weighed = judged(dataset.read("comparisons"), (), (), POLICY)
    same = Taught(("word_score",), (0.0,), (1.0,), (math.log(chance / (1 - chance)), 0.0))
    nobody = weighed.select("product_a", "product_b").clear()
    return decided(weighed, nobody, {"product": same, "family": same}, POLICY.taught)


def _relations(told: pl.DataFrame) -> dict[frozenset[str], str | None]:
    return {frozenset(pair): found for *pair, found in told.select("product_a", "product_b", "relation").iter_rows()}


def _pair(one: str, other: str) -> frozenset[str]:
    return frozenset(map(product_id, (one, other)))


_JERSEY = {"color": Option("red"), "size": Option("42")}


@pytest.mark.parametrize(("told", "relation"), [(_JERSEY, "same_product"), ({"color": Option("red")}, "variant")])
def test_two_options_that_agree_settle_what_a_group_leaves_open(
    make_dataset: Callable[..., Dataset], told: dict[str, Option], relation: str
) -> None:
    listings = [
        Listing("ours", "Crew neck tee", group_id="g", attributes=told, seller="Ann"),
        Listing("theirs", "Shirt of jersey", group_id="g", attributes=told, seller="Bob"),
    ]
    told = _told(make_dataset(tables_of(listings)), chance=0.1)
    assert _relations(told) == {_pair("ours", "theirs"): relation}


def test_two_of_a_group_are_variants_however_likely_one_product_where_an_option_is_not_told(
    make_dataset: Callable[..., Dataset],
) -> None:
    open_to = [
        Listing("ours", "Crew neck tee of jersey", group_id="g", attributes=_JERSEY, seller="Ann"),
        Listing("theirs", "Crew neck tee, jersey", group_id="g", attributes={"color": Option("red")}, seller="Bob"),
        Listing("elsewhere", "Crew neck tee, jersey", attributes={"color": Option("red")}, source="other"),
    ]
    found = _relations(_told(make_dataset(tables_of(open_to)), chance=0.99))
    assert found[_pair("ours", "theirs")] == "variant"
    assert found[_pair("ours", "elsewhere")] == "same_product"


def test_a_source_that_groups_a_family_has_its_variants_in_the_group(make_dataset: Callable[..., Dataset]) -> None:
    def tee(name: str, colour: str, source: str, group: str | None = None) -> Listing:
        return Listing(
            name,
            "Crew neck tee of jersey",
            group_id=group,
            source=source,
            seller=name,
            attributes={"material": "cotton", "collar": "round", "sleeve": "short", "color": Option(colour)},
        )

    listings = [tee("red", "red", "a", "g"), tee("blue", "blue", "a"), tee("green", "green", "b")]
    found = _relations(_told(make_dataset(tables_of(listings)), chance=0.99))
    assert found[_pair("red", "green")] == "variant"
    assert found[_pair("blue", "green")] == "variant"
    assert found[_pair("red", "blue")] is None


def test_variants_are_apart_unless_only_an_option_that_one_tells_makes_them(
    make_dataset: Callable[..., Dataset],
) -> None:
    told = [
        Listing("large", "Crew neck tee", group_id="g", attributes=_JERSEY | {"size": Option("46")}, seller="Ann"),
        Listing("small", "Shirt of jersey", group_id="g", attributes=_JERSEY, seller="Bob"),
        Listing("unsized", "Jersey", group_id="g", attributes={"color": Option("red")}, seller="Cid"),
        Listing("silent", "Tee", group_id="g", seller="Dan"),
        Listing("coded", "Tee", group_id="g", attributes=_JERSEY, gtin="4006381333931", seller="Eve"),
        Listing("recoded", "Jersey", group_id="g", attributes=_JERSEY, gtin="4006381333948", seller="Fay"),
    ]
    found = apart(_told(make_dataset(tables_of(told)), chance=0.3), POLICY.taught)
    assert set(found["relation"]) == {"same_product"}
    pairs = {frozenset(pair) for pair in found.select("product_a", "product_b").iter_rows()}
    silent = {_pair("silent", other) for other in ("large", "small", "unsized", "coded", "recoded")}
    large = {_pair("large", other) for other in ("small", "coded", "recoded")}
    assert pairs == {_pair("coded", "recoded"), *large, *silent}


@pytest.mark.parametrize(("chance", "relation"), [(0.1, "variant"), (0.001, None)])
def test_a_model_code_makes_variants_unless_they_are_most_unlikely_one_family(
    make_dataset: Callable[..., Dataset], chance: float, relation: str | None
) -> None:
    radio = {"brand": "Sonor", "attributes": {"model": "KD240"}}
    listings = [
        Listing("red", "Sonor clock radio with alarm KD240 red", seller="Ann", **radio),
        Listing("blue", "Sonor clock radio with alarm KD240 blue", seller="Bob", **radio),
    ]
    assert _relations(_told(make_dataset(tables_of(listings)), chance)) == {_pair("red", "blue"): relation}
