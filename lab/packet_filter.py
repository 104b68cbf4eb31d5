"""Classic BPF programs for the prober's captures: what the kernel lets through to them (linux/filter.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_LOAD_HALF_BEHIND, _IPV4_HEADER_LENGTH = 0x48, 0xB1  # A = half word at [X + k]; X = 4 * ([k] & 0xf)
_JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_ANCILLARY = 0xFFFFF000
_PACKET_TYPE, _TAG_PRESENT = _ANCILLARY + 4, _ANCILLARY + 48
_OTHERHOST = 3  # linux/if_packet.h: flooded by a bridge, and meant for another node
_ETHERNET, _IPV6_HEADER = 14, 40
_ETHERTYPE, _IPV4, _IPV6 = 12, 0x0800, 0x86DD
_IPV4_PROTOCOL, _IPV4_FRAGMENT, _IPV6_NEXT_HEADER = _ETHERNET + 9, _ETHERNET + 6, _ETHERNET + 6
_ICMP, _TCP, _UDP, _FRAGMENT, _ICMPV6 = 1, 6, 17, 44, 58
_MOST_PORTS = 32
KEPT_BYTES = 256
"""How much of a packet a capture gets: all headers, those that an ICMP error quotes too, and some more."""

_WHOLE_BYTES = 1 << 18

NOTHING = struct.pack("=HBBI", _RETURN, 0, 0, 0)
"""Lets nothing through."""


@dataclass(frozen=True, slots=True)
class _Step:
    """An instruction. A jump goes to the instruction behind a label; an empty one stands for the next instruction."""

    code: int
    value: int = 0
    then: str = ""
    otherwise: str = ""
    label: str = ""


_ACCEPT, _DROP = _Step(_RETURN, KEPT_BYTES, label="accept"), _Step(_RETURN, 0, label="drop")
_OF_THIS_NODE = (
    _Step(_LOAD_WORD, _PACKET_TYPE),
    _Step(_JUMP_IF_EQUAL, _OTHERHOST, then="drop"),
    _Step(_LOAD_WORD, _TAG_PRESENT),
    _Step(_JUMP_IF_EQUAL, 0, otherwise="drop"),
)


def probes(ports: Iterable[int] = ()) -> bytes:
    """Lets through untagged ICMP and ICMPv6 of this node, and what UDP and TCP send from or to one of these ports.

    These are the probes, their answers and what is said of them. What crosses a port with VLAN tags is seen on its
    sub-interface, and what crosses a core in a tunnel at the VRF. A capture holds a few hundred packets, so all else is
    kept from it. Of more than a few ports all packets of UDP and TCP are let through.
    """
    known = sorted(set(ports))
    if len(known) > _MOST_PORTS:
        known, any_port = [], "accept"
    else:
        any_port = ""
    lines = [*_OF_THIS_NODE, _Step(_LOAD_HALF, _ETHERTYPE), _Step(_JUMP_IF_EQUAL, _IPV4, otherwise="not ipv4")]
    lines += [_Step(_LOAD_BYTE, _IPV4_PROTOCOL), _Step(_JUMP_IF_EQUAL, _ICMP, then="accept")]
    behind = [_Step(_IPV4_HEADER_LENGTH, _ETHERNET, label="v4"), *_either_port(_LOAD_HALF_BEHIND, _ETHERNET, known)]
    lines += _of_ports(any_port or ("v4" if known else ""), behind)
    lines += [_Step(_JUMP_IF_EQUAL, _IPV6, otherwise="drop", label="not ipv4"), _Step(_LOAD_BYTE, _IPV6_NEXT_HEADER)]
    lines += [_Step(_JUMP_IF_EQUAL, one, then="accept") for one in (_ICMPV6, _FRAGMENT)]
    behind = [_Step(_LOAD_WORD, 0, label="v6"), *_either_port(_LOAD_HALF, _ETHERNET + _IPV6_HEADER, known)]
    lines += _of_ports(any_port or ("v6" if known else ""), behind)
    return _assembled([*lines, _DROP, _ACCEPT])


def segments(port: int) -> bytes:
    """Lets through whole untagged packets of TCP of this node that are from or to a port."""
    lines = [*_OF_THIS_NODE, _Step(_LOAD_HALF, _ETHERTYPE), _Step(_JUMP_IF_EQUAL, _IPV4, otherwise="not ipv4")]
    lines += [_Step(_LOAD_BYTE, _IPV4_PROTOCOL), _Step(_JUMP_IF_EQUAL, _TCP, otherwise="drop")]
    lines += [_Step(_IPV4_HEADER_LENGTH, _ETHERNET), *_either_port(_LOAD_HALF_BEHIND, _ETHERNET, [port])]
    lines += [_Step(_JUMP_IF_EQUAL, _IPV6, otherwise="drop", label="not ipv4"), _Step(_LOAD_BYTE, _IPV6_NEXT_HEADER)]
    lines += [
        _Step(_JUMP_IF_EQUAL, _TCP, otherwise="drop"),
        *_either_port(_LOAD_HALF, _ETHERNET + _IPV6_HEADER, [port]),
    ]
    return _assembled([*lines, _DROP, _Step(_RETURN, _WHOLE_BYTES, label="accept")])


def _of_ports(label: str, behind: list[_Step]) -> list[_Step]:
    """Go on at a label where the packet is of UDP or TCP, else to `drop`; `behind` is what stands there."""
    if not label:
        return [_Step(_RETURN, 0)]
    return [_Step(_JUMP_IF_EQUAL, _UDP, then=label), _Step(_JUMP_IF_EQUAL, _TCP, then=label, otherwise="drop"), *behind]


def _either_port(load: int, at: int, ports: list[int]) -> list[_Step]:
    """Go on to `accept` where the source port or the destination port is one of these, else drop."""
    return [_Step(load, at), *_any_of(ports), _Step(load, at + 2), *_any_of(ports), _Step(_RETURN, 0)]


def _any_of(values: list[int]) -> list[_Step]:
    return [_Step(_JUMP_IF_EQUAL, value, then="accept") for value in values]


def echoes(version: int, message: int, mark: bytes, *, outgoing: bool) -> bytes:
    """Lets through untagged ICMP messages of one type with this mark of four octets, that leave the node or enter it.

    The mark stands at the beginning of what an echo carries.
    """
    ethertype, protocol_at, protocol, at = (
        (_IPV4, _IPV4_PROTOCOL, _ICMP, _ETHERNET + 20)
        if version == 4
        else (_IPV6, _IPV6_NEXT_HEADER, _ICMPV6, _ETHERNET + _IPV6_HEADER)
    )
    directions = {True: {"otherwise": "drop"}, False: {"then": "drop"}}[outgoing]
    lines = [
        *_OF_THIS_NODE[:2],
        _Step(_JUMP_IF_EQUAL, 4, **directions),  # PACKET_OUTGOING
        *_OF_THIS_NODE[2:],
        _Step(_LOAD_HALF, _ETHERTYPE),
        _Step(_JUMP_IF_EQUAL, ethertype, otherwise="drop"),
        _Step(_LOAD_BYTE, protocol_at),
        _Step(_JUMP_IF_EQUAL, protocol, otherwise="drop"),
        _Step(_LOAD_BYTE, at),
        _Step(_JUMP_IF_EQUAL, message, otherwise="drop"),
        _Step(_LOAD_WORD, at + 8),
        _Step(_JUMP_IF_EQUAL, int.from_bytes(mark, "big"), otherwise="drop"),
    ]
    if version == 4:
        lines += [_Step(_LOAD_HALF, _IPV4_FRAGMENT), _Step(_JUMP_IF_ANY_BIT, 0x1FFF, then="drop")]
    return _assembled([*lines, _ACCEPT, _DROP])


def _assembled(steps: list[_Step]) -> bytes:
    """The program as the kernel takes it: jumps count from the instruction behind them."""
    labels = {one.label: at for at, one in enumerate(steps) if one.label}
    return b"".join(
        struct.pack(
            "=HBBI",
            one.code,
            labels[one.then] - at - 1 if one.then else 0,
            labels[one.otherwise] - at - 1 if one.otherwise else 0,
            one.value,
        )
        for at, one in enumerate(steps)
    )
