"""Where the client may ask, and how politely: one case, one test."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from m5tools.fetch.exchange import Answer
from m5tools.fetch.hosts import Refused
from m5tools.vocabulary import Reason

from .asking import PICTURE, Asker, names
from .server import Request, Server, reply, serving


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


def test_credentials_in_a_url_are_not_sent(server: Server, ask: Asker) -> None:
    server.routes["/a"] = reply(PICTURE)
    assert ask.bytes(server.url("/a", "user:pass@127.0.0.1")) == PICTURE
    assert "Authorization" not in server.requests[-1].headers


@pytest.mark.parametrize(
    "url", ["http://", "http:///a.png", "http://[::1/a", "http://a.example:99999/", "http://\x00/", "http://.../a"]
)
def test_what_is_no_url_is_a_dead_link(ask: Asker, url: str) -> None:
    assert ask.reason(url, tries=1) in (Reason.DEAD_LINK, Reason.DNS_ERROR)


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
