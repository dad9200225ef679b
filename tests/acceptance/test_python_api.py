"""The twenty lines of Python that the README shows, and whether what they give agrees with the index."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import m5tools as m5
from m5tools.errors import UsageError
from m5tools.vocabulary import MODALITIES, Reason, State


def test_tables_are_lazy_frames(dataset: Path) -> None:
    ds = m5.open(dataset)
    assert isinstance(ds.products, pl.LazyFrame)
    priced = ds.products.filter(pl.col("price") > 0).select("product_id", "title", "price").collect()
    assert 0 < priced.height <= ds.read("products").height
    with pytest.raises(AttributeError, match="products"):
        _ = ds.no_such_table


def test_show_gathers_what_is_known(dataset: Path) -> None:
    ds = m5.open(dataset)
    offer = ds.products.select("product_id", "native_id").first().collect().row(0, named=True)
    known = ds.show(offer["native_id"])
    assert known == ds.show(offer["product_id"])
    assert [row["product_id"] for row in known["products"]] == [offer["product_id"]]
    assert [row["modality"] for row in known["modalities/default"]] == [m.value for m in MODALITIES]


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a dataset.*m5 run"):
        m5.open(tmp_path)


def test_batches_carry_the_masks_of_the_index(dataset: Path) -> None:
    pytest.importorskip("torch", reason="the loader needs the `train` extra")
    shards = dataset / "shards" / "default"
    index = {
        row["product_id"]: row
        for f in sorted((shards / "index").glob("train-*"))
        for row in pq.read_table(f).to_pylist()
    }
    loader = m5.Loader(shards, split="train", global_batch_size=16, seed=1, drop_last=False)
    delivered = []
    for batch in loader:
        for row, product in enumerate(batch.ids):
            if not batch.valid[row]:
                continue
            delivered.append(product)
            entry = index[product]
            bits = [bool(entry["present"] >> m.bit & 1) for m in MODALITIES]
            assert batch.present[row].tolist() == bits
            assert batch.state[row].tolist() == list(entry["state"])
            assert batch.reason[row].tolist() == list(entry["reason"])
            for modality in MODALITIES:
                items = int((batch.part(modality).row == row).sum())
                assert (items > 0) == bits[modality.bit], f"{product} {modality}: {items} items"
                if not bits[modality.bit]:
                    assert batch.state[row, modality.bit] != State.PRESENT
                    assert batch.reason[row, modality.bit] != Reason.NONE
    assert sorted(delivered) == sorted(index)
    assert any(not entry["present"] >> m.bit & 1 for entry in index.values() for m in MODALITIES)
