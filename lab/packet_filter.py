"""Classic BPF programs for the prober's captures: what the kernel lets through to them (linux/filter.h)."""

from __future__ import annotations

import struct

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x28, 0x30, 0x15, 0x06
_ANCILLARY = 0xFFFFF000
_PACKET_TYPE, _TAG_PRESENT = _ANCILLARY + 4, _ANCILLARY + 48
_OTHERHOST = 3  # linux/if_packet.h: flooded by a bridge, and meant for another node
_ETHERTYPE, _IPV4_PROTOCOL, _IPV6_NEXT_HEADER = 12, 14 + 9, 14 + 6
_WHOLE = 0xFFFFFFFF

NOTHING = struct.pack("=HBBI", _RETURN, 0, 0, 0)
"""Lets nothing through."""

_DROP, _ACCEPT = 11, 12
"""The numbers of the two last instructions of `ECHOES`."""


def _jump(at: int, value: int, then: int, otherwise: int) -> tuple[int, int, int, int]:
    """Go on at one of two instructions: targets count from the one behind the jump."""
    return _JUMP_IF_EQUAL, then - at - 1, otherwise - at - 1, value


ECHOES = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        _jump(1, _OTHERHOST, _DROP, 2),
        (_LOAD_WORD, 0, 0, _TAG_PRESENT),
        _jump(3, 0, 4, _DROP),
        (_LOAD_HALF, 0, 0, _ETHERTYPE),
        _jump(5, 0x0800, 6, 8),
        (_LOAD_BYTE, 0, 0, _IPV4_PROTOCOL),
        _jump(7, 1, _ACCEPT, _DROP),
        _jump(8, 0x86DD, 9, _DROP),
        (_LOAD_BYTE, 0, 0, _IPV6_NEXT_HEADER),
        _jump(10, 58, _ACCEPT, _DROP),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _WHOLE),
    )
)
"""Lets through untagged ICMP and ICMPv6 of this node: probes, their answers and what is said of them.

What crosses a port with VLAN tags is seen on its sub-interface, and what crosses a core in a tunnel at the VRF. A
capture holds a few hundred packets, so all else is kept from it.
"""
