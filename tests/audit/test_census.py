"""The audit on crawls whose shape is known: M5Product's label counts, and which of its parts are missing together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.audit import audit
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.survey.stage import Survey, SurveyConfig
from m5tools.synth import SynthConfig, synthesize
from m5tools.synth.profile_m5product import LABELS, label_counts
from m5tools.tag.stage import Tag, TagConfig
from m5tools.vocabulary import MODALITIES, State

NEIGHBOURS = 20
MAPPING = """
source: census
format: json_lines
fields: {native_id: id, title: title}
category: {from: label}
"""


@pytest.mark.slow
def test_a_census_of_the_real_label_counts(tmp_path: Path) -> None:
    """One label for every twenty of neighbouring rank, of their mean size: shares and Gini stay, the number of labels
    and with it that of singletons falls to a twentieth."""
    starts = np.arange(0, LABELS, NEIGHBOURS)
    means = np.add.reduceat(label_counts(LABELS), starts) / np.minimum(NEIGHBOURS, LABELS - starts)
    sizes = np.maximum(1, np.rint(means)).astype(int)
    with (tmp_path / "census.jsonl").open("w", encoding="utf-8") as out:
        for label, size in enumerate(sizes.tolist()):
            out.writelines(
                f'{{"id":"{label}-{i}","title":"product {i}","label":"label {label}"}}\n' for i in range(size)
            )
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    dataset = Dataset(tmp_path / "dataset")
    config = IngestConfig(
        source="census", mapping=str(tmp_path / "mapping.yaml"), files=(str(tmp_path / "census.jsonl"),)
    )
    run_stage(dataset, Ingest(config))
    found = audit(dataset)
    tail = found.categories.tail
    assert (tail.items, tail.classes) == (sizes.sum(), len(sizes))
    assert tail.gini == pytest.approx(0.66, abs=0.01)
    assert tail.top_10 == pytest.approx(0.484, abs=0.01)
    assert tail.top_1 == pytest.approx(0.179, abs=0.01)
    assert tail.bottom_half == pytest.approx(0.066, abs=0.01)
    assert tail.singletons == (sizes == 1).sum() == pytest.approx(47 / NEIGHBOURS, abs=1)
    assert found.levels[0].tail == tail


def simulated(tmp_path: Path, products: int, *, media: bool) -> tuple[Dataset, pl.DataFrame]:
    """An ingested crawl of the profile, and the truth about its products."""
    config = SynthConfig.model_validate({"profile": "m5product", "products": products, "media": media})
    synthesize(tmp_path / "crawl", config)
    dataset = Dataset(tmp_path / "dataset")
    file = str(tmp_path / "crawl" / "crawl" / "products.json")
    root = str(tmp_path / "crawl" / "crawl") if media else None
    run_stage(dataset, Ingest(IngestConfig(source="shop", mapping="m5product", files=(file,), media_root=root)))
    return dataset, pl.read_parquet(tmp_path / "crawl" / "truth.parquet").filter(outcome="product")


def test_what_the_crawl_does_not_list_is_what_the_simulator_left_out(tmp_path: Path) -> None:
    dataset, truth = simulated(tmp_path, 6_000, media=False)
    found = audit(dataset).completeness
    assert (found.basis, found.products) == ("listed", truth.height)
    shares = {m.modality: m.unlisted_share for m in found.modalities}
    assert shares["video"] == pytest.approx((truth["listed_videos"] == 0).mean(), abs=1e-12)
    assert shares["video"] == pytest.approx(0.1483, abs=0.015)
    assert shares["table"] == pytest.approx((truth["state_table"] == State.ABSENT).mean(), abs=1e-12)
    assert shares["image"] == pytest.approx((truth["state_image"] == State.ABSENT).mean(), abs=1e-12)
    assert shares["table"] < 0.003
    assert shares["image"] < 0.001


@pytest.mark.slow
def test_joint_shares_after_decoding_are_the_truth(tmp_path: Path) -> None:
    dataset, truth = simulated(tmp_path, 250, media=True)
    for stage in (Fetch(FetchConfig()), Survey(SurveyConfig()), Measure(MeasureConfig()), Tag(TagConfig())):
        run_stage(dataset, stage)
    found = audit(dataset).completeness
    assert (found.basis, found.products) == ("present", truth.height)
    for combination in found.combinations:
        there = pl.all_horizontal(pl.col(f"state_{m}") == State.PRESENT for m in combination.modalities)
        assert combination.at_least == truth.select(there.sum()).item()
        nothing_else = [pl.col(f"state_{m}") != State.PRESENT for m in MODALITIES if m not in combination.modalities]
        assert combination.products == truth.select(pl.all_horizontal(there, *nothing_else).sum()).item()
