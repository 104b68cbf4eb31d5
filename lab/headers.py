"""The headers of probes and of their answers, read from frames by hand: tens of thousands of them a second."""

from __future__ import annotations

from typing import NamedTuple

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
"""Protocol numbers (IANA)."""
SYN, RST, ACK = 0x02, 0x04, 0x10
"""Flags of TCP (RFC 9293 §3.1)."""
ECHO_REQUESTS, ECHO_REPLIES = (8, 128), (0, 129)
_ETHERNET, _IPV4_HEADER, _IPV6_HEADER, _FRAGMENT_HEADER = 14, 20, 40, 8
_IPV4, _IPV6 = b"\x08\0", b"\x86\xdd"
_FRAGMENT = 44
_REFUSALS = {ICMP: (3, 11, 12), ICMPV6: (1, 2, 3, 4)}  # RFC 792, RFC 4443 §3
_FRAGMENTATION_NEEDED, _PACKET_TOO_BIG = (3, 4), (2, 0)  # RFC 1191 §4, RFC 4443 §3.2


class Headers(NamedTuple):
    """What the IP header of a frame says, and where in the frame the next one starts. Addresses are octets."""

    protocol: int
    ttl: int
    dscp: int
    source: bytes
    target: bytes
    payload_at: int

    def message(self, frame: bytes) -> int:
        """The type of an ICMP message."""
        return frame[self.payload_at]

    def is_refusal(self, frame: bytes) -> bool:
        """Whether it is an ICMP error: it tells of a packet that was dropped, and quotes it."""
        return self.protocol in _REFUSALS and self.message(frame) in _REFUSALS[self.protocol]

    def largest_bytes(self, frame: bytes) -> int | None:
        """The largest packet that goes on, where an ICMP error says that one did not fit."""
        at = self.payload_at
        kind = (frame[at], frame[at + 1])
        if self.protocol == ICMP and kind == _FRAGMENTATION_NEEDED:
            return int.from_bytes(frame[at + 6 : at + 8], "big")
        if self.protocol == ICMPV6 and kind == _PACKET_TOO_BIG:
            return int.from_bytes(frame[at + 4 : at + 8], "big")
        return None

    def ports(self, frame: bytes) -> tuple[int, int]:
        """The source and the destination port of UDP and TCP."""
        at = self.payload_at
        return int.from_bytes(frame[at : at + 2], "big"), int.from_bytes(frame[at + 2 : at + 4], "big")

    def sequence(self, frame: bytes) -> int:
        """The sequence number of a TCP segment."""
        return int.from_bytes(frame[self.payload_at + 4 : self.payload_at + 8], "big")

    def acknowledgment(self, frame: bytes) -> int:
        """The acknowledgment number of a TCP segment."""
        return int.from_bytes(frame[self.payload_at + 8 : self.payload_at + 12], "big")

    def flags(self, frame: bytes) -> int:
        """The flags of a TCP segment."""
        return frame[self.payload_at + 13]

    def quoted(self, frame: bytes) -> Headers | None:
        """The packet that an ICMP error quotes."""
        at = self.payload_at + 8
        return _ipv4(frame, at) if self.protocol == ICMP else _ipv6(frame, at)


def read_headers(frame: bytes) -> Headers | None:
    """The headers of an untagged Ethernet frame; None where it is no packet, or not the beginning of one."""
    kind = frame[12:14]
    if kind == _IPV4:
        return _ipv4(frame, _ETHERNET)
    return _ipv6(frame, _ETHERNET) if kind == _IPV6 else None


def _ipv4(frame: bytes, at: int) -> Headers | None:
    if len(frame) < at + _IPV4_HEADER + 8 or frame[at + 6] & 0x1F or frame[at + 7]:
        return None
    return Headers(
        protocol=frame[at + 9],
        ttl=frame[at + 8],
        dscp=frame[at + 1] >> 2,
        source=frame[at + 12 : at + 16],
        target=frame[at + 16 : at + 20],
        payload_at=at + 4 * (frame[at] & 0x0F),
    )


def _ipv6(frame: bytes, at: int) -> Headers | None:
    protocol, payload_at = frame[at + 6] if len(frame) > at + 6 else 0, at + _IPV6_HEADER
    if protocol == _FRAGMENT and len(frame) > payload_at + _FRAGMENT_HEADER:
        if frame[payload_at + 2] or frame[payload_at + 3] & 0xF8:
            return None
        protocol, payload_at = frame[payload_at], payload_at + _FRAGMENT_HEADER
    if len(frame) < payload_at + 8:
        return None
    return Headers(
        protocol=protocol,
        ttl=frame[at + 7],
        dscp=(frame[at] << 8 | frame[at + 1]) >> 6 & 0x3F,
        source=frame[at + 8 : at + 24],
        target=frame[at + 24 : at + 40],
        payload_at=payload_at,
    )
