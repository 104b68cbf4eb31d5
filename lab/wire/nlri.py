"""Prefixes on the wire (RFC 4271 §4.3) and the attributes that carry them (RFC 4760, RFC 2545).

IPv4 and IPv6, unicast or of VPNs (RFC 4364, RFC 4659, RFC 8277). Other families are ignored, as those of a session that
did not agree on them (RFC 4760 §6).
Whatever makes it impossible to tell the prefixes asks for a session reset (RFC 7606 §3 j, §5.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from lab.bgp import Address, Family, Nlri, Prefix, VpnPrefix, route_distinguisher
from lab.wire.faults import Subcode, UpdateError

UNICAST, MPLS_VPN = 1, 128  # RFC 4760 §6, RFC 4364 §4.3.4
AFI = {Family.IPV4: 1, Family.IPV6: 2}  # RFC 4760 §6
_FAMILIES = {number: family for family, number in AFI.items()}
_BITS = {Family.IPV4: 32, Family.IPV6: 128}
_NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
_VPN_NAMES = {Family.IPV4: "VPN-IPv4", Family.IPV6: "VPN-IPv6"}
_NEXT_HOP_LENGTHS = {Family.IPV4: (4,), Family.IPV6: (16, 32)}  # RFC 4760 §3, RFC 2545 §3
_VPN_NEXT_HOP_LENGTHS = {Family.IPV4: (12,), Family.IPV6: (24, 48)}  # RFC 4364 §4.3.2, RFC 4659 §3.2.1
_LABEL_OCTETS, _DISTINGUISHER_OCTETS = 3, 8  # RFC 8277 §2.2, RFC 4364 §4.1
_VPN_BITS = 8 * (_LABEL_OCTETS + _DISTINGUISHER_OCTETS)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The one family of routes that a session was opened for (RFC 4760 §8): unicast, or of VPNs."""

    family: Family
    vpn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MpReach:
    """The MP_REACH_NLRI attribute; `family` is None for a family that is ignored.

    Of a VPN's routes there is a label for each prefix.
    """

    family: Family | None
    prefixes: tuple[Nlri, ...] = ()
    labels: tuple[int, ...] = ()
    next_hop: Address | None = None
    is_empty: bool = False
    """Whether it announces nothing, in whatever family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MpUnreach:
    """The MP_UNREACH_NLRI attribute; `family` is None for a family that is ignored."""

    family: Family | None
    prefixes: tuple[Nlri, ...] = ()


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


def _decode_vpn_prefixes(octets: bytes, family: Family, where: str) -> tuple[tuple[VpnPrefix, int], ...]:
    """The prefixes of VPNs in an attribute, with their labels (RFC 8277 §2.2, RFC 4364 §4.3.4). Raises UpdateError.

    There is one label before each, whatever its bottom-of-stack bit says; that of a withdrawal means nothing (§2.4).
    """
    found: list[tuple[VpnPrefix, int]] = []
    build = _ipv4_prefix if family is Family.IPV4 else _ipv6_prefix
    at, end = 0, len(octets)
    while at < end:
        length = octets[at]
        stop = at + 1 + (length + 7 >> 3)
        if not _VPN_BITS <= length <= _VPN_BITS + _BITS[family]:
            raise _incorrect(
                f"malformed {where}: a length of {length} in {_VPN_NAMES[family]}, which has {_VPN_BITS} to"
                f" {_VPN_BITS + _BITS[family]} (RFC 4364 §4.3.4, RFC 7606 §5.3)"
            )
        if stop > end:
            raise _incorrect(
                f"malformed {where}: the last prefix has {length} bits and only {end - at - 1} octets are left"
                " (RFC 7606 §5.3)"
            )
        distinguisher = at + 1 + _LABEL_OCTETS
        prefix = distinguisher + _DISTINGUISHER_OCTETS
        rd = route_distinguisher(octets[distinguisher:prefix])
        label = int.from_bytes(octets[at + 1 : distinguisher]) >> 4
        found.append((VpnPrefix(rd, build(bytes([length - _VPN_BITS]) + octets[prefix:stop])), label))
        at = stop
    return tuple(found)


def decode_mp_reach(value: bytes, agreed: Agreed | None = None) -> MpReach:
    """The value of MP_REACH_NLRI (RFC 4760 §3). Raises UpdateError. Without `agreed` no known family is ignored."""
    if len(value) < 5:
        raise _incorrect(f"malformed MP_REACH_NLRI: {len(value)} octets, at least 5 are needed (RFC 7606 §5.3)")
    start = 5 + value[3]  # AFI, SAFI, length of the next hop, next hop, a reserved octet
    kind = _kind(value, agreed)
    if kind is None:
        return MpReach(family=None, is_empty=start >= len(value))
    family = kind.family
    lengths, name = (
        (_VPN_NEXT_HOP_LENGTHS[family], _VPN_NAMES[family]) if kind.vpn else (_NEXT_HOP_LENGTHS[family], _NAMES[family])
    )
    if value[3] not in lengths:
        expected = " or ".join(map(str, lengths))
        raise _incorrect(
            f"malformed MP_REACH_NLRI: a next hop of {value[3]} octets in {name}, which has {expected} (RFC 7606 §7.11)"
        )
    if start > len(value):
        raise _incorrect(
            f"malformed MP_REACH_NLRI: a next hop of {value[3]} octets and only {len(value) - 4} are left"
            " (RFC 7606 §7.11)"
        )
    prefixes: tuple[Nlri, ...]
    labels: tuple[int, ...] = ()
    if kind.vpn:
        found = _decode_vpn_prefixes(value[start:], family, "MP_REACH_NLRI")
        prefixes, labels = tuple(one for one, _ in found), tuple(label for _, label in found)
        next_hop = next_hop_address(value[4 + _DISTINGUISHER_OCTETS : start - 1])
    else:
        prefixes = decode_prefixes(value[start:], family, "MP_REACH_NLRI", Subcode.OPTIONAL_ATTRIBUTE)
        next_hop = next_hop_address(value[4 : start - 1])
    return MpReach(family=family, prefixes=prefixes, labels=labels, next_hop=next_hop, is_empty=not prefixes)


def decode_mp_unreach(value: bytes, agreed: Agreed | None = None) -> MpUnreach:
    """The value of MP_UNREACH_NLRI (RFC 4760 §4). Raises UpdateError. Without `agreed` no known family is ignored."""
    if len(value) < 3:
        raise _incorrect(f"malformed MP_UNREACH_NLRI: {len(value)} octets, at least 3 are needed (RFC 7606 §5.3)")
    kind = _kind(value, agreed)
    if kind is None:
        return MpUnreach(family=None)
    if kind.vpn:
        found = _decode_vpn_prefixes(value[3:], kind.family, "MP_UNREACH_NLRI")
        return MpUnreach(family=kind.family, prefixes=tuple(one for one, _ in found))
    prefixes = decode_prefixes(value[3:], kind.family, "MP_UNREACH_NLRI", Subcode.OPTIONAL_ATTRIBUTE)
    return MpUnreach(family=kind.family, prefixes=prefixes)


def next_hop_address(octets: bytes) -> Address:
    """A next hop, without a distinguisher: the global address of an IPv6 one, not its link-local (RFC 2545 §3)."""
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


def _kind(value: bytes, agreed: Agreed | None) -> Agreed | None:
    """The routes that an attribute is for; None where they are ignored."""
    family = _FAMILIES.get(value[0] << 8 | value[1])
    if family is None or value[2] not in (UNICAST, MPLS_VPN):
        return None
    kind = Agreed(family, vpn=value[2] == MPLS_VPN)
    return kind if agreed in (None, kind) else None


def _incorrect(text: str) -> UpdateError:
    return UpdateError(text, Subcode.OPTIONAL_ATTRIBUTE)  # RFC 4760 §7
