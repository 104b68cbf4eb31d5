"""The headers of captured packets, against what scapy built them from."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import ARP, Ether

from lab.headers import ICMP as ICMPV4
from lab.headers import ICMPV6, RST, SYN, Headers, read_headers
from lab.headers import TCP as TCP_NUMBER
from lab.headers import UDP as UDP_NUMBER

if TYPE_CHECKING:
    from scapy.packet import Packet

ETHER = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
V4, V6 = {"src": "10.0.1.10", "dst": "10.0.2.10"}, {"src": "fd10::1", "dst": "fd10::2"}


def read(packet: Packet) -> tuple[Headers, bytes]:
    """The headers of a packet, and the frame that it comes in."""
    frame = bytes(ETHER / packet)
    headers = read_headers(frame)
    assert headers is not None
    return headers, frame


@pytest.mark.parametrize(
    ("packet", "protocol", "ttl", "dscp", "payload_at"),
    [
        (IP(**V4, ttl=60, tos=46 << 2) / ICMP(), ICMPV4, 60, 46, 34),
        (IP(**V4, ttl=1, tos=3, options=[IPOption_NOP()] * 4) / UDP(), UDP_NUMBER, 1, 0, 38),
        (IPv6(**V6, hlim=255, tc=0xFF) / ICMPv6EchoRequest(), ICMPV6, 255, 63, 54),
        (IPv6(**V6, hlim=2, tc=10 << 2) / TCP(), TCP_NUMBER, 2, 10, 54),
        (IPv6(**V6, hlim=9) / IPv6ExtHdrFragment(nh=58, m=1) / ICMPv6EchoReply(), ICMPV6, 9, 0, 62),
    ],
)
def test_headers_are_read(packet: Packet, protocol: int, ttl: int, dscp: int, payload_at: int) -> None:
    """Protocol, TTL, mark and addresses of both families, and where the next header starts."""
    ends = V4 if IP in packet else V6
    source, target = ip_address(ends["src"]).packed, ip_address(ends["dst"]).packed
    assert read(packet)[0] == Headers(protocol, ttl, dscp, source, target, payload_at)


@pytest.mark.parametrize(
    "packet",
    [ARP(), IP(frag=3) / bytes(20), IPv6() / IPv6ExtHdrFragment(nh=58, offset=3) / bytes(20), IP()],
    ids=["ARP", "a later fragment", "a later IPv6 fragment", "nothing behind the header"],
)
def test_what_does_not_begin_a_packet_is_none(packet: Packet) -> None:
    """Other frames, later fragments and headers without anything behind them have no headers."""
    assert read_headers(bytes(ETHER / packet)) is None


def test_a_segment_is_read() -> None:
    """Ports, sequence and acknowledgment number and flags of TCP."""
    headers, frame = read(IP() / TCP(sport=33000, dport=443, seq=7, ack=0xFFFFFFFF, flags="SR"))
    assert headers.ports(frame) == (33000, 443)
    assert (headers.sequence(frame), headers.acknowledgment(frame)) == (7, 0xFFFFFFFF)
    assert headers.flags(frame) == SYN | RST


@pytest.mark.parametrize(
    ("error", "quoted", "largest_bytes"),
    [
        (IP() / ICMP(type=3, code=4, nexthopmtu=1400), IP(**V4) / TCP(seq=9), 1400),
        (IP() / ICMP(type=3, code=1), IP(**V4) / TCP(seq=9), None),
        (IPv6() / ICMPv6PacketTooBig(mtu=1280), IPv6(**V6) / TCP(seq=9), 1280),
        (IPv6() / ICMPv6DestUnreach(), IPv6(**V6) / TCP(seq=9), None),
    ],
)
def test_an_error_is_read(error: Packet, quoted: Packet, largest_bytes: int | None) -> None:
    """An error quotes the packet that it is about, and may tell the largest that goes on (RFC 1191 §4)."""
    headers, frame = read(error / quoted)
    assert headers.is_refusal(frame)
    assert headers.largest_bytes(frame) == largest_bytes
    inner = headers.quoted(frame)
    assert inner is not None
    assert (inner.protocol, inner.sequence(frame)) == (TCP_NUMBER, 9)


@pytest.mark.parametrize("packet", [IP() / ICMP(type=8), IPv6() / ICMPv6EchoReply(), IP() / UDP()])
def test_what_is_no_error_refuses_nothing(packet: Packet) -> None:
    """Echoes and datagrams are no errors."""
    headers, frame = read(packet)
    assert not headers.is_refusal(frame)
    assert headers.largest_bytes(frame) is None
