from __future__ import annotations

import gc
import os
import pickle
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.loader.catalog import Catalog
from m5tools.loader.loader import Loader
from m5tools.loader.view import View
from m5tools.vocabulary import MODALITIES


def same(a: View, b: View) -> bool:
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name)) and type(getattr(a, f.name)) is type(getattr(b, f.name))
        for f in fields(View)
        if f.name != "laid"
    )


@pytest.mark.parametrize("condition", [pl.lit(True), pl.col("category") == "Toys", pl.lit(False)])
def test_a_view_laid_down_is_the_same_and_is_sent_as_a_path(folder: Path, tmp_path: Path, condition: pl.Expr) -> None:
    view = Catalog.open(folder, "train").where(condition).view(MODALITIES)
    laid = view.lay_down(tmp_path)
    assert same(laid, view)
    sent = pickle.dumps(laid)
    assert len(sent) < 1000
    assert same(pickle.loads(sent), view)
    assert same(pickle.loads(pickle.dumps(view)), view)


def test_what_workers_share_is_removed_with_the_loader(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    loader = Loader(folder, global_batch_size=4, workers=1)
    assert len(list(tmp_path.glob("m5-view-*"))) == 1
    del loader
    gc.collect()
    assert list(tmp_path.glob("m5-view-*")) == []


def test_what_workers_share_outlives_a_process_that_was_forked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    loader = Loader(folder, global_batch_size=4, workers=1)
    child = os.fork()
    if not child:
        try:
            del loader
            gc.collect()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    (shared,) = tmp_path.glob("m5-view-*")
    assert list(shared.glob("*.npy"))


def test_members_of_filtered_rows_are_theirs(folder: Path) -> None:
    catalog = Catalog.open(folder, "train")
    whole, some = catalog.view(MODALITIES), catalog.where(pl.col("category") == "Toys").view(MODALITIES)
    for i, pid in enumerate(some.ids.to_pylist()):
        row = whole.ids.index(pid).as_py()
        mine, theirs = slice(*some.first[i : i + 2]), slice(*whole.first[row : row + 2])
        assert some.name[mine].to_pylist() == whole.name[theirs].to_pylist()
        for column in ("kind", "offset", "length", "checksum", "cost"):
            assert getattr(some, column)[mine].tolist() == getattr(whole, column)[theirs].tolist()
        assert some.shards[some.shard[i]] == whole.shards[whole.shard[row]]
