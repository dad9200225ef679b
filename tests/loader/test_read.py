from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xxhash

from m5tools.loader import files as opening
from m5tools.loader import read as reading
from m5tools.loader.catalog import Catalog
from m5tools.loader.files import Files, places
from m5tools.loader.read import Payload, read
from m5tools.loader.view import View
from m5tools.vocabulary import MODALITIES, Reason


@pytest.fixture
def view(folder: Path) -> View:
    return Catalog.open(folder, "train").view(MODALITIES)


def every_member(view: View) -> list[Payload]:
    number = np.arange(len(view.offset))[::-1].copy()
    shard = np.repeat(view.shard, np.diff(view.first))[number]
    return list(read(view, Files(places(view.folder, view.shards)), shard, number))


def test_bytes_are_those_of_the_tar(view: View) -> None:
    payloads = every_member(view)
    assert sorted(p.place for p in payloads) == list(range(len(view.offset)))
    for payload in payloads:
        number = len(view.offset) - 1 - payload.place
        assert payload.reason is Reason.NONE
        assert len(payload.data) == view.length[number]
        assert xxhash.xxh3_64_intdigest(payload.data) == view.checksum[number]


def test_neighbours_are_fetched_by_one_read(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    pread = Files.pread
    monkeypatch.setattr(Files, "pread", lambda self, shard, *at: reads.append(shard) or pread(self, shard, *at))
    every_member(view)
    assert reads == list(range(len(view.shards)))
    monkeypatch.setattr(reading, "LARGEST", 4096)
    monkeypatch.setattr(reading, "LOCAL_GAP", 0)
    reads.clear()
    every_member(view)
    assert len(reads) > 3 * len(view.shards)


def test_damage_is_named(view: View) -> None:
    first = np.flatnonzero(np.repeat(view.shard, np.diff(view.first)) == 0)
    tar = view.folder / view.shards[0]
    with tar.open("r+b") as file:
        file.seek(int(view.offset[first[0]]))
        file.write(b"\xff")
        file.truncate(int(view.offset[first[-1]]) + 3)
    (view.folder / view.shards[1]).unlink()
    reasons = {len(view.offset) - 1 - p.place: p.reason for p in every_member(view)}
    assert reasons[first[0]] is Reason.UNDECODABLE
    assert reasons[first[1]] is Reason.NONE
    assert reasons[first[-1]] is Reason.TRUNCATED
    gone = np.flatnonzero(np.repeat(view.shard, np.diff(view.first)) == 1)
    assert {reasons[i] for i in gone} == {Reason.MISSING_FILE}


def test_no_more_files_are_open_than_allowed(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(opening, "OPEN_FILES", 2)
    files = Files(places(view.folder, view.shards))
    for shard in [0, 1, 2, 3, 0, 1]:
        assert files.pread(shard, 0, 16)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
    copy = pickle.loads(pickle.dumps(files))
    assert copy.pread(3, 0, 16) == files.pread(3, 0, 16)
    files.close()
    copy.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_where_the_system_allows_fewer_open_files_some_are_closed(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(places(view.folder, view.shards))
    open_ = os.open

    def full(*arguments: object) -> int:
        if len(files._open) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return open_(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", full)
    assert len(view.shards) > 2
    for shard in range(len(view.shards)):
        assert len(files.pread(shard, 0, 512)) == 512
    files.close()
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.EMFILE, "none at all")))
    with pytest.raises(OSError, match="none at all"):
        files.pread(0, 0, 512)


def test_files_end_quietly_with_the_program(view: View) -> None:
    """At its end the names that a module uses may be gone before the objects it made."""
    program = f"""
import atexit, sys
atexit.register(lambda: vars(sys.modules["m5tools.loader.files"]).update(suppress=None, os=None))
from m5tools.loader.files import Files
files = Files({places(view.folder, view.shards)!r})
files.pread(0, 0, 16)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_files_close_when_they_are_let_go_and_serve_a_forked_process(view: View) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    files = Files(places(view.folder, view.shards))
    expected = files.pread(0, 0, 16)
    child = os.fork()
    if not child:
        os._exit(files.pread(0, 0, 16) != expected)
    assert os.waitpid(child, 0)[1] == 0
    del files
    assert len(list(Path("/proc/self/fd").iterdir())) == before
