"""The assumptions that a topology depends on, one sentence each, for `Plan.fidelity`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from lab.bgp import AsPath, Community, Family, Prefix, Route, family_of, is_private_asn, within
from lab.expectations import DscpExpectation, MtuExpectation, ReachabilityExpectation
from lab.expressroute import assumptions
from lab.expressroute.assumptions import ASSUMPTIONS, Assumption, Assumptions
from lab.expressroute.communities import (
    MICROSOFT_365_COMMUNITIES,
    NATIONAL_REGIONS,
    PUBLIC_COMMUNITIES,
    REGIONS,
    microsoft_community,
)
from lab.expressroute.dscp import MICROSOFT_PEERING_DSCP
from lab.expressroute.facts import MICROSOFT_ASN
from lab.plan.microsoft_edge import Edge, edge_towards_customer
from lab.policy import Change, Policy, evaluate
from lab.topology import Circuit, Layer3, Link, Peering, PublicPrefixes, RoutingDomain, Site, Sku, Topology

_REGIONAL = frozenset(
    map(microsoft_community, (*(v for one in REGIONS for v in one[3:]), *(one.value for one in NATIONAL_REGIONS)))
)


def that_mattered(topology: Topology) -> tuple[str, ...]:
    """What is said of each assumption whose mechanism the topology uses, or that its file answers."""
    assumed = Assumptions(topology.assumed)
    mattered = {one.name for one in _mattered(topology, assumed)} | {name for name, _ in topology.assumed}
    return tuple(
        f"assumed: {one.says(assumed.answer(one))} ({one.tag.value}; {one.name}: {assumed.answer(one)})"
        for one in ASSUMPTIONS
        if one.name in mattered
    )


def of_unknown_reach(topology: Topology) -> Iterator[str]:
    """What is said of services that a route filter names, and of which it is not known which SKUs reach them."""
    for circuit in topology.circuits:
        peering = circuit.peering(RoutingDomain.MICROSOFT)
        if peering is None or peering.public is None or circuit.sku is Sku.PREMIUM:
            continue
        named = {community for _, one in peering.public.route_filters for community in one.communities}
        of = f" {circuit.name}" if circuit.name else ""
        for service in topology.azure.services:
            tags = set(service.communities)
            if tags & named and not tags & PUBLIC_COMMUNITIES:
                yield (
                    f"assumed: service {service.network.name} is not announced on circuit{of}: none of its communities "
                    f"is published, so only the Premium SKU is known to reach it"
                )


def _mattered(topology: Topology, assumed: Assumptions) -> Iterator[Assumption]:
    for circuit in topology.circuits:
        for peering in circuit.peerings:
            if peering.bfd is not None:
                yield assumptions.BFD_MULTIPLIER
            yield from _limits(topology, circuit, peering, assumed)
            if peering.public is None:
                yield from _private(topology)
            else:
                yield from _public(topology, circuit, peering, peering.public)
    if any(map(_adds_communities, _of_customer(topology))):
        yield assumptions.CUSTOMER_COMMUNITIES
    if _sends_back(topology):
        yield assumptions.OWN_ASN_ACCEPTED
    if topology.global_reach:
        yield assumptions.GLOBAL_REACH_PREPENDS
        yield assumptions.GLOBAL_REACH_TO_GATEWAY
    if topology.azure.gateway_instances > 1:
        yield assumptions.EDGE_PATHS
    yield from _of_packets(topology)


def _of_packets(topology: Topology) -> Iterator[Assumption]:
    """What packets depend on that the topology expects something of."""
    if _sends_unlisted_marks(topology):
        yield assumptions.UNLISTED_DSCP
    if _asks_the_gateway_for_sizes(topology):
        yield assumptions.GATEWAY_LIMIT
        yield assumptions.GATEWAY_TOO_LARGE


def _sends_unlisted_marks(topology: Topology) -> bool:
    """Whether packets for a service are to be sent with a mark that Microsoft's table does not have."""
    services = {one.network.name for one in topology.azure.services}
    sent = set[int | None]()
    for one in topology.expectations:
        match one:
            case DscpExpectation(destination=destination, sent=mark) if destination in services:
                sent.add(mark)
            case ReachabilityExpectation(destination=destination, dscp=mark) if destination in services:
                sent.add(mark)
    return not sent <= {None, *MICROSOFT_PEERING_DSCP}


def _asks_the_gateway_for_sizes(topology: Topology) -> bool:
    """Whether the size of packets from or to a VNet is expected."""
    vnets = {one.network.name for one in topology.azure.vnets}
    sizes = [one for one in topology.expectations if isinstance(one, MtuExpectation)]
    return any(not vnets.isdisjoint((one.source, one.destination)) for one in sizes)


def _private(topology: Topology) -> Iterator[Assumption]:
    if topology.azure.vnets:
        yield assumptions.PRIVATE_ASNS_TO_CUSTOMER


def _private_peerings(topology: Topology) -> Iterator[Peering]:
    yield from (one for circuit in topology.circuits for one in circuit.peerings if one.public is None)


def _of_customer(topology: Topology) -> Iterator[Policy]:
    """The policies that routes of the customer pass on their way to private peering."""
    peerings = [*_private_peerings(topology)]
    yield from (policy for one in peerings for _, rules in one.rules for policy in rules.export_policies)
    for site in topology.customer.sites if peerings else ():
        for access in site.access:
            yield from (*access.rules.export_policies, *access.provider_rules.import_policies)
        for _, edge in site.bgp:
            yield from (*edge.ibgp.export_policies, *edge.ibgp.import_policies)


def _adds_communities(policy: Policy) -> bool:
    return any(
        change.communities or change.large_communities or change.extended_communities or change.route_targets
        for change in _changes((policy,))
    )


def _sends_back(topology: Topology) -> bool:
    """Whether a route of Microsoft's passes the policies of routers that face it, in and out again."""
    ends = [(peering, rules) for peering in _private_peerings(topology) for _, rules in peering.rules]
    for said in _from_microsoft(topology):
        at = [rules for peering, rules in ends if _carries(peering, said)]
        heard = [one for rules in at if (one := evaluate(rules.import_policies, said).route) is not None]
        if any(evaluate(rules.export_policies, one).accepted for rules in at for one in heard):
            return True
    return False


def _carries(peering: Peering, route: Route) -> bool:
    return peering.subnet(Link.PRIMARY, family_of(route.prefix)) is not None


def _from_microsoft(topology: Topology) -> Iterator[Route]:
    """The routes that private peering sends: to VNets and, with Global Reach, to the other sites."""
    azure, asn = topology.azure, int(MICROSOFT_ASN)
    for vnet in azure.vnets:
        tags = () if vnet.community is None else tuple(filter(None, (vnet.community, azure.regional_community)))
        yield from (_route(prefix, AsPath.of(asn), tags) for prefix in vnet.network.prefixes)
    for site in topology.customer.sites if topology.global_reach else ():
        yield from (_route(prefix, AsPath.of(asn, asn, int(site.asn))) for prefix in _own(site))


def _route(prefix: Prefix, as_path: AsPath, communities: tuple[Community, ...] = ()) -> Route:
    nowhere = ip_address("0.0.0.0" if prefix.version == 4 else "::")  # noqa: S104  # no policy has a say in it
    return Route(prefix=prefix, next_hop=nowhere, as_path=as_path, communities=communities)


def _public(topology: Topology, circuit: Circuit, peering: Peering, public: PublicPrefixes) -> Iterator[Assumption]:
    asns = [site.asn for site in topology.customer.sites]
    asns += [circuit.carrier.asn] if isinstance(circuit.carrier, Layer3) else []
    asns += [a for _, rules in peering.rules for change in _changes(rules.export_policies) for a in change.prepend]
    if any(map(is_private_asn, asns)):
        yield assumptions.PUBLIC_PRIVATE_ASNS
    own = [prefix for site in topology.customer.sites for prefix in _own(site)]
    own += [prefix for _, prefix in public.nat.pools] if public.nat else []
    if any(
        one != listed and one.version == listed.version and listed.overlaps(one) and one.prefixlen > listed.prefixlen
        for one in own
        for listed in public.advertised
    ):
        yield assumptions.MORE_SPECIFICS
    if any(not any(within(one, listed) for listed in public.advertised) for one in _sources(topology, public)):
        yield assumptions.UNLISTED_SOURCES
    filters = [one for _, one in public.route_filters]
    if any(len(one.communities) > 1 for one in filters):
        yield assumptions.ROUTE_FILTER_MATCH
    if any(MICROSOFT_365_COMMUNITIES.intersection(one.communities) for one in filters):
        yield assumptions.MICROSOFT_365
    allowed = {community for one in filters for community in one.communities}
    for service in topology.azure.services:
        tags = set(service.communities)
        if circuit.sku is not Sku.PREMIUM and tags & allowed and not tags & (_REGIONAL | MICROSOFT_365_COMMUNITIES):
            yield assumptions.GLOBAL_SERVICES


def _limits(topology: Topology, circuit: Circuit, peering: Peering, assumed: Assumptions) -> Iterator[Assumption]:
    """Where the customer's own prefixes come near the limit."""
    edge = Edge(circuit=circuit, link=Link.PRIMARY, assumed=assumed)
    own = [prefix for site in topology.customer.sites for prefix in _own(site)]
    for family in Family:
        limit = edge_towards_customer(edge, peering, family, topology.customer.sites[0].asn).max_prefix
        if limit is not None and sum(family_of(one) is family for one in own) >= limit.warning_at:
            yield assumptions.PREFIX_LIMIT_COUNTS
            yield assumptions.PREFIX_LIMIT_WARNING
            yield assumptions.PREFIX_LIMIT_RESTART


def _sources(topology: Topology, public: PublicPrefixes) -> Iterator[Prefix]:
    """The prefixes that the customer's packets have their sources in when they enter Microsoft's network."""
    pools = public.nat.pools if public.nat else ()
    yield from (pool for _, pool in pools)
    for site in topology.customer.sites:
        for network in site.networks:
            yield from (one for one in network.prefixes if one.version == 6 or not pools)


def _own(site: Site) -> Iterator[Prefix]:
    yield from (prefix for network in site.networks for prefix in network.prefixes)
    for _, edge in site.bgp:
        yield from edge.networks
        yield from (leaked.prefix for leaked in edge.leaked_networks)


def _changes(policies: Iterable[Policy]) -> Iterator[Change]:
    """Everything that policies, or those that they call, may change."""
    waiting: list[Policy] = list(policies)
    while waiting:
        for term in waiting.pop().terms:
            yield term.change
            if term.call is not None:
                waiting.append(term.call)
