"""One request and what comes of it: an answer with its bytes, the next URL, or a reason.

Of a body, bytes are counted as they come and as they decompress; its type is judged by its bytes, not by a header.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from m5tools.fetch.addresses import BlockedAddress, CheckedResolver, CheckedSockets, networks
from m5tools.fetch.body import Body
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.found import SNIFFED_BYTES, judged
from m5tools.fetch.hosts import Clock, Host, Refused
from m5tools.vocabulary import Modality, Reason

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PASSING: Final = (408, 425, 429)
_DEAD: Final = (404, 410)
_ADDRESSES_KEPT_S: Final = 300
# Long enough for the next location of a host, short enough that those of very many hosts do not use up the descriptors.
_CONNECTIONS_KEPT_S: Final = 0.5
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
class Wanted:
    """What a request is for: bytes of a modality, or (None) the text of a robots.txt, of which the start will do."""

    modality: Modality | None
    most: int
    spill: Path
    headers: Mapping[str, str]


class Exchange:
    """Makes requests over connections that are kept open, to checked addresses only.

    Args:
        config: the settings.
        clock: keeps the deadline.
    """

    def __init__(self, config: FetchConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        allowed = networks(config.allow_networks)
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(allowed, config.connect_s),
            socket_factory=CheckedSockets(allowed),
            ttl_dns_cache=_ADDRESSES_KEPT_S,
            keepalive_timeout=_CONNECTIONS_KEPT_S,
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

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def ask(self, url: URL, wanted: Wanted, host: Host) -> Answer | URL:
        """One request: an answer, or the URL that it redirects to.

        Args:
            url: what to ask for.
            wanted: what is expected there.
            host: told that an answer came.

        Raises:
            Refused: there is neither, for whatever fault of server, network or bytes.
            Late: the deadline came first.
        """
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

    async def _take(self, response: aiohttp.ClientResponse, url: URL, wanted: Wanted) -> Answer | URL:
        status = response.status
        headers = response.headers
        validators = Validators(_plain(headers.get("ETag")), _plain(headers.get("Last-Modified")))
        if status in (200, 203):
            body, mime = await self._body(response, wanted)
            return Answer(status, body, mime, validators)
        if 0 < (response.content_length or 0) <= _DRAINED_BYTES:
            # What is wrong with an error page is of no interest.
            with suppress(aiohttp.ClientError, TimeoutError):
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

    async def _body(self, response: aiohttp.ClientResponse, wanted: Wanted) -> tuple[Body, str | None]:
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


def _joined(url: URL, location: str) -> URL:
    try:
        return url.join(URL(location))
    except ValueError as error:
        raise Refused(Reason.HTTP_ERROR) from error


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110 §10.2.3); None for anything else."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
