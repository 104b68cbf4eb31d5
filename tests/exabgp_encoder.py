"""UPDATE messages as ExaBGP writes them: a second opinion, so that our decoder is not judged by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from exabgp.bgp.message import Action
from exabgp.bgp.message.open.asn import ASN
from exabgp.bgp.message.open.capability.negotiated import RequirePath
from exabgp.bgp.message.update import Update
from exabgp.bgp.message.update.attribute import Attributes
from exabgp.bgp.message.update.attribute.aggregator import Aggregator
from exabgp.bgp.message.update.attribute.aspath import CONFED_SEQUENCE, CONFED_SET, SEQUENCE, SET, ASPath
from exabgp.bgp.message.update.attribute.atomicaggregate import AtomicAggregate
from exabgp.bgp.message.update.attribute.clusterlist import ClusterID, ClusterList
from exabgp.bgp.message.update.attribute.community.extended import ExtendedCommunities, ExtendedCommunity
from exabgp.bgp.message.update.attribute.community.initial.communities import Communities
from exabgp.bgp.message.update.attribute.community.initial.community import Community
from exabgp.bgp.message.update.attribute.community.large.communities import LargeCommunities
from exabgp.bgp.message.update.attribute.community.large.community import LargeCommunity
from exabgp.bgp.message.update.attribute.generic import GenericAttribute
from exabgp.bgp.message.update.attribute.localpref import LocalPreference
from exabgp.bgp.message.update.attribute.med import MED
from exabgp.bgp.message.update.attribute.nexthop import NextHop
from exabgp.bgp.message.update.attribute.origin import Origin
from exabgp.bgp.message.update.attribute.originatorid import OriginatorID
from exabgp.bgp.message.update.nlri.cidr import CIDR
from exabgp.bgp.message.update.nlri.inet import INET
from exabgp.protocol.family import AFI, SAFI
from exabgp.protocol.ip import IPv4, NoNextHop

from lab.bgp import Prefix, Route, SegmentKind, extended_community_octets

HEADER_OCTETS = 19
_SEGMENTS = {
    SegmentKind.SEQUENCE: SEQUENCE,
    SegmentKind.SET: SET,
    SegmentKind.CONFED_SEQUENCE: CONFED_SEQUENCE,
    SegmentKind.CONFED_SET: CONFED_SET,
}


@dataclass(kw_only=True)
class _Session:
    """What ExaBGP asks of a session while it encodes."""

    asn4: bool
    local_as: int = 65001
    peer_as: int = 65001
    msg_size: int = 65535
    families: Sequence[tuple[object, object]] = ((AFI.ipv4, SAFI.unicast), (AFI.ipv6, SAFI.unicast))
    addpath: RequirePath = field(default_factory=RequirePath)


def update_bodies(
    announced: Sequence[Route] = (), withdrawn: Sequence[Prefix] = (), *, asn4: bool = True
) -> list[bytes]:
    """The bodies of the UPDATEs for routes that share their attributes, and for withdrawn prefixes."""
    attributes = _attributes(announced[0]) if announced else Attributes()
    nlris = [_nlri(route.prefix, Action.ANNOUNCE, NextHop(str(route.next_hop))) for route in announced]
    nlris += [_nlri(prefix, Action.WITHDRAW, NoNextHop) for prefix in withdrawn]
    messages = Update(nlris, attributes).messages(_Session(asn4=asn4))
    return [bytes(message)[HEADER_OCTETS:] for message in messages]


def attribute_octets(route: Route, *, asn4: bool = True) -> bytes:
    """The path attributes of a route but those that carry prefixes. ORIGIN, AS_PATH and LOCAL_PREF are always there."""
    return bytes(_attributes(route).pack(_Session(asn4=asn4)))


def _nlri(prefix: Prefix, action: int, next_hop: object) -> Any:  # noqa: ANN401  # ExaBGP has no types
    nlri = INET(AFI.ipv4 if prefix.version == 4 else AFI.ipv6, SAFI.unicast, action)
    nlri.cidr = CIDR(prefix.network_address.packed, prefix.prefixlen)
    nlri.nexthop = next_hop
    return nlri


def _attributes(route: Route) -> Any:  # noqa: ANN401
    attributes = Attributes()
    for attribute in _each(route):
        attributes.add(attribute)
    return attributes


def _each(route: Route) -> list[object]:
    path = [_SEGMENTS[segment.kind](map(ASN, segment.asns)) for segment in route.as_path.segments]
    found: list[object] = [Origin(route.origin.preference), ASPath(path)]
    found += [GenericAttribute(one.code, 0xC0, bytes.fromhex(one.value)) for one in route.unknown]
    return [*found, *_numbers(route), *_lists(route)]


def _numbers(route: Route) -> list[object]:
    found: list[object] = []
    if route.next_hop.version == 4:
        found.append(NextHop(str(route.next_hop)))
    if route.multi_exit_disc is not None:
        found.append(MED(route.multi_exit_disc))
    if route.local_pref is not None:
        found.append(LocalPreference(route.local_pref))
    if route.originator_id is not None:
        found.append(OriginatorID(str(route.originator_id)))
    if route.atomic_aggregate:
        found.append(AtomicAggregate())
    if route.aggregator is not None:
        found.append(Aggregator(ASN(route.aggregator.asn), IPv4(str(route.aggregator.router_id))))
    return found


def _lists(route: Route) -> list[object]:
    found: list[object] = []
    if route.communities:
        pairs = [tuple(map(int, community.split(":"))) for community in route.communities]
        found.append(Communities([Community(high.to_bytes(2) + low.to_bytes(2)) for high, low in pairs]))
    if route.cluster_list:
        found.append(ClusterList([ClusterID(str(one)) for one in route.cluster_list]))
    if route.extended_communities:
        octets = [extended_community_octets(one) for one in route.extended_communities]
        found.append(ExtendedCommunities([ExtendedCommunity(one) for one in octets]))
    if route.large_communities:
        large = [b"".join(int(part).to_bytes(4) for part in one.split(":")) for one in route.large_communities]
        found.append(LargeCommunities([LargeCommunity(one) for one in large]))
    return found
