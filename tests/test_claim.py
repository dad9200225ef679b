"""One writer of a dataset in a store at a time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from m5tools import claim
from m5tools.bucket import Bucket
from m5tools.claim import PLACE, Claim
from m5tools.errors import UsageError

from .moto_server import Served, moto_server


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(claim, "BEAT_S", 0.1)
    with moto_server(monkeypatch) as served:
        yield _of(served)


def _of(served: Served) -> Bucket:
    return Bucket(f"s3://{served.bucket}/shop")


def _copy(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path / name


def test_a_living_holder_is_told_and_one_that_let_go_is_not_waited_for(tmp_path: Path, bucket: Bucket) -> None:
    other = Claim(bucket, _copy(tmp_path, "b"))
    with Claim(bucket, _copy(tmp_path, "a")).held(), pytest.raises(UsageError, match=r"another run .* writes"):
        other._take()
    with Claim(bucket, _copy(tmp_path, "b")).held():
        assert bucket.at(PLACE) is not None
    assert bucket.at(PLACE) is None


def test_a_dead_holder_is_replaced(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    left = Claim(bucket, _copy(tmp_path, "a"))
    left._take()  # and killed
    started = time.monotonic()
    with Claim(bucket, _copy(tmp_path, "a")).held():  # its own copy's lock says that it is dead
        pass
    assert time.monotonic() - started < claim.DEAD_AFTER_S
    left._take()
    monkeypatch.setattr(claim, "DEAD_AFTER_S", 0.5)
    started = time.monotonic()
    with Claim(bucket, _copy(tmp_path, "b")).held():
        assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"1", b'"x"'])
def test_a_claim_that_does_not_tell_its_holder_is_watched(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(claim, "DEAD_AFTER_S", 0.3)
    bucket.put_if(PLACE, body, None)
    started = time.monotonic()
    with Claim(bucket, _copy(tmp_path, "a")).held():
        assert time.monotonic() - started >= 0.3


def test_of_many_that_come_at_once_one_gets_it(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "DEAD_AFTER_S", 0.3)
    Claim(bucket, _copy(tmp_path, "dead"))._take()
    held, refused = [], []
    over = threading.Event()

    def run(name: str) -> None:
        try:
            with Claim(bucket, _copy(tmp_path, name)).held():
                held.append(name)
                over.wait(30)
        except UsageError:
            refused.append(name)
            if len(refused) == 3:
                over.set()

    threads = [threading.Thread(target=run, args=(f"{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 3)


def test_one_who_was_replaced_writes_no_more(tmp_path: Path, bucket: Bucket) -> None:
    mine = Claim(bucket, _copy(tmp_path, "a"))
    with mine.held():
        mine.hold()
        there = bucket.at(PLACE)
        while there is not None and not bucket.put_if(
            PLACE, json.dumps({"token": "x", "copy": "y"}).encode(), there[1]
        ):
            there = bucket.at(PLACE)
        waited = time.monotonic() + 30
        while not mine._lost and time.monotonic() < waited:
            time.sleep(0.02)
        with pytest.raises(UsageError, match=r"took .* over; nothing more was written"):
            mine.hold()
    assert bucket.at(PLACE) is not None  # it is not ours to remove
