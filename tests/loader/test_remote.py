"""Shards in an object store: the batches are those of the local folder, whatever the store does."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import polars as pl
import pytest
import torch
from fsspec.implementations.local import LocalFileSystem

from m5tools import store
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.loader import files
from m5tools.loader.batch import Batch
from m5tools.loader.catalog import Catalog
from m5tools.loader.loader import Loader
from m5tools.vocabulary import MODALITIES, Reason, State

from ..shards.shop import product_id

STRICT: dict[str, Any] = {"stand_ins": False, "max_bad_share": 1.0}
"""A bad sample leaves its slot invalid, so that it can be looked at."""


class Far(LocalFileSystem):  # type: ignore[misc]
    """Local files behind a protocol of their own; counts requests, and fails when told to."""

    protocol = "far"
    asked: ClassVar[Counter[str]] = Counter()
    got: ClassVar[Counter[str]] = Counter()
    fails: ClassVar[Callable[[int], bool]] = staticmethod(lambda number: False)

    def _request(self, kind: str, path: str) -> str:
        Far.asked[kind] += 1
        if Far.fails(Far.asked.total()):
            raise ConnectionResetError("the store has hiccups")
        return self._strip_protocol(path)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return LocalFileSystem._strip_protocol(str(path).removeprefix("far://"))  # type: ignore[no-any-return]

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        path = self._request("cat_file", path)
        if start is not None and start >= Path(path).stat().st_size:
            raise OSError("invalid range")
        data: bytes = super().cat_file(path, start, end, **options)
        Far.got[path] += len(data)
        return data

    def info(self, path: Any, **options: Any) -> dict[str, Any]:
        if not isinstance(path, str):  # an entry of a folder that is being listed
            return super().info(path, **options)  # type: ignore[no-any-return]
        return super().info(self._request("info", path), **options)  # type: ignore[no-any-return]

    def ls(self, path: str, detail: bool = False, **options: Any) -> list[Any]:
        return super().ls(self._request("ls", path), detail=detail)  # type: ignore[no-any-return]


@pytest.fixture
def far(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of the shop's shards in a store."""
    fsspec.register_implementation("far", Far, clobber=True)
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.0)
    Far.asked, Far.got, Far.fails = Counter(), Counter(), staticmethod(lambda number: False)
    yield f"far://{folder}"
    Far.fails = staticmethod(lambda number: False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def batches(uri: str | Path, **options: Any) -> list[Batch]:
    return list(Loader(uri, global_batch_size=5, seed=2, **STRICT, image_size=16, **options))


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    assert [b.ids for b in one] == [b.ids for b in other]
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.valid, b.valid)
        assert torch.equal(a.reason, b.reason)
        for m in MODALITIES:
            assert torch.equal(a.part(m).data, b.part(m).data)
            assert torch.equal(a.part(m).row, b.part(m).row)


@pytest.mark.parametrize("limit", [1, 2**30], ids=["ranges", "whole shards"])
def test_batches_are_those_of_the_local_folder(folder: Path, far: str, cache: Path, limit: int) -> None:
    assert_same(batches(far, cache=cache, cache_bytes=limit), batches(folder))
    assert bool(list(cache.glob("*.shard"))) == (limit > 1)


def test_whole_shards_come_once_for_all_loaders_of_a_node(folder: Path, far: str, cache: Path) -> None:
    loaders = [Loader(far, global_batch_size=4, rank=r, world_size=2, cache=cache, image_size=16) for r in range(2)]
    for _ in range(3):
        for loader in loaders:
            list(loader)
    tars = {path: got for path, got in Far.got.items() if path.endswith(".tar")}
    assert tars == {str(tar): tar.stat().st_size for tar in folder.glob("train-*.tar")}


def test_little_of_a_shard_is_asked_for_by_ranges(
    folder: Path, far: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m5tools.loader.read.GAP", 0)
    got = batches(far, cache=cache, modalities=("text",))
    assert_same(got, batches(folder, modalities=("text",)))
    assert not list(cache.glob("*.shard"))
    assert 0 < sum(size for path, size in Far.got.items() if path.endswith(".tar")) < 25 * 1000


def test_what_is_mostly_wanted_is_kept_whole_if_all_of_it_fits() -> None:
    wanted, size = np.array([29, 30, 90]), np.array([100, 100, 100])
    assert files.kept_whole(wanted, size, 200).tolist() == [False, True, True]
    assert files.kept_whole(wanted, size, 199).tolist() == [False, False, False]


@pytest.mark.parametrize("limit", [1, 2**30], ids=["ranges", "whole shards"])
def test_a_store_that_fails_every_fifth_request_changes_nothing(
    folder: Path, far: str, cache: Path, limit: int
) -> None:
    Far.fails = staticmethod(lambda number: number % 5 == 0)
    assert_same(batches(far, cache=cache, cache_bytes=limit), batches(folder))
    assert Far.asked.total() > 10


def test_a_store_that_has_gone_costs_samples_and_no_order(folder: Path, far: str, cache: Path) -> None:
    loader = Loader(far, global_batch_size=5, seed=2, **STRICT, image_size=16, cache=cache, cache_bytes=1)
    Far.fails = staticmethod(lambda number: True)
    got = list(loader)
    assert [b.ids for b in got] == [b.ids for b in batches(folder)]
    assert not any(b.present.any() for b in got)
    assert {b.reason for b in loader.bad} == {Reason.CONNECTION_ERROR}


def test_a_store_that_does_not_answer_at_opening(far: str, cache: Path) -> None:
    Far.fails = staticmethod(lambda number: True)
    with pytest.raises(UsageError, match="6 tries failed, the last with: the store has hiccups"):
        Loader(far, cache=cache)


def test_faults_of_a_remote_folder_are_named(folder: Path, far: str, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"dataset\.json"):
        Loader(f"far://{tmp_path}/nothing", cache=cache)
    Catalog.open(far, "train", cache)
    index = folder / "index" / "train-000001.parquet"
    body = index.read_bytes()
    index.write_bytes((folder / "index" / "train-000002.parquet").read_bytes())
    assert len(Catalog.open(far, "train", cache).index) == 25, "the copy here is the one that the manifest names"
    with pytest.raises(UsageError, match=r"train-000001\.parquet is not the index"):
        Catalog.open(far, "train", cache / "another")
    index.unlink()
    with pytest.raises(UsageError, match=r"train-000001\.parquet.* is missing"):
        Catalog.open(far, "train", cache / "a third")
    index.write_bytes(body)
    tar = folder / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[:-512])
    with pytest.raises(UsageError, match=r"far://.*train-000001\.tar has .* bytes, not"):
        Catalog.open(far, "train", cache)
    tar.unlink()
    with pytest.raises(UsageError, match=r"far://.*train-000001\.tar is missing"):
        Catalog.open(far, "train", cache)


@pytest.mark.parametrize("limit", [1, 2**30], ids=["ranges", "whole shards"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [("cut", Reason.TRUNCATED), ("gone", Reason.MISSING_FILE), ("flipped", Reason.UNDECODABLE)],
)
def test_a_shard_that_is_damaged_while_training_runs(
    folder: Path, far: str, cache: Path, damage: str, reason: Reason, limit: int
) -> None:
    loader = Loader(far, global_batch_size=5, seed=2, **STRICT, image_size=16, cache=cache, cache_bytes=limit)
    order = [b.ids for b in batches(folder)]
    tar = folder / "train-000001.tar"
    body = bytearray(tar.read_bytes())
    tar.unlink()
    if damage != "gone":
        body[::500] = bytes(255 - b for b in body[::500])
        tar.write_bytes(body if damage == "flipped" else body[:1000])
    got = list(loader)
    assert [b.ids for b in got] == order
    bad = [(b.ids[i], int(b.reason[i].max())) for b in got for i in range(5) if not b.valid[i]]
    assert bad
    assert {b.shard for b in loader.bad} == {tar.name}
    assert reason in {why for _, why in bad}
    assert all((b.state[i] != State.PRESENT).all() for b in got for i in range(5) if not b.valid[i])


def test_a_spoiled_copy_on_this_node_is_fetched_anew(folder: Path, far: str, cache: Path) -> None:
    wanted = batches(far, cache=cache)
    for copy in cache.glob("*.shard"):
        body = bytearray(copy.read_bytes())
        body[::300] = bytes(255 - b for b in body[::300])
        copy.write_bytes(body)
    loader = Loader(far, global_batch_size=5, seed=2, **STRICT, image_size=16, cache=cache)
    assert_same(list(loader), wanted)
    assert not loader.bad


def test_a_node_without_room_asks_for_ranges(folder: Path, far: str, tmp_path: Path) -> None:
    loader = Loader(far, global_batch_size=5, seed=2, **STRICT, image_size=16, cache=tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("no folder can be made here")
    assert_same(list(loader), batches(folder))


def test_a_cut_in_a_store(
    dataset: Dataset, folder: Path, far: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    narrow = dataset.read("cut_products").filter(pl.col("product_id") != product_id(1))
    dataset.write("cut_products", "part-00000", narrow, cut="narrow")
    local, remote = (
        Catalog.open(folder, "train").within(f"{scheme}{dataset.root}/cuts/narrow").index for scheme in ("", "far://")
    )
    assert remote.equals(local)
    assert remote.num_rows == 24
    with pytest.raises(UsageError, match="is not the folder of a cut"):
        Catalog.open(folder, "train").within(f"far://{dataset.root}/cuts/nothing")


def test_a_cut_in_a_store_is_kept_where_the_shards_are(
    dataset: Dataset, far: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    Loader(far, global_batch_size=5, cut=f"far://{dataset.root}/cuts/default", cache=cache)
    assert list(cache.rglob("products/*.parquet"))
    assert not (tmp_path / "elsewhere").exists()
