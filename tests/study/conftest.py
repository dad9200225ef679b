"""A world and a training so small that a run takes a second, on one thread."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from m5tools.study.config import Cell, Learning, WorldConfig

torch.set_num_threads(1)

SMALL = {
    "train_rows": 96, "drawn_rows": 96, "calibration_rows": 32, "probe_rows": 64, "queries": 24, "distractors": 24,
    "classes": 6,
}  # fmt: skip
SHORT = {"steps": 3, "batch_size": 32, "warmup": 1}

STUDY = """\
title: Small
first_seed: 5
seeds: 2
base:
  world: {train_rows: 96, drawn_rows: 96, calibration_rows: 32, probe_rows: 64, queries: 24, distractors: 24, classes: 6}
  learning: {steps: 3, batch_size: 32, warmup: 1}
questions:
  rules:
    asks: Does it matter?
    cells:
      uniform: {}
      harmonized: {learning: {rule: harmonized}}
    compare:
      - [harmonized/rho_q, uniform/uniform]
      - [harmonized/rho_q@40%, uniform/uniform@40%]
  sizes:
    asks: How many?
    seeds: 1
    cells:
      small: {world: {train_rows: 64}, at: 64}
      large: {at: 96}
    times:
      uniform: {}
      harmonized: {learning: {rule: harmonized}}
    axis: listings
    compare:
      - ["{cell}, harmonized/rho_q", "{cell}, uniform/rho_q"]
    effects:
      rule by size:
        {"small, harmonized/rho_q": 1, "small, uniform/rho_q": -1, "large, harmonized/rho_q": -1, "large, uniform/rho_q": 1}
claims:
  - says: Harmonized is better
    question: rules
    compare: [[harmonized/rho_q, uniform/uniform]]
    metrics: [probe, nmi]
  - says: More so in small
    question: sizes
    effects: [rule by size]
  - says: No harm
    question: rules
    kind: harmless
    within: 2.0
    compare: [[uniform/uniform, harmonized/rho_q]]
  - says: Noise is last
    question: sizes
    kind: noise_last
    weights: masked
    cells: ["{cell}, harmonized", "small, uniform"]
  - says: The order is right
    question: rules
    kind: ordered
    cells: [harmonized]
  - says: Wrong texts are told
    question: rules
    kind: above
    than: 0.5
    levels: [harmonized/rho_q]
    metrics: [mismatch AUC text]
elsewhere:
  Something else: "`tests`"
quick:
  seeds: 1
  change: {learning: {steps: 1}}
"""


@pytest.fixture
def small() -> Cell:
    return Cell(world=WorldConfig(**SMALL), learning=Learning(**SHORT), seed=3)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(STUDY)
    return path
