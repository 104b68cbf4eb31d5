"""Prefixes on the wire (RFC 4271 §4.3) and the attributes that carry them (RFC 4760, RFC 2545).

IPv4 and IPv6 unicast. Other families are ignored, as those of a session that did not agree on them (RFC 4760 §6).
Whatever makes it impossible to tell the prefixes asks for a session reset (RFC 7606 §3 j, §5.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from lab.bgp import Address, Family, Prefix
from lab.wire.faults import Subcode, UpdateError

UNICAST = 1
_FAMILIES = {1: Family.IPV4, 2: Family.IPV6}
_BITS = {Family.IPV4: 32, Family.IPV6: 128}
_NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
_NEXT_HOP_LENGTHS = {Family.IPV4: (4,), Family.IPV6: (16, 32)}  # RFC 4760 §3, RFC 2545 §3


@dataclass(frozen=True, slots=True, kw_only=True)
class MpReach:
    """The MP_REACH_NLRI attribute; `family` is None for a family that is ignored."""

    family: Family | None
    prefixes: tuple[Prefix, ...] = ()
    next_hop: Address | None = None
    is_empty: bool = False
    """Whether it announces nothing, in whatever family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MpUnreach:
    """The MP_UNREACH_NLRI attribute; `family` is None for a family that is ignored."""

    family: Family | None
    prefixes: tuple[Prefix, ...] = ()


def decode_prefixes(octets: bytes, family: Family, where: str, subcode: Subcode) -> tuple[Prefix, ...]:
    """The prefixes of a field. Raises UpdateError, which names the field by `where`, if they cannot be told apart."""
    found: list[Prefix] = []
    build = _ipv4_prefix if family is Family.IPV4 else _ipv6_prefix
    bits = _BITS[family]
    at, end = 0, len(octets)
    while at < end:
        length = octets[at]
        stop = at + 1 + (length + 7 >> 3)
        if length > bits:
            raise UpdateError(
                f"malformed {where}: a prefix length of {length} in {_NAMES[family]}, whose longest is {bits}"
                " (RFC 7606 §5.3)",
                subcode,
            )
        if stop > end:
            raise UpdateError(
                f"malformed {where}: the last prefix has {length} bits and only {end - at - 1} octets are left"
                " (RFC 7606 §5.3)",
                subcode,
            )
        found.append(build(octets[at:stop]))
        at = stop
    return tuple(found)


@lru_cache(maxsize=1 << 15)
def _ipv4_prefix(octets: bytes) -> IPv4Network:
    """The prefix of a length and as many octets as it needs; bits past the length mean nothing (RFC 4271 §4.3)."""
    length = octets[0]
    significant = int.from_bytes(octets[1:]) >> (-length & 7)
    return IPv4Network((significant << 32 - length, length))


@lru_cache(maxsize=1 << 15)
def _ipv6_prefix(octets: bytes) -> IPv6Network:
    length = octets[0]
    significant = int.from_bytes(octets[1:]) >> (-length & 7)
    return IPv6Network((significant << 128 - length, length))


def decode_mp_reach(value: bytes) -> MpReach:
    """The value of MP_REACH_NLRI (RFC 4760 §3). Raises UpdateError."""
    if len(value) < 5:
        raise _incorrect(f"malformed MP_REACH_NLRI: {len(value)} octets, at least 5 are needed (RFC 7606 §5.3)")
    start = 5 + value[3]  # AFI, SAFI, length of the next hop, next hop, a reserved octet
    family = _family(value)
    if family is None:
        return MpReach(family=None, is_empty=start >= len(value))
    if value[3] not in _NEXT_HOP_LENGTHS[family]:
        expected = " or ".join(map(str, _NEXT_HOP_LENGTHS[family]))
        raise _incorrect(
            f"malformed MP_REACH_NLRI: a next hop of {value[3]} octets in {_NAMES[family]}, which has {expected}"
            " (RFC 7606 §7.11)"
        )
    if start > len(value):
        raise _incorrect(
            f"malformed MP_REACH_NLRI: a next hop of {value[3]} octets and only {len(value) - 4} are left"
            " (RFC 7606 §7.11)"
        )
    prefixes = decode_prefixes(value[start:], family, "MP_REACH_NLRI", Subcode.OPTIONAL_ATTRIBUTE)
    return MpReach(
        family=family, prefixes=prefixes, next_hop=next_hop_address(value[4 : start - 1]), is_empty=not prefixes
    )


def decode_mp_unreach(value: bytes) -> MpUnreach:
    """The value of MP_UNREACH_NLRI (RFC 4760 §4). Raises UpdateError."""
    if len(value) < 3:
        raise _incorrect(f"malformed MP_UNREACH_NLRI: {len(value)} octets, at least 3 are needed (RFC 7606 §5.3)")
    family = _family(value)
    if family is None:
        return MpUnreach(family=None)
    prefixes = decode_prefixes(value[3:], family, "MP_UNREACH_NLRI", Subcode.OPTIONAL_ATTRIBUTE)
    return MpUnreach(family=family, prefixes=prefixes)


def next_hop_address(octets: bytes) -> Address:
    """A next hop of 4, 16 or 32 octets: the global address of an IPv6 one, not its link-local (RFC 2545 §3)."""
    return IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets[:16])


def is_host(address: Address) -> bool:
    """Whether an address can be that of a router: RFC 4271 §6.3 asks for a valid IP host address."""
    if isinstance(address, IPv4Address):
        first = int(address) >> 24
        return 0 < first < 224 and first != 127  # RFC 1122 §3.2.1.3, RFC 1112 §4
    return not (address.is_unspecified or address.is_loopback or address.is_multicast)


def is_unicast(prefix: Prefix) -> bool:
    """Whether routes to a prefix can be unicast ones: not those to multicast or, in IPv6, to link-local addresses."""
    if isinstance(prefix, IPv4Network):
        return int(prefix.network_address) >> 28 != 0xE or prefix.prefixlen < 4
    first = int(prefix.network_address) >> 112
    is_multicast = first >= 0xFF00 and prefix.prefixlen >= 8
    is_link_local = first & 0xFFC0 == 0xFE80 and prefix.prefixlen >= 10
    return not (is_multicast or is_link_local)


def _family(value: bytes) -> Family | None:
    return _FAMILIES.get(value[0] << 8 | value[1]) if value[2] == UNICAST else None


def _incorrect(text: str) -> UpdateError:
    return UpdateError(text, Subcode.OPTIONAL_ATTRIBUTE)  # RFC 4760 §7
