"""Objects in a store: whole, under conditions, asked for again where the store does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from m5tools import store
from m5tools.bucket import Bucket
from m5tools.errors import StageFailed, UsageError

from .moto_server import Served, moto_server


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(store, "FIRST_WAIT_S", 0.001)
    with moto_server(monkeypatch) as served:
        yield served


def test_a_condition_says_what_is_replaced(s3: Served) -> None:
    bucket = Bucket(f"s3://{s3.bucket}/shop")
    first = bucket.put_if("a.json", b"1", None)
    assert first is not None
    assert bucket.put_if("a.json", b"2", None) is None
    second = bucket.put_if("a.json", b"3", first)
    assert second is not None
    assert bucket.put_if("a.json", b"4", first) is None
    assert bucket.put_if("gone.json", b"5", first) is None
    assert bucket.at("a.json") == (b"3", second)
    bucket.remove_if("a.json", first)
    assert bucket.at("a.json") is not None
    bucket.remove_if("a.json", second)
    assert bucket.at("a.json") is None


def test_only_what_lies_below_the_folder_is_listed(tmp_path: Path, s3: Served) -> None:
    (tmp_path / "file").write_bytes(b"four")
    bucket, beside = Bucket(f"s3://{s3.bucket}/shop"), Bucket(f"s3://{s3.bucket}/shop-2")
    names = ["a/b c/ü%41+.txt", "b"]
    versions = {name: bucket.put(name, tmp_path / "file") for name in names}
    beside.put("b", tmp_path / "file")
    assert {name: (e.size, e.version) for name, e in bucket.entries().items()} == {n: (4, versions[n]) for n in names}
    assert [*bucket.entries("a")] == names[:1]
    assert bucket.entry("a") is None
    bucket.get(names[0], tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"four"
    bucket.remove([*names, "never"])
    assert bucket.entries() == {}
    assert [*beside.entries()] == ["b"]


def test_large_files_go_up_in_parts(tmp_path: Path, s3: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.bucket.ONE_REQUEST", 3)
    (tmp_path / "file").write_bytes(b"four")
    bucket = Bucket(f"s3://{s3.bucket}/shop")
    version = bucket.put("a", tmp_path / "file")
    assert bucket.at("a") == (b"four", version)


@pytest.mark.slow
def test_a_store_that_answers_at_last_is_waited_for(tmp_path: Path, s3: Served) -> None:
    bucket = Bucket(f"s3://{s3.bucket}/shop")
    (tmp_path / "file").write_bytes(b"four")
    refused: dict[tuple[str, str], int] = {}

    def refuses(method: str, path: str) -> bool:
        refused[method, path] = refused.get((method, path), 0) + 1
        return refused[method, path] % 4 != 0  # more often than the client asks by itself

    s3.refuses = refuses
    bucket.put("a", tmp_path / "file")
    assert [*bucket.entries()] == ["a"]


@pytest.mark.slow
def test_what_cannot_be_had_is_one_line(s3: Served, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such bucket; make it"):
        Bucket("s3://no-such-bucket-here/shop").entries()
    bucket = Bucket(f"s3://{s3.bucket}/shop")
    s3.refuses = lambda method, path: method == "PUT"
    (tmp_path / "file").write_bytes(b"four")
    with pytest.raises(StageFailed, match=r"tries failed.*run the same command again"):
        bucket.put("a", tmp_path / "file")
