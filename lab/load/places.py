"""Where in a topology file circuits, peerings and sites are: a file with one of each is written shorter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.load.reading import Reading
from lab.load.source import Step
from lab.load.topology_documents import TopologyDocument
from lab.plan.naming import vrf
from lab.topology import RoutingDomain

TopologyReading = Reading[TopologyDocument]
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitPlace:
    """A circuit: its name, which is empty where it is the only one, and where it and its peerings are written."""

    name: str
    path: Path
    peerings: Path

    def peering(self, domain: RoutingDomain) -> Path:
        """Where a peering is written."""
        return (*self.peerings, domain.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlace:
    """A site: its name and where it is written. `customer` is empty for the one whose circuits these are."""

    customer: str
    name: str
    path: Path


def circuit_places(reading: TopologyReading) -> list[CircuitPlace]:
    """Every circuit of a file."""
    if reading.keys("circuits") is None:
        return [CircuitPlace(name="", path=("circuit",), peerings=("peerings",))]
    return [
        CircuitPlace(name=name, path=("circuits", name), peerings=("circuits", name, "peerings"))
        for name in reading.keys("circuits") or ()
    ]


def site_places(reading: TopologyReading) -> list[SitePlace]:
    """Every site of the customer whose circuits these are."""
    if reading.keys("sites") is None:
        return [SitePlace(customer="", name="", path=("customer",))]
    return [SitePlace(customer="", name=name, path=("sites", name)) for name in reading.keys("sites") or ()]


def other_site_places(reading: TopologyReading) -> list[SitePlace]:
    """Every site of the other customers."""
    return [
        SitePlace(customer=customer, name=name, path=("other_customers", customer, "sites", name))
        for customer in reading.keys("other_customers") or ()
        for name in reading.keys("other_customers", customer, "sites") or ()
    ]


def peering_places(reading: TopologyReading) -> Iterator[tuple[CircuitPlace, RoutingDomain, Path]]:
    """Every peering of every circuit."""
    for circuit in circuit_places(reading):
        for domain in RoutingDomain:
            if domain.value in (reading.keys(*circuit.peerings) or ()):
                yield circuit, domain, circuit.peering(domain)


def customer_routers(reading: TopologyReading, places: list[SitePlace]) -> tuple[str, ...] | None:
    """The edge routers of sites, each once; None where one of them could not be read."""
    lists = [reading.part(*place.path, "routers") for place in places]
    return None if None in lists else tuple(dict.fromkeys(name for names in lists for name in names))


def vpn_of(reading: TopologyReading, circuit: CircuitPlace) -> str | None:
    """The name of the customer's VPN at the circuit's provider; None where it has none."""
    name: str | None = reading.part(*circuit.path, "provider", "vpn", "name")
    return name


def facing_nodes(reading: TopologyReading, circuit: CircuitPlace) -> tuple[str, ...] | None:
    """The nodes that face Microsoft: the routers, or their VRFs where the provider has a VPN for the customer."""
    routers, vpn = facing_routers(reading, circuit), vpn_of(reading, circuit)
    return routers if routers is None or vpn is None else tuple(vrf(router, vpn) for router in routers)


def vrfs(reading: TopologyReading) -> dict[str, str]:
    """The VRFs of the provider's edges, and the edge that each is of."""
    return dict(each_vrf(reading))


def each_vrf(reading: TopologyReading) -> Iterator[tuple[str, str]]:
    """The name of a VRF and its edge, as often as something is at it."""
    for circuit in circuit_places(reading):
        vpn = vpn_of(reading, circuit)
        if vpn is not None:
            yield from ((vrf(router, vpn), router) for router in facing_routers(reading, circuit) or ())
            for site in (*site_places(reading), *other_site_places(reading)):
                for edge in reading.keys(*site.path, "access") or ():
                    to = reading.part(*site.path, "access", edge, "to")
                    if to is not None:
                        yield vrf(to, site.customer or vpn), to


def access_node(reading: TopologyReading, site: SitePlace, edge: str) -> str | None:
    """The provider's node at the other end of a customer edge's line."""
    to: str | None = reading.part(*site.path, "access", edge, "to")
    vpns = (vpn_of(reading, circuit) for circuit in circuit_places(reading))
    vpn = next((one for one in vpns if one is not None), None)
    return to if to is None or vpn is None else vrf(to, site.customer or vpn)


def facing_routers(reading: TopologyReading, circuit: CircuitPlace) -> tuple[str, ...] | None:
    """The routers that face Microsoft on the primary and the secondary link; None where that cannot be told."""
    named = reading.part(*circuit.path, "routers") if circuit.name else None
    if reading.part(*circuit.path, "provider", "service") == "layer3":
        named = reading.part(*circuit.path, "provider", "routers")
    elif named is None:
        named = customer_routers(reading, site_places(reading)[:1])
    return None if not named else (named[0], named[-1])
