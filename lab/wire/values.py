"""The values of the path attributes that this project knows, and when RFC 7606 §7 calls each malformed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from lab.bgp import (
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Segment,
    SegmentKind,
    UnknownAttribute,
    extended_community,
    in_order,
)
from lab.wire.faults import AttributeFault, Subcode
from lab.wire.nlri import is_host

AS_TRANS = 23456  # RFC 6793 §9
_AS4_PATH, _AS4_AGGREGATOR = 17, 18
_WELL_KNOWN, _OPTIONAL_NON_TRANSITIVE, _OPTIONAL_TRANSITIVE = 0x40, 0x80, 0xC0
_ORIGINS = {origin.preference: origin for origin in Origin}
_SEGMENT_KINDS = {
    1: SegmentKind.SET,
    2: SegmentKind.SEQUENCE,
    3: SegmentKind.CONFED_SEQUENCE,
    4: SegmentKind.CONFED_SET,
}
_CONFEDERATION = (SegmentKind.CONFED_SEQUENCE, SegmentKind.CONFED_SET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What the meaning of attributes depends on: whom they come from and what was agreed with it."""

    asn4: bool
    is_external: bool


class Malformed(Exception):  # noqa: N818  # reads as what it says
    """An attribute is malformed, why, and the subcode for it where the session must be reset."""

    def __init__(self, text: str, subcode: Subcode = Subcode.ATTRIBUTE_LENGTH) -> None:
        super().__init__(text)
        self.text = text
        self.subcode = subcode


@dataclass(slots=True, kw_only=True)
class Draft:
    """The attributes and faults that were found so far."""

    origin: Origin | None = None
    as_path: AsPath | None = None
    next_hop: IPv4Address | None = None
    local_pref: int | None = None
    multi_exit_disc: int | None = None
    communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] = ()
    extended_communities: tuple[ExtendedCommunity, ...] = ()
    atomic_aggregate: bool = False
    aggregator: Aggregator | None = None
    originator_id: IPv4Address | None = None
    cluster_list: tuple[IPv4Address, ...] = ()
    unknown: list[UnknownAttribute] = field(default_factory=list)
    as4_path: AsPath | None = None
    as4_aggregator: Aggregator | None = None
    faults: list[AttributeFault] = field(default_factory=list)

    def withdraw(self, code: int, text: str, subcode: Subcode) -> None:
        """Note a fault for which the routes are treated as withdrawn."""
        self.faults.append(AttributeFault(code=code, text=text, withdrawn=True, subcode=subcode))

    def discarded(self, code: int, text: str, subcode: Subcode = Subcode.MALFORMED_ATTRIBUTE_LIST) -> None:
        """Note a fault for which the attribute, or one of its occurrences, was discarded."""
        self.faults.append(AttributeFault(code=code, text=text, withdrawn=False, subcode=subcode))

    def merge_four_octet_asns(self) -> None:
        """Put together what an OLD speaker sends and what went past it in the AS4 attributes (RFC 6793 §4.2.3)."""
        if self.as4_aggregator is not None and self.aggregator is not None:
            if self.aggregator.asn != AS_TRANS:
                return
            self.aggregator = self.as4_aggregator
        if self.as_path is not None and self.as4_path is not None and self.as_path.length >= self.as4_path.length:
            self.as_path = _merged(self.as_path, self.as4_path)


def _merged(path: AsPath, tail: AsPath) -> AsPath:
    """The leading part of a path and `tail` behind it, together as long as the path was."""
    leading: list[Segment] = []
    wanted = path.length - tail.length
    for segment in path.segments:
        if segment.kind in _CONFEDERATION:
            leading.append(segment)
            continue
        if wanted == 0:
            break
        if segment.kind is SegmentKind.SET:
            leading.append(segment)
            wanted -= 1
            continue
        taken = segment.asns[:wanted]
        leading.append(Segment(segment.kind, taken))
        wanted -= len(taken)
        if len(taken) < len(segment.asns):
            break
    return AsPath((*leading, *tail.segments))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A path attribute that is known: its name in the RFCs, its flags, and what to do where it is wrong."""

    name: str
    flags: int
    decode: Callable[[Draft, bytes, Peer], None]
    discard_malformed: bool = False
    """Whether it is discarded where it is malformed, or the routes are withdrawn."""
    discard_wrong_flags: bool = False
    """Whether the same goes for wrong flags, which otherwise withdraw (RFC 7606 §3 c)."""
    out_of_place: str = ""
    """Why it is discarded unread where `is_out_of_place`."""
    internal_only: bool = False
    old_speakers_only: bool = False

    def is_out_of_place(self, peer: Peer) -> bool:
        """Whether this neighbour may not send it."""
        return (self.internal_only and peer.is_external) or (self.old_speakers_only and peer.asn4)


def _require(value: bytes, length: int, section: str) -> None:
    if len(value) != length:
        raise Malformed(f"{_octets(value)} instead of {length} ({section})")


def _require_multiple(value: bytes, size: int, section: str) -> None:
    if not value:
        raise Malformed(f"it is empty ({section})")
    if len(value) % size:
        raise Malformed(f"{_octets(value)} are no multiple of {size} ({section})", Subcode.OPTIONAL_ATTRIBUTE)


def _octets(value: bytes) -> str:
    return f"{len(value)} octet{'' if len(value) == 1 else 's'}"


def _origin(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 1, "RFC 7606 §7.1")
    if value[0] not in _ORIGINS:
        raise Malformed(f"the value {value[0]} has no meaning (RFC 7606 §7.1)", Subcode.INVALID_ORIGIN)
    draft.origin = _ORIGINS[value[0]]


def _as_path(draft: Draft, value: bytes, peer: Peer) -> None:
    path = AsPath(_segments(value, 4 if peer.asn4 else 2, "RFC 7606 §7.2"))
    if peer.is_external and path.has_confederation:
        text = f"'{path}' has a confederation segment, and the neighbour is in no confederation with us (RFC 5065 §5)"
        raise Malformed(text, Subcode.MALFORMED_AS_PATH)
    draft.as_path = path


def _segments(value: bytes, size: int, section: str) -> tuple[Segment, ...]:
    """The segments of an AS path whose AS numbers have `size` octets each."""
    found: list[Segment] = []
    at = 0
    while at < len(value):
        if len(value) - at == 1:
            raise Malformed(f"one octet behind the last segment ({section})", Subcode.MALFORMED_AS_PATH)
        kind, count = _SEGMENT_KINDS.get(value[at]), value[at + 1]
        stop = at + 2 + count * size
        if kind is None:
            raise Malformed(f"the segment type {value[at]} has no meaning ({section})", Subcode.MALFORMED_AS_PATH)
        if count == 0:
            raise Malformed(f"a segment without AS numbers ({section})", Subcode.MALFORMED_AS_PATH)
        if stop > len(value):
            text = f"a segment of {count} AS numbers, past the end of the attribute ({section})"
            raise Malformed(text, Subcode.MALFORMED_AS_PATH)
        asns = struct.unpack(f">{count}{'I' if size == 4 else 'H'}", value[at + 2 : stop])
        if 0 in asns:
            raise Malformed("it holds AS 0 (RFC 7607)", Subcode.MALFORMED_AS_PATH)
        found.append(Segment(kind, asns))
        at = stop
    return tuple(found)


def _next_hop(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 4, "RFC 7606 §7.3")
    address = IPv4Address(value)
    if not is_host(address):
        raise Malformed(f"{address} is not the address of a host (RFC 4271 §6.3)", Subcode.INVALID_NEXT_HOP)
    draft.next_hop = address


def _multi_exit_disc(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 4, "RFC 7606 §7.4")
    draft.multi_exit_disc = int.from_bytes(value)


def _local_pref(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 4, "RFC 7606 §7.5")
    draft.local_pref = int.from_bytes(value)


def _atomic_aggregate(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 0, "RFC 7606 §7.6")
    draft.atomic_aggregate = True


def _aggregator(draft: Draft, value: bytes, peer: Peer) -> None:
    _require(value, 8 if peer.asn4 else 6, "RFC 7606 §7.7")
    draft.aggregator = _aggregator_value(value)


def _aggregator_value(value: bytes) -> Aggregator:
    asn = int.from_bytes(value[:-4])
    if asn == 0:
        raise Malformed("it holds AS 0 (RFC 7607)", Subcode.OPTIONAL_ATTRIBUTE)
    return Aggregator(Asn(asn), IPv4Address(value[-4:]))


def _communities(draft: Draft, value: bytes, _: Peer) -> None:
    _require_multiple(value, 4, "RFC 7606 §7.8")
    halves = struct.iter_unpack(">HH", value)
    draft.communities = in_order(Community(f"{asn}:{number}") for asn, number in halves)


def _originator_id(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 4, "RFC 7606 §7.9")
    draft.originator_id = IPv4Address(value)


def _cluster_list(draft: Draft, value: bytes, _: Peer) -> None:
    _require_multiple(value, 4, "RFC 7606 §7.10")
    draft.cluster_list = tuple(IPv4Address(number) for (number,) in struct.iter_unpack(">I", value))


def _extended_communities(draft: Draft, value: bytes, _: Peer) -> None:
    _require_multiple(value, 8, "RFC 7606 §7.14")
    draft.extended_communities = in_order(extended_community(value[at : at + 8]) for at in range(0, len(value), 8))


def _large_communities(draft: Draft, value: bytes, _: Peer) -> None:
    _require_multiple(value, 12, "RFC 8092 §6")
    thirds = struct.iter_unpack(">III", value)
    draft.large_communities = in_order(LargeCommunity(f"{one}:{two}:{three}") for one, two, three in thirds)


def _as4_path(draft: Draft, value: bytes, _: Peer) -> None:
    if len(value) < 6:
        raise Malformed(f"{_octets(value)}, at least 6 are needed (RFC 6793 §6)", Subcode.OPTIONAL_ATTRIBUTE)
    path = AsPath(_segments(value, 4, "RFC 6793 §6"))
    if path.has_confederation:
        draft.discarded(_AS4_PATH, f"confederation segments in the AS4_PATH '{path}' (RFC 6793 §6)")
    draft.as4_path = path.without_confederation()


def _as4_aggregator(draft: Draft, value: bytes, _: Peer) -> None:
    _require(value, 8, "RFC 6793 §6")
    draft.as4_aggregator = _aggregator_value(value)


def _known(name: str, flags: int, decode: Callable[[Draft, bytes, Peer], None]) -> Kind:
    return Kind(name=name, flags=flags, decode=decode)


def _internal(name: str, flags: int, decode: Callable[[Draft, bytes, Peer], None], section: str) -> Kind:
    why = f"from an external neighbour ({section})"
    return Kind(name=name, flags=flags, decode=decode, internal_only=True, out_of_place=why)


def _discarded(name: str, flags: int, decode: Callable[[Draft, bytes, Peer], None]) -> Kind:
    return Kind(name=name, flags=flags, decode=decode, discard_malformed=True)


def _from_old(name: str, decode: Callable[[Draft, bytes, Peer], None]) -> Kind:
    return Kind(
        name=name,
        flags=_OPTIONAL_TRANSITIVE,
        decode=decode,
        discard_malformed=True,
        discard_wrong_flags=True,
        old_speakers_only=True,
        out_of_place="from a neighbour that sends AS numbers of four octets (RFC 6793 §6)",
    )


KINDS: Mapping[int, Kind] = {
    1: _known("ORIGIN", _WELL_KNOWN, _origin),
    2: _known("AS_PATH", _WELL_KNOWN, _as_path),
    3: _known("NEXT_HOP", _WELL_KNOWN, _next_hop),
    4: _known("MULTI_EXIT_DISC", _OPTIONAL_NON_TRANSITIVE, _multi_exit_disc),
    5: _internal("LOCAL_PREF", _WELL_KNOWN, _local_pref, "RFC 7606 §7.5"),
    6: _discarded("ATOMIC_AGGREGATE", _WELL_KNOWN, _atomic_aggregate),
    7: _discarded("AGGREGATOR", _OPTIONAL_TRANSITIVE, _aggregator),
    8: _known("COMMUNITIES", _OPTIONAL_TRANSITIVE, _communities),
    9: _internal("ORIGINATOR_ID", _OPTIONAL_NON_TRANSITIVE, _originator_id, "RFC 7606 §7.9"),
    10: _internal("CLUSTER_LIST", _OPTIONAL_NON_TRANSITIVE, _cluster_list, "RFC 7606 §7.10"),
    16: _known("EXTENDED COMMUNITIES", _OPTIONAL_TRANSITIVE, _extended_communities),
    _AS4_PATH: _from_old("AS4_PATH", _as4_path),
    _AS4_AGGREGATOR: _from_old("AS4_AGGREGATOR", _as4_aggregator),
    32: _known("LARGE_COMMUNITY", _OPTIONAL_TRANSITIVE, _large_communities),
}
"""By type code (IANA, BGP Path Attributes)."""
