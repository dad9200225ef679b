"""robots.txt (RFC 9309): asked for once per scheme, host and port, and obeyed.

An answer of 4xx means that there are no rules; 5xx, 429 or no answer mean that nothing may be asked for now. The
RFC asks to cache for at most a day; a unit of work, which is how long rules are kept, is shorter than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from protego import Protego
from yarl import URL

from m5tools.fetch.hosts import NETWORK_FAULTS, Late, Refused
from m5tools.vocabulary import Reason

PRODUCT: Final = "m5tools"
"""The name that rules are looked up under."""

MOST_BYTES: Final = 500 * 1024
"""What is read of a robots.txt (RFC 9309 §2.5: at least 500 KiB); rules behind that are not seen."""


@dataclass(frozen=True)
class Rules:
    """What one origin allows; everything where it has no rules."""

    parsed: Protego | None = None

    def allows(self, url: URL) -> bool:
        return self.parsed is None or self.parsed.can_fetch(str(url), PRODUCT)

    @property
    def delay_s(self) -> float:
        """Seconds that it wants between two requests (`Crawl-delay`, not in the RFC but widely written)."""
        return float((self.parsed and self.parsed.crawl_delay(PRODUCT)) or 0.0)


class Robots:
    """The rules of every origin met so far.

    Args:
        read: reads the first `MOST_BYTES` of a URL; raises Refused.
    """

    def __init__(self, read: Callable[[URL], Awaitable[bytes]]) -> None:
        self._read = read
        self._origins: dict[URL, asyncio.Task[Rules | Refused | Late]] = {}

    async def rules(self, url: URL) -> Rules:
        """The rules that a URL falls under.

        Raises:
            Refused: BLOCKED_BY_ROBOTS where the origin's server is at fault, else why it could not be reached.
            Late: the deadline came first.
        """
        origin = url.origin()
        if origin not in self._origins:
            self._origins[origin] = asyncio.create_task(self._ask(origin))
        found = await self._origins[origin]
        if isinstance(found, Refused):
            raise Refused(found.reason, found.status, passing=found.passing, again=False)
        if isinstance(found, Late):
            raise Late
        return found

    async def _ask(self, origin: URL) -> Rules | Refused | Late:
        """A task that is shared gives its failure as a value: an exception would grow a traceback with every taker."""
        try:
            text = await self._read(origin.with_path("/robots.txt"))
        except Late as late:
            return late
        except Refused as refusal:
            return _unread(refusal)
        return Rules(Protego.parse(text.decode("utf-8", "replace")))


def _unread(refusal: Refused) -> Rules | Refused:
    """What it means that robots.txt could not be read (RFC 9309 §2.3.1)."""
    if refusal.status is None and refusal.reason in (*NETWORK_FAULTS, Reason.BLOCKED_ADDRESS):
        return refusal
    return Refused(Reason.BLOCKED_BY_ROBOTS, refusal.status, passing=True) if refusal.passing else Rules()
