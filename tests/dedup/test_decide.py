"""Comparisons are made once; other thresholds and weights decide again from what is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.errors import StaleError

from .shop import Listing, tables_of

SHIPPED = Path(__file__).parents[2] / "pipelines" / "policies" / "duplicates.yaml"
TOASTERS = [
    Listing(
        "ours", "Bread toaster Alto, two slots, steel", attributes={"material": "steel", "slots": "2", "lid": "no"}
    ),
    Listing("theirs", "Alto bread toaster, two slots", attributes={"material": "steel", "slots": "2"}, seller="Bob"),
    Listing("lamp", "Desk lamp Orion with a clamp", attributes={"material": "brass"}),
]


@pytest.fixture
def compared(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset(tables_of(TOASTERS))
    run_stage(dataset, Compare(CompareConfig()))
    return dataset


def changed(folder: Path, *entries: tuple[str, str]) -> str:
    """A copy of the shipped policy with some entries changed."""
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in entries:
        assert text.count(old) == 1
        text = text.replace(old, new)
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_another_threshold_decides_anew_from_the_same_comparisons(compared: Dataset, tmp_path: Path) -> None:
    run_stage(compared, Dedup(DedupConfig()))
    before, made = compared.read("edges"), compared.manifest()["stages"]["compare"]
    assert set(before["relation"]) == {"same_product"}
    parts = {file: file.stat().st_mtime_ns for file in compared.parts("comparisons")}

    by_score, by_wording = (
        ("  threshold: 0.6\n", "  threshold: 1.0\n"),
        ("threshold: 0.6      # l", "threshold: 1.0      # l"),
    )
    less = ("weights: {words: 0.35, letters: 0.35", "weights: {words: 0.1, letters: 0.1")
    strict = changed(tmp_path, by_score, by_wording, less)
    run_stage(compared, Dedup(DedupConfig(policy=strict)))
    assert compared.read("edges").is_empty()
    assert compared.manifest()["stages"]["compare"] == made
    assert run_stage(compared, Compare(CompareConfig())).up_to_date

    run_stage(compared, Dedup(DedupConfig()))
    assert compared.read("edges").equals(before)
    assert {file: file.stat().st_mtime_ns for file in compared.parts("comparisons")} == parts


def test_other_words_need_other_comparisons(compared: Dataset, tmp_path: Path) -> None:
    mine = changed(tmp_path, ("min_title_chars: 10", "min_title_chars: 12"))
    with pytest.raises(StaleError, match=f"run: m5 compare --dataset .* --set policy={mine}"):
        run_stage(compared, Dedup(DedupConfig(policy=mine)))
    run_stage(compared, Compare(CompareConfig(policy=mine)))
    run_stage(compared, Dedup(DedupConfig(policy=mine)))
    assert compared.read("edges").height > 0


def test_without_comparisons_the_command_that_makes_them_is_named(make_dataset: Callable[..., Dataset]) -> None:
    with pytest.raises(StaleError, match="run: m5 compare --dataset"):
        run_stage(make_dataset(tables_of(TOASTERS)), Dedup(DedupConfig()))


def test_comparisons_hold_pairs_that_are_nothing_as_well(compared: Dataset) -> None:
    run_stage(compared, Dedup(DedupConfig()))
    rows = compared.read("comparisons")
    assert rows.height >= compared.read("edges").select("product_a", "product_b").unique().height
    assert rows.select("product_a", "product_b").is_unique().all()
    assert rows.filter(~rows["long_title"]).is_empty()
