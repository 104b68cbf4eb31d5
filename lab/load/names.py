"""What the nodes of a topology are called, and which of them are BGP neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from lab.bgp import Family, family_of
from lab.load.places import (
    Path,
    SitePlace,
    TopologyReading,
    access_node,
    circuit_places,
    customer_routers,
    facing_nodes,
    other_site_places,
    peering_places,
    site_places,
    vpn_of,
    vrfs,
)
from lab.plan.naming import MICROSOFT_CORE, REFLECTOR, gateways, microsoft_edge, of_circuit, provider_switch
from lab.texts import did_you_mean
from lab.topology import ConnectivityModel, Distribution, Link, RoutingDomain

Families = frozenset[Family]
ALL_FAMILIES = frozenset(Family)
LINKS = tuple(link.value for link in Link)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of a file, as far as they could be read: None where it is not known what there is.

    `networks` holds the families of each network. Where a value is wrong, all families are taken to be there, so that
    one mistake does not make another. `pairs` are the pairs of routers with BGP sessions, and their families. `vrfs`
    are those of a provider's edges, and the edge of each; `in_core` are the routers that hold the routes of all VPNs.
    `links` are those of the circuits, `lines` the switches of providers that only carry frames.
    """

    customer_edges: tuple[str, ...] | None
    provider_edges: tuple[str, ...] | None
    microsoft_edges: tuple[str, ...]
    behind: tuple[str, ...]
    networks: Mapping[str, Families] | None
    pairs: Mapping[frozenset[str], Families]
    vrfs: Mapping[str, str]
    in_core: frozenset[str]
    links: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def edges(self) -> list[str] | None:
        """The routers that a path is told by: customer, provider and Microsoft edges."""
        if self.customer_edges is None or self.provider_edges is None:
            return None
        return [*self.customer_edges, *self.provider_edges, *self.microsoft_edges]

    @property
    def routers(self) -> list[str] | None:
        """Every router that speaks BGP."""
        return None if self.edges is None else [*self.edges, *self.behind]

    def neighbors_of(self, router: str) -> list[str]:
        """The BGP neighbours of a router."""
        return [name for pair in self.pairs if router in pair for name in sorted(pair - {router})]


def unknown(
    name: str, known: Collection[str] | None, what: str, *, plural: str | None = None
) -> tuple[str, str] | None:
    """What is wrong with a name, and the nearest that is right; None where it is known or may be."""
    if known is None or name in known:
        return None
    return f"unknown {what} {name!r}", did_you_mean(name, known, plural or f"{what}s")


def names_of(reading: TopologyReading) -> Names:
    """The names of a topology file."""
    sites = [*site_places(reading), *other_site_places(reading)]
    edges = tuple(
        microsoft_edge(circuit.name, link, domain) for circuit, domain, _ in peering_places(reading) for link in Link
    )
    return Names(
        customer_edges=customer_routers(reading, sites),
        provider_edges=_provider_edges(reading),
        microsoft_edges=edges,
        behind=tuple(_behind(reading)),
        networks=_networks(reading, sites),
        pairs=_pairs(reading, sites),
        vrfs=vrfs(reading),
        in_core=frozenset(one for pair in _inside_provider(reading) for one in pair) - vrfs(reading).keys(),
        links=tuple(of_circuit(circuit.name, link) for circuit in circuit_places(reading) for link in LINKS),
        lines=tuple(_lines(reading)),
    )


def _lines(reading: TopologyReading) -> Iterator[str]:
    exchange = reading.part("connectivity_model") is ConnectivityModel.CLOUD_EXCHANGE
    for circuit in circuit_places(reading):
        if reading.part(*circuit.path, "provider", "service") == "layer2":
            yield from dict.fromkeys(provider_switch(circuit.name, link, exchange=exchange) for link in Link)


def _behind(reading: TopologyReading) -> Iterator[str]:
    """The routers behind Microsoft's edges."""
    domains = {domain for _, domain, _ in peering_places(reading)}
    if RoutingDomain.PRIVATE in domains:
        yield from _gateways(reading)
    if RoutingDomain.MICROSOFT in domains:
        yield MICROSOFT_CORE


def _gateways(reading: TopologyReading) -> tuple[str, ...]:
    return gateways(reading.part("azure", "gateway_instances") or 1)


def _provider_edges(reading: TopologyReading) -> tuple[str, ...] | None:
    """The routers of providers that route."""
    found: dict[str, None] = {}
    for circuit in circuit_places(reading):
        if reading.part(*circuit.path, "provider", "service") == "layer3":
            named = reading.part(*circuit.path, "provider", "routers")
            if named is None:
                return None
            found |= dict.fromkeys(named)
    instances = vrfs(reading)
    reflectors = (REFLECTOR,) if _reflects(reading) else ()
    return tuple(dict.fromkeys((*found, *instances.values(), *instances, *reflectors)))


def _reflects(reading: TopologyReading) -> bool:
    """Whether the provider's edges tell one another routes by a reflector."""
    return any(
        reading.part(*circuit.path, "provider", "vpn", "distribution") is Distribution.ROUTE_REFLECTOR
        for circuit in circuit_places(reading)
    )


def _inside_provider(reading: TopologyReading) -> Iterator[frozenset[str]]:
    """The pairs of a provider's instances with sessions for the routes of VPNs."""
    instances = vrfs(reading)
    yield from (frozenset(pair) for pair in instances.items())
    edges = dict.fromkeys(instances.values())
    if _reflects(reading):
        yield from (frozenset({REFLECTOR, edge}) for edge in edges)
    else:
        yield from (frozenset(pair) for pair in combinations(edges, 2))


def _networks(reading: TopologyReading, sites: list[SitePlace]) -> Mapping[str, Families] | None:
    sides: list[tuple[Path, Path]] = [((*site.path, "networks"), ()) for site in sites]
    sides += [(("azure", side), ("prefixes",)) for side in ("vnets", "services")]
    if any(reading.keys(*path) is None for path, inner in sides if not inner):
        return None
    return {
        name: _families(reading, (*path, name, *inner)) for path, inner in sides for name in reading.keys(*path) or ()
    }


def _pairs(reading: TopologyReading, sites: list[SitePlace]) -> Mapping[frozenset[str], Families]:
    pairs: dict[frozenset[str], Families] = {}
    for names, families in _each_pair(reading, sites):
        if len(names) == 2:
            pairs[names] = pairs.get(names, frozenset()) | families
    return pairs


def _each_pair(reading: TopologyReading, sites: list[SitePlace]) -> Iterator[tuple[frozenset[str], Families]]:
    for circuit, domain, path in peering_places(reading):
        families = peering_families(reading, path)
        edges = [microsoft_edge(circuit.name, link, domain) for link in Link]
        facing = facing_nodes(reading, circuit)
        for router, edge in zip(facing or (), edges, strict=False):
            yield frozenset({router, edge}), families
        routes = reading.part(*circuit.path, "provider", "service") == "layer3"
        if routes and facing and vpn_of(reading, circuit) is None:
            yield frozenset(facing), families
        behind = _gateways(reading) if domain is RoutingDomain.PRIVATE else (MICROSOFT_CORE,)
        for edge in edges:
            for router in behind:
                yield frozenset({edge, router}), families
    yield from _global_reach(reading)
    yield from ((pair, ALL_FAMILIES) for pair in _inside_provider(reading))
    for site in sites:
        routers = reading.part(*site.path, "routers")
        networks = reading.keys(*site.path, "networks") or ()
        local = [_families(reading, (*site.path, "networks", name)) for name in networks]
        yield frozenset(routers or ()), frozenset().union(*local) if local else ALL_FAMILIES
        for edge in reading.keys(*site.path, "access") or ():
            line = (*site.path, "access", edge)
            yield frozenset({edge, access_node(reading, site, edge) or edge}), _families(reading, (*line, "subnet"))


def _global_reach(reading: TopologyReading) -> Iterator[tuple[frozenset[str], Families]]:
    for index in range(reading.count("global_reach")):
        path = ("global_reach", index)
        circuits = reading.part(*path, "circuits")
        for link in Link if circuits else ():
            ends = (microsoft_edge(name, link, RoutingDomain.PRIVATE) for name in circuits)
            yield frozenset(ends), _families(reading, (*path, "subnet"))


def peering_families(reading: TopologyReading, path: Path) -> Families:
    """The families of a peering's blocks."""
    return frozenset().union(*(_families(reading, (*path, link), "subnet") for link in LINKS))


def _families(reading: TopologyReading, path: Path, *inner: str) -> Families:
    return frozenset(_each_family(reading, path, inner)) or ALL_FAMILIES


def _each_family(reading: TopologyReading, path: Path, inner: tuple[str, ...]) -> Iterator[Family]:
    for index in range(reading.count(*path)):
        prefix = reading.part(*path, index, *inner)
        if prefix is None:
            yield from Family
        else:
            yield family_of(prefix)
