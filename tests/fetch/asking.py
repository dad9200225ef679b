"""One client asked for URLs, all at once."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from m5tools.fetch.client import Client
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.exchange import Answer, Validators
from m5tools.fetch.hosts import Clock, Refused
from m5tools.vocabulary import Modality, Reason

from .server import picture

PICTURE = picture(1)
LOOPBACK = ("127.0.0.0/8", "::1/128")


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
