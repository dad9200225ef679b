"""States of five modalities, verdicts with their evidence, and tags that hold for a modality as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.joins import looked_up
from m5tools.stage import Work
from m5tools.tag import stage as tagging
from m5tools.tag.stage import Tag, TagConfig
from m5tools.vocabulary import Reason, State

A, B = "0" * 32, "f" * 32
OK, FAILED = (State.PRESENT.value, 0), (State.FAILED.value, Reason.TRUNCATED.value)


def world(
    images: dict[str, list[tuple[str, tuple[int, int]]]], **more: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Tables of two products whose pictures are given as (asset, state and reason after decoding)."""
    assets = {name: outcome for listed in images.values() for name, outcome in listed}
    tables: dict[str, list[dict[str, Any]]] = {
        "products": [
            {
                "product_id": p, "crawl_id": "c1", "source": "shop", "title": "Mug", "content_hash": p,
                "origin_file": "a", "origin_offset": 0,
            }
            for p in (A, B)
        ],
        "media": [
            {
                "product_id": p, "crawl_id": "c1", "source": "shop", "position": i, "modality": "image",
                "location_raw": name, "location": name, "location_id": name,
            }
            for p, listed in images.items()
            for i, (name, _) in enumerate(listed)
        ],
        "fetched": [{"location_id": n, "asset_id": n, "state": 0, "reason": 0} for n in assets],
        "corpus_assets": [{"asset_id": n, "products": 1, "titles": 1, "categories": 1} for n in assets],
        "signals_image": [
            {"asset_id": n, "state": s, "reason": r, "relief": 0.0 if "flat" in n else 50.0, "short_side": 300}
            for n, (s, r) in assets.items()
        ],
        "signals_text": [
            {"product_id": p, "title_chars": 3, "title_words": 1, "description_chars": 0, "replacement_chars": 0,
             "mojibake_marks": 0, "broken_chars": 0, "emails": 0, "phones": 0, "digit_share": 0.1}
            for p in (A, B)
        ],
        "signals_table": [
            {"product_id": p, "attributes": 0, "filled": 0, "placeholders": 0, "contradictory_names": 0, "repeated_names": 0}
            for p in (A, B)
        ],
        "signals_video": [], "signals_audio": [], "signals_pair": [],
    }  # fmt: skip
    for table, rows in more.items():
        tables[table] = tables.get(table, []) + rows
    return tables


def states(dataset: Dataset, product: str) -> dict[str, tuple[State, Reason]]:
    rows = dataset.modalities.filter(pl.col("product_id") == product).collect()
    assert rows.height == 5
    return {r["modality"]: (State(r["state"]), Reason(r["reason"])) for r in rows.iter_rows(named=True)}


def test_one_good_picture_is_enough(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(world({A: [("cut", FAILED), ("fine", OK)], B: [("cut", FAILED)]}))
    run_stage(dataset, Tag(TagConfig()))
    assert states(dataset, A)["image"] == (State.PRESENT, Reason.NONE)
    assert states(dataset, B)["image"] == (State.FAILED, Reason.TRUNCATED)
    assert states(dataset, B)["text"] == (State.PRESENT, Reason.NONE)
    assert states(dataset, B)["table"] == (State.ABSENT, Reason.NOT_LISTED)
    row = dataset.modalities.filter((pl.col("product_id") == A) & (pl.col("modality") == "image")).collect()
    assert (row["listed"].item(), row["usable"].item()) == (2, 1)


def test_a_tag_holds_as_a_whole_when_every_usable_file_carries_it(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(world({A: [("flat1", OK), ("fine", OK)], B: [("flat2", OK), ("cut", FAILED)]}))
    run_stage(dataset, Tag(TagConfig()))
    found = dataset.tags.collect()
    assert found.select("product_id", "asset_id", "tag").rows() == [
        (A, "flat1", "image.blank"),
        (B, "flat2", "image.blank"),
    ]
    verdict = found.row(0, named=True)
    assert (verdict["signal"], verdict["value"], verdict["threshold"]) == ("relief", 0.0, 6.0)
    whole = dataset.modalities.filter(pl.col("modality") == "image").sort("product_id").collect()["tags"].to_list()
    assert whole == [[], ["image.blank"]]


def test_a_clip_gives_its_sound_and_takes_it_along(make_dataset: Callable[..., Dataset]) -> None:
    clip = {"crawl_id": "c1", "source": "shop", "position": 0, "modality": "video"}
    media = [
        clip | {"product_id": p, "location_raw": n, "location": n, "location_id": n}
        for p, n in ((A, "loud"), (B, "mute"))
    ]
    tables = world({}, media=media)
    tables["fetched"] = [{"location_id": n, "asset_id": n, "state": 0, "reason": 0} for n in ("loud", "mute")]
    tables["signals_video"] = [{"asset_id": n, "state": 0, "reason": 0} for n in ("loud", "mute")]
    sound = {"state": State.ABSENT.value, "reason": Reason.NOT_LISTED.value}
    tables["signals_audio"] = [
        {"asset_id": "loud", "state": 0, "reason": 0, "derived_from": "loud"},
        {"asset_id": "mute", "derived_from": "mute", **sound},
    ]
    dataset = make_dataset(tables)
    run_stage(dataset, Tag(TagConfig()))
    assert states(dataset, A)["audio"] == (State.PRESENT, Reason.NONE)
    assert states(dataset, B)["audio"] == (State.ABSENT, Reason.NOT_LISTED)
    tables["fetched"] = [{"location_id": n, "state": 2, "reason": 2} for n in ("loud", "mute")]
    pending = make_dataset(tables, name="pending")
    run_stage(pending, Tag(TagConfig()))
    assert states(pending, A)["video"] == states(pending, A)["audio"] == (State.PENDING, Reason.NOT_FETCHED)


def test_a_unit_looks_up_what_became_of_its_files(
    make_dataset: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = world({A: [("fine", OK), ("waits", OK)], B: [("gone", FAILED), ("late", FAILED)]})
    pending, missing = (State.PENDING.value, Reason.NOT_FETCHED.value), (State.FAILED.value, Reason.MISSING_FILE.value)
    for row in tables["fetched"]:
        if row["location_id"] != "fine":
            state, reason = missing if row["location_id"] == "gone" else pending
            row |= {"asset_id": None, "state": state, "reason": reason}
    dataset = make_dataset(tables, partitions=4)
    parts = Dataset.parts
    read: list[str] = []

    def counted(self: Dataset, table: str, **which: Any) -> list[Path]:
        read.append(table)
        return parts(self, table, **which)

    monkeypatch.setattr(Dataset, "parts", counted)
    monkeypatch.setattr(tagging, "ROWS_A_UNIT", 1)
    stage, scratch = Tag(TagConfig()), tmp_path / "scratch"
    scratch.mkdir()
    for round_name in stage.rounds():
        units = stage.units(dataset, round_name)
        read.clear()
        for unit in units:
            stage.process(round_name, unit, Work(dataset, scratch))
    assert len(units) == 2
    assert "media" in read
    assert "fetched" not in read
    assert states(dataset, A)["image"] == (State.PRESENT, Reason.NONE)
    assert states(dataset, B)["image"] == (State.FAILED, Reason.MISSING_FILE)
    kept = looked_up.rows_of(scratch / "tried", pl.Series("location_id", ["fine", "waits", "gone", "late"]))
    assert sorted(kept["location_id"]) == ["fine", "gone"]


def test_a_file_that_waits_is_pending(make_dataset: Callable[..., Dataset]) -> None:
    tables = world({A: [("waits", OK)], B: [("unheard of", OK)]})
    tables["fetched"] = [
        {"location_id": "waits", "state": State.PENDING.value, "reason": Reason.NOT_FETCHED.value},
    ]
    dataset = make_dataset(tables)
    run_stage(dataset, Tag(TagConfig()))
    assert states(dataset, A)["image"] == states(dataset, B)["image"] == (State.PENDING, Reason.NOT_FETCHED)


def test_changing_a_threshold_changes_verdicts_only(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset(world({A: [("fine", OK)], B: [("flat", OK)]}))
    stricter = tmp_path / "strict.yaml"
    rule = "{tag: image.blank, signals: image, modality: image, why: x, when: [{signal: relief, below: 60}]}"
    stricter.write_text(f"policy: strict\nrules: [{rule}]\n")
    run_stage(dataset, Tag(TagConfig()))
    run_stage(dataset, Tag(TagConfig(policy=str(stricter))))
    assert dataset.scan("tags").collect().height == 1
    assert dataset.scan("tags", policy="strict").collect().height == 2


@pytest.mark.parametrize("partitions", [1, 4])
def test_partitions_do_not_matter(make_dataset: Callable[..., Dataset], partitions: int) -> None:
    dataset = make_dataset(world({A: [("flat", OK)], B: [("cut", FAILED)]}), partitions=partitions)
    counts = run_stage(dataset, Tag(TagConfig())).counts
    assert (counts["products"], counts["tags"], counts["image_present"], counts["text_present"]) == (2, 1, 1, 2)
