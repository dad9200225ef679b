"""Samples that cannot be read: another takes the slot, and nothing else moves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from m5tools.cut import quarantine as ledgers
from m5tools.dataset import Dataset
from m5tools.loader import quarantine
from m5tools.loader.batch import Batch
from m5tools.loader.catalog import Catalog
from m5tools.loader.loader import Loader
from m5tools.loader.quarantine import TooManyBad
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

from ..shards.shop import product_id

VICTIMS = (2, 13)  # three pictures; everything


def spoil(dataset: Dataset, folder: Path, product: int, member: int) -> str:
    """Flip a bit of one member; returns its shard's name."""
    row = dataset.read("shard_index").row(by_predicate=pl.col("product_id") == product_id(product), named=True)
    with (folder / row["shard"]).open("r+b") as file:
        file.seek(row["members"][member]["offset"] + 40)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 4]))
    return str(row["shard"])


def run(folder: Path, world: int = 1, **options: object) -> list[dict[int, tuple[str, bool, bool]]]:
    """Of each global batch: seed → (id, valid, stand-in)."""
    ranks = [Loader(folder, global_batch_size=4, rank=r, world_size=world, **options) for r in range(world)]  # type: ignore[arg-type]
    return [slots(batches) for batches in zip(*ranks, strict=True)]


def slots(batches: Iterable[Batch]) -> dict[int, tuple[str, bool, bool]]:
    return {
        seed: row
        for b in batches
        for seed, *row in zip(b.seeds.tolist(), b.ids, b.valid.tolist(), b.stand_in.tolist(), strict=True)
    }  # type: ignore[return-value,misc]


def test_a_stand_in_takes_the_slot_and_no_other_sample_moves(dataset: Dataset, folder: Path) -> None:
    before = run(folder)
    assert not any(stand_in for batch in before for _, _, stand_in in batch.values())
    for product in VICTIMS:
        spoil(dataset, folder, product, 1)
    after = run(folder)
    bad = {product_id(product) for product in VICTIMS}
    replaced = []
    for old, new in zip(before, after, strict=True):
        assert old.keys() == new.keys()
        for seed, (pid, _, _) in old.items():
            if pid in bad:
                replaced.append(pid)
                assert new[seed][1:] == [True, True]
                assert new[seed][0] not in bad | {other for other, _, _ in old.values()}
            else:
                assert new[seed] == old[seed]
    assert set(replaced) == bad
    for world in (2, 4):
        assert run(folder, world) == after, "the same stand-ins on any number of ranks"
    assert run(folder, workers=1) == after, "and of workers"


def test_a_stand_in_that_is_bad_too_gives_way_to_the_next(dataset: Dataset, folder: Path) -> None:
    text = ("text",)
    view = Catalog.open(folder, "train").view((Modality.TEXT,))
    epoch = Loader(folder, global_batch_size=4, modalities=text).plan.epoch(0)
    slots = [slots.take(np.array([place])) for slots in epoch.lane(0, 1) for place in range(4)]
    chosen = next(s for s in slots if all(view.present[[*s.rows, *s.stand_ins[0, :2]], Modality.TEXT.bit]))
    bad = [view.ids[row].as_py() for row in (*chosen.rows, *chosen.stand_ins[0, :2])]
    for i in range(32):
        if product_id(i) in bad:
            spoil(dataset, folder, i, 0)
    (now,) = [batch[chosen.seeds[0]] for batch in run(folder, modalities=text) if chosen.seeds[0] in batch]
    assert now == [view.ids[chosen.stand_ins[0, 2]].as_py(), True, True]


def test_without_stand_ins_one_slot_is_invalid_and_none_moves(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    before = [b.ids for b in Loader(folder, global_batch_size=5)]
    shard = spoil(dataset, folder, 2, 2)
    loader = Loader(folder, global_batch_size=5, stand_ins=False)
    batches = list(loader)
    assert [b.ids for b in batches] == before
    invalid = [b.ids[i] for b in batches for i in range(5) if not b.valid[i]]
    assert invalid == [product_id(2)]
    (batch,) = (b for b in batches if product_id(2) in b.ids)
    i = batch.ids.index(product_id(2))
    assert not batch.present[i].any()
    assert batch.state[i, :3].tolist() == [State.FAILED] * 3
    assert batch.reason[i, :3].tolist() == [Reason.UNDECODABLE] * 3
    assert batch.state[i, 3] == State.ABSENT
    assert all(i not in batch.part(m).row for m in MODALITIES)
    list(loader)
    ledger = pq.read_table(loader.write_quarantine(tmp_path / "run")).to_pylist()
    assert ledger == [
        {"product_id": product_id(2), "modality": "image", "shard": shard, "member": "image_1.jpg",
         "reason": "undecodable"}
    ]  # fmt: skip
    assert (tmp_path / "run" / "quarantine" / "rank-0.parquet").is_file()
    healthy = Loader(folder, global_batch_size=5, modalities=(Modality.TEXT, Modality.TABLE))
    assert all(b.valid.all() for b in healthy), "what is not asked for is not read"


def test_an_evaluation_delivers_every_sample_once(dataset: Dataset, folder: Path) -> None:
    spoil(dataset, folder, 2, 1)
    batches = list(Loader(folder, global_batch_size=4, drop_last=False))
    assert len({pid for b in batches for pid in b.ids} - {""}) == 25
    assert not any(b.stand_in.any() for b in batches)
    assert sum(int(b.valid.sum()) for b in batches) == 24


@pytest.mark.parametrize("workers", [0, 1])
def test_the_run_keeps_a_ledger_also_of_a_batch_that_was_read_ahead(
    dataset: Dataset, folder: Path, tmp_path: Path, workers: int
) -> None:
    shards = {product_id(product): spoil(dataset, folder, product, 1) for product in VICTIMS}
    loader = Loader(folder, global_batch_size=4, run=tmp_path / "run", workers=workers, rank=1, world_size=2)
    found: set[str] = set()
    for epoch in range(6):
        loader.set_epoch(epoch)
        for _ in loader:
            if epoch == 0:
                break  # what the worker has read ahead is lost, not what it found
        ledger = tmp_path / "run" / "quarantine" / "rank-1.parquet"
        rows = pq.read_table(ledger).to_pylist() if ledger.exists() else []
        assert len(rows) == len({row["product_id"] for row in rows})
        found = {row["product_id"] for row in rows}
        assert all(row["shard"] == shards[row["product_id"]] for row in rows)
    assert found == set(shards)
    assert sorted(folder.parent.parent.rglob("quarantine")) == [], "nothing is written into the dataset"


def test_a_ledger_keeps_what_it_listed_before_a_restart(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    spoil(dataset, folder, VICTIMS[0], 1)
    list(Loader(folder, global_batch_size=4, drop_last=False, run=tmp_path))
    first = pq.read_table(tmp_path / "quarantine" / "rank-0.parquet").to_pylist()
    spoil(dataset, folder, VICTIMS[0], 1)  # mends it
    spoil(dataset, folder, VICTIMS[1], 1)
    for _ in range(2):
        list(Loader(folder, global_batch_size=4, drop_last=False, run=tmp_path))
    both = pq.read_table(tmp_path / "quarantine" / "rank-0.parquet").to_pylist()
    assert both[:1] == first
    assert [row["product_id"] for row in both] == [product_id(i) for i in VICTIMS]


def test_the_next_cut_reads_the_ledger(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    spoil(dataset, folder, VICTIMS[0], 1)
    list(Loader(folder, global_batch_size=4, drop_last=False, run=tmp_path))
    found = ledgers.read((str(tmp_path / "quarantine"),))
    assert found.rows() == [(product_id(VICTIMS[0]), "image")]


def test_too_many_bad_samples_end_the_run(
    dataset: Dataset, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "AT_LEAST", 3)
    for product in range(1, 5):
        spoil(dataset, folder, product, 0)
    loader = Loader(folder, global_batch_size=4, max_bad_share=0.1, run=tmp_path)
    with pytest.raises(TooManyBad, match=r"[34] of \d+ samples .* max_bad_share 0\.1; run 'm5 check' .* undecodable"):
        list(loader)
    assert pq.read_table(tmp_path / "quarantine" / "rank-0.parquet").num_rows >= 3
    list(Loader(folder, global_batch_size=4, max_bad_share=0.5))


def test_a_shard_that_vanishes_is_tried_again_when_it_is_back(folder: Path) -> None:
    before = run(folder)
    loader = Loader(folder, global_batch_size=4, max_bad_share=1.0)
    tar = folder / "train-000001.tar"
    tar.rename(tar.with_suffix(".away"))
    during = [slots([b]) for b in loader]
    tar.with_suffix(".away").rename(tar)
    assert any(stand_in for batch in during for _, _, stand_in in batch.values())
    assert [slots([b]) for b in loader] == before
