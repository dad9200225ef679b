from __future__ import annotations

import multiprocessing as mp
import os
import threading
from pathlib import Path

import pytest

from m5tools.loader import cache as caching
from m5tools.loader.cache import NodeCache


class Origin:
    """A file elsewhere, and how often its beginning was asked for."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.fetched = 0

    def __call__(self, start: int, length: int) -> bytes:
        self.fetched += start == 0
        return self.body[start : start + length]


def content(descriptor: int) -> bytes:
    try:
        return os.pread(descriptor, 1 << 20, 0)
    finally:
        os.close(descriptor)


def test_a_shard_is_fetched_once_and_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "BLOCK", 7)
    cache, origin = NodeCache(tmp_path / "new", 100), Origin(bytes(range(50)))
    assert content(cache.open("a", 50, origin)) == origin.body
    assert content(cache.open("a", 50, origin)) == origin.body
    assert origin.fetched == 1
    assert not list(cache.folder.glob("*.part"))


def test_what_was_unused_for_longest_goes_and_stays_readable(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, 100)
    origins = {name: Origin(name.encode() * 40) for name in "abc"}
    kept = cache.open("a", 40, origins["a"])
    os.close(cache.open("b", 40, origins["b"]))
    os.close(cache.open("a", 40, origins["a"]))  # used again: b is older now
    os.close(cache.open("c", 40, origins["c"]))
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 100
    os.close(cache.open("a", 40, origins["a"]))
    assert origins["a"].fetched == 1
    os.close(cache.open("b", 40, origins["b"]))
    assert origins["b"].fetched == 2
    assert content(kept) == b"a" * 40


def test_a_failing_fetch_leaves_nothing_and_a_killed_one_is_begun_anew(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, 100)

    def fails(start: int, length: int) -> bytes:
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        cache.open("a", 40, fails)
    assert not [f for f in tmp_path.iterdir() if f.suffix != ".lock"]
    (tmp_path / f"{cache._file('a').stem}.part").write_bytes(b"left by a killed process" * 9)
    assert content(cache.open("a", 40, Origin(b"a" * 40))) == b"a" * 40


def test_a_copy_that_turned_out_wrong_is_fetched_again(tmp_path: Path) -> None:
    cache, origin = NodeCache(tmp_path, 100), Origin(b"a" * 40)
    os.close(cache.open("a", 40, origin))
    cache.drop("a")
    os.close(cache.open("a", 40, origin))
    assert origin.fetched == 2


def test_threads_and_processes_share_one_fetch(tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [mp.get_context("fork").Process(target=_several, args=(tmp_path / "cache", log)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert log.read_text() == "fetched\n"


def _several(folder: Path, log: Path) -> None:
    def read(start: int, length: int) -> bytes:
        with log.open("a") as file:
            file.write("fetched\n")
        return b"a" * 40

    def one() -> None:
        assert content(NodeCache(folder, 100).open("a", 40, read)) == b"a" * 40

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
