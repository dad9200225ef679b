"""Clips and sounds through the whole stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.vocabulary import Modality, Reason, State
from tests.dedup.evidence.test_audio import measured, melody, reencoded
from tests.dedup.evidence.test_video import clip, story
from tests.dedup.shop import Listing, product_id, tables_of

LAMPS = ("Desk lamp Solveig, dimmable", "Solveig dimmable lamp for the desk", "Floor lamp Ingrid")


def with_file(
    tables: dict[str, list[dict[str, Any]]], name: str, modality: Modality, asset: str, told: dict[str, Any]
) -> None:
    """List a file for a product, as fetched and measured."""
    where = {"location_raw": asset, "location": asset, "location_id": f"{modality} {asset}"}
    own = {
        "product_id": product_id(name),
        "crawl_id": "c1",
        "source": "shop",
        "position": 0,
        "modality": modality.value,
    }
    present = {"state": State.PRESENT, "reason": Reason.NONE}
    tables["media"].append({**own, **where})
    tables["fetched"].append({"location_id": where["location_id"], "asset_id": asset, **present})
    tables[f"signals_{modality}"].append({"asset_id": asset, **present, **told})
    tables["corpus_assets"].append({"asset_id": asset, "products": 1, "titles": 1, "categories": 1})


def test_clips_and_sounds_are_evidence(make_dataset: Callable[..., Dataset]) -> None:
    codes = ("4006381333931", "4006381333931", "4012345678901")
    tables = tables_of([Listing(title, title, gtin=code) for title, code in zip(LAMPS, codes, strict=True)])
    whole, tune = story(1), melody(1)
    clips, sounds = (whole, whole[5:], story(2)), (measured(tune), reencoded(tune), measured(melody(2)))
    for number, title in enumerate(LAMPS):
        seen = clip(number, clips[number])
        seen.pop("file")
        with_file(tables, title, Modality.VIDEO, f"clip {number}", seen)
        with_file(tables, title, Modality.AUDIO, f"sound {number}", {"fingerprint": sounds[number]})
    dataset = make_dataset(tables, 2, "lamps")
    counts = run_stage(dataset, Compare(CompareConfig())).counts
    run_stage(dataset, Dedup(DedupConfig()))
    assert (counts["clips"], counts["sounds"]) == (3, 3)
    edges = dataset.read("edges").filter(pl.col("evidence").is_in(["video", "audio"]))
    pairs = {frozenset(pair) for pair in edges.select("product_a", "product_b").iter_rows()}
    assert pairs == {frozenset(map(product_id, LAMPS[:2]))}
    assert sorted(edges["evidence"].unique()) == ["audio", "video"]
    assert edges["score"].min() > 0.4
