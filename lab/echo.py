"""ICMP echoes as octets (RFC 792, RFC 4443 §4), built and read by hand: thousands of them a second."""

from __future__ import annotations

import struct

from lab.bgp import Address

INITIAL_TTL = 64
_IPV4_HEADER, _IPV6_HEADER, _ECHO_HEADER = 20, 40, 8
_ICMP, _ICMPV6 = 1, 58
_DONT_FRAGMENT = 0x4000
IDENTIFIER_AT, NUMBER_AT, COMPLEMENTS_AT = 4, 12, (16, 20)
"""Where a numbered echo has its number, in octets behind the IP header."""


def echo_request(  # noqa: PLR0913  # each is a field of a header
    source: Address, target: Address, *, dscp: int, number: int, payload: bytes, packet_bytes: int = 0
) -> bytes:
    """An echo request as an IP packet. The low half of the number is its identifier, the high half its sequence number.

    So translators take each request for a flow of its own (RFC 3022 §2.2).
    The checksum of an IPv4 header is left to the kernel, which writes it in any case (raw(7)). With `packet_bytes`
    zeros fill the packet up to that size, and nobody may fragment it.
    """
    header_bytes = _ECHO_HEADER + (_IPV4_HEADER if source.version == 4 else _IPV6_HEADER)
    payload = payload.ljust(packet_bytes - header_bytes, b"\0")
    fragment = _DONT_FRAGMENT if packet_bytes else 0
    kind, protocol = (8, _ICMP) if source.version == 4 else (128, _ICMPV6)
    rest = struct.pack(">HH", number & 0xFFFF, number >> 16 & 0xFFFF) + payload
    pseudo = b"" if source.version == 4 else source.packed + target.packed + struct.pack(">II", 4 + len(rest), _ICMPV6)
    total = checksum(pseudo + bytes([kind, 0, 0, 0]) + rest)
    body = struct.pack(">BBH", kind, 0, total) + rest
    if source.version == 4:
        header = struct.pack(
            ">BBHHHBBH", 0x45, dscp << 2, _IPV4_HEADER + len(body), 0, fragment, INITIAL_TTL, protocol, 0
        )
    else:
        header = struct.pack(">IHBB", 6 << 28 | dscp << 22, len(body), protocol, INITIAL_TTL)
    return header + source.packed + target.packed + body


def numbered_echo(source: Address, target: Address, *, mark: bytes) -> bytes:
    """An echo request that can be given any number of four octets without another checksum.

    It begins with a mark of four octets. The number stands at `NUMBER_AT` of the echo, and as its identifier and
    sequence number; its complement twice behind it. The sum of a number and its complement is nothing in the
    arithmetic of the checksum (RFC 1071 §2).
    """
    payload = mark + bytes(4) + b"\xff" * 8
    return echo_request(source, target, dscp=0, number=0, payload=payload)


def with_mark(packet: bytes, dscp: int) -> bytes:
    """A packet with another mark, which no checksum of ours covers."""
    if packet[0] >> 4 == 4:
        return packet[:1] + bytes([dscp << 2]) + packet[2:]
    return struct.pack(">I", 6 << 28 | dscp << 22) + packet[4:]


def checksum(octets: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
