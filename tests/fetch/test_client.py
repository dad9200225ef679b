"""Answers late, broken, refused or unchanged, from a hostile server: one case, one test."""

from __future__ import annotations

import asyncio
import gzip
import random
from pathlib import Path

import pytest

from m5tools.errors import StageFailed
from m5tools.fetch.exchange import Answer, Validators
from m5tools.fetch.hosts import Refused
from m5tools.vocabulary import Reason

from .asking import PICTURE, Asker, names
from .server import Act, Request, Server, reply


def test_slow_drip(server: Server, ask: Asker) -> None:
    async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", Content_Length=10_000))
        while True:
            writer.write(PICTURE[:1])
            await writer.drain()
            await asyncio.sleep(0.02)

    server.routes["/a"] = drip
    assert ask.reason(server.url("/a"), stall_s=0.1, tries=1) == Reason.TIMEOUT


def test_slow_drip_of_headers(server: Server, ask: Asker) -> None:
    async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.routes["/a"] = drip
    assert ask.reason(server.url("/a"), stall_s=0.1, connect_s=0.1, tries=1) == Reason.TIMEOUT


def test_silence(server: Server, ask: Asker) -> None:
    async def nothing(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    server.routes["/a"] = nothing
    assert ask.reason(server.url("/a"), stall_s=0.05, tries=2) == Reason.TIMEOUT
    assert server.asked["/a"] == 2


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "DEAD_LINK"), (410, "DEAD_LINK"), (403, "HTTP_ERROR"), (300, "HTTP_ERROR")]
)
def test_final_answers_are_not_asked_again(server: Server, ask: Asker, status: int, reason: str) -> None:
    server.routes["/a"] = reply(b"no", status)
    assert ask.reason(server.url("/a")) == Reason[reason]
    assert server.asked["/a"] == 1


def test_an_error_page_that_does_not_come_is_not_waited_for(server: Server, ask: Asker) -> None:
    server.routes |= {"/a": reply(b"", 404, Content_Length=100), "/b": reply(b"", 404, Content_Length=None)}
    for path in ("/a", "/b"):
        assert ask.reason(server.url(path), stall_s=0.05) == Reason.DEAD_LINK


def test_503_then_200(server: Server, ask: Asker) -> None:
    server.routes["/a"] = [reply(b"", 503), reply(b"", 500), reply(PICTURE)]
    assert ask.bytes(server.url("/a")) == PICTURE
    waits = ask.slept[-2:]
    assert 0.25 <= waits[0] <= 0.75
    assert 0.5 <= waits[1] <= 1.5
    assert ask.bytes(server.url("/a")) == PICTURE


def test_waits_are_drawn_from_the_seed(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(b"", 502)
    for seed in (1, 1, 2):
        assert ask.reason(server.url("/a"), seed=seed) == Reason.HTTP_ERROR
    first, second, third = (ask.slept[i : i + 2] for i in (0, 2, 4))
    assert first == second != third


def test_429_with_retry_after(server: Server, ask: Asker) -> None:
    server.routes["/a"] = [reply(b"", 429, Retry_After=7), reply(PICTURE)]
    assert ask.bytes(server.url("/a")) == PICTURE
    assert ask.slept[0] == 7


def test_retry_after_as_a_date(server: Server, ask: Asker) -> None:
    server.routes["/a"] = [reply(b"", 503, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), reply(PICTURE)]
    assert ask.bytes(server.url("/a")) == PICTURE


def test_a_host_that_wants_to_be_left_alone_for_long_is(server: Server, ask: Asker) -> None:
    server.routes |= {"/a": reply(b"", 429, Retry_After=86_400), "/b": reply(PICTURE)}
    answers = ask.all([server.url("/a"), server.url("/b")], per_host=1)
    assert [(a.reason, a.status, a.passing) for a in answers if isinstance(a, Refused)] == [
        (Reason.HTTP_ERROR, 429, True)
    ] * 2
    assert server.asked == {"/robots.txt": 1, "/a": 1}


def test_a_host_that_has_died_is_not_asked_for_ever(server: Server, ask: Asker) -> None:
    async def hang_up(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server.routes |= {f"/{i}": hang_up for i in range(200)}
    answers = ask.all([server.url(f"/{i}") for i in range(200)])
    assert {a.reason for a in answers if isinstance(a, Refused)} == {Reason.CONNECTION_ERROR}
    assert len(server.requests) < 100


def test_garbage_instead_of_http(server: Server, ask: Asker) -> None:
    server.routes |= {"/a": b"SSH-2.0-OpenSSH\r\n\r\n", "/b": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"}
    for path in ("/a", "/b"):
        assert ask.reason(server.url(path), tries=1) == Reason.CONNECTION_ERROR


def test_whatever_a_server_says_and_a_url_looks_like_costs_only_itself(
    server: Server, ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(7)
    headers = [
        b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Content-Length: " + b"9" * 30, b"Content-Encoding: gzip",
        b"Content-Encoding: gzip, gzip", b"Location: http://\xff\xfe/", b"Location: //[::1", b"Location:", b"ETag: \xff",
        b"Location: http://a:b@c:d@e/", b"Retry-After: -5", b"Retry-After: Mon, 99 Foo", b"Retry-After: Mon, 20 Nov 1995 19:12:08 +99999999999999", "Retry-After: ²".encode(), b": ",
        b"Upgrade: websocket", b"X: " + b"X" * 9_000, b"Set-Cookie: \x00",
    ]  # fmt: skip
    bodies = [b"", PICTURE, b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\nab", b"-1\r\n", gzip.compress(PICTURE)]

    def rude(answer: bytes) -> Act:
        async def act(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)

        return act

    for i in range(120):
        status = draw.choice([100, 101, 200, 200, 204, 206, 301, 304, 308, 404, 429, 503, 999])
        lines = [b"HTTP/1.1 %d X" % status, *draw.sample(headers, draw.randrange(4)), b"", draw.choice(bodies)]
        server.routes[f"/{i}"] = rude(b"\r\n".join(lines))
    parts = "\x00\x7f \t%²/\\@:[]#?&=.．。é☃\ud800aZ09-_~<>"
    urls = [
        "http://" + "".join(draw.choices(parts, k=draw.randrange(12))) + draw.choice(["", "/a", ":80"])
        for _ in range(200)
    ]
    names(monkeypatch, "")
    answers = ask.all(
        [*(server.url(f"/{i}") for i in range(120)), *urls], stall_s=0.2, connect_s=0.2, tries=1, per_host=50
    )
    assert all(isinstance(answer, Answer | Refused) for answer in answers)


def test_a_full_disk_is_not_laid_at_the_server_s_door(server: Server, tmp_path: Path) -> None:
    (tmp_path / "no-folder").touch()
    server.routes["/a"] = reply(PICTURE + bytes(700_000))
    with pytest.raises(StageFailed, match="cannot write"):
        Asker(tmp_path / "no-folder").all([server.url("/a")])


def test_conditional_request_answered_by_304(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(b"", 304, ETag='"2"')
    validators = Validators('"1"', "Fri, 31 Dec 1999 23:59:59 GMT")
    (answer,) = ask.all([server.url("/a")], validators)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.validators.etag) == (304, None, '"2"')
    headers = server.requests[-1].headers
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"1"', "Fri, 31 Dec 1999 23:59:59 GMT")
    assert ask.reason(server.url("/a")) == Reason.HTTP_ERROR


def test_validators_that_cannot_be_sent_back_are_done_without(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(PICTURE, ETag="x" * 3_000, Last_Modified="\xff")
    (answer,) = ask.all([server.url("/a")])
    assert isinstance(answer, Answer)
    assert answer.validators == Validators()
