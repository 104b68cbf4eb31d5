"""The rules of each session of Microsoft's side, by the topology that it is in."""

from __future__ import annotations

from lab.bgp import Asn, Family
from lab.expressroute.assumptions import Assumptions
from lab.plan.microsoft_edge import (
    Edge,
    core_towards_edge,
    edge_towards_core,
    edge_towards_customer,
    edge_towards_gateway,
    edge_towards_global_reach,
    gateway_towards_edge,
)
from lab.policy import SessionRules
from lab.topology import Circuit, Layer3, Link, Peering, Topology

INSIDE_PROVIDER = SessionRules(next_hop_self=True)
"""Between two routers of a provider: everything passes."""


def facing_asn(topology: Topology, circuit: Circuit) -> Asn:
    """The AS that faces Microsoft: the provider's where it routes, else the customer's."""
    if isinstance(circuit.carrier, Layer3):
        return circuit.carrier.asn
    return topology.customer.site_of(circuit.routers[0]).asn


def towards_customer(
    topology: Topology, circuit: Circuit, peering: Peering, link: Link, family: Family
) -> SessionRules:
    """A Microsoft edge towards the router that faces it."""
    return edge_towards_customer(_edge(topology, circuit, link), peering, family, facing_asn(topology, circuit))


def gateway_to_edge(topology: Topology, circuit: Circuit) -> SessionRules:
    """The gateway towards a Microsoft edge."""
    return gateway_towards_edge(topology.azure, circuit)


def edge_to_gateway(topology: Topology, circuit: Circuit, link: Link, family: Family) -> SessionRules:
    """A Microsoft edge towards the gateway."""
    return edge_towards_gateway(_edge(topology, circuit, link), family)


def edge_to_other_circuit(topology: Topology, circuit: Circuit, link: Link) -> SessionRules:
    """A Microsoft edge towards that of another circuit, by Global Reach."""
    return edge_towards_global_reach(_edge(topology, circuit, link))


def core_to_edge(topology: Topology) -> SessionRules:
    """Microsoft's network towards an edge of Microsoft peering."""
    return core_towards_edge(topology.azure)


def edge_to_core(topology: Topology, circuit: Circuit, link: Link) -> SessionRules:
    """An edge of Microsoft peering towards Microsoft's network."""
    return edge_towards_core(_edge(topology, circuit, link))


def _edge(topology: Topology, circuit: Circuit, link: Link) -> Edge:
    return Edge(circuit=circuit, link=link, assumed=Assumptions(topology.assumed))
