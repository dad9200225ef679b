"""The one default policy against real gold; floors a little below what docs/evidence/dedup.md records."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import duplicates_gold as gold
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(("name", "floor"), [("abt_buy", 0.93), ("amazon_google", 0.73)])
def test_products_of_two_shops(real_data: Path, tmp_path: Path, monkeypatch, name: str, floor: float) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(gold, "DATA", real_data)
    wanted = next(s for s in gold.SETS if s.name == name)
    dataset = gold.curated(wanted, tmp_path)
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    true = gold.gold_pairs(wanted, dataset.read("products"))
    found = gold.found_pairs(dataset, "same_product")
    score = gold.score(found, true)
    assert 2 * score.right / (score.found + score.gold) >= floor
    # Each shop lists a product once: no pair inside a shop, nobody with two partners.
    assert found["a"].n_unique() == found["b"].n_unique() == found.height
    partners = gold.with_partner(found, true)
    inside = gold.score(partners, true)
    assert 2 * inside.right / (inside.found + inside.gold) >= 0.80
