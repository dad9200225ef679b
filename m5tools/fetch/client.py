"""Asking for one URL: politely, patiently, within limits, and only from addresses that may be asked.

Redirects are followed by hand, so that every hop passes the same checks (scheme, address, robots.txt, turn at the
host) as the first. Of a body, bytes are counted as they come and as they decompress; its type is judged by its bytes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final

import aiohttp
from yarl import URL

from m5tools.fetch.addresses import BlockedAddress, CheckedResolver, CheckedSockets, literal, networks
from m5tools.fetch.body import Body
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.found import SNIFFED_BYTES, judged
from m5tools.fetch.hosts import Clock, Host, Late, Refused
from m5tools.fetch.robots import MOST_BYTES, Robots
from m5tools.vocabulary import Modality, Reason

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PASSING: Final = (408, 425, 429)
_DEAD: Final = (404, 410)
_ADDRESSES_KEPT_S: Final = 300
# Reading a short error page leaves the connection usable; a long one is not worth that.
_DRAINED_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Validators:
    """What makes a request conditional (RFC 9110 §13): the server answers 304 where nothing has changed."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Answer:
    """A URL that was asked and gave something.

    Attributes:
        status: of the last answer: 200, or 304 where what we have still holds.
        body: the bytes; None with 304.
        mime: media type judged by the bytes.
        validators: for the next request.
    """

    status: int
    body: Body | None
    mime: str | None
    validators: Validators


@dataclass(frozen=True)
class _Wanted:
    """What a request is for: bytes of a modality, or (None) the text of a robots.txt, of which the start will do."""

    modality: Modality | None
    most: int
    spill: Path
    headers: Mapping[str, str]


class Client:
    """Asks for URLs. An async context manager.

    Args:
        config: the settings.
        clock: keeps the deadline.
        spill: folder for bodies too large for memory.
        pieces: by host, over how many units its locations are spread; each gets that share of the host's connections.
    """

    def __init__(self, config: FetchConfig, clock: Clock, spill: Path, pieces: Mapping[str, int] | None = None) -> None:
        self._config = config
        self._clock = clock
        self._spill = spill
        self._pieces = pieces or {}
        self._hosts: dict[str, Host] = {}
        self._connections = asyncio.Semaphore(config.connections)
        self._robots = Robots(self._read_robots)
        allowed = networks(config.allow_networks)
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(allowed, config.connect_s),
            socket_factory=CheckedSockets(allowed),
            ttl_dns_cache=_ADDRESSES_KEPT_S,
            limit=0,
        )
        agent = f"m5tools/{version('m5tools')}" + (f" (+{config.contact})" if config.contact else "")
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=config.connect_s, sock_read=config.stall_s),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def fetch(self, key: str, location: str, modality: Modality, validators: Validators) -> Answer:
        """Ask for one location.

        Args:
            key: its id; with the seed, what the jitter of its waits is drawn from.
            location: the URL as listed.
            modality: what it was listed as.
            validators: of what is held of it already.

        Raises:
            Refused: there is nothing to be had, and why.
            Late: the deadline came before the answer.
        """
        wanted = _Wanted(modality, self._config.largest_bytes, self._spill / key, validators.headers)
        return await self._patiently(key, _parsed(location), wanted, obeying=True)

    async def _read_robots(self, url: URL) -> bytes:
        wanted = _Wanted(None, MOST_BYTES, self._spill / "robots", {})
        answer = await self._patiently(str(url), url, wanted, obeying=False)
        assert answer.body is not None, "a request without validators is not answered by 304"
        with answer.body.opened() as file:
            text = file.read()
        answer.body.discard()
        return text

    async def _patiently(self, key: str, url: URL, wanted: _Wanted, *, obeying: bool) -> Answer:
        """Ask again while the failure is of a passing kind."""
        config = self._config
        jitter = random.Random(f"{config.seed} {key}")  # noqa: S311 - spreads waits, guards nothing
        for attempt in range(1, config.tries + 1):
            try:
                return await self._follow(url, wanted, obeying=obeying)
            except Refused as refusal:
                asked = refusal.wait_s or 0.0
                if not refusal.again or attempt == config.tries or asked > config.longest_wait_s:
                    raise
                backoff = config.retry_wait_s * 2 ** (attempt - 1) * (0.5 + jitter.random())
            await self._clock.wait(max(asked, backoff))
        raise AssertionError("the last try returns or raises")

    async def _follow(self, url: URL, wanted: _Wanted, *, obeying: bool) -> Answer:
        """Ask, and go where the answers send us."""
        seen: set[URL] = set()
        for _ in range(self._config.redirects + 1):
            url = _checked(url)
            if url in seen:
                break
            seen.add(url)
            host = self._host(url)
            if obeying:
                rules = await self._robots.rules(url)
                if not rules.allows(url):
                    raise Refused(Reason.BLOCKED_BY_ROBOTS)
                self._slow_down(host, url, rules.delay_s)
            async with host.turn(), self._connections:
                try:
                    answer = await self._ask(url, wanted, host)
                except Refused as refusal:
                    host.refused(refusal)
                    raise
            if isinstance(answer, Answer):
                return answer
            url = answer
        raise Refused(Reason.REDIRECT_LOOP)

    def _host(self, url: URL) -> Host:
        name = url.host or ""
        if name not in self._hosts:
            config, pieces = self._config, self._pieces.get(name, 1)
            at_once, delay_s = max(1, config.per_host // pieces), config.delay_s * pieces
            self._hosts[name] = Host(at_once, delay_s, config.longest_wait_s, self._clock)
        return self._hosts[name]

    def _slow_down(self, host: Host, url: URL, delay_s: float) -> None:
        asked = min(delay_s, self._config.longest_wait_s) * self._pieces.get(url.host or "", 1)
        host.delay_s = max(host.delay_s, asked)

    async def _ask(self, url: URL, wanted: _Wanted, host: Host) -> Answer | URL:
        """One request: an answer, or the URL that it redirects to. Every fault leaves as a Refused."""
        config, loop = self._config, asyncio.get_running_loop()
        self._clock.check()
        ends = loop.time() + self._clock.at_most(config.total_s)
        begins = loop.time() + self._clock.at_most(2 * config.connect_s + config.stall_s)
        try:
            async with (
                asyncio.timeout_at(min(begins, ends)) as limit,
                self._session.get(url, headers=wanted.headers, allow_redirects=False) as response,
            ):
                limit.reschedule(ends)
                host.answered()
                return await self._take(response, url, wanted)
        except BlockedAddress as error:
            raise Refused(Reason.BLOCKED_ADDRESS) from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Refused(Reason.DNS_ERROR, passing=True) from error
        except aiohttp.ClientSSLError as error:
            raise Refused(Reason.CONNECTION_ERROR, passing=True, again=False) from error
        except aiohttp.InvalidURL as error:
            raise Refused(Reason.DEAD_LINK) from error
        except aiohttp.ClientPayloadError as error:
            raise Refused(Reason.TRUNCATED, passing=True) from error
        except TimeoutError as error:
            self._clock.check()
            raise Refused(Reason.TIMEOUT, passing=True) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # aiohttp raises ValueErrors of its own for headers that cannot be.
            raise Refused(Reason.CONNECTION_ERROR, passing=True) from error

    async def _take(self, response: aiohttp.ClientResponse, url: URL, wanted: _Wanted) -> Answer | URL:
        status = response.status
        headers = response.headers
        validators = Validators(_plain(headers.get("ETag")), _plain(headers.get("Last-Modified")))
        if status in (200, 203):
            body, mime = await self._body(response, wanted)
            return Answer(status, body, mime, validators)
        if (response.content_length or 0) <= _DRAINED_BYTES:
            await response.content.read(_DRAINED_BYTES)
        if status in _REDIRECTS and "Location" in headers:
            return _joined(url, headers["Location"])
        if status == 304 and wanted.headers:
            return Answer(status, None, None, validators)
        if status in _DEAD:
            raise Refused(Reason.DEAD_LINK, status)
        if status in (204, 205):
            raise Refused(Reason.EMPTY, status)
        passing = status in _PASSING or status >= 500
        wait_s = _retry_after(headers.get("Retry-After")) if passing else None
        raise Refused(Reason.HTTP_ERROR, status, passing=passing, wait_s=wait_s)

    async def _body(self, response: aiohttp.ClientResponse, wanted: _Wanted) -> tuple[Body, str | None]:
        config, begun = self._config, time.monotonic()
        if wanted.modality is not None and (response.content_length or 0) > wanted.most:
            raise Refused(Reason.TOO_LARGE, response.status)
        body, mime = Body(wanted.most, response.headers.get("Content-Encoding", ""), wanted.spill), None
        try:
            async for chunk in response.content.iter_any():
                if wanted.modality is None and body.length + len(chunk) > wanted.most:
                    break
                body.feed(chunk)
                if wanted.modality is not None and mime is None and len(body.head) == SNIFFED_BYTES:
                    mime = _judged(body, wanted.modality)
                took = time.monotonic() - begun
                if took > config.stall_s and body.length < took * config.slowest_bytes_s:
                    raise Refused(Reason.TIMEOUT, passing=True)
            body.end()
            if wanted.modality is not None and mime is None:
                mime = _judged(body, wanted.modality)
        except BaseException as error:
            body.discard()
            if isinstance(error, Refused):
                raise Refused(error.reason, response.status, passing=error.passing) from error
            raise
        return body, mime


def _plain(header: str | None) -> str | None:
    """A validator that can be kept and sent back; others are done without."""
    return header if header and header.isascii() and header.isprintable() and len(header) <= 1024 else None


def _judged(body: Body, modality: Modality) -> str:
    mime = judged(body.head, modality)
    if mime is None:
        raise Refused(Reason.WRONG_TYPE)
    return mime


def _parsed(location: str) -> URL:
    """A listed location as a URL.

    Raises:
        Refused: DEAD_LINK where it is none.
    """
    try:
        return URL(location)
    except ValueError as error:
        raise Refused(Reason.DEAD_LINK) from error


def _joined(url: URL, location: str) -> URL:
    try:
        return url.join(URL(location))
    except ValueError as error:
        raise Refused(Reason.HTTP_ERROR) from error


def _checked(url: URL) -> URL:
    """A URL as it is asked: http or https, without fragment and credentials, an address by digits in its usual form.

    Names and passwords in a listed URL are not ours to use; browsers drop them from embedded pictures, too.

    Raises:
        Refused: BLOCKED_ADDRESS for other schemes, DEAD_LINK for a URL without host.
    """
    if url.scheme not in ("http", "https"):
        raise Refused(Reason.BLOCKED_ADDRESS)
    try:
        host = url.host
        if not host:
            raise Refused(Reason.DEAD_LINK)
        url = url.with_fragment(None).with_user(None)
        address = literal(host)
        return url if address is None else url.with_host(str(address))
    except ValueError as error:
        raise Refused(Reason.DEAD_LINK) from error


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110 §10.2.3); None for anything else."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


__all__ = ["Answer", "Client", "Late", "Refused", "Validators"]
