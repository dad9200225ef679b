"""What decided pairs teach about those that are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.dedup.taught import COLUMNS, FAMILY, PRODUCT, teach

from .shop import POLICY

RULES = POLICY.taught
_FLAGS = (
    "shares_code", "same_family", "same_model", "other_model", "same_brand", "other_category", "same_offerer",
    "same_group", "one_group",
)  # fmt: skip


def _pairs(count: int, seed: int = 0) -> pl.DataFrame:
    """Pairs of which every other is one product: prices are near then, and one attribute more agrees."""
    random = np.random.default_rng(seed)
    one = np.arange(count) % 2 == 0
    ratio = np.where(one, random.uniform(0.8, 1, count), random.uniform(0.1, 1, count))
    agreeing = random.integers(0, 3, count) + one
    columns = {name: np.zeros(count, bool) if name in _FLAGS else np.zeros(count) for name in COLUMNS}
    columns |= {"price_ratio": ratio, "agreeing": agreeing, "shared": np.full(count, 4)}
    return pl.DataFrame(columns).with_columns(decided=pl.Series(one))


def test_near_prices_and_agreeing_facts_are_found_to_tell() -> None:
    taught = teach(_pairs(2000), PRODUCT, RULES)
    assert taught is not None
    unseen = _pairs(1000, seed=1)
    likely = (taught.chances(unseen) >= 0.5).to_numpy()
    assert (likely == unseen["decided"].to_numpy()).mean() > 0.8
    worth = dict(zip(taught.kinds, taught.weights[1:], strict=True))
    assert worth["agreeing"] > 0.2
    assert max(worth["price_apart"], worth["differing"]) < 0
    assert abs(worth["clip"]) < 1e-6, "what never varies is worth nothing"


def test_a_price_that_nobody_tells_says_nothing() -> None:
    taught = teach(_pairs(2000), PRODUCT, RULES)
    assert taught is not None
    pairs = _pairs(40).with_columns(price_ratio=pl.lit(None, pl.Float64))
    assert taught.chances(pairs).is_between(0, 1).sum() == pairs.height


@pytest.mark.parametrize("kind", [True, False])
def test_few_pairs_of_either_kind_teach_nothing(kind: bool) -> None:
    pairs = _pairs(2000)
    few = pairs.filter(pl.col("decided") == kind).head(RULES.fewest - 1)
    assert teach(pl.concat([few, pairs.filter(pl.col("decided") != kind)]), PRODUCT, RULES) is None


@pytest.mark.parametrize("seed", range(8))
def test_weights_do_not_run_away_where_evidence_nearly_decides(seed: int) -> None:
    random = np.random.default_rng(seed)
    far = random.standard_t(1.2, size=(1200, 4))  # a few values far out, past which a whole step of the fit leaps
    told = far[:, 0] / far[:, 0].std() + random.normal(scale=0.001, size=1200) > 0.02
    names = ("word_score", "letter_score", "whole_score", "contained")
    pairs = _pairs(1200).with_columns(
        *(pl.Series(name, far[:, i]) for i, name in enumerate(names)), decided=pl.Series(told)
    )
    taught = teach(pairs, names, RULES.model_copy(update={"restraint": 1e-6}))
    assert taught is not None
    assert taught.chances(pairs).mean() == pytest.approx(told.mean(), abs=1e-3)


def test_groups_and_models_are_no_evidence_for_what_they_teach() -> None:
    assert not {"same_group", "same_model", "other_model", "same_family"} & set(FAMILY)


def test_the_order_of_pairs_changes_no_chance() -> None:
    pairs = _pairs(1000)
    one, other = (teach(rows, PRODUCT, RULES) for rows in (pairs, pairs.reverse()))
    assert one is not None
    assert other is not None
    assert (one.chances(pairs) - other.chances(pairs)).abs().max() <= 1e-4  # type: ignore[operator]


def test_how_many_threads_add_up_changes_nothing(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.parquet"
    _pairs(6000).with_columns(word_score=pl.Series(np.random.default_rng(3).random(6000))).write_parquet(pairs)
    code = (
        "import sys, polars as pl; from m5tools.dedup.policy import load_policy;"
        "from m5tools.dedup.taught import PRODUCT, teach; pairs = pl.read_parquet(sys.argv[1]);"
        "taught = teach(pairs, PRODUCT, load_policy('duplicates').taught);"
        "print(taught, taught.chances(pairs).to_list())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(pairs)],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(said) == 1
