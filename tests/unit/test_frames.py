"""VLAN tags of frames: read from what a socket gives, and exchanged with all that counts from the frame's start."""

from __future__ import annotations

import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from lab.node.frames import on_the_wire, retagged, stripped_tag, tag_taken_out, tags_of, tags_within
from lab.plan import Endpoint, Tagged

PORT = Endpoint(node="ce", interface="port")
NOTHING_LEFT = bytes(10)
MACS = bytes(range(12))
IPV4, IPV6, ARP = b"\x08\x00", b"\x86\xdd", b"\x08\x06"
TAG_100, TAG_200, S_TAG_7 = b"\x81\x00\x00\x64", b"\x81\x00\x00\xc8", b"\x88\xa8\x00\x07"
NEEDS_CHECKSUM, TCP_OVER_IPV4 = 1, 1


def vnet(flags: int = 0, segments: int = 0, header: int = 0, start: int = 0) -> bytes:
    """What is left to do, as struct virtio_net_hdr."""
    return struct.pack("=BBHHHH", flags, segments, header, 1448 if segments else 0, start, 16)


def auxdata(status: int, tci: int, tpid: int) -> bytes:
    """What the kernel says beside a frame, as struct tpacket_auxdata."""
    return struct.pack("=IIIHHHH", status, 60, 60, 0, 14, tci, tpid)


def joined(*parts: bytes | memoryview) -> bytes:
    """The frame that is sent."""
    return b"".join(parts)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Tagged(port=PORT), b""),
        (Tagged(port=PORT, tags=(100,)), TAG_100),
        (Tagged(port=PORT, tags=(100,), outer_ethertype=0x88A8), TAG_100),
        (Tagged(port=PORT, tags=(200, 100)), TAG_200 + TAG_100),
        (Tagged(port=PORT, tags=(7, 100), outer_ethertype=0x88A8), S_TAG_7 + TAG_100),
        (Tagged(port=PORT, tags=(4094,)), b"\x81\x00\x0f\xfe"),
    ],
)
def test_tags_of_a_place(place: Tagged, expected: bytes) -> None:
    """The outer tag comes first; only the outer one of two has the place's EtherType."""
    assert tags_of(place) == expected


@pytest.mark.parametrize(
    ("status", "tci", "tpid", "expected"),
    [
        (0x00, 0, 0, b""),
        (0x00, 100, 0x8100, b""),
        (0x50, 100, 0x8100, TAG_100),
        (0x50, 7, 0x88A8, S_TAG_7),
        (0x10, 100, 0, TAG_100),
        (0x50, 0xF000 | 100, 0x8100, TAG_100),
    ],
    ids=["none", "not valid", "802.1Q", "802.1ad", "an old kernel, which says no EtherType", "with a priority"],
)
def test_the_tag_that_the_kernel_took_out(status: int, tci: int, tpid: int, expected: bytes) -> None:
    """It is in the auxiliary data, where a bit says so; its priority is left out."""
    assert stripped_tag(auxdata(status, tci, tpid)) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (IPV4 + bytes(20), b""),
        (ARP + bytes(28), b""),
        (TAG_100 + IPV6, TAG_100),
        (b"\x81\x00\xe0\x64" + IPV6, TAG_100),
        (S_TAG_7 + TAG_100 + IPV4, S_TAG_7 + TAG_100),
        (TAG_100 * 5 + IPV4, TAG_100 * 3),
        (b"\x81\x00\x00", b"\x81\x00"),
        (TAG_100 + b"\x81\x00", TAG_100 + b"\x81\x00"),
        (b"", b""),
    ],
    ids=["IPv4", "ARP", "one", "with a priority", "two", "too many", "cut short", "second one cut short", "nothing"],
)
def test_tags_within_a_frame(octets: bytes, expected: bytes) -> None:
    """All tags are found, at most one more than any place has; one that is cut short is like none of a place."""
    assert tags_within(NOTHING_LEFT + MACS + octets) == expected


@pytest.mark.parametrize(
    ("before", "within", "tags", "after"),
    [
        (IPV4, 0, b"", IPV4),
        (IPV4, 0, TAG_100, TAG_100 + IPV4),
        (IPV6, 0, S_TAG_7 + TAG_100, S_TAG_7 + TAG_100 + IPV6),
        (TAG_100 + ARP, 4, b"", ARP),
        (TAG_100 + ARP, 4, TAG_200, TAG_200 + ARP),
        (TAG_100 + ARP, 4, S_TAG_7 + TAG_100, S_TAG_7 + TAG_100 + ARP),
        (S_TAG_7 + TAG_100 + IPV4, 8, TAG_200, TAG_200 + IPV4),
    ],
)
def test_other_tags(before: bytes, within: int, tags: bytes, after: bytes) -> None:
    """The tags stand between the MAC addresses and the EtherType, in place of the old ones; nothing else changes."""
    frame = NOTHING_LEFT + MACS + before + b"payload"
    assert joined(*retagged(frame, within, tags)) == NOTHING_LEFT + MACS + after + b"payload"


@pytest.mark.parametrize(
    ("left", "within", "tags", "expected"),
    [
        (vnet(NEEDS_CHECKSUM, start=34), 0, TAG_100, vnet(NEEDS_CHECKSUM, start=38)),
        (vnet(NEEDS_CHECKSUM, start=42), 8, b"", vnet(NEEDS_CHECKSUM, start=34)),
        (vnet(NEEDS_CHECKSUM, start=42), 8, TAG_200 + TAG_100, vnet(NEEDS_CHECKSUM, start=42)),
        (
            vnet(NEEDS_CHECKSUM, TCP_OVER_IPV4, header=66, start=34),
            0,
            S_TAG_7 + TAG_100,
            vnet(NEEDS_CHECKSUM, TCP_OVER_IPV4, header=74, start=42),
        ),
        (vnet(0, start=34), 0, TAG_100, vnet(0, start=34)),
        (vnet(2, start=0), 0, TAG_100, vnet(2, start=0)),
    ],
    ids=["tag added", "two removed", "exchanged", "segmented", "no checksum to do", "checksum known to be right"],
)
def test_what_is_left_to_do(left: bytes, within: int, tags: bytes, expected: bytes) -> None:
    """Where the checksum starts and how long the headers are moves by the tags, where it says anything."""
    octets = (S_TAG_7 + TAG_100)[:within] + IPV4 + bytes(60)
    assert joined(*retagged(left + MACS + octets, within, tags))[:10] == expected


@pytest.mark.parametrize("payload", [b"even", b"odd", b""])
@pytest.mark.parametrize(("layer", "offset"), [(TCP, 16), (UDP, 6)])
@pytest.mark.parametrize("tag", [b"", TAG_100])
def test_a_checksum_that_was_left_to_do(payload: bytes, layer: type, offset: int, tag: bytes) -> None:
    """A frame has the checksum that scapy computes, and its tag where the kernel had taken it out."""
    whole = bytes(Ether() / IP(src="10.1.0.1", dst="10.2.0.2") / layer() / payload)
    length = len(whole) - 34
    pseudo = whole[26:34] + struct.pack("!HH", 6 if layer is TCP else 17, length)  # RFC 9293 §3.1
    partly = sum(struct.unpack("!6H", pseudo)) % 0xFFFF
    at = 34 + offset
    left = whole[:at] + partly.to_bytes(2) + whole[at + 2 :]

    header = struct.pack("=BBHHHH", NEEDS_CHECKSUM, 0, 0, 0, 34, offset)
    assert on_the_wire(header + left, tag) == whole[:12] + tag + whole[12:]


def test_nothing_was_left_to_do() -> None:
    """Other frames are as they are, and a tag keeps its priority."""
    frame = MACS + IPV4 + b"payload"

    assert on_the_wire(NOTHING_LEFT + frame, b"") == frame
    assert (
        on_the_wire(NOTHING_LEFT + frame, tag_taken_out(0x50, 0xA064, 0x8100))
        == MACS + b"\x81\x00\xa0\x64" + frame[12:]
    )
