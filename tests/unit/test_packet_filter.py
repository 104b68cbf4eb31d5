"""What the kernel lets through to the prober's captures: the programs are run by the kernel, on a pair of sockets."""

from __future__ import annotations

import ctypes
import socket
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from lab.packet_filter import ECHOES, NOTHING

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
            return receiver.recv(1 << 16) == frame
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
    assert passes(ECHOES, bytes(ETHER / packet)) is passed


def test_nothing_passes() -> None:
    """While nothing is asked, nothing is captured."""
    assert not passes(NOTHING, bytes(ETHER / IP() / ICMP()))
