"""Overlays of shards in an object store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.errors import UsageError
from m5tools.loader.loader import Loader

from ..moto_server import Served
from .overlaid import ALL, dataset, folder, kept
from .test_overlays import SIZES, assert_same
from .test_remote import Far, cache, far
from .test_s3 import EveryFifth, s3

__all__ = ["cache", "dataset", "far", "folder", "kept", "s3"]


@pytest.mark.parametrize("limit", [1, 2**30], ids=["ranges", "whole shards"])
def test_batches_are_those_of_the_local_folder(folder: Path, far: str, cache: Path, limit: int) -> None:
    Far.fails = staticmethod(lambda number: number % 5 == 0)
    options: dict[str, Any] = SIZES if limit > 1 else {**SIZES, "filter": pl.col("score").is_not_null()}
    loader = Loader(far, cache=cache, cache_bytes=limit, **options)
    assert_same(list(loader), list(Loader(folder, **options)))
    assert loader.overlays == ALL
    assert any("/overlays/sounds/train-" in path for path in Far.got)
    assert (len(list(cache.glob("*.shard"))) > 4) == (limit > 1), "more than the tars of the shards themselves"


def test_only_overlays_in_use_are_fetched_and_an_index_once(far: str, cache: Path) -> None:
    Loader(far, cache=cache, overlays=("clips",), **SIZES)
    assert {path.split("/overlays/")[1].split("/")[0] for path in Far.got if "/overlays/" in path} == {"clips"}
    Far.got.clear()
    Loader(far, cache=cache, **SIZES)
    again = [path for path in Far.got if path.endswith(".parquet")]
    assert not any("/overlays/clips/" in path for path in again)
    assert any("/overlays/sounds/" in path for path in again)


def test_a_folder_without_overlays_is_asked_for_none(folder: Path, far: str, cache: Path) -> None:
    shutil.rmtree(folder / "overlays")
    assert Loader(far, cache=cache, **SIZES).fingerprint == Loader(folder, **SIZES).fingerprint
    assert not any("/overlays" in path for path in Far.got)


def test_what_has_gone_from_the_store_is_not_laid_from_the_copy_here(folder: Path, far: str, cache: Path) -> None:
    assert Loader(far, cache=cache, **SIZES).overlays == ALL
    shutil.rmtree(folder / "overlays" / "sounds")
    (folder / "overlays" / "loud" / "overlay.json").unlink()  # as of one that is being written
    assert Loader(far, cache=cache, **SIZES).overlays == ("clips", "scores")
    with pytest.raises(UsageError, match=r"far://.*overlays/sounds is not an overlay"):
        Loader(far, cache=cache, overlays=("sounds",), **SIZES)


def test_faults_of_a_remote_overlay_are_named(folder: Path, far: str, cache: Path) -> None:
    sounds = folder / "overlays" / "sounds"
    tar, index, manifest = (
        sounds / "train-000001.tar",
        sounds / "index" / "train-000001.parquet",
        sounds / "overlay.json",
    )
    body = tar.read_bytes()
    tar.write_bytes(body[:-512])
    with pytest.raises(UsageError, match=r"far://.*sounds/train-000001\.tar has .* bytes, not"):
        Loader(far, cache=cache, **SIZES)
    tar.unlink()
    with pytest.raises(UsageError, match=r"far://.*sounds/train-000001\.tar is missing"):
        Loader(far, cache=cache, **SIZES)
    tar.write_bytes(body)
    whole = index.read_bytes()
    index.write_bytes(whole[:-1])
    with pytest.raises(UsageError, match=r"train-000001\.parquet is not the index that .*overlay\.json names"):
        Loader(far, cache=cache / "another", **SIZES)
    index.unlink()
    with pytest.raises(UsageError, match=r"far://.*train-000001\.parquet is missing"):
        Loader(far, cache=cache / "a third", **SIZES)
    index.write_bytes(whole)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "base": "0" * 32}))
    with pytest.raises(
        UsageError, match="made for other shards than these; run 'm5 overlay' again, or open the loader"
    ):
        Loader(far, cache=cache, **SIZES)


@pytest.mark.parametrize(("limit", "workers"), [(2**30, 0), (1, 2)])
def test_on_s3(folder: Path, s3: Served, tmp_path: Path, limit: int, workers: int) -> None:
    where = f"s3://{s3.bucket}/shards"
    s3.refuses = failing = EveryFifth()
    loader = Loader(where, cache=tmp_path / "cache", cache_bytes=limit, workers=workers, **SIZES)
    assert_same(list(loader), list(Loader(folder, **SIZES)))
    assert loader.overlays == ALL
    assert not loader.bad
    assert failing.failed > 2
