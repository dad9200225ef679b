"""What a hostile server sends as a body: one case, one test."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from m5tools.fetch.body import Body
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.exchange import Answer
from m5tools.vocabulary import Modality, Reason

from .asking import PICTURE, Asker
from .server import Request, Server, picture, reply


def test_bytes_come_whole_and_are_judged_by_themselves(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(PICTURE, Content_Type="text/html", Set_Cookie="id=1")
    (answer,) = ask.all([server.url("/a")], contact="https://shop.example/bot")
    assert isinstance(answer, Answer)
    assert answer.mime == "image/png"
    assert answer.body is not None
    assert answer.body.length == len(PICTURE)
    agent = server.requests[-1].headers["User-Agent"]
    assert agent.startswith("m5tools/")
    assert agent.endswith("(+https://shop.example/bot)")


def test_a_large_body_goes_through_a_file(server: Server, ask: Asker, tmp_path: Path) -> None:
    server.routes["/a"] = reply(PICTURE + bytes(700_000))
    assert ask.bytes(server.url("/a")) == PICTURE + bytes(700_000)
    assert (tmp_path / "0").stat().st_size == len(PICTURE) + 700_000


@pytest.mark.parametrize("body", [gzip.compress, zlib.compress])
def test_compression_that_nobody_asked_for_is_undone(server: Server, ask: Asker, body: Any) -> None:
    encoding = "gzip" if body is gzip.compress else "deflate"
    server.routes["/a"] = reply(body(PICTURE), Content_Encoding=encoding)
    assert ask.bytes(server.url("/a")) == PICTURE


@pytest.mark.parametrize("at_once", [1, 7, 100_000])
def test_all_members_of_gzip_are_read(tmp_path: Path, at_once: int) -> None:
    sent = gzip.compress(PICTURE[:50]) + gzip.compress(b"") + gzip.compress(PICTURE[50:]) + bytes(9)
    body = Body(1_000_000, "gzip", tmp_path / "spill")
    for start in range(0, len(sent), at_once):
        body.feed(sent[start : start + at_once])
    body.end()
    assert body.opened().read() == PICTURE


def test_a_bomb_behind_the_first_member_of_gzip(server: Server, ask: Asker) -> None:
    bomb = gzip.compress(PICTURE) + gzip.compress(bytes(40_000_000))
    server.routes["/a"] = reply(bomb, Content_Encoding="gzip")
    assert ask.reason(server.url("/a"), largest_bytes=1_000_000) == Reason.TOO_LARGE


def test_gzip_bomb(server: Server, ask: Asker) -> None:
    bomb = gzip.compress(PICTURE + bytes(40_000_000))
    server.routes["/a"] = reply(bomb, Content_Encoding="gzip")
    assert len(bomb) < 100_000
    assert ask.reason(server.url("/a"), largest_bytes=1_000_000) == Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (gzip.compress(PICTURE)[:-12], "gzip", Reason.TRUNCATED), (PICTURE, "gzip", Reason.UNDECODABLE),
        (PICTURE, "br", Reason.WRONG_TYPE), (gzip.compress(PICTURE) + gzip.compress(PICTURE)[:-1], "gzip", Reason.TRUNCATED),
        (gzip.compress(PICTURE) + b"\x1f", "gzip", Reason.TRUNCATED), (gzip.compress(PICTURE) + PICTURE, "gzip", Reason.TRUNCATED),
        (zlib.compress(PICTURE) + PICTURE, "deflate", Reason.TRUNCATED),
    ],
    ids=["cut off", "not gzip", "unknown", "second member cut off", "one byte behind", "junk behind", "junk behind deflate"],
)  # fmt: skip
def test_compression_that_is_none(server: Server, ask: Asker, body: bytes, encoding: str, reason: Reason) -> None:
    server.routes["/a"] = reply(body, Content_Encoding=encoding)
    assert ask.reason(server.url("/a")) == reason


def test_endless_body(server: Server, ask: Asker) -> None:
    async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(PICTURE, Content_Length=None))
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    server.routes["/a"] = endless
    assert ask.reason(server.url("/a"), largest_bytes=1_000_000) == Reason.TOO_LARGE
    assert server.asked["/a"] == 1


def test_a_length_beyond_the_cap_is_not_even_read(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(b"", Content_Length=10 * 2**30)
    assert ask.reason(server.url("/a")) == Reason.TOO_LARGE


def test_a_length_longer_than_the_body(server: Server, ask: Asker) -> None:
    async def cut(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(PICTURE, Content_Length=len(PICTURE) + 10))

    server.routes["/a"] = cut
    assert ask.reason(server.url("/a")) == Reason.TRUNCATED
    assert server.asked["/a"] == 3


def test_a_length_shorter_than_the_body_does_not_spill_into_the_next_answer(server: Server, ask: Asker) -> None:
    forged = reply(picture(9))
    server.routes |= {"/a": reply(PICTURE) + forged, "/b": reply(picture(2))}
    for _ in range(3):
        answers = ask.all([server.url("/a"), server.url("/b"), server.url("/b?")], per_host=1)
        assert all(isinstance(a, Answer) for a in answers[:2])
        assert ask.bytes(server.url("/b")) == picture(2)


@pytest.mark.parametrize(
    ("body", "kind"), [(b"<!doctype html><html>sorry</html>", "image/png"), (b"ID3\x04" + bytes(500), "image/png"),
                       (b"an error occurred, please come back", "image/png"), (b'{"error": 404}', "image/jpeg"),
                       ("<html>désolé</html>".encode("utf-16"), "image/png"), (gzip.compress(b"<html></html>", mtime=0), "image/png"),
                       (b"PK\x03\x04" + bytes(500), "image/png"), (b"%PDF-1.7\n" + bytes(500), "image/png"),
                       (random.Random(1).randbytes(9_000), "image/png"), (bytes(9_000), "image/png"), (b"\xff\xd8", "image/jpeg")],
)  # fmt: skip
def test_lying_type(server: Server, ask: Asker, body: bytes, kind: str) -> None:
    server.routes["/a"] = reply(body, Content_Type=kind)
    assert ask.reason(server.url("/a")) == Reason.WRONG_TYPE
    assert server.asked["/a"] == 1


def test_empty_body(server: Server, ask: Asker) -> None:
    server.routes |= {"/a": reply(b""), "/b": reply(b"", 204)}
    assert ask.reason(server.url("/a")) == ask.reason(server.url("/b")) == Reason.EMPTY


def test_bytes_of_no_known_type_are_given_up_at_their_beginning(server: Server, ask: Asker) -> None:
    sent = 0

    async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(reply(b"", Content_Length=50_000_000))
        noise = random.Random(2)
        while True:
            writer.write(noise.randbytes(65_536))
            sent += 65_536
            await writer.drain()

    server.routes["/a"] = endless
    assert ask.reason(server.url("/a")) == Reason.WRONG_TYPE
    assert sent < 20_000_000


@pytest.mark.parametrize(("length", "declared"), [(2_000_000, True), (2_000_000, False)])
def test_a_picture_has_a_limit_of_its_own(server: Server, ask: Asker, length: int, declared: bool) -> None:
    async def picture_without_end(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(PICTURE + bytes(length), Content_Length=len(PICTURE) + length if declared else None))

    server.routes["/a"] = picture_without_end
    assert ask.reason(server.url("/a"), largest_image_bytes=1_000_000) == Reason.TOO_LARGE
    assert len(ask.bytes(server.url("/a"), largest_image_bytes=3_000_000)) == len(PICTURE) + length
    assert FetchConfig().most(Modality.VIDEO) > FetchConfig().most(Modality.IMAGE)
    assert FetchConfig(largest_bytes=5).most(Modality.IMAGE) == 5
