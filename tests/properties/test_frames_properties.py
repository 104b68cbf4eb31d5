"""Exchanging a frame's VLAN tags loses nothing: what was put on can be taken off again, and is what scapy reads."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, IPOption
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

from lab.node.frames import remark, retagged, tags_of, tags_within
from lab.plan import Endpoint, Tagged

MACS = bytes(12)
ETHERTYPES = (0x0800, 0x0806, 0x86DD)

places = st.builds(
    Tagged,
    port=st.just(Endpoint(node="ce", interface="port")),
    tags=st.lists(st.integers(1, 4094), max_size=2).map(tuple),
    outer_ethertype=st.sampled_from((0x8100, 0x88A8)),
)
headers = st.builds(
    lambda checksum, segments, header, start: struct.pack("=BBHHHH", checksum, segments, header, 1448, start, 16),
    st.sampled_from((0, 1, 2)),
    st.sampled_from((0, 1, 4)),
    st.sampled_from((0, 66)),
    st.integers(14, 200),
)
untagged = st.builds(
    lambda header, ethertype, payload: header + MACS + struct.pack("!H", ethertype) + payload,
    headers,
    st.sampled_from(ETHERTYPES),
    st.binary(max_size=100),
)


def with_tags(frame: bytes, place: Tagged) -> bytes:
    """An untagged frame as it is at a place."""
    return b"".join(retagged(frame, 0, tags_of(place)))


@given(untagged, places)
def test_on_and_off(frame: bytes, place: Tagged) -> None:
    """A frame that got tags has exactly these, and is the one from before when they are taken off."""
    tagged = with_tags(frame, place)
    assert tags_within(tagged) == tags_of(place)
    assert b"".join(retagged(tagged, len(tags_of(place)), b"")) == frame


@given(untagged, places, places)
def test_exchanged(frame: bytes, here: Tagged, there: Tagged) -> None:
    """A frame whose tags were exchanged is the one that got the other tags at once."""
    exchanged = retagged(with_tags(frame, here), len(tags_of(here)), tags_of(there))
    assert b"".join(exchanged) == with_tags(frame, there)


def ip_packets(mark: int, ecn: int = 1) -> list[bytes]:
    """An IPv4 and an IPv6 packet with a mark, with checksums that scapy computed."""
    options = [IPOption(b"\x01\x01\x01\x00")]  # a longer header has its checksum at the same place
    ipv4 = [IP(tos=mark << 2 | ecn, src="10.0.0.1", dst="10.0.0.2", options=one) / TCP() for one in ([], options)]
    ipv6 = IPv6(tc=mark << 2 | ecn, fl=0xABCDE, src="2001:db8::1", dst="2001:db8::2") / TCP()
    return [bytes(10) + bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / one) for one in (*ipv4, ipv6)]


@given(st.integers(0, 63), st.integers(0, 63), places)
def test_marks_rewritten(before: int, after: int, place: Tagged) -> None:
    """A packet with another mark is the one that had it from the start: its checksum, ECN and flow label are right."""
    marks = bytes(after if one == before else one for one in range(64))
    for packet, expected in zip(ip_packets(before), ip_packets(after), strict=True):
        frame = bytearray(with_tags(packet, place))
        remark(memoryview(frame), len(tags_of(place)), marks)
        assert bytes(frame) == with_tags(expected, place)


@given(st.binary(max_size=80))
def test_marks_of_any_octets(frame: bytes) -> None:
    """Whatever comes is rewritten or stays, and what is no IP packet stays."""
    octets = bytearray(frame)
    remark(memoryview(octets), 0, bytes(64))
    assert frame[22:24] in (b"\x08\0", b"\x86\xdd") or octets == frame


@given(st.binary(min_size=24, max_size=80))
def test_any_octets(frame: bytes) -> None:
    """Whatever a frame holds, its tags can be read and taken off, and none but tags are lost."""
    within = tags_within(frame)
    rest = b"".join(retagged(frame, len(within), b""))
    assert rest[10:] == frame[10:22] + frame[22 + len(within) :]


@given(st.binary(min_size=24, max_size=80), st.integers(24, 80))
def test_memory_and_bytes_are_alike(frame: bytes, size: int) -> None:
    """The tagger's view of a buffer is read as bytes are."""
    view = memoryview(bytearray(frame))[:size]
    assert tags_within(view) == tags_within(bytes(view))


@given(places)
def test_as_scapy_reads_them(place: Tagged) -> None:
    """Tags are where scapy, which is nobody of ours, finds them, and the packet stands behind them."""
    packet = IP(src="10.0.0.1", dst="10.0.0.2") / TCP(dport=179)
    frame = with_tags(bytes(10) + bytes(Ether(type=0x0800) / packet), place)
    layer, seen = Ether(frame[10:]).payload, []
    while isinstance(layer, Dot1Q):  # Dot1AD is one, too
        seen.append((0x88A8 if isinstance(layer, Dot1AD) else 0x8100, layer.vlan))
        layer = layer.payload
    outer = place.outer_ethertype if len(place.tags) == 2 else 0x8100
    assert seen == [(0x8100 if number else outer, tag) for number, tag in enumerate(place.tags)]
    assert layer[TCP].dport == 179
