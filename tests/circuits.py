"""Small circuits, peerings and topologies that tests start from and change with `dataclasses.replace`."""

from __future__ import annotations

from collections.abc import Mapping

from lab.bgp import Asn, Community, Family, parse_prefix
from lab.expressroute.assumptions import Assumptions
from lab.plan.microsoft_edge import Edge
from lab.topology import (
    Azure,
    Circuit,
    ConnectivityModel,
    Customer,
    Layer2,
    Link,
    LinkSubnet,
    Network,
    Peering,
    PublicPrefixes,
    RouteFilter,
    RoutingDomain,
    Service,
    Site,
    Sku,
    Topology,
    VirtualNetwork,
)

CUSTOMER_ASN = Asn(65001)
PUBLIC_ASN = Asn(65551)
"""One for documentation that Microsoft's rules let pass (RFC 5398)."""
LISTED = (parse_prefix("198.19.0.0/24"), parse_prefix("2001:2:0:8000::/56"))

PRIVATE = Peering(
    vlan_id=100,
    subnets=(
        LinkSubnet(link=Link.PRIMARY, prefix=parse_prefix("172.16.0.0/30")),
        LinkSubnet(link=Link.SECONDARY, prefix=parse_prefix("172.16.0.4/30")),
    ),
    rules=(),
)


def public(*communities: str, **fields: object) -> PublicPrefixes:
    """What only Microsoft peering has, with a route filter of some communities in both families, or none."""
    route_filter = RouteFilter(communities=tuple(map(Community, communities)))
    filters = tuple((family, route_filter) for family in Family) if communities else ()
    return PublicPrefixes(advertised=LISTED, route_filters=filters, **fields)  # type: ignore[arg-type]  # its names


def microsoft_peering(prefixes: PublicPrefixes) -> Peering:
    """A Microsoft peering."""
    return Peering(
        domain=RoutingDomain.MICROSOFT,
        vlan_id=200,
        subnets=(
            LinkSubnet(link=Link.PRIMARY, prefix=parse_prefix("198.19.255.0/30")),
            LinkSubnet(link=Link.SECONDARY, prefix=parse_prefix("198.19.255.4/30")),
        ),
        rules=(),
        public=prefixes,
    )


def circuit(sku: Sku = Sku.STANDARD, peering_location: str = "Amsterdam", **fields: object) -> Circuit:
    """A circuit with private peering."""
    given: dict[str, object] = {"peerings": (PRIVATE,), **fields}
    return Circuit(
        sku=sku,
        bandwidth_mbps=1000,
        peering_location=peering_location,
        carrier=Layer2(s_tag=1034),
        routers=("ce1", "ce2"),
        **given,  # type: ignore[arg-type]  # names of Circuit
    )


def edge(of: Circuit | None = None, link: Link = Link.PRIMARY, assumed: Mapping[str, str] | None = None) -> Edge:
    """The edge of a link of a circuit, with some answers that are not the defaults."""
    return Edge(circuit=of or circuit(), link=link, assumed=Assumptions(tuple((assumed or {}).items())))


HUB = VirtualNetwork(network=Network(name="hub", prefixes=(parse_prefix("10.100.0.0/16"),)))
AZURE = Azure(region="West Europe", regional_community=Community("12076:50002"), vnets=(HUB,))


def service(name: str, prefix: str, *communities: str) -> Service:
    """A public service."""
    network = Network(name=name, prefixes=(parse_prefix(prefix),))
    return Service(network=network, communities=tuple(map(Community, communities)))


def topology(*circuits: Circuit, asn: int = CUSTOMER_ASN, azure: Azure = AZURE, **fields: object) -> Topology:
    """An experiment with one site of one customer."""
    hq = Network(name="hq", prefixes=(parse_prefix("10.10.0.0/16"),))
    given: dict[str, object] = {
        "customer": Customer(sites=(Site(asn=Asn(asn), routers=("ce1", "ce2"), networks=(hq,)),)),
        "expectations": (),
        **fields,
    }
    return Topology(
        name="circuits",
        connectivity_model=ConnectivityModel.POINT_TO_POINT_ETHERNET,
        circuits=circuits or (circuit(),),
        azure=azure,
        **given,  # type: ignore[arg-type]  # names of Topology
    )
