"""Path attributes from the wire: where each begins and ends, which are there, and what RFC 7606 does with wrong ones.

RFC 9774 would treat routes with an AS_SET as withdrawn. They are kept here, because the lab's own aggregates can have
one. The attributes of RFC 7606 §7.13, §7.15 and §7.16 are passed on unread, as other unknown ones are.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from ipaddress import IPv4Address

from lab.bgp import (
    Address,
    Aggregator,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    UnknownAttribute,
)
from lab.wire.faults import AttributeFault, Subcode, UpdateError
from lab.wire.values import KINDS, Draft, Kind, Malformed, Peer

OPTIONAL, TRANSITIVE, _EXTENDED_LENGTH = 0x80, 0x40, 0x10  # RFC 4271 §4.3
ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF = 1, 2, 3, 5
MP_REACH_NLRI, MP_UNREACH_NLRI = 14, 15
_NO_PATH = AsPath()
_MULTIPROTOCOL = {MP_REACH_NLRI: "MP_REACH_NLRI", MP_UNREACH_NLRI: "MP_UNREACH_NLRI"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSection:
    """The path attributes of an UPDATE, told apart: those that carry prefixes, and the octets of all others.

    The section may end in the middle of an attribute: `fault` says so, and `rest` ends before it.
    """

    rest: bytes
    mp_reach: bytes | None = None
    mp_unreach: bytes | None = None
    fault: AttributeFault | None = None

    @property
    def is_only_unreach(self) -> bool:
        """Whether MP_UNREACH_NLRI stands alone, as in an End-of-RIB marker (RFC 4724 §2)."""
        return self.mp_unreach is not None and self.mp_reach is None and not self.rest and self.fault is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The path attributes that all prefixes of an UPDATE share, and what was wrong with them.

    `present` are the types that were there, the malformed too. `next_hop` is the attribute NEXT_HOP.
    """

    origin: Origin = Origin.IGP
    as_path: AsPath = _NO_PATH
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
    unknown: tuple[UnknownAttribute, ...] = ()
    present: frozenset[int] = frozenset()
    faults: tuple[AttributeFault, ...] = ()

    def routes(self, prefixes: tuple[Prefix, ...], next_hop: Address) -> tuple[Route, ...]:
        """A route with these attributes to each prefix."""
        if not prefixes:
            return ()
        first = Route(
            prefix=prefixes[0],
            next_hop=next_hop,
            origin=self.origin,
            as_path=self.as_path,
            local_pref=self.local_pref,
            multi_exit_disc=self.multi_exit_disc,
            communities=self.communities,
            large_communities=self.large_communities,
            extended_communities=self.extended_communities,
            atomic_aggregate=self.atomic_aggregate,
            aggregator=self.aggregator,
            originator_id=self.originator_id,
            cluster_list=self.cluster_list,
            unknown=self.unknown,
        )
        return (first, *_copies(first, prefixes[1:])) if len(prefixes) > 1 else (first,)


_SLOTS = {field.name: getattr(Route, field.name) for field in fields(Route)}
_PREFIX = _SLOTS.pop("prefix")


def _copies(route: Route, prefixes: tuple[Prefix, ...]) -> list[Route]:
    """A route once more for each other prefix, without putting its communities in order again for each."""
    values = [(slot.__set__, slot.__get__(route)) for slot in _SLOTS.values()]
    write_prefix = _PREFIX.__set__
    copies = []
    for prefix in prefixes:
        copy = object.__new__(Route)
        write_prefix(copy, prefix)
        for write, value in values:
            write(copy, value)
        copies.append(copy)
    return copies


def split_attributes(octets: bytes) -> AttributeSection:
    """Tell the path attributes apart. Raises UpdateError for those that make the prefixes impossible to find."""
    at, end = 0, len(octets)
    rest: list[bytes] = []
    carriers: dict[int, bytes] = {}
    fault = None
    while at < end:
        flags = octets[at]
        start = at + (4 if flags & _EXTENDED_LENGTH else 3)
        code = octets[at + 1] if at + 1 < end else 0
        stop = start + (int.from_bytes(octets[at + 2 : start]) if start <= end else 0)
        if stop > end:
            fault = _overrun(code, octets[at:], stop - start)
            break
        if code in _MULTIPROTOCOL:
            _check_carrier(code, flags, carriers)
            carriers[code] = octets[start:stop]
        else:
            rest.append(octets[at:stop])
        at = stop
    return AttributeSection(
        rest=b"".join(rest),
        mp_reach=carriers.get(MP_REACH_NLRI),
        mp_unreach=carriers.get(MP_UNREACH_NLRI),
        fault=fault,
    )


def _check_carrier(code: int, flags: int, before: dict[int, bytes]) -> None:
    name = _MULTIPROTOCOL[code]
    if code in before:
        raise UpdateError(f"{name} is there twice (RFC 7606 §3 g)", Subcode.MALFORMED_ATTRIBUTE_LIST)
    if flags & (OPTIONAL | TRANSITIVE) != OPTIONAL:
        raise UpdateError(
            f"malformed {name}: the flags {flags:#04x} say {_flags(flags)}, it is {_flags(OPTIONAL)} (RFC 7606 §5.3)",
            Subcode.OPTIONAL_ATTRIBUTE,
        )


def _overrun(code: int, left: bytes, length: int) -> AttributeFault:
    """The fault of a last attribute that is longer than its section (RFC 7606 §4)."""
    if code in _MULTIPROTOCOL:
        raise UpdateError(
            f"malformed {_MULTIPROTOCOL[code]}: it is longer than the attributes together (RFC 7606 §3 j, §4)",
            Subcode.MALFORMED_ATTRIBUTE_LIST,
        )
    if len(left) < 3 or (left[0] & _EXTENDED_LENGTH and len(left) < 4):
        text = f"{_octets(len(left))} behind the last attribute, too few for another one (RFC 7606 §4)"
    else:
        text = f"malformed {_name(code)}: {length} octets, past the end of the attributes (RFC 7606 §4)"
    return AttributeFault(code=code, text=text, withdrawn=True, subcode=Subcode.MALFORMED_ATTRIBUTE_LIST)


def decode_attributes(octets: bytes, *, asn4: bool = True, ebgp: bool = True) -> Attributes:
    """The path attributes but those that carry prefixes, which are passed over.

    `asn4`: AS numbers have four octets (RFC 6793). `ebgp`: they come from an external neighbour. Raises UpdateError
    where `split_attributes` does.
    """
    return decode_section(split_attributes(octets), asn4=asn4, ebgp=ebgp)


def decode_section(section: AttributeSection, *, asn4: bool, ebgp: bool) -> Attributes:
    """The same of attributes that were told apart."""
    attributes = _decode_rest(section.rest, asn4, ebgp)
    return attributes if section.fault is None else replace(attributes, faults=(*attributes.faults, section.fault))


@lru_cache(maxsize=1 << 13)
def _decode_rest(rest: bytes, asn4: bool, ebgp: bool) -> Attributes:  # noqa: FBT001
    """Remembered, for neighbours send many UPDATEs with the same attributes."""
    draft = Draft()
    peer = Peer(asn4=asn4, is_external=ebgp)
    present: set[int] = set()
    at = 0
    while at < len(rest):
        flags, code = rest[at], rest[at + 1]
        start = at + (4 if flags & _EXTENDED_LENGTH else 3)
        at = start + int.from_bytes(rest[at + 2 : start])
        if code in present:
            draft.discarded(code, f"{_name(code)} is there twice: the first one counts (RFC 7606 §3 g)")
        else:
            present.add(code)
            _decode(draft, code, flags, rest[start:at], peer)
    draft.merge_four_octet_asns()
    return Attributes(
        origin=draft.origin or Origin.IGP,
        as_path=draft.as_path or _NO_PATH,
        next_hop=draft.next_hop,
        local_pref=draft.local_pref,
        multi_exit_disc=draft.multi_exit_disc,
        communities=draft.communities,
        large_communities=draft.large_communities,
        extended_communities=draft.extended_communities,
        atomic_aggregate=draft.atomic_aggregate,
        aggregator=draft.aggregator,
        originator_id=draft.originator_id,
        cluster_list=draft.cluster_list,
        unknown=tuple(draft.unknown),
        present=frozenset(present),
        faults=tuple(draft.faults),
    )


def missing_attributes(attributes: Attributes, *needed: int) -> tuple[AttributeFault, ...]:
    """A fault for each type of attribute that is needed and not there (RFC 7606 §3 d)."""
    return tuple(
        AttributeFault(
            code=code,
            text=f"missing {_name(code)} (RFC 7606 §3 d)",
            withdrawn=True,
            subcode=Subcode.MISSING_WELL_KNOWN,
        )
        for code in needed
        if code not in attributes.present
    )


def _decode(draft: Draft, code: int, flags: int, value: bytes, peer: Peer) -> None:
    kind = KINDS.get(code)
    if kind is None:
        _decode_unknown(draft, code, flags, value)
        return
    if kind.is_out_of_place(peer):
        draft.discarded(code, f"{kind.name} {kind.out_of_place}")
        return
    wrong = _flag_fault(kind, flags)
    try:
        if wrong is not None:
            raise wrong
        kind.decode(draft, value, peer)
    except Malformed as problem:
        text = f"malformed {kind.name}: {problem.text}"
        if kind.discard_malformed and (wrong is None or kind.discard_wrong_flags):
            draft.discarded(code, text, problem.subcode)
        else:
            draft.withdraw(code, text, problem.subcode)


def _flag_fault(kind: Kind, flags: int) -> Malformed | None:
    if flags & (OPTIONAL | TRANSITIVE) == kind.flags:
        return None
    text = f"the flags {flags:#04x} say {_flags(flags)}, it is {_flags(kind.flags)} (RFC 7606 §3 c)"
    return Malformed(text, Subcode.ATTRIBUTE_FLAGS)


def _decode_unknown(draft: Draft, code: int, flags: int, value: bytes) -> None:
    """Keep an optional transitive attribute, drop an optional non-transitive one (RFC 4271 §5).

    For an unknown well-known one RFC 4271 §6.3 resets the session and RFC 7606 names nothing better. To treat the
    routes as withdrawn, as for a well-known one that is missing, is what BIRD and FRR do.
    """
    if not flags & OPTIONAL:
        text = f"{_name(code)} is unknown and its flags {flags:#04x} say that it is well-known (RFC 4271 §6.3)"
        draft.withdraw(code, text, Subcode.UNRECOGNIZED_WELL_KNOWN)
    elif flags & TRANSITIVE:
        draft.unknown.append(UnknownAttribute(code, value.hex()))


def _name(code: int) -> str:
    return KINDS[code].name if code in KINDS else f"attribute {code}"


def _flags(flags: int) -> str:
    if not flags & OPTIONAL:
        return "well-known" if flags & TRANSITIVE else "well-known and not transitive"
    return "optional transitive" if flags & TRANSITIVE else "optional non-transitive"


def _octets(count: int) -> str:
    return f"{count} octet{'' if count == 1 else 's'}"
