"""Prefixes of VPNs (RFC 4364, RFC 4659): a route distinguisher keeps apart those that several customers use."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NewType

from lab.bgp.numbers import is_number
from lab.bgp.prefixes import Family, Prefix, parse_prefix, prefix_order

RouteDistinguisher = NewType("RouteDistinguisher", str)
"""A route distinguisher (RFC 4364 §4.2), canonical: `65010:100`, `192.0.2.1:5`, `65010L:5`, others as 16 hex digits.

It is administered by a 2-octet AS, by an IPv4 address, or, where the number is above 65535 or written with an L behind
it, by a 4-octet AS.
"""

LABEL_MAX = (1 << 20) - 1
"""The largest MPLS label (RFC 3032 §2.1)."""
FIRST_LABEL = 16
"""The smallest that has no meaning of its own (RFC 3032 §2.1)."""

_TWO_OCTET_AS, _IPV4, _FOUR_OCTET_AS = 0, 1, 2  # RFC 4364 §4.2


def parse_route_distinguisher(text: str) -> RouteDistinguisher:
    """A route distinguisher, `asn:value`, `address:value` or 16 hex digits. Raises ValueError."""
    administrator, colon, value = text.partition(":")
    number = administrator.removesuffix("L")
    if not colon and len(text) == 16 and not set(text.lower()) - set("0123456789abcdef"):
        return route_distinguisher(bytes.fromhex(text))
    if administrator.count(".") == 3 and is_number(value, 0xFFFF):
        try:
            address = IPv4Address(administrator)
        except ValueError:
            address = None
        if address is not None:
            return RouteDistinguisher(f"{address}:{int(value)}")
    elif is_number(administrator, 0xFFFF) and is_number(value, 0xFFFFFFFF):
        return RouteDistinguisher(f"{int(administrator)}:{int(value)}")
    elif is_number(number, 0xFFFFFFFF) and is_number(value, 0xFFFF):
        return route_distinguisher(bytes([0, _FOUR_OCTET_AS]) + int(number).to_bytes(4) + int(value).to_bytes(2))
    raise ValueError(f"{text!r} is not a route distinguisher: write 65010:100, 192.0.2.1:5 or 16 hex digits")


def route_distinguisher(octets: bytes) -> RouteDistinguisher:
    """The canonical text of the eight octets of a route distinguisher."""
    kind = int.from_bytes(octets[:2])
    if kind == _TWO_OCTET_AS:
        return RouteDistinguisher(f"{int.from_bytes(octets[2:4])}:{int.from_bytes(octets[4:])}")
    value = int.from_bytes(octets[6:])
    if kind == _IPV4:
        return RouteDistinguisher(f"{IPv4Address(octets[2:6])}:{value}")
    if kind == _FOUR_OCTET_AS:
        number = int.from_bytes(octets[2:6])
        return RouteDistinguisher(f"{number}{'L' if number <= 0xFFFF else ''}:{value}")
    return RouteDistinguisher(octets.hex())


def route_distinguisher_octets(distinguisher: RouteDistinguisher) -> bytes:
    """The eight octets of a route distinguisher in its canonical text."""
    administrator, colon, value = distinguisher.partition(":")
    if not colon:
        return bytes.fromhex(distinguisher)
    if "." in administrator:
        return bytes([0, _IPV4]) + IPv4Address(administrator).packed + int(value).to_bytes(2)
    number = int(administrator.removesuffix("L"))
    if administrator.endswith("L") or number > 0xFFFF:
        return bytes([0, _FOUR_OCTET_AS]) + number.to_bytes(4) + int(value).to_bytes(2)
    return bytes([0, _TWO_OCTET_AS]) + number.to_bytes(2) + int(value).to_bytes(4)


@dataclass(frozen=True, slots=True)
class VpnPrefix:
    """A prefix behind a route distinguisher: VPN-IPv4 (RFC 4364 §4.1) or VPN-IPv6 (RFC 4659 §2)."""

    rd: RouteDistinguisher
    prefix: Prefix

    def __str__(self) -> str:
        return f"{self.rd} {self.prefix}"


Nlri = Prefix | VpnPrefix
"""What a route leads to, and what no two routes of a table have in common."""


def parse_nlri(text: str) -> Nlri:
    """A prefix, or one behind a route distinguisher, as in `65010:100 10.0.0.0/8`. Raises ValueError."""
    rd, space, prefix = text.partition(" ")
    return VpnPrefix(parse_route_distinguisher(rd), parse_prefix(prefix)) if space else parse_prefix(text)


def prefix_of(nlri: Nlri) -> Prefix:
    """The prefix without its route distinguisher."""
    return nlri.prefix if isinstance(nlri, VpnPrefix) else nlri


def nlri_order(nlri: Nlri) -> tuple[int, int, int, bytes]:
    """The order in which tables list prefixes; those with route distinguishers behind the same one without."""
    rd = route_distinguisher_octets(nlri.rd) if isinstance(nlri, VpnPrefix) else b""
    return *prefix_order(prefix_of(nlri)), rd


def family_name(family: Family, *, vpn: bool) -> str:
    """What sessions call the routes that they carry: ipv4, ipv6, vpnv4 or vpnv6."""
    return family.value.replace("ip", "vpn") if vpn else family.value
