"""VLAN tags of frames: which ones a frame has, and the same frame with others.

A frame is what an AF_PACKET socket with PACKET_VNET_HDR gives and takes: ten bytes that say what is left to do about
its checksum and its segmentation (struct virtio_net_hdr, linux/virtio_net.h), and the octets. Of a frame that it
received the kernel has taken the outer tag out of the octets (struct tpacket_auxdata, linux/if_packet.h).
"""

from __future__ import annotations

import struct

from lab.plan import Tagged

ETHERTYPE_8021Q = 0x8100
VNET_HEADER_BYTES = 10
_MAC_BYTES = 12
_TYPE_AT = VNET_HEADER_BYTES + _MAC_BYTES
"""Behind the two MAC addresses: the EtherType, or the first tag."""
_TPIDS = (b"\x81\x00", b"\x88\xa8")
_MOST_TAGS = 3
"""One more than any place has: enough to see that a frame has too many."""
_HEADER_LENGTH_AT, _CHECKSUM_AT = 2, 6
_NEEDS_CHECKSUM = 1
_U16, _BIG_U16 = struct.Struct("=H"), struct.Struct(">H")
_CHECKSUM = struct.Struct("=HH")
_IPV4, _IPV6, _IPV4_HEADER_BYTES = b"\x08\x00", b"\x86\xdd", 20
_AUXDATA = struct.Struct("=IIIHHHH")
_TAG_VALID, _TPID_VALID = 0x10, 0x40
SOL_PACKET, PACKET_AUXDATA = 263, 8
AUXDATA_BYTES = _AUXDATA.size

Octets = bytes | memoryview


def each_tag(place: Tagged) -> list[tuple[int, int]]:
    """The tags of a place as EtherType and VLAN id, the outer one first."""
    outer = place.outer_ethertype if len(place.tags) > 1 else ETHERTYPE_8021Q
    return [(ETHERTYPE_8021Q if number else outer, tag) for number, tag in enumerate(place.tags)]


def tags_of(place: Tagged) -> bytes:
    """The tags of a place as a frame has them, with priority 0 (IEEE 802.1Q §9.6)."""
    return b"".join(struct.pack("!HH", *tag) for tag in each_tag(place))


def stripped_tag(auxdata: bytes) -> bytes:
    """The tag that the kernel took out of a received frame, its priority set to 0; empty where there was none."""
    status, _, _, _, _, tci, tpid = _AUXDATA.unpack(auxdata)
    return tag_taken_out(status, tci & 0x0FFF, tpid)


def tag_taken_out(status: int, tci: int, tpid: int) -> bytes:
    """The tag of which the kernel says, with a frame's status, that it took it out; empty where there was none."""
    if not status & _TAG_VALID:
        return b""
    return struct.pack("!HH", tpid if status & _TPID_VALID else ETHERTYPE_8021Q, tci)


def on_the_wire(frame: Octets, tag: bytes) -> bytes:
    """The octets of a frame as on a wire: with the tag that was taken out, and the checksum that is left to do.

    A checksum that is left to do counts from a place to the end, what its own field holds being that of the
    pseudo-header (linux/virtio_net.h, RFC 1071).
    """
    needs_checksum = frame[0] & _NEEDS_CHECKSUM
    if not (needs_checksum or tag):
        return bytes(frame[VNET_HEADER_BYTES:])
    octets = bytearray(frame[VNET_HEADER_BYTES:])
    if needs_checksum:
        start, offset = _CHECKSUM.unpack_from(frame, _CHECKSUM_AT)
        covered = octets[start:]
        remainder = int.from_bytes(covered + bytes(len(covered) % 2)) % 0xFFFF
        octets[start + offset : start + offset + 2] = (0xFFFF - remainder).to_bytes(2)
    if tag:
        octets[_MAC_BYTES:_MAC_BYTES] = tag
    return bytes(octets)


def tags_within(frame: Octets) -> bytes:
    """The tags in a frame's octets, their priorities set to 0. One that is cut short has two bytes."""
    tags, at = b"", _TYPE_AT
    while len(tags) < 4 * _MOST_TAGS and (ethertype := bytes(frame[at : at + 2])) in _TPIDS:
        if len(frame) < at + 4:
            return tags + ethertype
        tags += ethertype + bytes((frame[at + 2] & 0x0F, frame[at + 3]))
        at += 4
    return tags


def retagged(frame: Octets, within: int, tags: bytes) -> tuple[Octets, Octets, bytes, Octets]:
    """The parts of a frame that has `tags` in place of the first `within` bytes of its tags.

    Where checksum and segmentation are left to do, what they count from the frame's start moves with the tags.
    """
    header: Octets = frame[:VNET_HEADER_BYTES]
    shift = len(tags) - within
    if shift:
        header = _moved(header, shift)
    return header, frame[VNET_HEADER_BYTES:_TYPE_AT], tags, frame[_TYPE_AT + within :]


def remark(frame: memoryview, within: int, marks: bytes) -> None:
    """Rewrite the mark of the IP packet in a frame with `within` bytes of tags, by a table of 64 marks (RFC 2474 §3).

    The checksum of an IPv4 header is brought up to date (RFC 1624 §3); one of IPv6 has none. Other frames stay.
    """
    at = _TYPE_AT + within
    ethertype = frame[at : at + 2]
    if ethertype == _IPV4 and len(frame) >= at + 2 + _IPV4_HEADER_BYTES:
        before = frame[at + 3]
        after = marks[before >> 2] << 2 | before & 0x03  # the other two bits are ECN's (RFC 3168 §5)
        if after != before:
            frame[at + 3] = after
            total = (~_BIG_U16.unpack_from(frame, at + 12)[0] & 0xFFFF) + (~before & 0xFFFF) + after
            total = (total & 0xFFFF) + (total >> 16)
            _BIG_U16.pack_into(frame, at + 12, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    elif ethertype == _IPV6 and len(frame) >= at + 4:
        (word,) = _BIG_U16.unpack_from(frame, at + 2)  # version, traffic class, and a part of the flow label
        _BIG_U16.pack_into(frame, at + 2, word & 0xF03F | marks[word >> 6 & 0x3F] << 6)


def _moved(header: Octets, shift: int) -> bytes:
    moved = bytearray(header)
    places = [_CHECKSUM_AT] if header[0] & _NEEDS_CHECKSUM else []
    if _U16.unpack_from(header, _HEADER_LENGTH_AT)[0]:
        places.append(_HEADER_LENGTH_AT)
    for place in places:
        _U16.pack_into(moved, place, _U16.unpack_from(header, place)[0] + shift)
    return bytes(moved)
