"""What holds for any cut of any products: everyone is accounted for, and nobody depends on how the rows lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.cut import Cut, CutConfig, Selection
from m5tools.cut.masks import facts, masks
from m5tools.cut.rules import row_rules
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

TAGS = ("image.blank", "text.short", "table.sparse", "video.black", "audio.silent")
STATES = ((State.PRESENT, Reason.NONE), (State.ABSENT, Reason.NOT_LISTED), (State.PENDING, Reason.NOT_FETCHED),
          (State.FAILED, Reason.TRUNCATED))  # fmt: skip

ONE = st.tuples(st.sampled_from(STATES), st.lists(st.sampled_from(TAGS), unique=True, max_size=2))
PRODUCTS = st.lists(st.tuples(st.sampled_from(["train", "val", "test"]), *(ONE for _ in MODALITIES)), max_size=12)
SELECTIONS = st.fixed_dictionaries(
    {
        "withhold": st.lists(st.sampled_from(TAGS), unique=True),
        "leave_out": st.lists(st.sampled_from(TAGS), unique=True),
        "require": st.lists(st.sampled_from(MODALITIES), unique=True),
        "modalities": st.lists(st.sampled_from(MODALITIES), unique=True, min_size=1),
        "splits": st.lists(st.sampled_from(["train", "val", "test"]), unique=True),
        "at_least": st.integers(1, 5),
    }
)


def known(products: list[Any]) -> pl.DataFrame:
    """As `masks.facts` gives them."""
    columns: dict[str, Any] = {
        "product_id": pl.Series([f"{i:032x}" for i in range(len(products))], dtype=pl.String),
        "split": pl.Series([p[0] for p in products], dtype=pl.String),
        "barred": pl.Series([None] * len(products), dtype=pl.String),
        "language": pl.Series([None] * len(products), dtype=pl.String),
        "quarantined": pl.Series([[] for _ in products], dtype=pl.List(pl.String)),
    }
    for i, modality in enumerate(MODALITIES):
        columns[f"state_{modality}"] = pl.Series([p[i + 1][0][0].value for p in products], dtype=pl.UInt8)
        columns[f"reason_{modality}"] = pl.Series([p[i + 1][0][1].value for p in products], dtype=pl.UInt8)
        columns[f"tags_{modality}"] = pl.Series([sorted(p[i + 1][1]) for p in products], dtype=pl.List(pl.String))
    return pl.DataFrame(columns)


def kept(products: pl.DataFrame, selection: Selection) -> set[str]:
    masked = masks(products, selection)
    lost = pl.any_horizontal(rule.loses.fill_null(False) for rule in row_rules(selection))
    return set(masked.filter(~lost)["product_id"])


@given(PRODUCTS, SELECTIONS)
def test_every_product_and_modality_has_one_state_and_one_reason(products: list[Any], said: dict[str, Any]) -> None:
    selection = Selection(cut="x", **said)
    masked = masks(known(products), selection)
    for product, row in zip(products, masked.iter_rows(named=True), strict=True):
        assert len(row["state"]) == len(row["reason"]) == len(row["withheld_by"]) == 5
        for modality, (was, tags) in zip(MODALITIES, product[1:], strict=True):
            now = State(row["state"][modality.bit]), Reason(row["reason"][modality.bit])
            culprit = row["withheld_by"][modality.bit]
            banned = modality not in selection.modalities or set(tags) & set(selection.withhold)
            if was[0] is State.PRESENT and banned:
                assert now == (State.WITHHELD, Reason.POLICY)
                assert culprit in {"modalities", *tags}
            else:
                assert (*now, culprit) == (*was, "")
            assert bool(row["present"] & 1 << modality.bit) == (now[0] is State.PRESENT)


@given(PRODUCTS, SELECTIONS, SELECTIONS)
def test_a_narrower_selection_keeps_part_of_a_wider(
    products: list[Any], one: dict[str, Any], more: dict[str, Any]
) -> None:
    """Narrower: more tags that withhold or leave out, more that is required, fewer modalities and splits."""
    both = ("withhold", "leave_out", "require")
    narrower = {key: sorted({*one[key], *more[key]}) for key in both}
    narrower |= {"at_least": max(one["at_least"], more["at_least"])}
    narrower |= {key: [v for v in one[key] if v in more[key]] for key in ("splits", "modalities")}
    facts = known(products)
    assert kept(facts, Selection(cut="n", **narrower)) <= kept(facts, Selection(cut="w", **one))


CUT = """cut: mine
withhold: [image.blank, text.short]
leave_out: [video.black]
require: [text]
one_per: [same_offer, same_product]
sample: {head: 0.6}
categories: {cap: 9, floor: 3}
"""

LEDGERS = {"product_id": pl.String, "modality": pl.String}


def world(count: int) -> dict[str, list[dict[str, Any]]]:
    draw = np.random.default_rng(7)
    ids = sorted(draw.bytes(16).hex() for _ in range(count))
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("products", "corpus_categories", "modalities", "clusters", "splits")
    }
    for i, name in enumerate("ABCDEFGH"):
        band = ("head", "middle", "tail")[min(i // 2, 2)]
        tables["corpus_categories"].append({"category": name, "products": 1, "rank": i + 1, "band": band})
    for i, product in enumerate(ids):
        category = ["ABCDEFGH"[int(8 * draw.random() ** 2)]] if draw.random() < 0.9 else []
        tables["products"].append(
            {"product_id": product, "crawl_id": "c1", "source": "s", "content_hash": product, "origin_file": "a",
             "origin_offset": 0, "category": category}
        )  # fmt: skip
        tables["splits"].append(
            {"product_id": product, "split": draw.choice(["train", "train", "val", "test"]), "bridge": False}
        )
        for modality in MODALITIES:
            state, reason = STATES[int(4 * draw.random() ** 4)]
            tags = [t for t in TAGS if t.startswith(modality.value) and draw.random() < 0.2]
            tables["modalities"].append(
                {"product_id": product, "modality": modality.value, "listed": 1, "usable": 1, "state": state.value,
                 "reason": reason.value, "tags": tags if state is State.PRESENT else []}
            )  # fmt: skip
        for relation, size in (("same_offer", 3), ("same_product", 9)) if i < 45 else ():
            first = ids[i // size * size]
            tables["clusters"].append({"relation": relation, "cluster_id": first, "product_id": product,
                                       "is_survivor": i % size == 1})  # fmt: skip
    return tables


@pytest.fixture
def cut(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Callable[..., Dataset]:
    file = tmp_path / "cut.yaml"
    file.write_text(CUT)

    def run(tables: dict[str, list[dict[str, Any]]], partitions: int = 2, workers: int = 0) -> Dataset:
        dataset = make_dataset(
            tables, partitions=partitions, name=f"dataset-{partitions}-{workers}-{len(tables['products'])}"
        )
        with Pool(workers) as pool:
            LocalEngine(pool, Silent()).run(dataset, Cut(CutConfig(cut=str(file))))
        return dataset

    return run


def test_kept_and_lost_are_all_products_and_first_losses_add_up(cut: Callable[..., Dataset]) -> None:
    tables = world(160)
    dataset = cut(tables)
    kept_rows, lost = (dataset.read(t, cut="mine") for t in ("cut_products", "cut_losses"))
    assert kept_rows.height
    assert lost["rule"].n_unique() > 4, "most rules have someone to lose"
    ids = [*kept_rows["product_id"], *lost["product_id"]]
    assert sorted(ids) == [row["product_id"] for row in tables["products"]]
    assert kept_rows["product_id"].is_sorted()


def test_partitions_and_workers_change_nothing(cut: Callable[..., Dataset]) -> None:
    tables = world(160)
    made = [cut(tables, partitions, workers) for partitions, workers in ((1, 0), (4, 0), (4, 2))]
    for table in ("cut_products", "cut_losses"):
        first, *others = [dataset.read(table, cut="mine") for dataset in made]
        assert all(first.equals(other) for other in others), table
    seals = [(dataset.root / "cuts" / "mine" / "cut.json").read_bytes() for dataset in made]
    assert len(set(seals)) == 1


def test_one_bad_modality_goes_and_the_product_stays(cut: Callable[..., Dataset]) -> None:
    rows = cut(world(160)).read("cut_products", cut="mine")
    blank = rows.filter(pl.col("withheld_by").list.get(Modality.IMAGE.bit) == "image.blank")
    assert blank.height
    assert (blank["present"] & 1 << Modality.TEXT.bit).min() > 0  # type: ignore[operator]


@pytest.mark.parametrize("disorder", ["none", "rows", "missing", "foreign"])
def test_states_stand_beside_their_products_however_the_rows_lie(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, disorder: str
) -> None:
    tables = world(40)
    rows = tables["modalities"]
    if disorder == "rows":
        rows[3], rows[7] = rows[7], rows[3]
    if disorder == "missing":
        del rows[11]
    if disorder == "foreign":
        rows += [row | {"product_id": "f" * 32} for row in rows[:5]]
    joins: list[str] = []
    whole = pl.DataFrame.join

    def noted(self: pl.DataFrame, other: pl.DataFrame, **how: Any) -> pl.DataFrame:
        joins.append(how["on"])
        return whole(self, other, **how)

    monkeypatch.setattr(pl.DataFrame, "join", noted)
    found = facts(make_dataset(tables, partitions=1), 0, Selection(cut="x"), pl.DataFrame(schema=LEDGERS))
    assert len(joins) == (0 if disorder == "none" else len(MODALITIES))
    wanted = {(row["product_id"], row["modality"]): (row["state"], row["reason"], row["tags"]) for row in rows}
    assert found.height == 40
    for row in found.iter_rows(named=True):
        for m in MODALITIES:
            told = tuple(row[f"{name}_{m}"] for name in ("state", "reason", "tags"))
            assert told == wanted.get((row["product_id"], m.value), (None, None, None))


def test_a_partition_without_products_has_the_same_columns(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(world(3), partitions=8)
    found = [facts(dataset, i, Selection(cut="x"), pl.DataFrame(schema=LEDGERS)) for i in range(8)]
    assert sum(part.height for part in found) == 3
    assert all(part.schema == found[0].schema for part in found)
