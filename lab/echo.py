"""ICMP echoes as octets (RFC 792, RFC 4443 §4), built and read by hand: thousands of them a second."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from lab.bgp import Address

INITIAL_TTL = 64
_ETHERNET, _IPV4_HEADER, _IPV6_HEADER = 14, 20, 40
_IPV4, _IPV6 = b"\x08\0", b"\x86\xdd"
_ICMP, _ICMPV6, _UDP = 1, 58, 17
_REQUEST_OF, _REPLY_OF = {_IPV4: 8, _IPV6: 128}, {_IPV4: 0, _IPV6: 129}
_VXLAN_PORT = struct.pack(">H", 4789)  # RFC 7348 §5


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """An echo request or reply: what its IP header says of its way."""

    source: Address
    target: Address
    is_reply: bool
    ttl: int
    dscp: int


def echo_request(source: Address, target: Address, *, dscp: int, number: int, payload: bytes) -> bytes:
    """An echo request as an IP packet. The low half of the number is its identifier, the high half its sequence number.

    So translators take each request for a flow of its own (RFC 3022 §2.2).
    The checksum of an IPv4 header is left to the kernel, which writes it in any case (raw(7)).
    """
    kind, protocol = (8, _ICMP) if source.version == 4 else (128, _ICMPV6)
    rest = struct.pack(">HH", number & 0xFFFF, number >> 16 & 0xFFFF) + payload
    pseudo = b"" if source.version == 4 else source.packed + target.packed + struct.pack(">II", 4 + len(rest), _ICMPV6)
    total = checksum(pseudo + bytes([kind, 0, 0, 0]) + rest)
    body = struct.pack(">BBH", kind, 0, total) + rest
    if source.version == 4:
        header = struct.pack(">BBHHHBBH", 0x45, dscp << 2, _IPV4_HEADER + len(body), 0, 0, INITIAL_TTL, protocol, 0)
    else:
        header = struct.pack(">IHBB", 6 << 28 | dscp << 22, len(body), protocol, INITIAL_TTL)
    return header + source.packed + target.packed + body


def read_echo(frame: bytes) -> Echo | None:
    """What an Ethernet frame says as an echo; None where it is none."""
    kind, packet = frame[12:14], frame[_ETHERNET:]
    if kind == _IPV4 and len(packet) > _IPV4_HEADER and packet[9] == _ICMP:
        ttl, dscp, message = packet[8], packet[1] >> 2, packet[4 * (packet[0] & 0x0F)]
        source: Address = IPv4Address(packet[12:16])
        target: Address = IPv4Address(packet[16:20])
    elif kind == _IPV6 and len(packet) > _IPV6_HEADER and packet[6] == _ICMPV6:
        ttl, dscp, message = packet[7], (packet[0] << 8 | packet[1]) >> 6 & 0x3F, packet[_IPV6_HEADER]
        source, target = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    else:
        return None
    if message not in (_REQUEST_OF[kind], _REPLY_OF[kind]):
        return None
    return Echo(source=source, target=target, is_reply=message == _REPLY_OF[kind], ttl=ttl, dscp=dscp)


def checksum(octets: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
