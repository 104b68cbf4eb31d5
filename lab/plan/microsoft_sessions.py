"""The rules of each session of Microsoft's side, put together from `lab.plan.microsoft_edge`."""

from __future__ import annotations

from dataclasses import replace

from lab.bgp import Family, RemovePrivate
from lab.plan.microsoft_edge import ACCEPT_ALL, FROM_CUSTOMER, from_vnets
from lab.policy import SessionRules
from lab.topology import Circuit, Link, Peering, Provisioning, Topology

INSIDE_PROVIDER = SessionRules(next_hop_self=True)
"""Between two routers of a provider: everything passes."""


def towards_customer(
    topology: Topology, circuit: Circuit, peering: Peering, link: Link, family: Family
) -> SessionRules:
    """A Microsoft edge towards the router that faces it."""
    del topology, link
    rules = SessionRules(
        import_policies=(FROM_CUSTOMER,),
        export_policies=(ACCEPT_ALL,),
        remove_private_asns=RemovePrivate.LEADING,
    )
    return replace(rules, shutdown=why_shut(circuit, peering, family))


def why_shut(circuit: Circuit, peering: Peering, family: Family) -> str:
    """Why Microsoft's edge keeps a peering's sessions of a family closed; empty where it does not."""
    if circuit.provisioning is not Provisioning.PROVISIONED:
        return f"the circuit is not usable: provider status {circuit.provisioning.value}"
    if family not in peering.enabled:
        return f"{peering.domain.value} peering is disabled for {family.value}"
    return ""


def gateway_to_edge(topology: Topology, circuit: Circuit) -> SessionRules:
    """The gateway towards a Microsoft edge."""
    del circuit
    return SessionRules(import_policies=(ACCEPT_ALL,), export_policies=(from_vnets(topology.azure),))


def edge_to_gateway(topology: Topology, circuit: Circuit, link: Link, family: Family) -> SessionRules:
    """A Microsoft edge towards the gateway."""
    del topology, circuit, link, family
    return SessionRules(import_policies=(ACCEPT_ALL,), export_policies=(ACCEPT_ALL,))


def edge_to_other_circuit(topology: Topology, circuit: Circuit, link: Link) -> SessionRules:
    """A Microsoft edge towards that of another circuit, by Global Reach."""
    del topology, circuit, link
    return SessionRules(next_hop_self=True)


def core_to_edge(topology: Topology) -> SessionRules:
    """Microsoft's network towards an edge of Microsoft peering."""
    del topology
    return SessionRules()


def edge_to_core(topology: Topology, circuit: Circuit, link: Link, family: Family) -> SessionRules:
    """An edge of Microsoft peering towards Microsoft's network."""
    del topology, circuit, link, family
    return SessionRules(next_hop_self=True)
