"""What may not be connected to, in every spelling."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest

from m5tools.fetch.addresses import BlockedAddress, CheckedResolver, is_refused, literal, networks


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "0.0.0.0", "0.1.2.3",
        "100.64.0.1", "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1",
        "3fff::1", "100::1", "5f00::1", "::127.0.0.1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::1", "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert is_refused(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
        "64:ff9b::8.8.8.8",
    ],
)
def test_public_addresses_are_open(address: str) -> None:
    assert not is_refused(ipaddress.ip_address(address))


def test_of_a_name_s_addresses_only_the_public_ones_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, "10.0.0.1"), (socket.AF_INET, "8.8.8.8"), (socket.AF_INET6, "fe80::1"), (socket.AF_INET6, "2606:4700::1")]  # fmt: skip
    answers = [(family, socket.SOCK_STREAM, 6, "", (address, 80)) for family, address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    def resolve(*allowed: str) -> list[str]:
        return [r["host"] for r in asyncio.run(CheckedResolver(networks(allowed), 5.0).resolve("name.example", 80))]

    assert resolve() == ["8.8.8.8", "2606:4700::1"]
    assert resolve("10.0.0.0/8", "fe80::/10") == [address for _, address in found]
    del answers[1], answers[2:]
    with pytest.raises(BlockedAddress):
        resolve()


def test_a_network_is_opened_in_all_its_forms_and_no_other() -> None:
    allowed = networks(["127.0.0.0/8", "fd00::/8"])
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "fd12::1"):
        assert not is_refused(ipaddress.ip_address(address), allowed)
    for address in ("10.0.0.1", "::1", "169.254.169.254", "fe80::1"):
        assert is_refused(ipaddress.ip_address(address), allowed)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"), ("127.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("0", "0.0.0.0"),
        ("[::1]", "::1"), ("::ffff:7f00:1", "::ffff:127.0.0.1"), ("134744072", "8.8.8.8"),
        ("example.com", None), ("1.example.com", None), ("face.example", None), ("3com", None), ("256.1.1.1.1", None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_the_system_reads_them(host: str, address: str | None) -> None:
    assert literal(host) == (None if address is None else ipaddress.ip_address(address))
