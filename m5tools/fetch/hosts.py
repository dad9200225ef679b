"""Turns at a host: so many requests at once, so far apart, none while it asks to be left alone or does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from m5tools.vocabulary import Reason

FAULTS_OF_A_DEAD_HOST: Final = 32
"""Requests in a row without any answer, after which a host is left alone for the rest of the unit."""

GRACE_S: Final = 10.0
"""What a transfer that runs at the deadline is given to end."""

NETWORK_FAULTS: Final = (Reason.DNS_ERROR, Reason.CONNECTION_ERROR, Reason.TIMEOUT)
"""Reasons why a host gave no answer at all."""


class Late(Exception):
    """The deadline has come: nothing new is begun, the location stays as it was."""


class Refused(Exception):
    """A request that gave no bytes.

    Args:
        reason: the reason to record.
        status: HTTP status, where there was an answer.
        passing: another run may not meet it again.
        again: this run may try again.
        wait_s: seconds the server asked to wait before.
    """

    def __init__(
        self,
        reason: Reason,
        status: int | None = None,
        *,
        passing: bool = False,
        again: bool | None = None,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(reason.word)
        self.reason = reason
        self.status = status
        self.passing = passing
        self.again = passing if again is None else again
        self.wait_s = wait_s


class Clock:
    """Waiting that ends at the deadline.

    Args:
        deadline: `time.monotonic()` after which nothing new is begun.
        sleep: waits so many seconds.
    """

    def __init__(
        self, deadline: float | None = None, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._deadline = deadline
        self._sleep = sleep

    def check(self) -> None:
        """Raise Late when the deadline has come."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise Late

    async def wait(self, seconds: float) -> None:
        """Wait, but not past the deadline.

        Raises:
            Late: it came first.
        """
        if seconds > 0:
            left = seconds if self._deadline is None else self._deadline - time.monotonic()
            await self._sleep(max(0.0, min(seconds, left)))
        self.check()

    def at_most(self, seconds: float) -> float:
        """Seconds that a transfer may take when it would otherwise be given so many."""
        if self._deadline is None:
            return seconds
        return min(seconds, max(0.0, self._deadline + GRACE_S - time.monotonic()))


class Host:
    """One host as this process sees it.

    Args:
        at_once: connections to it.
        delay_s: seconds between the beginnings of two requests; may be raised later.
        longest_wait_s: a longer wait asked for by the host ends its turns instead.
        clock: keeps the deadline.
    """

    def __init__(self, at_once: int, delay_s: float, longest_wait_s: float, clock: Clock) -> None:
        self.delay_s = delay_s
        self._slots = asyncio.Semaphore(at_once)
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._next = 0.0
        self._faults = 0
        self._given_up: Refused | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Raises:
            Refused: the host is left alone, for the reason it gave.
            Late: the deadline came first.
        """
        async with self._slots:
            self._may_go_on()
            now = time.monotonic()
            begin = max(now, self._next)
            self._next = begin + self.delay_s
            await self._clock.wait(begin - now)
            self._may_go_on()
            yield

    def answered(self) -> None:
        """It gave an answer, of whatever kind."""
        self._faults = 0

    def refused(self, refusal: Refused) -> None:
        """It gave none, or asked to wait."""
        if refusal.wait_s is not None:
            if refusal.wait_s > self._longest_wait_s:
                self._given_up = refusal
            self._next = max(self._next, time.monotonic() + min(refusal.wait_s, self._longest_wait_s))
        if refusal.status is None and refusal.reason in NETWORK_FAULTS:
            self._faults += 1
            if self._faults >= FAULTS_OF_A_DEAD_HOST:
                self._given_up = refusal

    def _may_go_on(self) -> None:
        self._clock.check()
        if self._given_up is not None:
            raise Refused(self._given_up.reason, self._given_up.status, passing=True, again=False)
