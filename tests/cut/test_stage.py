"""Cuts: a noisy modality is withheld and the product kept; who is left out is known, with the rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.cut import Cut, CutConfig, Selection, load
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import StaleError, UsageError
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
        "splits": [{"product_id": p, "split": "test" if i == 5 else "train", "bridge": False} for i, p in enumerate(IDS)],
        "roles": [{"product_id": p} for p in IDS],
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


def losses(dataset: Dataset) -> dict[str, tuple[str, str | None]]:
    rows = dataset.read("cut_losses", cut="mine").select("product_id", "rule", "detail")
    return {product: (rule, detail) for product, rule, detail in rows.iter_rows()}


def sealed(dataset: Dataset) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((dataset.root / "cuts" / "mine" / "cut.json").read_text(encoding="utf-8"))
    return body


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
    lost = losses(dataset)
    assert lost == {
        IDS[0]: ("no text", "text.mojibake"),
        IDS[2]: ("one per same_offer", IDS[1]),
        IDS[3]: ("tag table.sparse", None),
        IDS[4]: ("one per same_product", IDS[5]),
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
    another = ("one per same_product", IDS[0])
    assert losses(dataset) == {
        IDS[1]: ("no text", "text.mojibake"),
        IDS[2]: another,
        IDS[3]: another,
        IDS[4]: ("one per same_product", IDS[5]),
    }


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
        return str(sealed(dataset)["fingerprint"])

    first = run(world({}), "")
    one = written(first)
    second = run(world({(1, "image"): ["image.blank"]}), "withhold: [image.blank]\n")
    assert written(second) != one
    moved = world({})
    moved["splits"][0]["split"] = "val"
    assert written(run(moved, "")) != one


def test_each_rule_says_what_it_would_lose_alone(run: Callable[..., Dataset]) -> None:
    tags = {(1, "text"): ["text.mojibake"], (2, "text"): ["text.mojibake"]}
    dataset = run(world(tags), "withhold: [text.mojibake]\nrequire: [text]\nsplits: [train]\none_per: [same_offer]\n")
    assert losses(dataset) == {
        IDS[1]: ("no text", "text.mojibake"),
        IDS[2]: ("no text", "text.mojibake"),
        IDS[5]: ("split", "test"),
    }
    alone = {rule["rule"]: rule["alone"] for rule in sealed(dataset)["rules"]}
    assert alone == {"split": 1, "no text": 2, "no modality": 0, "one per same_offer": 1}


def test_what_is_not_there_keeps_its_own_state_and_reason(run: Callable[..., Dataset]) -> None:
    tables = world({}, {(1, "image")})
    for i, (state, reason) in {2: (State.PENDING, Reason.NOT_FETCHED), 3: (State.FAILED, Reason.TRUNCATED)}.items():
        row = next(r for r in tables["modalities"] if r["product_id"] == IDS[i] and r["modality"] == "image")
        row |= {"state": state.value, "reason": reason.value, "tags": ["image.blank"]}
    next(r for r in tables["modalities"] if r["product_id"] == IDS[4] and r["modality"] == "image")["tags"] = [
        "image.blank"
    ]
    kept = run(tables, "withhold: [image.blank]\n").read("cut_products", cut="mine").sort("product_id")
    found = [
        (State(s[0]), Reason(r[0]), by[0]) for s, r, by in kept.select("state", "reason", "withheld_by").iter_rows()
    ]
    assert found[1:5] == [
        (State.ABSENT, Reason.NOT_LISTED, ""),
        (State.PENDING, Reason.NOT_FETCHED, ""),
        (State.FAILED, Reason.TRUNCATED, ""),
        (State.WITHHELD, Reason.POLICY, "image.blank"),
    ]
    assert kept.height == 6


def test_a_ledger_withholds_one_modality_or_leaves_a_product_out(run: Callable[..., Dataset], tmp_path: Path) -> None:
    ledger = tmp_path / "run" / "quarantine" / "rank-0.parquet"
    ledger.parent.mkdir(parents=True)
    rows = {
        "product_id": [IDS[1], IDS[2], "elsewhere"],
        "modality": ["image", None, "text"],
        "reason": ["truncated"] * 3,
    }
    pl.DataFrame(rows).write_parquet(ledger)
    for entry in (ledger, ledger.parent, ledger.parent / "rank-*.parquet"):
        dataset = run(world({}), f"quarantine: ['{entry}']\n")
        assert losses(dataset) == {IDS[2]: ("quarantine", None)}
        row = dataset.read("cut_products", cut="mine").sort("product_id").row(1, named=True)
        assert (row["present"], row["withheld_by"][0]) == (0b11110, "quarantine")
    ledger.write_bytes(b"")
    with pytest.raises(UsageError, match=r"rank-0\.parquet cannot be read"):
        run(world({}), f"quarantine: ['{ledger}']\n")
    pl.DataFrame({"product_id": ["x"], "modality": ["picture"]}).write_parquet(ledger)
    with pytest.raises(UsageError, match="there is no modality 'picture'"):
        run(world({}), f"quarantine: ['{ledger}']\n")
    with pytest.raises(UsageError, match="there is no ledger"):
        run(world({}), f"quarantine: ['{tmp_path}/nowhere.parquet']\n")


def test_a_ledger_that_grew_makes_the_cut_anew(run: Callable[..., Dataset], tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.parquet"
    pl.DataFrame({"product_id": [IDS[1]], "modality": ["image"]}).write_parquet(ledger)
    dataset = run(world({}), f"quarantine: ['{ledger}']\n")
    stage = Cut(CutConfig(cut=str(tmp_path / "cut.yaml")))
    assert run_stage(dataset, stage).up_to_date
    pl.DataFrame({"product_id": IDS[1:3], "modality": ["image"] * 2}).write_parquet(ledger)
    assert run_stage(dataset, stage).counts["withheld_modalities"] == 2


@pytest.mark.parametrize(
    ("rule", "lost", "withheld"),
    [
        ("language: {keep: [en]}", {2: ("language", "de"), 3: ("language", "fr")}, []),
        ("language: {keep: [en, de], unknown: false}", {0: ("language", "not known"), 3: ("language", "fr")}, []),
        ("language: {keep: [en], least_margin: 0.6}", {3: ("language", "fr")}, []),
        ("language: {keep: [en], withhold: true}", {}, [2, 3]),
    ],
)
def test_languages(run: Callable[..., Dataset], rule: str, lost: dict[int, Any], withheld: list[int]) -> None:
    tables = world({})
    texts = dict.fromkeys(["title_chars", "title_words", "description_chars", "replacement_chars", "mojibake_marks", "broken_chars", "emails", "phones"], 0)  # fmt: skip
    found = [None, "en", "de", None, "en", "en"]
    tables["signals_text"] = [
        texts | {"product_id": p, "language": f, "language_margin": 0.5 if f == "de" else 0.9}
        for p, f in zip(IDS, found, strict=True)
    ]
    tables["products"][3]["language"] = "FR-ca"
    dataset = run(tables, rule + "\n")
    assert losses(dataset) == {IDS[i]: why for i, why in lost.items()}
    kept = dataset.read("cut_products", cut="mine").filter(pl.col("withheld_by").list.get(1) == "language")
    assert sorted(kept["product_id"]) == [IDS[i] for i in withheld]


def test_a_tag_that_the_policy_does_not_give_is_refused(run: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = run(world({}), "")
    rules = dataset.folder("tags", policy="default") / "policy.json"
    rules.parent.mkdir(parents=True)
    rules.write_text('{"rules": [{"tag": "image.blank"}, {"tag": "text.mojibake"}]}')
    file = tmp_path / "cut.yaml"
    file.write_text("cut: mine\nleave_out:\n  - text.mojibake\n  - image.blnk\n")
    with pytest.raises(UsageError) as refused:
        run_stage(dataset, Cut(CutConfig(cut=str(file))))
    assert str(refused.value) == (
        f"{file}:4: leave_out.1: the policy 'default' gives no tag 'image.blnk'; did you mean image.blank?"
    )
    assert "cut/mine" in dataset.manifest()["stages"], "the cut that was made before is still there"


def test_shipped_cuts_are_valid() -> None:
    assert load("default").require
    assert load("any").at_least == 1
    assert Selection(cut="x").modalities == MODALITIES


def test_tags_of_a_policy_that_was_not_run_yet_are_asked_for_by_its_name(run: Callable[..., Dataset]) -> None:
    with pytest.raises(StaleError, match=r"of the policy 'strict'.*m5 tag .*--set policy=strict"):
        run(world({}), "policy: strict\n")


def test_damaged_rules_of_the_tags_are_refused_with_the_remedy(run: Callable[..., Dataset]) -> None:
    dataset = run(world({}), "")
    rules = dataset.folder("tags", policy="default") / "policy.json"
    rules.parent.mkdir(parents=True)
    for body in ("{", "[]", "{}", '{"rules": [{"why": "none"}]}'):
        rules.write_text(body)
        with pytest.raises(UsageError, match=r"policy\.json is damaged .*; restore it, or run: m5 tag .*--refresh"):
            run_stage(dataset, Cut(CutConfig()))
