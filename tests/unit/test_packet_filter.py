"""What the kernel lets through to the prober's captures: the programs are run by the kernel, on a pair of sockets."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from lab.packet_filter import KEPT_BYTES, NOTHING, echoes, probes

_SO_ATTACH_FILTER = 26
ETHER = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")


def passes(program: bytes, frame: bytes) -> bool:
    """Whether the kernel, asked by a program, lets a frame through."""
    instructions = ctypes.create_string_buffer(program, len(program))
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        described = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
        receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
        receiver.settimeout(0)
        try:
            sender.send(frame)
            return receiver.recv(1 << 16) == frame[:KEPT_BYTES]
        except (BlockingIOError, PermissionError):
            return False


@pytest.mark.parametrize(
    ("packet", "passed"),
    [
        (IP() / ICMP(type=8) / b"mark", True),
        (IP() / ICMP(type=3, code=1) / IP() / ICMP(), True),
        (IPv6() / ICMPv6EchoRequest(data=b"mark"), True),
        (IPv6() / ICMPv6DestUnreach() / IPv6() / ICMPv6EchoRequest(), True),
        (IP() / TCP(dport=179), False),
        (IP() / UDP(dport=4789) / bytes(8) / ETHER / IP() / ICMP(), False),
        (IPv6() / TCP(dport=179), False),
        (ARP(), False),
        (Dot1Q(vlan=100) / IP() / ICMP(), False),
        (Dot1Q(vlan=1034) / Dot1Q(vlan=100) / IPv6() / ICMPv6EchoRequest(), False),
    ],
)
def test_echoes_pass(packet: object, passed: bool) -> None:  # noqa: FBT001
    """Untagged ICMP of both families passes; other protocols, tunnels and tagged frames do not."""
    assert passes(probes(), bytes(ETHER / packet)) is passed


@pytest.mark.parametrize(
    ("packet", "passed"),
    [
        (IP() / UDP(sport=5000, dport=53), True),
        (IP() / UDP(sport=53, dport=5000), True),
        (IP(options=[IPOption_NOP()] * 4) / TCP(sport=5000, dport=443), True),
        (IPv6() / TCP(sport=443, dport=5000), True),
        (IPv6() / UDP(sport=5000, dport=53), True),
        (IP() / TCP(dport=179), False),
        (IPv6() / UDP(sport=3784, dport=3784), False),
        (IP() / ICMP(), True),
        (IPv6() / ICMPv6EchoRequest(), True),
        (IP(proto=47) / bytes(40), False),
        (ARP(), False),
        (Dot1Q(vlan=100) / IP() / UDP(dport=53), False),
    ],
)
@pytest.mark.parametrize("ports", [(53, 443), range(20, 1020)], ids=["two ports", "a thousand ports"])
def test_what_is_of_a_port_passes(packet: object, ports: Iterable[int], *, passed: bool) -> None:
    """With ports, so does what UDP and TCP send from or to one of them; with a great many, all that they send."""
    expected = passed or (len(list(ports)) > 100 and isinstance(packet, IP | IPv6) and (TCP in packet or UDP in packet))
    assert passes(probes(ports), bytes(ETHER / packet)) is expected


@pytest.mark.parametrize(
    ("version", "packet", "passed"),
    [
        (4, IP() / ICMP(type=8) / b"mark and more", True),
        (4, IP() / ICMP(type=8) / b"another mark", False),
        (4, IP() / ICMP(type=0) / b"mark and more", False),
        (4, IP(frag=3) / ICMP(type=8) / b"mark and more", False),
        (4, IPv6() / ICMPv6EchoRequest(data=b"mark and more"), False),
        (6, IPv6() / ICMPv6EchoRequest(data=b"mark and more"), True),
        (6, IPv6() / ICMPv6EchoReply(data=b"mark and more"), False),
        (6, IPv6() / UDP(dport=1) / b"mark", False),
    ],
)
def test_marked_echoes_pass(version: int, packet: object, *, passed: bool) -> None:
    """A sweep sees the echoes of one type and family that have its mark, in the one direction that it asks for."""
    frame = bytes(ETHER / packet)
    request = 8 if version == 4 else 128
    assert passes(echoes(version, request, b"mark", outgoing=False), frame) is passed
    assert not passes(echoes(version, request, b"mark", outgoing=True), frame)  # this packet enters


def test_nothing_passes() -> None:
    """While nothing is asked, nothing is captured."""
    assert not passes(NOTHING, bytes(ETHER / IP() / ICMP()))
