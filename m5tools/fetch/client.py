"""Asking for one URL: politely, patiently, within limits.

Redirects are followed by hand, so that every hop passes the same checks (scheme, address, robots.txt, turn at the
host) as the first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from yarl import URL

from m5tools.fetch.addresses import literal
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.exchange import Answer, Exchange, Validators, Wanted
from m5tools.fetch.hosts import Clock, Host, Refused
from m5tools.fetch.robots import MOST_BYTES, Robots
from m5tools.vocabulary import Modality, Reason


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
        self._exchange = Exchange(config, clock)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._exchange.close()

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
        wanted = Wanted(modality, self._config.most(modality), self._spill / key, validators.headers)
        return await self._patiently(key, _parsed(location), wanted, obeying=True)

    async def _read_robots(self, url: URL) -> bytes:
        wanted = Wanted(None, MOST_BYTES, self._spill / sha256(str(url).encode()).hexdigest(), {})
        answer = await self._patiently(str(url), url, wanted, obeying=False)
        assert answer.body is not None, "a request without validators is not answered by 304"
        with answer.body.opened() as file:
            text = file.read()
        answer.body.discard()
        return text

    async def _patiently(self, key: str, url: URL, wanted: Wanted, *, obeying: bool) -> Answer:
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

    async def _follow(self, url: URL, wanted: Wanted, *, obeying: bool) -> Answer:
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
                    answer = await self._exchange.ask(url, wanted, host)
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


def _parsed(location: str) -> URL:
    """A listed location as a URL.

    Raises:
        Refused: DEAD_LINK where it is none.
    """
    try:
        return URL(location)
    except ValueError as error:
        raise Refused(Reason.DEAD_LINK) from error


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
