"""Whole files."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from m5tools import atomic
from m5tools.errors import told_by_the_system


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "part"
    atomic.write_bytes(file, b"old")

    def fail() -> None:
        with atomic.whole_file(file) as temporary:
            temporary.write_bytes(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"part": b"old"}


def test_a_folder_in_the_place_of_a_file_is_told_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    with pytest.raises(IsADirectoryError) as refused:
        atomic.write_bytes(tmp_path / "part", b"new")
    told = told_by_the_system(refused.value)
    assert told == f"{tmp_path / 'part'}: is a directory; name another place or change it"


def test_what_a_dead_writer_left_is_swept_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = {
        "dead": f"{atomic.TEMPORARY}{gone.pid}@{socket.gethostname()}@part",
        "living": f"{atomic.TEMPORARY}{os.getpid()}@{socket.gethostname()}@part",
        "elsewhere": f"{atomic.TEMPORARY}{gone.pid}@another-host@part",
    }
    for name in (*names.values(), "part"):
        (tmp_path / name).write_bytes(b"half")
    atomic.sweep(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {names["living"], names["elsewhere"], "part"}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell of processes that ended")
def test_a_process_that_ended_and_was_not_asked_how_writes_no_more(tmp_path: Path) -> None:
    writer = subprocess.Popen(["true"])
    left = tmp_path / f"{atomic.TEMPORARY}{writer.pid}@{socket.gethostname()}@part"
    left.touch()
    deadline = time.monotonic() + 30
    while left.exists() and time.monotonic() < deadline:
        atomic.sweep(tmp_path)
        time.sleep(0.01)
    assert not left.exists()
    assert writer.returncode is None, "nobody has asked"
    writer.wait()


def test_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    together = threading.Barrier(2)

    def write(_: int) -> None:
        with atomic.whole_file(tmp_path / "note") as temporary:
            temporary.write_bytes(b"the same")
            together.wait(10)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert [file.name for file in tmp_path.iterdir()] == ["note"]
