"""The client against a hostile server: one case, one test."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from m5tools.errors import StageFailed
from m5tools.fetch.client import Client
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.exchange import Answer, Validators
from m5tools.fetch.hosts import Clock, Refused
from m5tools.vocabulary import Modality, Reason

from .server import Act, Request, Server, picture, reply, serving

PICTURE = picture(1)
LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


class Asker:
    """Asks one client for URLs, all at once, and keeps what it would have slept."""

    def __init__(self, spill: Path) -> None:
        self.slept: list[float] = []
        self._spill = spill

    def all(self, urls: list[str], validators: Validators | None = None, **settings: Any) -> list[Answer | Refused]:
        config = FetchConfig(**{"allow_networks": LOOPBACK, "retry_wait_s": 0.5, **settings})

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            await asyncio.sleep(0)

        async def one(client: Client, key: str, url: str) -> Answer | Refused:
            try:
                return await client.fetch(key, url, Modality.IMAGE, validators or Validators())
            except Refused as refusal:
                return refusal

        async def ask() -> list[Answer | Refused]:
            async with Client(config, Clock(sleep=sleep), self._spill) as client:
                return await asyncio.gather(*(one(client, str(i), url) for i, url in enumerate(urls)))

        return asyncio.run(ask())

    def bytes(self, url: str, **settings: Any) -> bytes:
        """What a URL gives."""
        (answer,) = self.all([url], **settings)
        assert isinstance(answer, Answer), answer
        assert answer.body is not None
        with answer.body.opened() as file:
            return file.read()

    def reason(self, url: str, **settings: Any) -> Reason:
        """Why a URL gives nothing."""
        (answer,) = self.all([url], **settings)
        assert isinstance(answer, Refused), answer
        return answer.reason


@pytest.fixture
def ask(tmp_path: Path) -> Asker:
    return Asker(tmp_path)


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


def test_redirects_are_followed(server: Server, ask: Asker) -> None:
    server.routes |= {"/a": reply(b"", 302, Location="b#x"), "/b": reply(b"", 308, Location="/c"), "/c": reply(PICTURE)}
    assert ask.bytes(server.url("/a")) == PICTURE
    assert ask.reason(server.url("/a"), redirects=1) == Reason.REDIRECT_LOOP


def test_redirect_loop(server: Server, ask: Asker) -> None:
    server.routes |= {"/a": reply(b"", 302, Location="/b"), "/b": reply(b"", 302, Location="/a")}
    assert ask.reason(server.url("/a")) == Reason.REDIRECT_LOOP
    assert server.asked["/a"] == 1


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://2852039166/", "//0xa9fea9fe/",
        "http://[::ffff:169.254.169.254]/", "file:///etc/passwd", "ftp://example.com/a.png", "data:image/png;base64,AA",
        "gopher://example.com/",
    ],
)  # fmt: skip
def test_redirect_to_what_may_not_be_asked(server: Server, ask: Asker, target: str) -> None:
    server.routes["/a"] = reply(b"", 302, Location=target)
    assert ask.reason(server.url("/a")) == Reason.BLOCKED_ADDRESS
    assert server.asked["/a"] == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0x7f000001", "[::ffff:127.0.0.1]",
             "localhost", "１２７.0.0.1", "127。0。0。1", "user:pass@127.0.0.1", "example.com@127.0.0.1"],
)  # fmt: skip
def test_loopback_in_any_spelling_is_refused_unless_it_is_opened(server: Server, ask: Asker, host: str) -> None:
    server.routes["/a"] = reply(PICTURE)
    url = server.url("/a", host)
    assert ask.reason(url, allow_networks=()) == Reason.BLOCKED_ADDRESS
    assert not server.requests
    assert ask.bytes(url) == PICTURE


def test_ipv6_loopback(ask: Asker) -> None:
    with serving(Server({"/a": reply(PICTURE)}), "::1") as server:
        assert ask.reason(server.url("/a", "[::1]"), allow_networks=("127.0.0.0/8",)) == Reason.BLOCKED_ADDRESS
        assert not server.requests
        assert ask.bytes(server.url("/a", "[::1]")) == PICTURE


def names(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let the system's resolver say these addresses, one a look-up, the last for good; gives the names looked up."""
    looked_up: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        address = answers[min(len(looked_up), len(answers)) - 1]
        if not address:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return looked_up


def test_a_name_that_means_a_private_address(server: Server, ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "10.0.0.5")
    assert ask.reason(server.url("/a", "innocent.example")) == Reason.BLOCKED_ADDRESS


def test_dns_rebinding(server: Server, ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is checked, private when it is used: only the checked address is connected to."""
    looked_up = names(monkeypatch, "8.8.8.8", "127.0.0.1")
    connected: list[Any] = []

    async def connect(_: Any, sock: socket.socket, where: Any) -> None:
        connected.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", connect)
    server.routes["/a"] = reply(PICTURE)
    url = server.url("/a", "rebind.example")
    assert ask.reason(url, allow_networks=()) == Reason.CONNECTION_ERROR
    assert set(connected) == {"8.8.8.8"}
    assert ask.reason(url, allow_networks=()) == Reason.BLOCKED_ADDRESS
    assert set(connected) == {"8.8.8.8"}
    assert len(looked_up) == 2
    assert not server.requests


def test_a_name_that_nobody_has_is_looked_up_again(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = names(monkeypatch, "")
    assert ask.reason("http://gone.example/a.png") == Reason.DNS_ERROR
    assert len(looked_up) == 3


def test_nobody_listens(ask: Asker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert ask.reason(f"http://127.0.0.1:{port}/a") == Reason.CONNECTION_ERROR


@pytest.mark.parametrize("body", [gzip.compress, zlib.compress])
def test_compression_that_nobody_asked_for_is_undone(server: Server, ask: Asker, body: Any) -> None:
    encoding = "gzip" if body is gzip.compress else "deflate"
    server.routes["/a"] = reply(body(PICTURE), Content_Encoding=encoding)
    assert ask.bytes(server.url("/a")) == PICTURE


def test_gzip_bomb(server: Server, ask: Asker) -> None:
    bomb = gzip.compress(PICTURE + bytes(40_000_000))
    server.routes["/a"] = reply(bomb, Content_Encoding="gzip")
    assert len(bomb) < 100_000
    assert ask.reason(server.url("/a"), largest_bytes=1_000_000) == Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (gzip.compress(PICTURE)[:-12], "gzip", Reason.TRUNCATED), (PICTURE, "gzip", Reason.UNDECODABLE),
        (PICTURE, "br", Reason.WRONG_TYPE),
    ],
    ids=["cut off", "not gzip", "unknown"],
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


def test_credentials_in_a_url_are_not_sent(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(PICTURE)
    assert ask.bytes(server.url("/a", "user:pass@127.0.0.1")) == PICTURE
    assert "Authorization" not in server.requests[-1].headers


@pytest.mark.parametrize(
    "url", ["http://", "http:///a.png", "http://[::1/a", "http://a.example:99999/", "http://\x00/", "http://.../a"]
)
def test_what_is_no_url_is_a_dead_link(ask: Asker, url: str) -> None:
    assert ask.reason(url, tries=1) in (Reason.DEAD_LINK, Reason.DNS_ERROR)


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
        b"Location: http://a:b@c:d@e/", b"Retry-After: -5", b"Retry-After: Mon, 99 Foo", "Retry-After: ²".encode(), b": ",
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


def test_robots_are_obeyed_and_asked_for_once(server: Server, ask: Asker) -> None:
    rules = b"User-agent: *\nDisallow: /\n\nUser-agent: m5tools\nDisallow: /private\n"
    server.routes |= {"/robots.txt": reply(rules), "/a": reply(PICTURE), "/private/a": reply(PICTURE)}
    server.routes["/to"] = reply(b"", 302, Location="/private/a")
    answers = ask.all([server.url(p) for p in ("/a", "/private/a", "/to", "/a?1", "/a?2")])
    reasons = [a.reason.word if isinstance(a, Refused) else "present" for a in answers]
    assert reasons == ["present", "blocked_by_robots", "blocked_by_robots", "dead_link", "dead_link"]
    assert server.asked["/robots.txt"] == 1
    assert server.asked["/private/a"] == 0


@pytest.mark.parametrize(
    ("robots", "reason"),
    [
        (reply(b"", 500), Reason.BLOCKED_BY_ROBOTS), (reply(b"", 429), Reason.BLOCKED_BY_ROBOTS), (reply(b"", 404), None),
        (reply(b"", 401), None), (reply(b""), None), (reply(b"<html>no</html>"), None),
        (reply(b"", 302, Location="http://10.0.0.1/robots.txt"), Reason.BLOCKED_ADDRESS),
        (reply(b"", 302, Location="/robots.txt"), None),
        (reply(b"User-agent: *\nDisallow: /\n" + b"#" * 2_000_000), Reason.BLOCKED_BY_ROBOTS),
    ],
)  # fmt: skip
def test_what_a_missing_or_odd_robots_txt_means(
    server: Server, ask: Asker, robots: bytes, reason: Reason | None
) -> None:
    server.routes |= {"/robots.txt": robots, "/a": reply(PICTURE)}
    if reason is None:
        assert ask.bytes(server.url("/a")) == PICTURE
    else:
        assert ask.reason(server.url("/a")) == reason
        assert server.asked["/a"] == 0


def test_crawl_delay_is_kept_up_to_a_cap(server: Server, ask: Asker) -> None:
    server.routes |= {
        "/robots.txt": reply(b"User-agent: *\nCrawl-delay: 9000"),
        "/a": reply(PICTURE),
        "/b": reply(PICTURE),
    }
    ask.all([server.url("/a"), server.url("/b")], longest_wait_s=30.0)
    assert max(ask.slept) == pytest.approx(30, abs=1)


def test_connections_to_one_host_are_limited(server: Server, ask: Asker) -> None:
    async def slowly(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.005)
        writer.write(reply(PICTURE, Connection="close"))

    server.routes |= {f"/{i}": slowly for i in range(100)}
    answers = ask.all([server.url(f"/{i}") for i in range(100)], per_host=5)
    assert all(isinstance(a, Answer) for a in answers)
    assert server.open_at_once == 5


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
