"""What a connectivity model needs of a topology file, and what it has no use for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lab.errors import Mistake
from lab.expressroute import rules
from lab.expressroute.services import BY_NAME
from lab.load.names import unknown
from lab.load.places import (
    CircuitPlace,
    Path,
    SitePlace,
    TopologyReading,
    circuit_places,
    customer_routers,
    facing_routers,
    other_site_places,
    peering_places,
    site_places,
    vpn_of,
)
from lab.plan.naming import RESERVED, vrf
from lab.topology import ConnectivityModel, Encapsulation, RoutingDomain

_ALTERNATIVES = (
    ("circuit", "circuits", "the circuit, or circuits with a name each"),
    ("customer", "sites", "the customer, or its sites with a name each"),
)
_EDGE_NAME = re.compile("[a-z][a-z0-9-]{0,11}", re.ASCII)
LONGEST_NAME = 15
"""Of a node, which interfaces are named after."""
_CARRIED_BY_PROVIDER = "one of cloud_exchange, point_to_point_ethernet and any_to_any_ipvpn goes through a provider"


def check_model(reading: TopologyReading) -> Iterator[Mistake]:
    """Every key that the connectivity model needs and lacks, or cannot use."""
    data = reading.source.data
    if not isinstance(data, dict):
        return
    yield from _alternatives(reading, data)
    model = reading.part("connectivity_model")
    for circuit in circuit_places(reading):
        if reading.keys(*circuit.path) is not None:
            yield from _carrier(reading, circuit, model)
            yield from _routers(reading, circuit)
    for circuit, _, path in peering_places(reading):
        yield from _customer_vlan(reading, circuit, path)
    yield from _vpns(reading, model)
    yield from _sites(reading, model)
    yield from _behind(reading)
    yield from _global_reach(reading)


def _alternatives(reading: TopologyReading, data: Mapping[str, object]) -> Iterator[Mistake]:
    """A file is written for one circuit and one site, or for several."""
    for one, several, meant in _ALTERNATIVES:
        if one not in data and several not in data:
            yield reading.source.mistake((), f"missing key {one!r}", meant, at_key=True)
        elif one in data and several in data:
            yield reading.source.mistake(
                (several,), f"{several}: {one} is there too", f"{meant}, not both", at_key=True
            )
    if "peerings" not in data and "circuits" not in data:
        yield reading.source.mistake((), "missing key 'peerings'", "the peerings of the circuit", at_key=True)
    elif "peerings" in data and "circuits" in data:
        what = "peerings: each of several circuits has its own"
        yield reading.source.mistake(("peerings",), what, "write them under their circuit", at_key=True)


def _carrier(reading: TopologyReading, circuit: CircuitPlace, model: ConnectivityModel | None) -> Iterator[Mistake]:
    """A circuit goes through a provider, or from a port pair of the customer's."""
    source, keys = reading.source, reading.keys(*circuit.path) or ()
    if model is None:
        return
    wanted, other = ("port", "provider") if model is ConnectivityModel.DIRECT else ("provider", "port")
    if other in keys:
        meant = "the customer's edges are joined to Microsoft's ports" if wanted == "port" else _CARRIED_BY_PROVIDER
        yield source.mistake((*circuit.path, other), f"{other}: {model.value} has none", meant, at_key=True)
    if wanted not in keys:
        meant = "the port pair, such as dot1q" if wanted == "port" else "the provider's service"
        yield source.mistake(circuit.path, f"missing key {wanted!r} in {_dotted(circuit.path)}", meant, at_key=True)
    elif wanted == "provider":
        yield from _provider(reading, (*circuit.path, "provider"), model)
    else:
        yield from _port(reading, (*circuit.path, "port"))


def _provider(reading: TopologyReading, path: Path, model: ConnectivityModel) -> Iterator[Mistake]:
    """A provider that routes has an AS number and routers, and one of an IPVPN a VPN; no other has."""
    source, provider = reading.source, reading.part(*path)
    if provider is None:
        return
    routes = provider.service == "layer3"
    for key in ("asn", "routers"):
        if routes and getattr(provider, key) is None:
            meant = "a provider that routes has an AS number and routers that face Microsoft"
            yield source.mistake(path, f"missing key {key!r} in {_dotted(path)}", meant, at_key=True)
        elif not routes and getattr(provider, key) is not None:
            what = f"{key}: a layer2 service has none"
            yield source.mistake((*path, key), what, "leave it out, or layer3", at_key=True)
    if model is ConnectivityModel.ANY_TO_ANY_IPVPN and not (routes and provider.vpn):
        what = "an IPVPN is a layer3 service with a vpn"
        yield source.mistake(path, what, "service: layer3, vpn: NAME", at_key=True)
    elif model is not ConnectivityModel.ANY_TO_ANY_IPVPN and provider.vpn:
        yield source.mistake((*path, "vpn"), f"vpn: {model.value} has none", "any_to_any_ipvpn has", at_key=True)


def _port(reading: TopologyReading, path: Path) -> Iterator[Mistake]:
    """The outer tag belongs to QinQ."""
    port = reading.part(*path)
    finding = None if port is None else rules.s_tag(port.s_tag, qinq=port.encapsulation is Encapsulation.QINQ)
    if finding is not None:
        yield reading.source.mistake(path, f"{finding.rule.id}: {finding.what}", finding.hint)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _routers(reading: TopologyReading, circuit: CircuitPlace) -> Iterator[Mistake]:
    """The routers that face a circuit are the customer's, in one AS: a peering has one at its customer's side."""
    known = customer_routers(reading, site_places(reading))
    path = (*circuit.path, "routers")
    if not circuit.name or reading.keys(*circuit.path) is None or "routers" not in (reading.keys(*circuit.path) or ()):
        return
    if reading.part(*circuit.path, "provider", "service") == "layer3":
        what = "routers: the provider's routers face Microsoft here"
        yield reading.source.mistake(path, what, "leave it out, or layer2", at_key=True)
        return
    for index in range(reading.count(*path)):
        name = reading.part(*path, index)
        wrong = unknown(name, known, "customer edge") if name is not None else None
        if wrong:
            yield reading.source.mistake((*path, index), *wrong)
    sites = {name: site for site in site_places(reading) for name in reading.part(*site.path, "routers") or ()}
    named = [name for name in reading.part(*path) or () if name in sites]
    asns = [reading.part(*sites[name].path, "asn") for name in named]
    if None not in asns and len(set(asns)) > 1:
        what = f"routers: {named[0]} is in AS {asns[0]} and {named[1]} in AS {asns[1]}"
        meant = "a peering has one AS at the customer's side: name routers of one AS, or make it two circuits"
        yield reading.source.mistake(path, what, meant)


def _customer_vlan(reading: TopologyReading, circuit: CircuitPlace, path: Path) -> Iterator[Mistake]:
    """Only a layer-2 service translates VLANs."""
    carrier = reading.keys(*circuit.path)
    if carrier is None or "customer_vlan" not in (reading.keys(*path) or ()):
        return
    if "provider" not in carrier or reading.part(*circuit.path, "provider", "service") == "layer3":
        what = "customer_vlan: nobody translates VLANs here"
        meant = "leave it out: a layer2 service may have one"
        yield reading.source.mistake((*path, "customer_vlan"), what, meant, at_key=True)


def _vpns(reading: TopologyReading, model: ConnectivityModel | None) -> Iterator[Mistake]:
    """An IPVPN has one circuit, and each of its customers a VPN and VRFs with names of their own that fit."""
    if model is not ConnectivityModel.ANY_TO_ANY_IPVPN:
        return
    circuits = circuit_places(reading)
    for circuit in circuits[1:]:
        what = "circuits: an IPVPN has one circuit in the lab"
        yield reading.source.mistake(circuit.path, what, "leave the others out", at_key=True)
    vpn = vpn_of(reading, circuits[0]) if circuits else None
    if vpn is None:
        return
    if vpn in (reading.keys("other_customers") or ()):
        what = f"{vpn} is the VPN of the customer whose circuit this is"
        yield reading.source.mistake(("other_customers", vpn), what, "give it a name of its own", at_key=True)
    for index, router in enumerate(reading.part(*circuits[0].path, "provider", "routers") or ()):
        at = (*circuits[0].path, "provider", "routers", index)
        yield from _vrf_name(reading, at, f"routers: {router}", vrf(router, vpn))


def _vrf_name(reading: TopologyReading, at: Path, what: str, name: str) -> Iterator[Mistake]:
    if len(name) > LONGEST_NAME:
        what = f"{what} gets a VRF {name}, a name of {len(name)} characters"
        meant = f"{LONGEST_NAME} at most: shorten the router's or the VPN's name"
        yield reading.source.mistake(at, what, meant)


def _sites(reading: TopologyReading, model: ConnectivityModel | None) -> Iterator[Mistake]:
    """Sites reach a provider that routes by their access lines, and have none to any other."""
    routing = [
        circuit for circuit in circuit_places(reading) if reading.part(*circuit.path, "provider", "service") == "layer3"
    ]
    providers = None
    if all(reading.part(*one.path, "provider", "routers") for one in routing):
        named = (name for one in routing for name in reading.part(*one.path, "provider", "routers"))
        providers = list(dict.fromkeys(named))
    others = other_site_places(reading)
    if others and model not in (None, ConnectivityModel.ANY_TO_ANY_IPVPN):
        what = "other_customers: only an IPVPN has them"
        yield reading.source.mistake(("other_customers",), what, "leave them out, or any_to_any_ipvpn", at_key=True)
    for site in (*site_places(reading), *others):
        yield from _access(reading, site, model, routes=bool(routing), providers=providers)
    if not routing and None not in [facing_routers(reading, circuit) for circuit in circuit_places(reading)]:
        for site in site_places(reading)[1:]:
            if not _faces_microsoft(reading, site) and reading.part(*site.path, "routers") is not None:
                what = f"{site.name}: no circuit ends at its routers"
                meant = "name them as the routers of a circuit, or leave the site out"
                yield reading.source.mistake(site.path, what, meant, at_key=True)


def _access(
    reading: TopologyReading,
    site: SitePlace,
    model: ConnectivityModel | None,
    *,
    routes: bool,
    providers: list[str] | None,
) -> Iterator[Mistake]:
    lines = reading.keys(*site.path, "access")
    path = (*site.path, "access")
    if lines and not routes:
        yield reading.source.mistake(path, "access: no provider routes here", "leave it out, or layer3", at_key=True)
    if routes and not lines and reading.keys(*site.path) is not None and not _faces_microsoft(reading, site):
        meant = "how each customer edge reaches the provider: {ce1: {to: pe1, subnet: ...}}"
        yield reading.source.mistake(site.path, f"missing key 'access' in {_dotted(site.path)}", meant, at_key=True)
    for edge in (lines or ()) if routes else ():
        to = reading.part(*path, edge, "to")
        if to is None:
            continue
        if model is ConnectivityModel.ANY_TO_ANY_IPVPN:
            yield from _provider_edge(reading, site, (*path, edge, "to"), to)
        elif wrong := unknown(to, providers, "provider's router"):
            yield reading.source.mistake((*path, edge, "to"), *wrong)


def _faces_microsoft(reading: TopologyReading, site: SitePlace) -> bool:
    """Whether a circuit ends at a router of a site."""
    routers = set(reading.part(*site.path, "routers") or ())
    return not site.customer and any(
        reading.part(*circuit.path, "provider", "service") != "layer3"
        and not routers.isdisjoint(facing_routers(reading, circuit) or ())
        for circuit in circuit_places(reading)
    )


def _provider_edge(reading: TopologyReading, site: SitePlace, at: Path, name: str) -> Iterator[Mistake]:
    """The provider's edges of an IPVPN are named where sites reach them; each has a VRF, whose name has to fit too."""
    vpn = site.customer or next((vpn_of(reading, circuit) for circuit in circuit_places(reading)), None)
    if not _EDGE_NAME.fullmatch(name) or RESERVED.fullmatch(name):
        meant = "lower-case letters, digits and dashes, a letter first, 12 at most, and none of the lab's own names"
        yield reading.source.mistake(at, f"to: {name!r} is no router name", meant)
    elif name in (customer_routers(reading, [*site_places(reading), *other_site_places(reading)]) or ()):
        yield reading.source.mistake(at, f"to: {name} is a customer edge", "name a router of the provider's")
    elif vpn is not None:
        yield from _vrf_name(reading, at, f"to: {name}", vrf(name, vpn))


def _behind(reading: TopologyReading) -> Iterator[Mistake]:
    """Private peering reaches VNets, Microsoft peering services; a pool of addresses has one design."""
    domains = {domain for _, domain, _ in peering_places(reading)}
    azure = reading.keys("azure")
    for domain, key, meant in (
        (RoutingDomain.PRIVATE, "vnets", "the VNets that private peering reaches"),
        (RoutingDomain.MICROSOFT, "services", "the public services that Microsoft peering reaches"),
    ):
        if azure is not None and domain in domains and key not in azure:
            yield reading.source.mistake(("azure",), f"missing key {key!r} in azure", meant, at_key=True)
        elif azure is not None and domains and domain not in domains and key in azure:
            what = f"{key}: there is no {domain.value} peering"
            yield reading.source.mistake(("azure", key), what, "leave them out, or add the peering", at_key=True)
    vnets = reading.keys("azure", "vnets") or ()
    for name in vnets:
        peered = reading.part("azure", "vnets", name, "peered_with")
        wrong = unknown(peered, [one for one in vnets if one != name], "VNet") if peered is not None else None
        if wrong:
            yield reading.source.mistake(("azure", "vnets", name, "peered_with"), *wrong)
        elif peered is not None and reading.part("azure", "vnets", peered, "peered_with") is not None:
            what = f"peered_with: {peered} has no gateway, it uses that of another VNet"
            yield reading.source.mistake(
                ("azure", "vnets", name, "peered_with"), what, "name the VNet with the gateway"
            )
    yield from _services(reading)
    yield from _connections(reading)


def _connections(reading: TopologyReading) -> Iterator[Mistake]:
    """The gateway has connections to circuits with private peering."""
    circuits = [circuit.name for circuit, domain, _ in peering_places(reading) if domain is RoutingDomain.PRIVATE]
    if "connections" in (reading.keys("azure") or ()) and reading.keys("circuits") is None:
        what = "connections: a single circuit has no name"
        meant = "leave them out: weights choose between circuits"
        yield reading.source.mistake(("azure", "connections"), what, meant, at_key=True)
        return
    for name in reading.keys("azure", "connections") or ():
        wrong = unknown(name, circuits, "circuit with private peering", plural="circuits with private peering")
        if wrong:
            yield reading.source.mistake(("azure", "connections", name), *wrong, at_key=True)


def _services(reading: TopologyReading) -> Iterator[Mistake]:
    """A service says what it is, or is one that comes with the lab."""
    for name in reading.keys("azure", "services") or ():
        path = ("azure", "services", name)
        service = reading.part(*path)
        if service is None:
            continue
        if service.prefixes is None and service.communities is None:
            wrong = unknown(name, list(BY_NAME), "shipped service")
            if wrong:
                yield reading.source.mistake(path, *wrong, at_key=True)
        elif service.prefixes is None or service.communities is None:
            lacking = "prefixes" if service.prefixes is None else "communities"
            yield reading.source.mistake(path, f"{name}: has no {lacking}", "give both", at_key=True)


def _global_reach(reading: TopologyReading) -> Iterator[Mistake]:
    """Global Reach joins two circuits that have private peering."""
    if reading.count("global_reach") and reading.keys("circuits") is None:
        what = "global_reach: there is one circuit, and it has no name"
        yield reading.source.mistake(("global_reach",), what, "write circuits, each with a name", at_key=True)
        return
    known = [circuit.name for circuit, domain, _ in peering_places(reading) if domain is RoutingDomain.PRIVATE]
    joined: set[frozenset[str]] = set()
    for index in range(reading.count("global_reach")):
        path: Path = ("global_reach", index)
        named: list[str] = reading.part(*path, "circuits") or []
        for number, name in enumerate(named):
            wrong = unknown(name, known, "circuit with private peering", plural="circuits with private peering")
            if wrong:
                yield reading.source.mistake((*path, "circuits", number), *wrong)
        if len(set(named)) < len(named):
            yield reading.source.mistake((*path, "circuits"), f"{named[0]} is here twice", "two circuits")
        elif frozenset(named) in joined:
            what = f"{' and '.join(named)} are joined already"
            yield reading.source.mistake((*path, "circuits"), what, "join two circuits once")
        joined.add(frozenset(named))
