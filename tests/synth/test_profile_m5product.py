"""The profile has the shape of M5Product: its label tail and the modalities that are missing together."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.synth import SynthConfig, synthesize, words
from m5tools.synth.block import block
from m5tools.synth.profile_m5product import (
    ATTRIBUTE_NAMES,
    BYTES,
    FEATURES,
    LABELS,
    PRODUCTS,
    SHEET,
    SHEETS,
    label_counts,
)
from m5tools.synth.tables import Tables
from m5tools.synth.world import World


def gini(counts: np.ndarray) -> float:
    ordered = np.sort(counts)
    ranks = np.arange(1, len(ordered) + 1)
    return float(2 * (ranks * ordered).sum() / (len(ordered) * ordered.sum()) - (len(ordered) + 1) / len(ordered))


def test_the_tail_at_full_size_is_the_published_one() -> None:
    counts = label_counts(LABELS)
    assert counts.sum() == pytest.approx(PRODUCTS, rel=1e-3)
    assert counts[0] == 109_611
    assert np.median(counts) == 406
    assert [(counts == 1).sum(), (counts <= 10).sum(), (counts <= 100).sum()] == [47, 344, 1725]
    assert (counts > 2000).sum() == 850


def attribute_names(out: Path) -> set[str]:
    found = re.findall(r'"pv":"([^"]*)"', (out / "crawl" / "products.json").read_text("utf-8"))
    return {pair.partition("#:#")[0] for table in found for pair in table.split("#;#") if pair}


def test_every_name_can_occur_and_no_other() -> None:
    config = SynthConfig.model_validate({"profile": "m5product"})
    assert config.attribute_names + len(words.SHARED_NAMES) == ATTRIBUTE_NAMES
    assert not words.SHARED_NAMES & set(World(config).extra_names)


def test_a_sample_has_the_tail_and_the_joint_absences(tmp_path: Path) -> None:
    config = SynthConfig.model_validate({"profile": "m5product", "products": 100_000, "media": False})
    synthesize(tmp_path / "out", config)
    truth = pl.read_parquet(tmp_path / "out" / "truth.parquet").filter(outcome="product")
    assert len(attribute_names(tmp_path / "out")) == pytest.approx(ATTRIBUTE_NAMES, rel=0.01)
    size = (tmp_path / "out" / "crawl" / "products.json").stat().st_size
    assert size / 100_000 == pytest.approx(BYTES / PRODUCTS, rel=0.03)
    counts = np.zeros(LABELS)
    found = np.sort(truth["category"].value_counts()["count"].to_numpy())[::-1]
    counts[: len(found)] = found

    def share_of_top(part: float) -> float:
        return float(counts[: round(LABELS * part)].sum() / counts.sum())

    assert gini(counts) == pytest.approx(0.67, abs=0.02)
    assert share_of_top(0.01) == pytest.approx(0.179, abs=0.02)
    assert share_of_top(0.10) == pytest.approx(0.484, abs=0.025)
    assert share_of_top(0.20) == pytest.approx(0.673, abs=0.025)
    assert 1 - share_of_top(0.5) == pytest.approx(0.066, abs=0.02)

    states = truth.select(pl.col("^state_.*$"))
    assert (truth["listed_videos"] == 0).mean() == pytest.approx(0.1483, abs=0.015)
    assert (states["state_table"] == 1).mean() == pytest.approx(0.0008, abs=0.0006)
    assert (states["state_image"] == 3).mean() == pytest.approx(0.013, abs=0.004)
    assert states.select(pl.all_horizontal(pl.all() == 0).mean()).item() == pytest.approx(0.80, abs=0.02)


@pytest.fixture(scope="module")
def products() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Records with the truth about them."""
    return listed({})


def listed(more: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    config = SynthConfig.model_validate({"profile": "m5product", "products": 6_000, "media": False} | more)
    world = World(config)
    made = block(world, Tables(world), 0, config.products, "products.json")
    members = [json.loads(f"{{{text}}}").popitem()[1] for text in made.text]
    rows = zip(members, made.truth.iter_rows(named=True), strict=True)
    return [(record, row) for record, row in rows if row["outcome"] == "product"]


def pairs(record: dict[str, Any]) -> list[tuple[str, str]]:
    told = (pair.partition("#:#") for pair in record["pv"].split("#;#") if pair)
    return [(name, value) for name, _, value in told]


def test_long_tables_earn_the_tags_that_were_planted_and_no_other(
    products: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    lengths = []
    for record, row in products:
        tags, found = set(row["tags"]), pairs(record)
        assert bool(found) == (row["state_table"] == 0)
        assert (len(found) == 1) == ("table.sparse" in tags)
        assert len(found) == 2 or "table.two" not in row["oddities"]
        vague = sum(value in words.PLACEHOLDER_VALUES for _, value in found)
        assert (2 * vague >= max(1, len(found))) == ("table.placeholder" in tags)
        assert (len({name for name, _ in found}) < len(found)) == ("table.contradictory" in tags)
        lengths.append(len(found))
    assert max(lengths) > SHEETS * SHEET + 4
    assert np.mean(lengths) > 15


def test_what_long_tables_and_titles_tell_is_the_products_own_and_each_shop_leaves_some_out(
    products: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    praised = {feature for spoken in FEATURES for feature in spoken}
    told: dict[int, list[tuple[set[tuple[str, str]], set[str]]]] = defaultdict(list)
    offers: dict[int, set[str]] = defaultdict(set)
    for record, row in products:
        offers[row["offer"]].add(record["pv"] + record["title"].removesuffix(" (new)") + record["url"])
        if not row["tags"] and not row["oddities"]:
            said = {feature for feature in praised if feature in record["title"]}
            told[row["instance"]].append((set(pairs(record)), said))
    assert {len(texts) for texts in offers.values()} == {1}, "a re-listed offer has the same texts and links"
    copies = [found for found in told.values() if len(found) > 1 and found[0] != found[1]]
    assert len(copies) > 100
    shared = [len(a & b) / min(len(a), len(b)) for (a, _), (b, _), *_ in copies]
    alike = [bool(a & b) or not (a and b) for (_, a), (_, b), *_ in copies]
    strange = [len(copies[i][0][0] & copies[i - 1][0][0]) for i in range(len(copies))]
    assert np.median(shared) > 0.3
    assert np.mean(alike) > 0.6
    assert np.mean(strange) < 1


def test_no_word_of_what_titles_praise_stands_elsewhere() -> None:
    """One word more in common would make another product, brand or value of it."""
    told = " ".join(_texts([value for name, value in vars(words).items() if name.isupper()])).lower()
    elsewhere = set(re.findall(r"\w+", told))
    assert {"main", "waist", "korea", "kor", "经久耐用"} & elsewhere == {"main", "waist", "kor", "经久耐用"}
    for spoken in FEATURES:
        for phrase in spoken[:-1]:
            assert not set(re.findall(r"\w+", phrase.lower())) & elsewhere, phrase
        assert not any(spoken[-1][i : i + 2] in told for i in range(len(spoken[-1]) - 1)), "Chinese sets no words off"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, Iterable):
        for part in value:
            yield from _texts(part)


def test_no_short_title_is_made_long() -> None:
    found = [record["title"] for record, row in listed({"seed": 1}) if "text.short" in row["tags"]]
    assert len(found) > 60
    assert set(found) <= set(words.SHORT_TITLES)


def test_a_sheet_of_another_category_is_as_frequent_as_tables_are_uninformative() -> None:
    blind = listed({"informativeness": {"table": 0.0}, "seed": 2})
    names: dict[str, set[str]] = defaultdict(set)
    for record, row in blind:
        names[row["category"]].update(name for name, _ in pairs(record))
    largest = max(names.values(), key=len)
    assert len(largest) > 10 * (SHEETS * SHEET)
