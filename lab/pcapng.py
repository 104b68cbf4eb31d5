"""Captured frames as the octets of a pcapng file (draft-ietf-opsawg-pcapng-03, 2025), and nothing read back.

Of the format it has what a lab knows: interfaces with names, times to the nanosecond, the direction of each frame, and
how many frames were lost at each interface. Everything is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6  # §4.1, §4.2, §4.6, §4.3
_BYTE_ORDER, _UNKNOWN_LENGTH = 0x1A2B3C4D, -1
_ETHERNET = 1  # LINKTYPE_ETHERNET
_COMMENT = 1  # §3.5
_APPLICATION = 4  # §4.1
_NAME, _DESCRIPTION, _TIME_RESOLUTION = 2, 3, 9  # §4.2
_NANOSECONDS = b"\x09"
_FLAGS, _INBOUND, _OUTBOUND = 2, 1, 2  # §4.3
_RECEIVED, _DROPPED = 4, 5  # §4.6
_PACKET_HEAD = struct.Struct("<IIIIIII")
_PACKET_TAILS = {
    outgoing: struct.pack("<HHIHH", _FLAGS, 4, _OUTBOUND if outgoing else _INBOUND, 0, 0) for outgoing in (False, True)
}
_LENGTH = struct.Struct("<I")


class Frame(NamedTuple):
    """One frame at one interface: a tuple, as there are a hundred thousand a second, and their order is that of time.

    `interface` counts from 0 in the order of the file's interfaces. `length_bytes` is what the frame had on the wire,
    and `octets` what was kept of it.
    """

    time_ns: int
    interface: int
    outgoing: bool
    length_bytes: int
    octets: bytes


def opening(application: str, comment: str, interfaces: Iterable[tuple[str, str]]) -> bytes:
    """The start of a file: which program wrote it, what there is to say of it, and each interface's name and story."""
    head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
    section = _block(_SECTION, head + _text(_COMMENT, comment) + _text(_APPLICATION, application) + _END)
    return section + b"".join(_interface(name, description) for name, description in interfaces)


def _interface(name: str, description: str) -> bytes:
    no_limit = 0
    head = struct.pack("<HHI", _ETHERNET, 0, no_limit)
    resolution = _option(_TIME_RESOLUTION, _NANOSECONDS)
    return _block(_INTERFACE, head + _text(_NAME, name) + _text(_DESCRIPTION, description) + resolution + _END)


def packet(frame: Frame) -> bytes:
    """One frame."""
    time_ns, interface, outgoing, length, octets = frame
    kept = len(octets)
    padding = -kept % 4
    total = 44 + kept + padding
    head = _PACKET_HEAD.pack(_PACKET, total, interface, time_ns >> 32, time_ns & 0xFFFFFFFF, kept, length)
    return b"".join((head, octets, bytes(padding), _PACKET_TAILS[outgoing], _LENGTH.pack(total)))


def statistics(interface: int, time_ns: int, *, received: int, dropped: int) -> bytes:
    """How many frames came to an interface until a time, and how many of them are not in the file."""
    head = struct.pack("<III", interface, time_ns >> 32, time_ns & 0xFFFFFFFF)
    counts = _option(_RECEIVED, struct.pack("<Q", received)) + _option(_DROPPED, struct.pack("<Q", dropped))
    return _block(_STATISTICS, head + counts + _END)


_END = bytes(4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _text(code: int, text: str) -> bytes:
    return _option(code, text.encode())


def _block(kind: int, body: bytes) -> bytes:
    length = _LENGTH.pack(len(body) + 12)
    return _LENGTH.pack(kind) + length + body + length
