"""The whole line on a dataset in an object store: the bytes of a local one, also when runs are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.moto_server import Served, moto_server

from . import line

WRITING = ("PUT", "POST", "DELETE")


class _Killing:
    """Kills a process group when it writes to the store for the n-th time; refuses nothing."""

    def __init__(self, group: int, at: int) -> None:
        self._group = group
        self._left = at
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> bool:
        with self._lock:
            self._left -= method in WRITING
            if self._left < 0 and self._group:
                os.killpg(self._group, signal.SIGKILL)
                self._group = 0
        return False


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with moto_server(monkeypatch) as served:
        yield served


def of_folder(dataset: Path) -> dict[str, str]:
    return {name: digest for name, digest in line.content(dataset).items() if not name.startswith("reports/")}


@pytest.mark.slow
def test_a_dataset_in_a_store_has_the_bytes_of_a_local_one(
    crawl: Path, dataset: Path, s3: Served, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    uri = f"s3://{s3.bucket}/deep/shop"
    line.complete(line.command(crawl, uri), scratch)
    s3.download(tmp_path / "found")
    assert line.differences(of_folder(dataset), line.content(tmp_path / "found" / "deep" / "shop")) == []
    assert [name for name in s3.names() if "/scratch/" in name or "/." in name] == []

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    again = line.complete(line.command(crawl, uri), scratch)
    assert "nothing to do" in again or "up to date" in again
    checked = line.complete([*line.M5, "check", uri], scratch)
    assert " 0 faults" in checked
    assert uri in line.complete([*line.M5, "status", "--dataset", uri], scratch)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_is_taken_up_on_this_machine_or_another(
    crawl: Path, dataset: Path, s3: Served, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "0"))
    arguments = line.command(crawl, f"s3://{s3.bucket}/shop")
    line.complete(arguments, scratch)
    written = sum(method in WRITING for method, _ in s3.asked)
    draw, machine, kills = random.Random(8), 0, 2
    for stretch in range(kills):
        s3.empty()
        shutil.rmtree(tmp_path / str(machine))
        at = int(written * (stretch + draw.random()) / kills)
        process = line.start(arguments, scratch)
        s3.refuses = _Killing(process.pid, at)
        assert process.wait(timeout=600) == -signal.SIGKILL
        s3.refuses = lambda method, path: False
        if stretch % 2:
            machine += 1  # which has no copy; that a claim runs out is another test's matter
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / str(machine)))
            (tmp_path / str(machine)).mkdir()
            s3.remove("shop/.claim.json")
        line.complete(arguments, scratch)
        place = tmp_path / "found" / str(stretch)
        s3.download(place)
        assert line.differences(of_folder(dataset), line.content(place / "shop")) == [], (
            f"killed at write {at} of {written}"
        )
        assert [name for name in s3.names() if "/scratch/" in name or "/." in name] == []


@pytest.mark.slow
def test_a_crawl_whose_media_lie_in_a_bucket_gives_the_samples_of_a_local_one(
    crawl: Path, dataset: Path, s3: Served, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    fs = s3.fs()
    for file in crawl.rglob("*"):
        if file.is_file() and file.suffix != ".jsonl":
            fs.pipe_file(f"{s3.bucket}/crawl/{file.relative_to(crawl)}", file.read_bytes())
    root = f"s3://{s3.bucket}/crawl"
    told = {name: digest for name, digest in of_folder(dataset).items() if is_content(name)}
    assert any(name.endswith(".tar") for name in told)
    assert any(name.startswith("tables/fetched/") for name in told)
    for place in (str(tmp_path / "dataset"), f"s3://{s3.bucket}/shop"):
        line.complete(line.command(crawl, place, media=root), scratch)
        s3.download(tmp_path / "found")
        found = line.content(Path(place) if place.startswith("/") else tmp_path / "found" / "shop")
        assert line.differences(told, {name: digest for name, digest in found.items() if is_content(name)}) == []


def is_content(name: str) -> bool:
    """Whether a file of a dataset tells nothing of where its media lie, nor of the runs that do."""
    return name.endswith((".tar", ".parquet")) and not name.startswith("tables/assets/")
