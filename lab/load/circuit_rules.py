"""What Microsoft's side refuses of circuits, peerings and what joins them, where no single value shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from lab.bgp import Community
from lab.errors import Mistake
from lab.expressroute import public_rules, rules
from lab.expressroute.assumptions import GATEWAY_LIMIT, MICROSOFT_365, wrong_answers
from lab.expressroute.facts import BANDWIDTHS_MBPS, DIRECT_BANDWIDTHS_MBPS
from lab.expressroute.rules import Finding
from lab.expressroute.services import BY_NAME
from lab.load.names import LINKS
from lab.load.places import (
    CircuitPlace,
    Path,
    TopologyReading,
    circuit_places,
    facing_routers,
    peering_places,
    site_places,
)
from lab.packets import Protocol
from lab.topology import ConnectivityModel, Encapsulation, RoutingDomain, Sku


def check_circuits(reading: TopologyReading) -> Iterator[Mistake]:
    """Every rule of circuits and peerings that is broken."""
    for path, finding in _findings(reading):
        if finding is not None:
            yield reading.source.mistake(path, f"{finding.rule.id}: {finding.what}", finding.hint)
    for circuit in circuit_places(reading):
        yield from _customer_vlans(reading, circuit)
    for wrong in wrong_answers(_assumed(reading)):
        yield reading.source.mistake(("assume", wrong.name), wrong.what, wrong.meant)


def _customer_vlans(reading: TopologyReading, circuit: CircuitPlace) -> Iterator[Mistake]:
    """The provider hands over each peering of a link in a VLAN of its own, where it translates any."""
    paths = [circuit.peering(domain) for domain in RoutingDomain]
    if not any(reading.part(*path, "customer_vlan") for path in paths):
        return
    for link in LINKS:
        vlans = [
            reading.part(*path, "customer_vlan", link)
            if "customer_vlan" in (reading.keys(*path) or ())
            else reading.part(*path, "vlan_id")
            for path in paths
        ]
        if None not in vlans and len(set(vlans)) < len(vlans):
            at = next(path for path in reversed(paths) if "customer_vlan" in (reading.keys(*path) or ()))
            what = f"customer_vlan: VLAN {vlans[0]} is that of two peerings on the {link} link"
            yield reading.source.mistake((*at, "customer_vlan", link), what, "give each its own")


def _findings(reading: TopologyReading) -> Iterator[tuple[Path, Finding | None]]:
    for circuit in circuit_places(reading):
        yield from _circuit(reading, circuit)
    for circuit, domain, path in peering_places(reading):
        if domain is RoutingDomain.MICROSOFT:
            yield from _microsoft(reading, circuit, path)
            yield from _nat(reading, circuit, path)
    yield from _services(reading)
    yield from _port_pairs(reading)
    yield from _global_reach(reading)
    for name in reading.keys("azure", "connections") or ():
        weight = reading.part("azure", "connections", name, "weight")
        if weight is not None:
            yield ("azure", "connections", name), rules.connection_weight(weight)
    yield from _sizes(reading)


def _sizes(reading: TopologyReading) -> Iterator[tuple[Path, Finding | None]]:
    """Nothing larger is expected from or to a VNet than its gateway forwards."""
    limited = dict(_assumed(reading)).get(GATEWAY_LIMIT.name, GATEWAY_LIMIT.default)
    vnets = reading.keys("azure", "vnets") or ()
    for index in range(reading.count("expect")):
        asked = reading.part("expect", index, "mtu")
        if asked is None or {asked.from_, asked.to}.isdisjoint(vnets):
            continue
        if limited == "all" or (limited == "tcp_udp" and asked.protocol is Protocol.UDP):
            yield ("expect", index, "mtu", "bytes"), rules.gateway_size(asked.bytes)


def _assumed(reading: TopologyReading) -> list[tuple[str, str]]:
    answers = ((name, reading.part("assume", name)) for name in reading.keys("assume") or ())
    return [(name, answer) for name, answer in answers if answer is not None]


def _circuit(reading: TopologyReading, circuit: CircuitPlace) -> Iterator[tuple[Path, Finding | None]]:
    """Its bandwidth is sold, its peerings have VLANs of their own, and it is known what is in reach of it."""
    model, mbps = reading.part("connectivity_model"), reading.part(*circuit.path, "bandwidth")
    if model is not None and mbps is not None:
        direct = model is ConnectivityModel.DIRECT
        text = next(name for name, one in {**BANDWIDTHS_MBPS, **DIRECT_BANDWIDTHS_MBPS}.items() if one == mbps)
        yield (*circuit.path, "bandwidth"), rules.direct_bandwidth(text) if direct else rules.bandwidth(text)
    domains = [circuit.peering(domain) for domain in RoutingDomain]
    for one, other in combinations(domains, 2):
        vlans = [reading.part(*path, "vlan_id") for path in (one, other)]
        if None not in vlans:
            yield (*other, "vlan_id"), rules.peering_vlans(*vlans)
    sku, location = (reading.part(*circuit.path, key) for key in ("sku", "peering_location"))
    if sku is None or location is None:
        return
    at = (*circuit.path, "peering_location")
    public = reading.keys(*circuit.peering(RoutingDomain.MICROSOFT)) is not None
    matters = (public and sku is not Sku.PREMIUM) or _between_areas(reading, circuit.name)
    unknown = rules.peering_location(location) if matters else None
    yield at, unknown
    nowhere = rules.local_location(location) if sku is Sku.LOCAL and unknown is None else None
    yield at, nowhere
    region = reading.part("azure", "region")
    private = reading.keys(*circuit.peering(RoutingDomain.PRIVATE)) is not None
    if region is not None and private and nowhere is None and reading.keys("azure", "vnets"):
        yield at, rules.region_in_reach(region, sku.value, location)


def _between_areas(reading: TopologyReading, circuit: str) -> bool:
    """Whether Global Reach joins a circuit where that needs Premium between areas, and one of the two is not."""
    skus = {one.name: reading.part(*one.path, "sku") for one in circuit_places(reading)}
    for index in range(reading.count("global_reach")):
        joined = reading.part("global_reach", index, "circuits") or ()
        if circuit in joined and not {skus.get(name) for name in joined} <= {Sku.PREMIUM, Sku.LOCAL, None}:
            return True
    return False


def _microsoft(reading: TopologyReading, circuit: CircuitPlace, path: Path) -> Iterator[tuple[Path, Finding | None]]:
    """Its addresses and AS are public, and its filter names communities that there are."""
    for link in LINKS:
        for index in range(reading.count(*path, link)):
            block = reading.part(*path, link, index)
            if block is not None:
                yield (*path, link, index), public_rules.public_block(block.subnet)
    for index in range(reading.count(*path, "advertised_prefixes")):
        prefix = reading.part(*path, "advertised_prefixes", index)
        if prefix is not None:
            yield (*path, "advertised_prefixes", index), public_rules.public_prefix(prefix)
    asn_at, asn = _facing_asn(reading, circuit)
    if asn is not None:
        registered = reading.part(*path, "customer_asn")
        yield (*path, "customer_asn") if registered is not None else asn_at, public_rules.public_asn(asn, registered)
    of_services = set(_service_communities(reading))
    authorized = dict(_assumed(reading)).get(MICROSOFT_365.name) == "granted"
    for key in ("route_filter", "ipv6_route_filter"):
        for index in range(reading.count(*path, key)):
            community = reading.part(*path, key, index)
            if community is not None:
                at = (*path, key, index)
                yield at, public_rules.filter_community(community, of_services)
                yield at, public_rules.filter_authorization(community, authorized=authorized)


def _nat(reading: TopologyReading, circuit: CircuitPlace, path: Path) -> Iterator[tuple[Path, Finding | None]]:
    """Sources are translated to what Microsoft lets in, and each router has a pool of its own."""
    listed = [
        reading.part(*path, "advertised_prefixes", index)
        for index in range(reading.count(*path, "advertised_prefixes"))
    ]
    for key in ("pool", *LINKS):
        pool = reading.part(*path, "nat", key)
        if pool is not None:
            yield (*path, "nat", key), public_rules.nat_pool(pool, None if None in listed else listed)
    facing = facing_routers(reading, circuit)
    if reading.part(*path, "nat", "pool") is not None and facing is not None:
        yield (*path, "nat"), public_rules.shared_pool((facing[0], facing[1]))


def _services(reading: TopologyReading) -> Iterator[tuple[Path, Finding | None]]:
    """What Microsoft announces on Microsoft peering is public."""
    for name in reading.keys("azure", "services") or ():
        path = ("azure", "services", name, "prefixes")
        for index in range(reading.count(*path)):
            prefix = reading.part(*path, index)
            if prefix is not None:
                yield (*path, index), public_rules.service_prefix(prefix)


def _facing_asn(reading: TopologyReading, circuit: CircuitPlace) -> tuple[Path, int | None]:
    """The AS that faces Microsoft, and where it is written."""
    provider = (*circuit.path, "provider", "asn")
    if reading.part(*circuit.path, "provider", "service") == "layer3":
        return provider, reading.part(*provider)
    facing = facing_routers(reading, circuit)
    for site in site_places(reading):
        if facing and set(facing) <= set(reading.part(*site.path, "routers") or ()):
            return (*site.path, "asn"), reading.part(*site.path, "asn")
    return circuit.path, None


def _service_communities(reading: TopologyReading) -> Iterator[Community]:
    for name in reading.keys("azure", "services") or ():
        if name in BY_NAME:
            yield from BY_NAME[name].communities
        yield from reading.part("azure", "services", name, "communities") or ()


def _port_pairs(reading: TopologyReading) -> Iterator[tuple[Path, Finding | None]]:
    """Circuits that share a port pair have tags of their own."""
    pairs: dict[tuple[str, str], list[CircuitPlace]] = {}
    for circuit in circuit_places(reading):
        facing = facing_routers(reading, circuit)
        if facing is not None and reading.part(*circuit.path, "port") is not None:
            pairs.setdefault((facing[0], facing[1]), []).append(circuit)
    for circuits in pairs.values():
        yield from _tags(reading, circuits)


def _tags(reading: TopologyReading, circuits: Sequence[CircuitPlace]) -> Iterator[tuple[Path, Finding | None]]:
    for one, other in combinations(circuits, 2):
        ports = [reading.part(*circuit.path, "port") for circuit in (one, other)]
        kinds = [port.encapsulation for port in ports]
        if kinds[0] is not kinds[1]:
            if one is circuits[0]:
                yield (*other.path, "port"), rules.encapsulations(kinds[0].value, kinds[1].value)
            continue
        if kinds[0] is Encapsulation.QINQ:
            if ports[0].s_tag is not None and ports[1].s_tag is not None:
                yield (*other.path, "port"), rules.s_tags(ports[0].s_tag, ports[1].s_tag)
            continue
        for domain in RoutingDomain:
            theirs = reading.part(*other.peering(domain), "vlan_id")
            for mine in (reading.part(*one.peering(each), "vlan_id") for each in RoutingDomain):
                if mine is not None and theirs is not None:
                    yield (*other.peering(domain), "vlan_id"), rules.dot1q_tags(mine, theirs)


def _global_reach(reading: TopologyReading) -> Iterator[tuple[Path, Finding | None]]:
    places = {circuit.name: circuit.path for circuit in circuit_places(reading)}
    for index in range(reading.count("global_reach")):
        path: Path = ("global_reach", index)
        for number in range(reading.count(*path, "subnet")):
            block = reading.part(*path, "subnet", number)
            if block is not None:
                yield (*path, "subnet", number), rules.global_reach_block(block)
        named = [places[name] for name in reading.part(*path, "circuits") or () if name in places]
        skus = [reading.part(*one, "sku") for one in named]
        locations = [reading.part(*one, "peering_location") for one in named]
        if len(set(named)) == 2 and None not in (*skus, *locations):
            ends = (skus[0].value, skus[1].value), (locations[0], locations[1])
            yield (*path, "circuits"), rules.global_reach(*ends)
