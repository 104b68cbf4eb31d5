"""ICMP echoes as octets, against scapy's."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from lab.echo import INITIAL_TTL, Echo, echo_request, read_echo

PAYLOAD = b"erlab, odd!"
V4, V6 = ip_address("10.0.1.10"), ip_address("fd10::1")
V4_TARGET, V6_TARGET = ip_address("10.0.2.10"), ip_address("fd10::2")


def test_an_ipv4_request_is_what_scapy_builds() -> None:
    """But for the header's checksum, which the kernel writes."""
    built = echo_request(ip_address("10.0.1.10"), ip_address("10.0.2.10"), dscp=46, number=0x12345, payload=PAYLOAD)
    header = IP(src="10.0.1.10", dst="10.0.2.10", tos=46 << 2, ttl=INITIAL_TTL, id=0, chksum=0)
    assert built == bytes(header / ICMP(id=0x2345, seq=1) / PAYLOAD)


def test_an_ipv6_request_is_what_scapy_builds() -> None:
    """With the checksum over the pseudo header (RFC 8200 §8.1)."""
    built = echo_request(ip_address("fd10::1"), ip_address("fd10::2"), dscp=46, number=0x12345, payload=PAYLOAD)
    header = IPv6(src="fd10::1", dst="fd10::2", tc=46 << 2, hlim=INITIAL_TTL)
    assert built == bytes(header / ICMPv6EchoRequest(id=0x2345, seq=1, data=PAYLOAD))


@pytest.mark.parametrize(
    ("packet", "echo"),
    [
        (
            IP(src="10.0.1.10", dst="10.0.2.10", ttl=60, tos=46 << 2) / ICMP(type=8),
            Echo(source=V4, target=V4_TARGET, is_reply=False, ttl=60, dscp=46),
        ),
        (
            IP(src="10.0.1.10", dst="10.0.2.10", ttl=1, tos=3) / ICMP(type=0),
            Echo(source=V4, target=V4_TARGET, is_reply=True, ttl=1, dscp=0),
        ),
        (
            IPv6(src="fd10::1", dst="fd10::2", hlim=255, tc=0xFF) / ICMPv6EchoRequest(),
            Echo(source=V6, target=V6_TARGET, is_reply=False, ttl=255, dscp=63),
        ),
        (
            IPv6(src="fd10::1", dst="fd10::2", hlim=2) / ICMPv6EchoReply(),
            Echo(source=V6, target=V6_TARGET, is_reply=True, ttl=2, dscp=0),
        ),
        (IP() / ICMP(type=11), None),
        (IP() / UDP(dport=4789), None),
    ],
)
def test_echoes_are_read_and_nothing_else(packet: object, echo: Echo | None) -> None:
    """Requests and replies of both families with what their headers say; errors and other protocols are none."""
    assert read_echo(bytes(Ether(dst="02:00:00:00:00:01") / packet)) == echo
