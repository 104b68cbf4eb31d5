"""Standard, large and extended communities (RFC 1997, RFC 8092, RFC 4360), each in one canonical text."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import NewType, TypeVar

from lab.bgp.numbers import is_number

Community = NewType("Community", str)
"""A standard community (RFC 1997) in its canonical form `asn:value`, both 0 to 65535."""

LargeCommunity = NewType("LargeCommunity", str)
"""A large community (RFC 8092) in its canonical form `global:local1:local2`, each 0 to 4294967295."""

ExtendedCommunity = NewType("ExtendedCommunity", str)
"""An extended community (RFC 4360), canonical: `target:65010:100`, `origin:192.0.2.1:5`, others as 16 hex digits.

A route target or route origin is administered by a 2-octet AS, by an IPv4 address, or, where the number is above 65535
or written with an L behind it, by a 4-octet AS (RFC 5668).
"""

AnyCommunity = TypeVar("AnyCommunity", Community, LargeCommunity, ExtendedCommunity)

GRACEFUL_SHUTDOWN = Community("65535:0")  # RFC 8326
BLACKHOLE = Community("65535:666")  # RFC 7999
NO_EXPORT = Community("65535:65281")  # RFC 1997
NO_ADVERTISE = Community("65535:65282")  # RFC 1997
NO_EXPORT_SUBCONFED = Community("65535:65283")  # RFC 1997; outside a confederation the same as NO_EXPORT
WELL_KNOWN = {
    "graceful-shutdown": GRACEFUL_SHUTDOWN,
    "blackhole": BLACKHOLE,
    "no-export": NO_EXPORT,
    "no-advertise": NO_ADVERTISE,
    "no-export-subconfed": NO_EXPORT_SUBCONFED,
}


def parse_community(text: str) -> Community:
    """A standard community, `asn:value` or a well-known name. Raises ValueError."""
    if text in WELL_KNOWN:
        return WELL_KNOWN[text]
    parts = text.split(":")
    if len(parts) != 2 or not all(is_number(part, 0xFFFF) for part in parts):
        known = ", ".join(sorted(WELL_KNOWN))
        raise ValueError(f"{text!r} is not a community: write asn:value, each 0 to 65535, or one of {known}")
    return Community(f"{int(parts[0])}:{int(parts[1])}")


def parse_large_community(text: str) -> LargeCommunity:
    """A large community, `global:local1:local2`. Raises ValueError."""
    parts = text.split(":")
    if len(parts) != 3 or not all(is_number(part, 0xFFFFFFFF) for part in parts):
        raise ValueError(f"{text!r} is not a large community: write three numbers, a:b:c, each 0 to 4294967295")
    return LargeCommunity(":".join(str(int(part)) for part in parts))


_SUBTYPES = {"target": 0x02, "origin": 0x03}  # RFC 4360 §4, §5
_OTHER_NAMES = {"rt": "target", "soo": "origin"}
_TWO_OCTET_AS, _IPV4, _FOUR_OCTET_AS = 0x00, 0x01, 0x02  # RFC 4360 §3.1, §3.2, RFC 5668


def parse_extended_community(text: str) -> ExtendedCommunity:
    """An extended community: `target:asn:value`, `origin:address:value` or 16 hex digits. Raises ValueError."""
    kind, _, rest = text.partition(":")
    administrator, _, value = rest.rpartition(":")
    subtype = _SUBTYPES.get(_OTHER_NAMES.get(kind, kind))
    if subtype is None:
        if len(text) == 16 and not set(text.lower()) - set("0123456789abcdef"):
            return extended_community(bytes.fromhex(text))
    elif administrator.count(".") == 3 and is_number(value, 0xFFFF):
        try:
            address = IPv4Address(administrator)
        except ValueError:
            address = None
        if address is not None:
            return extended_community(bytes([_IPV4, subtype]) + address.packed + int(value).to_bytes(2))
    elif is_number(administrator, 0xFFFF) and is_number(value, 0xFFFFFFFF):
        return extended_community(
            bytes([_TWO_OCTET_AS, subtype]) + int(administrator).to_bytes(2) + int(value).to_bytes(4)
        )
    elif is_number(administrator.removesuffix("L"), 0xFFFFFFFF) and is_number(value, 0xFFFF):
        number = int(administrator.removesuffix("L"))
        return extended_community(bytes([_FOUR_OCTET_AS, subtype]) + number.to_bytes(4) + int(value).to_bytes(2))
    raise ValueError(
        f"{text!r} is not an extended community: write target:65010:100, origin:192.0.2.1:5 or 16 hex digits"
    )


def extended_community(octets: bytes) -> ExtendedCommunity:
    """The canonical text of the eight octets of an extended community."""
    kind, subtype = octets[0], octets[1]
    name = next((name for name, number in _SUBTYPES.items() if number == subtype), None)
    if name is None or kind > _FOUR_OCTET_AS:
        return ExtendedCommunity(octets.hex())
    if kind == _TWO_OCTET_AS:
        return ExtendedCommunity(f"{name}:{int.from_bytes(octets[2:4])}:{int.from_bytes(octets[4:])}")
    value = int.from_bytes(octets[6:])
    if kind == _IPV4:
        return ExtendedCommunity(f"{name}:{IPv4Address(octets[2:6])}:{value}")
    number = int.from_bytes(octets[2:6])
    return ExtendedCommunity(f"{name}:{number}{'L' if number <= 0xFFFF else ''}:{value}")


def extended_community_octets(community: ExtendedCommunity) -> bytes:
    """The eight octets of an extended community in its canonical text."""
    kind, _, rest = community.partition(":")
    if kind not in _SUBTYPES:
        return bytes.fromhex(community)
    administrator, _, value = rest.partition(":")
    subtype = _SUBTYPES[kind]
    if "." in administrator:
        return bytes([_IPV4, subtype]) + IPv4Address(administrator).packed + int(value).to_bytes(2)
    number = int(administrator.removesuffix("L"))
    if administrator.endswith("L") or number > 0xFFFF:
        return bytes([_FOUR_OCTET_AS, subtype]) + number.to_bytes(4) + int(value).to_bytes(2)
    return bytes([_TWO_OCTET_AS, subtype]) + number.to_bytes(2) + int(value).to_bytes(4)


def is_route_target(community: ExtendedCommunity) -> bool:
    """Whether it is a route target (RFC 4360 §4)."""
    return community.startswith("target:")


def in_order(communities: Iterable[AnyCommunity]) -> tuple[AnyCommunity, ...]:
    """Communities without repetition, in numeric order: the one form in which routes are compared."""
    return tuple(sorted(set(communities), key=_number))


def _number(text: str) -> tuple[int, ...]:
    if text[:1].isdigit() and ":" in text:
        return tuple(map(int, text.split(":")))
    return tuple(extended_community_octets(ExtendedCommunity(text)))
