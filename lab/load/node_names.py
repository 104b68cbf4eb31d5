"""Nodes have names of their own: those that a file gives, and those that come of them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Mistake
from lab.load.places import (
    CircuitPlace,
    TopologyReading,
    circuit_places,
    each_vrf,
    other_site_places,
    site_places,
    vpn_of,
)

_OWN_NAME = "give each node a name of its own"
_BOTH_LINKS = "one name alone puts both links on it"


def check_node_names(reading: TopologyReading) -> Iterator[Mistake]:
    """Every name that is that of two nodes."""
    first: dict[str, str] = {}
    sites = [*site_places(reading), *other_site_places(reading)]
    for path in [(*site.path, "routers") for site in sites]:
        for index in range(reading.count(*path)):
            name = reading.part(*path, index)
            if name in first:
                yield reading.source.mistake((*path, index), f"router {name!r} is here twice", _BOTH_LINKS)
            elif name is not None:
                first[name] = "router"
    for circuit in circuit_places(reading):
        yield from _of_circuit(reading, circuit, first)
    yield from _of_vpns(reading, first)
    sides = [("network", (*site.path, "networks")) for site in sites]
    for kind, where in (*sides, ("VNet", ("azure", "vnets")), ("service", ("azure", "services"))):
        for name in reading.keys(*where) or ():
            if name in first:
                wrong = f"{kind} {name!r} has the name of a {first[name]}"
                yield reading.source.mistake((*where, name), wrong, _OWN_NAME, at_key=True)
            first.setdefault(name, kind)


def _of_circuit(reading: TopologyReading, circuit: CircuitPlace, first: dict[str, str]) -> Iterator[Mistake]:
    """A circuit names a router once, and the provider's routers are nodes of that circuit."""
    provider = reading.part(*circuit.path, "provider", "service") == "layer3"
    path = (*circuit.path, "provider", "routers") if provider else (*circuit.path, "routers")
    here: set[str] = set()
    for index in range(reading.count(*path) if provider or circuit.name else 0):
        name = reading.part(*path, index)
        if name is None:
            continue
        if name in here:
            yield reading.source.mistake((*path, index), f"router {name!r} is here twice", _BOTH_LINKS)
        elif provider and name in first:
            what = f"provider's router {name!r} has the name of a {first[name]}"
            yield reading.source.mistake((*path, index), what, _OWN_NAME)
        here.add(name)
        if provider:
            of = f" of circuit {circuit.name}" if circuit.name else ""
            first.setdefault(name, f"provider's router{of}")


def _of_vpns(reading: TopologyReading, first: dict[str, str]) -> Iterator[Mistake]:
    """The provider's edges that sites reach, and the VRFs of all."""
    for vrf, edge in dict.fromkeys(each_vrf(reading)):
        first.setdefault(edge, "provider's router")
        if vrf in first:
            what = f"the VRF {vrf!r} of {edge} has the name of a {first[vrf]}"
            yield reading.source.mistake(_place_of(reading, vrf, edge), what, _OWN_NAME)
        first.setdefault(vrf, "VRF")


def _place_of(reading: TopologyReading, vrf: str, edge: str) -> tuple[str | int, ...]:
    """Where the name of a VRF comes from: the line to its edge, or the router that faces Microsoft."""
    for site in (*site_places(reading), *other_site_places(reading)):
        for line in reading.keys(*site.path, "access") or ():
            at = (*site.path, "access", line, "to")
            if reading.part(*at) == edge and vrf.endswith(f"-{site.customer}"):
                return at
    circuit = next(one for one in circuit_places(reading) if vpn_of(reading, one) is not None)
    return (*circuit.path, "provider", "vpn")
