"""The profile has the shape of M5Product: its label tail and the modalities that are missing together."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.synth import SynthConfig, synthesize, words
from m5tools.synth.profile_m5product import ATTRIBUTE_NAMES, LABELS, PRODUCTS, label_counts
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
