"""What a connectivity model needs of a topology file, and what it has no use for."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    other_site_places,
    peering_places,
    site_places,
    vrfs,
)
from lab.plan.naming import RESERVED
from lab.topology import ConnectivityModel, Encapsulation, RoutingDomain

_ALTERNATIVES = (
    ("circuit", "circuits", "the circuit, or circuits with a name each"),
    ("customer", "sites", "the customer, or its sites with a name each"),
)
_EDGE_NAME = re.compile("[a-z][a-z0-9-]*", re.ASCII)
LONGEST_NAME = 15
"""Of a node, which interfaces are named after."""
_CARRIED_BY_PROVIDER = "one of cloud_exchange, point_to_point_ethernet and any_to_any_ipvpn goes through a provider"


def check_model(reading: TopologyReading) -> Iterator[Mistake]:
    """Every key that the connectivity model needs and lacks, or cannot use."""
    data = reading.source.data
    if not isinstance(data, dict):
        return
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
    model = reading.part("connectivity_model")
    for circuit in circuit_places(reading):
        if reading.keys(*circuit.path) is not None:
            yield from _carrier(reading, circuit, model)
            yield from _routers(reading, circuit)
    yield from _sites(reading, model)
    yield from _behind(reading)
    yield from _global_reach(reading)


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
    """The routers that face a circuit are the customer's."""
    known = customer_routers(reading, site_places(reading))
    path = (*circuit.path, "routers")
    for index in range(reading.count(*path) if circuit.name else 0):
        name = reading.part(*path, index)
        wrong = unknown(name, known, "customer edge") if name is not None else None
        if wrong:
            yield reading.source.mistake((*path, index), *wrong)


def _sites(reading: TopologyReading, model: ConnectivityModel | None) -> Iterator[Mistake]:
    """Sites reach a provider that routes by their access lines, and have none to any other."""
    routing = [
        circuit for circuit in circuit_places(reading) if reading.part(*circuit.path, "provider", "service") == "layer3"
    ]
    providers = None
    if all(reading.part(*one.path, "provider", "routers") for one in routing):
        providers = [name for one in routing for name in reading.part(*one.path, "provider", "routers")]
    others = other_site_places(reading)
    if others and model not in (None, ConnectivityModel.ANY_TO_ANY_IPVPN):
        what = "other_customers: only an IPVPN has them"
        yield reading.source.mistake(("other_customers",), what, "leave them out, or any_to_any_ipvpn", at_key=True)
    for site in (*site_places(reading), *others):
        yield from _access(reading, site, model, routes=bool(routing), providers=providers)


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
    if routes and not lines and reading.keys(*site.path) is not None:
        meant = "how each customer edge reaches the provider: {ce1: {to: pe1, subnet: ...}}"
        yield reading.source.mistake(site.path, f"missing key 'access' in {_dotted(site.path)}", meant, at_key=True)
    for edge in lines or ():
        to = reading.part(*path, edge, "to")
        if to is None:
            continue
        if model is ConnectivityModel.ANY_TO_ANY_IPVPN:
            yield from _provider_edge(reading, (*path, edge, "to"), to)
        elif wrong := unknown(to, providers, "provider's router"):
            yield reading.source.mistake((*path, edge, "to"), *wrong)


def _provider_edge(reading: TopologyReading, at: Path, name: str) -> Iterator[Mistake]:
    """The provider's edges of an IPVPN are named where sites reach them; each has a VRF, whose name has to fit too."""
    instance = max((one for one, edge in vrfs(reading).items() if edge == name), key=len, default=name)
    if not _EDGE_NAME.fullmatch(name) or RESERVED.fullmatch(name):
        meant = "lower-case letters, digits and dashes, a letter first, and none of the lab's own names"
        yield reading.source.mistake(at, f"to: {name!r} is no router name", meant)
    elif name in (customer_routers(reading, [*site_places(reading), *other_site_places(reading)]) or ()):
        yield reading.source.mistake(at, f"to: {name} is a customer edge", "name a router of the provider's")
    elif len(instance) > LONGEST_NAME:
        what = f"to: the VRF {instance} at {name} has a name of {len(instance)} characters"
        yield reading.source.mistake(at, what, f"{LONGEST_NAME} at most: shorten the router's or the VPN's name")


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
    yield from _services(reading)
    circuits = [one.name for one in circuit_places(reading)]
    for name in reading.keys("azure", "connections") or ():
        wrong = unknown(name, circuits, "circuit")
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
    known = [circuit.name for circuit, domain, _ in peering_places(reading) if domain is RoutingDomain.PRIVATE]
    for index in range(reading.count("global_reach")):
        path: Path = ("global_reach", index)
        named: list[str] = reading.part(*path, "circuits") or []
        for number, name in enumerate(named):
            wrong = unknown(name, known, "circuit with private peering", plural="circuits with private peering")
            if wrong:
                yield reading.source.mistake((*path, "circuits", number), *wrong)
        if len(set(named)) < len(named):
            yield reading.source.mistake((*path, "circuits"), f"{named[0]} is here twice", "two circuits")
