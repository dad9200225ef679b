"""Cuts: a noisy modality is withheld and the product kept; who is left out is known, with the rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m5tools.cut import Cut, CutConfig, Selection, load
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.vocabulary import MODALITIES, Reason, State

IDS = [f"{i:x}" * 32 for i in range(6)]


def world(tags: dict[tuple[int, str], list[str]], absent: set[tuple[int, str]] = frozenset()) -> dict[str, Any]:
    """Six products in train (the last in test) with every modality but those named absent."""
    return {
        "products": [
            {
                "product_id": p, "crawl_id": "c1", "source": "s", "content_hash": p, "origin_file": "a", "origin_offset": 0,
                "category": ["Home", "Mugs"] if i else [],
            }
            for i, p in enumerate(IDS)
        ],
        "corpus_categories": [{"category": "Home > Mugs", "products": 5, "rank": 1, "band": "head"}],
        "modalities": [
            {
                "product_id": p, "modality": m.value, "listed": 1, "usable": 1, "tags": tags.get((i, m.value), []),
                "state": State.ABSENT.value if (i, m.value) in absent else State.PRESENT.value,
                "reason": Reason.NOT_LISTED.value if (i, m.value) in absent else 0,
            }
            for i, p in enumerate(IDS)
            for m in MODALITIES
        ],
        "clusters": [
            {"relation": "same_offer", "cluster_id": IDS[1], "product_id": IDS[1], "is_survivor": True},
            {"relation": "same_offer", "cluster_id": IDS[1], "product_id": IDS[2], "is_survivor": False},
            {"relation": "same_product", "cluster_id": IDS[4], "product_id": IDS[4], "is_survivor": False},
            {"relation": "same_product", "cluster_id": IDS[4], "product_id": IDS[5], "is_survivor": True},
        ],
        "splits": [{"product_id": p, "split": "test" if i == 5 else "train"} for i, p in enumerate(IDS)],
    }  # fmt: skip


@pytest.fixture
def run(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Callable[..., Dataset]:
    def cut(tables: dict[str, Any], text: str) -> Dataset:
        file = tmp_path / "cut.yaml"
        file.write_text(f"cut: mine\n{text}")
        dataset = make_dataset(tables)
        run_stage(dataset, Cut(CutConfig(cut=str(file))))
        return dataset

    return cut


def test_a_noisy_modality_is_withheld_and_the_product_kept(run: Callable[..., Dataset]) -> None:
    dataset = run(world({(3, "image"): ["image.blank"]}, {(3, "video")}), "withhold: [image.blank]\n")
    row = dataset.read("cut_products", cut="mine").sort("product_id").row(3, named=True)
    assert row["present"] == 0b10110
    assert row["state"] == [State.WITHHELD, State.PRESENT, State.PRESENT, State.ABSENT, State.PRESENT]
    assert row["reason"] == [Reason.POLICY, 0, 0, Reason.NOT_LISTED, 0]
    assert row["withheld_by"] == ["image.blank", "", "", "", ""]
    assert (row["category"], row["band"], row["split"]) == ("Home > Mugs", "head", "train")


def test_everyone_left_out_has_a_rule(run: Callable[..., Dataset]) -> None:
    tags = {(0, "text"): ["text.mojibake"], (3, "table"): ["table.sparse"]}
    text = (
        "withhold: [text.mojibake]\nleave_out: [table.sparse]\nrequire: [text]\none_per: [same_offer, same_product]\n"
    )
    dataset = run(world(tags), text)
    lost = dict(dataset.read("cut_losses", cut="mine").select("product_id", "rule").iter_rows())
    assert lost == {
        IDS[0]: "no text: text.mojibake",
        IDS[2]: "another of its same_offer cluster is kept",
        IDS[3]: "tag table.sparse",
        IDS[4]: "another of its same_product cluster is kept",
    }
    kept = dataset.read("cut_products", cut="mine")
    assert kept.height + len(lost) == 6
    assert dict(kept.select("product_id", "cluster").iter_rows())[IDS[5]] == IDS[4]


def test_a_cluster_keeps_another_where_a_rule_took_its_survivor(run: Callable[..., Dataset]) -> None:
    tables = world({(1, "text"): ["text.mojibake"]})
    tables["clusters"] += [
        {"relation": "same_product", "cluster_id": IDS[0], "product_id": IDS[i], "is_survivor": i == 1}
        for i in range(4)
    ]
    text = "withhold: [text.mojibake]\nrequire: [text]\none_per: [same_product, same_offer]\n"
    dataset = run(tables, text)
    lost = dict(dataset.read("cut_losses", cut="mine").select("product_id", "rule").iter_rows())
    another = "another of its same_product cluster is kept"
    assert lost == {IDS[1]: "no text: text.mojibake", IDS[2]: another, IDS[3]: another, IDS[4]: another}


def test_only_some_modalities_and_at_least_two(run: Callable[..., Dataset]) -> None:
    absent = {(1, "image")}
    dataset = run(world({}, absent), "modalities: [image, text]\nat_least: 2\n")
    kept = dataset.read("cut_products", cut="mine")
    assert set(kept["present"]) == {0b00011}
    assert kept["withheld_by"].to_list()[0] == ["", "", "modalities", "modalities", "modalities"]
    assert dataset.read("cut_losses", cut="mine")["rule"].to_list() == ["fewer than 2 modalities"]


def test_the_fingerprint_follows_the_selection(
    run: Callable[..., Dataset], make_dataset: Callable[..., Dataset]
) -> None:
    def written(dataset: Dataset) -> str:
        body = json.loads((dataset.root / "cuts" / "mine" / "cut.json").read_text(encoding="utf-8"))
        return str(body["fingerprint"])

    first = run(world({}), "")
    one = written(first)
    second = run(world({(1, "image"): ["image.blank"]}), "withhold: [image.blank]\n")
    assert written(second) != one
    moved = world({})
    moved["splits"][0]["split"] = "val"
    assert written(run(moved, "")) != one


def test_shipped_cuts_are_valid() -> None:
    assert load("default").require
    assert load("any").at_least == 1
    assert Selection(cut="x").modalities == MODALITIES
