"""The settings of `fetch`: whether to download, how politely, how patiently, how much."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from typing import Final

from pydantic import Field, field_validator

from m5tools.media import guard
from m5tools.stage import StageConfig
from m5tools.vocabulary import Modality

CONNECTIONS_A_UNIT: Final = 16
"""Connections to one host that one process serves at full speed; a host that is allowed more is spread over units."""


class FetchConfig(StageConfig):
    """How listed media is brought in."""

    download: bool = Field(True, description="ask for URLs; false leaves those that were never asked for pending")
    contact: str | None = Field(None, description="URL or mail address told to servers in the User-Agent")
    allow_networks: tuple[str, ...] = Field((), description="private networks that may be asked, such as 10.1.0.0/16")
    per_host: int = Field(8, ge=1, description="connections to one host at once, over all workers")
    delay_s: float = Field(
        0.0, ge=0, description="seconds between two requests to one host; robots.txt may ask for more"
    )
    connections: int = Field(64, ge=1, description="connections of one worker at once")
    connect_s: float = Field(10.0, gt=0, description="seconds for the address look-up, and again for the connection")
    stall_s: float = Field(20.0, gt=0, description="seconds without a byte before a transfer is given up")
    total_s: float = Field(600.0, gt=0, description="seconds for one transfer")
    slowest_bytes_s: int = Field(
        1024, ge=0, description="bytes a second below which a transfer longer than stall_s ends"
    )
    largest_bytes: int = Field(
        guard.LIMITS.bytes, ge=1, le=guard.LIMITS.bytes, description="bytes of one file, compressed or not"
    )
    largest_image_bytes: int = Field(
        64 * 2**20, ge=1, description="bytes of one picture, compressed or not; never more than largest_bytes"
    )
    redirects: int = Field(5, ge=0, description="redirects followed from one URL")
    tries: int = Field(3, ge=1, description="requests for one URL in one run while failures are of a passing kind")
    retry_wait_s: float = Field(1.0, ge=0, description="seconds before the second try; doubles with each further one")
    longest_wait_s: float = Field(60.0, ge=0, description="longest Retry-After and crawl delay that is waited for")
    seed: int = Field(0, description="seed of the jitter of waits")
    locations_a_unit: int = Field(
        4_096, ge=1, description="locations looked at by one unit of work; of URLs that download=false leaves, 16 times"
    )
    locations_a_pack: int = Field(256, ge=1, description="URLs asked, at most, before what came is made durable")

    @field_validator("allow_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text)
        return value

    @field_validator("contact")
    @classmethod
    def _header(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or not value.isprintable() or set(value) & set("()")):
            raise ValueError("plain ASCII without parentheses, as it becomes part of a header")
        return value

    @property
    def pieces(self) -> int:
        """Units over which a host of many locations may be spread, each with its share of `per_host`."""
        return max(1, self.per_host // CONNECTIONS_A_UNIT)

    def most(self, modality: Modality) -> int:
        """Bytes that a file listed as `modality` may have."""
        return min(self.largest_bytes, self.largest_image_bytes) if modality is Modality.IMAGE else self.largest_bytes

    @property
    def deciding(self) -> str:
        """8 hex digits that change with the settings that decide what is refused."""
        body = [sorted(self.allow_networks), self.largest_bytes, self.redirects, self.connect_s, self.stall_s]
        body += [self.total_s, self.slowest_bytes_s, self.largest_image_bytes]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()[:8]
