"""The body of an UPDATE message (RFC 4271 §4.3) as routes, withdrawn prefixes, and faults with what became of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.bgp import Address, Family, Nlri, Route, VpnPrefix, prefix_of
from lab.wire.attributes import (
    AS_PATH,
    LOCAL_PREF,
    MP_REACH_NLRI,
    NEXT_HOP,
    ORIGIN,
    Attributes,
    AttributeSection,
    decode_section,
    missing_attributes,
    split_attributes,
)
from lab.wire.faults import AttributeFault, Fault, Subcode, UpdateError
from lab.wire.nlri import (
    Agreed,
    MpReach,
    decode_mp_reach,
    decode_mp_unreach,
    decode_prefixes,
    is_host,
    is_unicast,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedUpdate:
    """What an UPDATE says.

    `withdrawn` are the prefixes that it withdraws and those whose routes are treated as if it did. Where a prefix is
    announced twice, the later route counts. `end_of_rib` is the family whose table is now complete (RFC 4724 §2).
    """

    announced: tuple[Route, ...] = ()
    withdrawn: tuple[Nlri, ...] = ()
    faults: tuple[Fault, ...] = ()
    end_of_rib: Family | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announcement:
    """The prefixes that an UPDATE announces: in its last field and in MP_REACH_NLRI."""

    plain: tuple[Nlri, ...]
    reach: MpReach
    is_empty: bool
    """Whether the UPDATE announces nothing, in whatever family."""

    @property
    def prefixes(self) -> tuple[Nlri, ...]:
        return self.plain + self.reach.prefixes


_IPV4_UNICAST = Agreed(Family.IPV4)


def decode_update(
    body: bytes,
    *,
    asn4: bool = True,
    ebgp: bool = True,
    peer_asn: int | None = None,
    agreed: Agreed | None = None,
) -> DecodedUpdate:
    """Decode an UPDATE message without its 19 octets of header. Raises UpdateError where the session must be reset.

    `asn4` and `ebgp` are those of `decode_attributes`. `peer_asn` is the AS that the paths of an external neighbour
    must begin with (RFC 4271 §6.3); None leaves that unchecked, as for a route server. `agreed` are the only routes
    that count (RFC 4760 §6); None takes all families that are known.
    """
    withdrawn_octets, attribute_octets, plain_octets = _fields(body)
    withdrawn: tuple[Nlri, ...]
    plain: tuple[Nlri, ...]
    withdrawn = decode_prefixes(withdrawn_octets, Family.IPV4, "withdrawn routes", Subcode.INVALID_NETWORK)
    plain = decode_prefixes(plain_octets, Family.IPV4, "NLRI", Subcode.INVALID_NETWORK)
    if len(body) == 4:
        return DecodedUpdate(end_of_rib=Family.IPV4)
    has_plain = bool(plain)
    if agreed not in (None, _IPV4_UNICAST):
        withdrawn, plain = (), ()
    section = split_attributes(attribute_octets)
    if section.mp_unreach is not None:
        unreach = decode_mp_unreach(section.mp_unreach, agreed)
        withdrawn += unreach.prefixes
        if not withdrawn and not plain and section.is_only_unreach:
            return DecodedUpdate(end_of_rib=unreach.family)
    if section.mp_reach is None:
        reach = MpReach(family=None, is_empty=True)
    else:
        reach = decode_mp_reach(section.mp_reach, agreed)
    attributes = decode_section(section, asn4=asn4, ebgp=ebgp)
    announcement = _Announcement(plain=plain, reach=reach, is_empty=not has_plain and reach.is_empty)
    faults = _faults(attributes, section, announcement, ebgp=ebgp)
    if ebgp and peer_asn is not None and not announcement.is_empty and AS_PATH in attributes.present:
        faults += _first_as_faults(attributes, peer_asn)
    return _outcome(attributes, faults, withdrawn, announcement)


def _fields(body: bytes) -> tuple[bytes, bytes, bytes]:
    """The octets of the withdrawn routes, of the path attributes and of the NLRI."""
    withdrawn_end = 2 + int.from_bytes(body[:2])
    attributes_end = withdrawn_end + 2 + int.from_bytes(body[withdrawn_end : withdrawn_end + 2])
    if attributes_end > len(body):
        raise UpdateError(
            f"the lengths of withdrawn routes and path attributes reach past the {len(body)} octets of the UPDATE"
            " (RFC 7606 §3 b)",
            Subcode.MALFORMED_ATTRIBUTE_LIST,
        )
    return body[2:withdrawn_end], body[withdrawn_end + 2 : attributes_end], body[attributes_end:]


def _faults(
    attributes: Attributes, section: AttributeSection, announcement: _Announcement, *, ebgp: bool
) -> list[AttributeFault]:
    """Every fault of the attributes, of their section, and of those that announced routes would need."""
    found = list(attributes.faults)
    if announcement.is_empty:
        _refuse_withdrawal(found)
        return found
    if not announcement.plain:
        found = [fault for fault in found if fault.code != NEXT_HOP]  # not read there (RFC 4760 §3)
    if section.fault is None:
        if announcement.plain:
            found += missing_attributes(attributes, ORIGIN, AS_PATH, NEXT_HOP)
        else:
            found += missing_attributes(attributes, ORIGIN, AS_PATH)
        if not ebgp:
            found += missing_attributes(attributes, LOCAL_PREF)  # RFC 4271 §5.1.5
    next_hop = announcement.reach.next_hop
    if next_hop is not None and not is_host(next_hop):
        text = f"malformed MP_REACH_NLRI: the next hop {next_hop} is not the address of a host (RFC 4271 §6.3)"
        found.append(AttributeFault(code=MP_REACH_NLRI, text=text, withdrawn=True, subcode=Subcode.OPTIONAL_ATTRIBUTE))
    return found


def _first_as_faults(attributes: Attributes, peer_asn: int) -> list[AttributeFault]:
    """The fault of a path that does not begin with the neighbour's AS (RFC 7606 §7.2)."""
    path = attributes.as_path
    if path.neighbor_asn == peer_asn or any(fault.code == AS_PATH and fault.withdrawn for fault in attributes.faults):
        return []
    text = f"AS_PATH '{path}' does not begin with the neighbour's AS {peer_asn} (RFC 7606 §7.2)"
    return [AttributeFault(code=AS_PATH, text=text, withdrawn=True, subcode=Subcode.MALFORMED_AS_PATH)]


def _refuse_withdrawal(found: list[AttributeFault]) -> None:
    """Raise UpdateError for a fault that would withdraw routes where none are announced.

    Attributes without routes make one doubt that the routes were found (RFC 7606 §5.2).
    """
    for fault in found:
        if fault.withdrawn:
            raise UpdateError(f"{fault.text}, in an UPDATE that announces nothing (RFC 7606 §5.2)", fault.subcode)


def _outcome(
    attributes: Attributes,
    found: list[AttributeFault],
    withdrawn: tuple[Nlri, ...],
    announcement: _Announcement,
) -> DecodedUpdate:
    """What becomes of the routes: the fault with the strongest consequence decides (RFC 7606 §3 h)."""
    prefixes = announcement.prefixes
    faults = tuple(Fault(prefixes=prefixes, text=fault.text, withdrawn=fault.withdrawn) for fault in found)
    if any(fault.withdrawn for fault in found):
        return DecodedUpdate(withdrawn=tuple(dict.fromkeys(withdrawn + prefixes)), faults=faults)
    unusable = tuple(prefix for prefix in prefixes if not is_unicast(prefix_of(prefix)))
    if unusable:
        text = "no unicast prefix: ignored (RFC 4271 §6.3)"
        faults = (*faults, Fault(prefixes=unusable, text=text, withdrawn=True))
    announced = _routes(attributes, announcement.plain, (), attributes.next_hop, unusable)
    reach = announcement.reach
    announced += _routes(attributes, reach.prefixes, reach.labels, reach.next_hop, unusable)
    if withdrawn and announced:
        kept = set(prefixes)  # one that is announced too is not withdrawn (RFC 4271 §4.3)
        withdrawn = tuple(prefix for prefix in withdrawn if prefix not in kept)
    return DecodedUpdate(announced=announced, withdrawn=withdrawn, faults=faults)


def _routes(
    attributes: Attributes,
    prefixes: tuple[Nlri, ...],
    labels: tuple[int, ...],
    next_hop: Address | None,
    unusable: tuple[Nlri, ...],
) -> tuple[Route, ...]:
    if next_hop is None:
        return ()
    routes = attributes.routes(tuple(map(prefix_of, prefixes)), next_hop)
    if labels:
        routes = tuple(map(_labelled, routes, prefixes, labels))
    return tuple(route for route in routes if route.nlri not in unusable) if unusable else routes


def _labelled(route: Route, nlri: Nlri, label: int) -> Route:
    """The route of a VPN."""
    return replace(route, rd=nlri.rd, label=label) if isinstance(nlri, VpnPrefix) else route
