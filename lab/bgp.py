"""BGP's values: AS numbers, AS paths, communities, prefixes and routes (RFC 4271 §5, RFC 1997, RFC 8092).

Everything here is immutable and refuses nonsense when it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import pairwise
from typing import NewType, TypeVar

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

Asn = NewType("Asn", int)
"""An AS number, 1 to 4294967295 (RFC 6793)."""

Community = NewType("Community", str)
"""A standard community (RFC 1997) in its canonical form `asn:value`, both 0 to 65535."""

LargeCommunity = NewType("LargeCommunity", str)
"""A large community (RFC 8092) in its canonical form `global:local1:local2`, each 0 to 4294967295."""

AnyCommunity = TypeVar("AnyCommunity", Community, LargeCommunity)

NO_EXPORT = Community("65535:65281")  # RFC 1997
NO_ADVERTISE = Community("65535:65282")  # RFC 1997
NO_EXPORT_SUBCONFED = Community("65535:65283")  # RFC 1997; outside a confederation the same as NO_EXPORT
WELL_KNOWN = {"no-export": NO_EXPORT, "no-advertise": NO_ADVERTISE, "no-export-subconfed": NO_EXPORT_SUBCONFED}

DEFAULT_LOCAL_PREF = 100


class Family(Enum):
    """The address family that a session carries and a prefix belongs to (RFC 4760)."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


def family_of(value: Address | Prefix) -> Family:
    """The family of an address or a prefix."""
    return Family.IPV4 if value.version == 4 else Family.IPV6


def _is_number(text: str, largest: int) -> bool:
    """Whether a text is a number in ASCII digits, and not too large."""
    return text.isascii() and text.isdecimal() and int(text) <= largest


def parse_asn(text: str) -> Asn:
    """An AS number in asplain or asdot (RFC 5396). Raises ValueError."""
    high, dot, low = text.partition(".")
    if dot:
        if not (_is_number(high, 0xFFFF) and _is_number(low, 0xFFFF)):
            raise ValueError(f"{text!r} is not an AS number")
        value = int(high) << 16 | int(low)
    elif text.isascii() and text.isdecimal():
        value = int(text)
    else:
        raise ValueError(f"{text!r} is not an AS number")
    if not 1 <= value <= 0xFFFFFFFF:
        raise ValueError(f"AS number {text} is out of range: 1 to 4294967295")
    return Asn(value)


def is_private_asn(asn: int) -> bool:
    """Whether an AS number is for private use (RFC 6996)."""
    return 64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294


def parse_community(text: str) -> Community:
    """A standard community, `asn:value` or a well-known name. Raises ValueError."""
    if text in WELL_KNOWN:
        return WELL_KNOWN[text]
    parts = text.split(":")
    if len(parts) != 2 or not all(_is_number(part, 0xFFFF) for part in parts):
        known = ", ".join(sorted(WELL_KNOWN))
        raise ValueError(f"{text!r} is not a community: write asn:value, each 0 to 65535, or one of {known}")
    return Community(f"{int(parts[0])}:{int(parts[1])}")


def parse_large_community(text: str) -> LargeCommunity:
    """A large community, `global:local1:local2`. Raises ValueError."""
    parts = text.split(":")
    if len(parts) != 3 or not all(_is_number(part, 0xFFFFFFFF) for part in parts):
        raise ValueError(f"{text!r} is not a large community: write three numbers, a:b:c, each 0 to 4294967295")
    return LargeCommunity(":".join(str(int(part)) for part in parts))


def in_order(communities: Iterable[AnyCommunity]) -> tuple[AnyCommunity, ...]:
    """Communities without repetition, in numeric order: the one form in which routes are compared."""
    return tuple(sorted(set(communities), key=lambda text: tuple(map(int, text.split(":")))))


def parse_prefix(text: str) -> Prefix:
    """A prefix without host bits, such as 10.0.0.0/8. Raises ValueError, naming the prefix that was meant."""
    address, slash, length = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is not a prefix: it has no length, such as {text}/{128 if ':' in text else 32}")
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        meant = None
    if meant is None or not _is_number(length, meant.max_prefixlen) or "%" in address:
        raise ValueError(f"{text!r} is not a prefix such as 10.0.0.0/8 or 2001:db8::/32")
    if ip_address(address) != meant.network_address:
        raise ValueError(f"{text} has host bits set: the prefix is {meant}")
    return meant


class Origin(Enum):
    """The ORIGIN attribute (RFC 4271 §5.1.1); the lower the value, the better."""

    IGP = "igp"
    EGP = "egp"
    INCOMPLETE = "incomplete"

    @property
    def preference(self) -> int:
        """The value on the wire: 0, 1 or 2."""
        return _ORIGIN_VALUE[self]


_ORIGIN_VALUE = {Origin.IGP: 0, Origin.EGP: 1, Origin.INCOMPLETE: 2}


class SegmentKind(Enum):
    """The type of an AS_PATH segment (RFC 4271 §4.3, RFC 5065 §3)."""

    SEQUENCE = "as-sequence"
    SET = "as-set"
    CONFED_SEQUENCE = "as-confed-sequence"
    CONFED_SET = "as-confed-set"


_BRACKETS = {
    SegmentKind.SEQUENCE: ("", ""),
    SegmentKind.SET: ("{", "}"),
    SegmentKind.CONFED_SEQUENCE: ("(", ")"),
    SegmentKind.CONFED_SET: ("[", "]"),
}
_KIND_OF_BRACKET = {left: kind for kind, (left, _) in _BRACKETS.items() if left}
_SEGMENT_TEXT = re.compile(r"[\d.\s]+|\{[\d.,\s]+\}|\([\d.\s]+\)|\[[\d.,\s]+\]|.", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of an AS path: never empty (RFC 7606 §7.2), never with AS 0 (RFC 7607).

    A set has no order (RFC 4271 §4.3); here it is kept in the numeric one.
    """

    kind: SegmentKind
    asns: tuple[Asn, ...]

    def __post_init__(self) -> None:
        if not self.asns:
            raise ValueError("a segment of an AS path holds at least one AS number")
        if min(self.asns) < 1 or max(self.asns) > 0xFFFFFFFF:
            raise ValueError(f"{self} holds an AS number out of range: 1 to 4294967295")
        if self.kind in (SegmentKind.SET, SegmentKind.CONFED_SET):
            object.__setattr__(self, "asns", tuple(sorted(set(self.asns))))

    def __str__(self) -> str:
        left, right = _BRACKETS[self.kind]
        return left + " ".join(map(str, self.asns)) + right


@dataclass(frozen=True, slots=True)
class AsPath:
    """The AS_PATH attribute (RFC 4271 §5.1.2), newest AS first. Empty for a route of the own AS.

    Sequences that follow one another are one here. On the wire a segment ends at 255 AS numbers, and where a long
    sequence is cut means nothing (RFC 4271 §4.3, §5.1.2).
    """

    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        if any(one.kind is two.kind and one.kind in _SEQUENCES for one, two in pairwise(self.segments)):
            object.__setattr__(self, "segments", _joined(self.segments))

    @staticmethod
    def of(*asns: int) -> AsPath:
        """The path of one AS_SEQUENCE."""
        return AsPath((Segment(SegmentKind.SEQUENCE, tuple(map(Asn, asns))),)) if asns else AsPath()

    @staticmethod
    def parse(text: str) -> AsPath:
        """A path as `str` writes it: `12076 65010 {1 2}`. Raises ValueError."""
        segments: list[Segment] = []
        for piece in _SEGMENT_TEXT.findall(text):
            asns = tuple(parse_asn(word) for word in piece.strip("{}()[]").replace(",", " ").split())
            if asns:
                segments.append(Segment(_KIND_OF_BRACKET.get(piece[0], SegmentKind.SEQUENCE), asns))
            elif not piece.isspace():
                raise ValueError(f"{text!r} is not an AS path: write AS numbers, newest first, such as '12076 65010'")
        return AsPath(tuple(segments))

    @property
    def length(self) -> int:
        """What the decision counts: a set is 1, a confederation segment 0 (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3)."""
        sequences = sum(len(s.asns) for s in self.segments if s.kind is SegmentKind.SEQUENCE)
        return sequences + sum(1 for s in self.segments if s.kind is SegmentKind.SET)

    @property
    def asns(self) -> tuple[Asn, ...]:
        """Every AS number of the path, newest first."""
        return tuple(asn for segment in self.segments for asn in segment.asns)

    @property
    def neighbor_asn(self) -> Asn | None:
        """The AS that the route was learned from: the first of a leading sequence (RFC 4271 §9.1.2.2 c)."""
        for segment in self.segments:
            if segment.kind is SegmentKind.SEQUENCE:
                return segment.asns[0]
            if segment.kind is SegmentKind.SET:
                return None
        return None

    def prepend(self, *asns: int) -> AsPath:
        """This path behind `asns`, the first of which becomes the newest (RFC 4271 §5.1.2)."""
        if not asns:
            return self
        new = tuple(map(Asn, asns))
        if self.segments and self.segments[0].kind is SegmentKind.SEQUENCE:
            new += self.segments[0].asns
            return AsPath((Segment(SegmentKind.SEQUENCE, new), *self.segments[1:]))
        return AsPath((Segment(SegmentKind.SEQUENCE, new), *self.segments))

    def without_leading_private(self) -> AsPath:
        """This path without the private AS numbers that stand before the first public one (RFC 6996)."""
        asns = list(self.segments[0].asns) if self.segments else []
        if not asns or self.segments[0].kind is not SegmentKind.SEQUENCE:
            return self
        while asns and is_private_asn(asns[0]):
            del asns[0]
        rest = self.segments[1:]
        return AsPath((Segment(SegmentKind.SEQUENCE, tuple(asns)), *rest) if asns else rest)

    def __str__(self) -> str:
        return " ".join(map(str, self.segments))


_SEQUENCES = (SegmentKind.SEQUENCE, SegmentKind.CONFED_SEQUENCE)


def _joined(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Segments with sequences that follow one another made one."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and segment.kind in _SEQUENCES and joined[-1].kind is segment.kind:
            joined[-1] = Segment(segment.kind, joined[-1].asns + segment.asns)
        else:
            joined.append(segment)
    return tuple(joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A prefix and its path attributes (RFC 4271 §3.1).

    `local_pref` and `multi_exit_disc` are None where the attribute is absent. `weight` is local to one router and never
    leaves it: a convention of many vendors, above local preference in the choice. Communities are kept `in_order`, so
    that routes which mean the same are equal.
    """

    prefix: Prefix
    next_hop: Address
    origin: Origin = Origin.IGP
    as_path: AsPath = AsPath()
    local_pref: int | None = None
    multi_exit_disc: int | None = None
    communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] = ()
    weight: int = 0

    def __post_init__(self) -> None:
        if len(self.communities) > 1:
            object.__setattr__(self, "communities", in_order(self.communities))
        if len(self.large_communities) > 1:
            object.__setattr__(self, "large_communities", in_order(self.large_communities))
