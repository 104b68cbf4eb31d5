"""ICMP echoes as octets, against scapy's."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from lab.bgp import Address
from lab.echo import (
    COMPLEMENTS_AT,
    IDENTIFIER_AT,
    INITIAL_TTL,
    NUMBER_AT,
    checksum,
    echo_request,
    numbered_echo,
    with_mark,
)

PAYLOAD = b"erlab, odd!"
V4 = ip_address("10.0.1.10"), ip_address("10.0.2.10")
V6 = ip_address("fd10::1"), ip_address("fd10::2")


def test_an_ipv4_request_is_what_scapy_builds() -> None:
    """But for the header's checksum, which the kernel writes."""
    built = echo_request(*V4, dscp=46, number=0x12345, payload=PAYLOAD)
    header = IP(src="10.0.1.10", dst="10.0.2.10", tos=46 << 2, ttl=INITIAL_TTL, id=0, chksum=0)
    assert built == bytes(header / ICMP(id=0x2345, seq=1) / PAYLOAD)


def test_an_ipv6_request_is_what_scapy_builds() -> None:
    """With the checksum over the pseudo header (RFC 8200 §8.1)."""
    built = echo_request(*V6, dscp=46, number=0x12345, payload=PAYLOAD)
    header = IPv6(src="fd10::1", dst="fd10::2", tc=46 << 2, hlim=INITIAL_TTL)
    assert built == bytes(header / ICMPv6EchoRequest(id=0x2345, seq=1, data=PAYLOAD))


@pytest.mark.parametrize("size", [100, 1500])
def test_a_request_of_a_size_is_not_to_be_fragmented(size: int) -> None:
    """It is filled with zeros up to its size, and an IPv4 one forbids to fragment it (RFC 1191 §3)."""
    built = IP(echo_request(*V4, dscp=0, number=1, payload=PAYLOAD, packet_bytes=size))
    assert (len(built), built.flags.DF, built[ICMP].load) == (size, True, PAYLOAD.ljust(size - 28, b"\0"))
    assert len(echo_request(*V6, dscp=0, number=1, payload=PAYLOAD, packet_bytes=size)) == size


@pytest.mark.parametrize("ends", [V4, V6])
@pytest.mark.parametrize("number", [0, 1, 0x12345678, 0xFFFFFFFF])
def test_a_numbered_echo_needs_no_other_checksum(ends: tuple[Address, Address], number: int) -> None:
    """With any number and mark, written where it belongs, it is what it says, and its checksum is right."""
    built = bytearray(with_mark(numbered_echo(*ends, mark=b"mark"), 46))
    start = 20 if ends is V4 else 40
    for at in (IDENTIFIER_AT, NUMBER_AT):
        built[start + at : start + at + 4] = number.to_bytes(4, "little")
    for at in COMPLEMENTS_AT:
        built[start + at : start + at + 4] = (0xFFFFFFFF - number).to_bytes(4, "little")
    packet = IP(bytes(built)) if ends is V4 else IPv6(bytes(built))
    assert (packet.tos if ends is V4 else packet.tc) == 46 << 2
    pseudo = b"" if ends is V4 else ends[0].packed + ends[1].packed + struct.pack(">II", len(built) - start, 58)
    assert checksum(pseudo + bytes(built[start:])) == 0
