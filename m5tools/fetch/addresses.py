"""Which addresses may be connected to: checked after the name was resolved, and once more on every socket.

A crawled URL is written by a stranger. Left alone, it can make the machine that downloads ask its own services, its
neighbours or the cloud's metadata server, by a literal address in any spelling, by a name that resolves to one, by a
redirect, or by a name that resolves to something else the second time (DNS rebinding). Therefore the check sits where
no spelling is left: the resolver gives only checked addresses, and no socket is made for any other.

Source of the networks: IANA's special-purpose address registries (RFC 6890 and its updates) as of 2025; the embedding
forms are RFC 4291 (IPv4-mapped), RFC 3056 (6to4) and RFC 6052 (NAT64).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's metadata and DNS server, an address like any other to the registries
    )
)  # fmt: skip
# Whatever is not global unicast is refused; of global unicast, protocol assignments (Teredo too) and documentation.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(ipaddress.IPv6Network(t) for t in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class BlockedAddress(Exception):
    """Every address of a host is refused. No OSError, so that no layer between takes it for a network fault."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from their notation."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def is_refused(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether an address must not be connected to.

    Args:
        address: as a resolver gave it.
        allowed: networks that are open all the same.
    """
    if any(address.version == network.version and address in network for network in allowed):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in network for network in _REFUSED_V4)
    embedded = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        embedded = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if embedded is not None:
        return is_refused(embedded, allowed)
    return address not in _GLOBAL_V6 or any(address in network for network in _REFUSED_V6)


@lru_cache(maxsize=4_096)
def literal(host: str) -> Address | None:
    """The address that a host written as digits means (RFC 3986 §7.4: `2130706433`, `0x7f.1`, `0177.0.0.1` …)."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    if not host[:1].isdigit():
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, ValueError):
        return None


class CheckedResolver(AbstractResolver):
    """Resolves with the system's resolver and passes on only what may be connected to.

    Args:
        allowed: networks that are open though they are not public.
        timeout_s: seconds for one look-up.
    """

    def __init__(self, allowed: Sequence[Network], timeout_s: float) -> None:
        self._allowed = allowed
        self._timeout_s = timeout_s

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The checked addresses of a host.

        Raises:
            BlockedAddress: it has addresses, and all are refused.
            OSError: it has none, or the look-up took too long.
        """
        loop = asyncio.get_running_loop()
        look_up = loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        try:
            answers = await asyncio.wait_for(look_up, self._timeout_s)
        except TimeoutError as error:
            raise socket.gaierror(socket.EAI_AGAIN, "the look-up took too long") from error
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, f"no host can be called so: {error}") from error
        checked = [a for a in answers if not is_refused(ipaddress.ip_address(a[4][0]), self._allowed)]
        if answers and not checked:
            raise BlockedAddress(f"{host} is {', '.join(sorted({str(a[4][0]) for a in answers}))}")
        return [
            ResolveResult(
                hostname=host, host=str(where[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, where in checked
        ]

    async def close(self) -> None:
        """Nothing is held."""


class CheckedSockets:
    """Makes the sockets of connections: the last place where an address is seen, whatever way it came.

    Args:
        allowed: networks that are open though they are not public.
    """

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed

    def __call__(self, info: AddrInfoType) -> socket.socket:
        """A socket for one resolved address.

        Raises:
            BlockedAddress: it is refused.
        """
        family, kind, proto, _, where = info
        if is_refused(ipaddress.ip_address(where[0]), self._allowed):
            raise BlockedAddress(str(where[0]))
        return socket.socket(family=family, type=kind, proto=proto)
