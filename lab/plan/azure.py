"""Microsoft's side behind its edges: the gateway and the VNets, Global Reach, and the public services."""

from __future__ import annotations

from lab.bgp import Prefix, family_of
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.facts import GATEWAY_ASN, MICROSOFT_ASN, MICROSOFT_HOLD_TIME_S
from lab.plan import Endpoint, Role
from lab.plan import microsoft_sessions as behaviour
from lab.plan.addressing import VNET_GATEWAY_HOST, VNET_HOST, host, link
from lab.plan.draft import Draft, SessionEnd
from lab.plan.microsoft_edge import GATEWAY_BEST_PATH, edge_best_path
from lab.plan.naming import MICROSOFT_CORE, gateways, microsoft_edge, towards
from lab.topology import Circuit, EdgeBgp, GlobalReach, Link, Network, RoutingDomain, Topology

NUMBER_IN_BLOCK = {Link.PRIMARY: 0, Link.SECONDARY: 1}


def plan_private(draft: Draft, topology: Topology) -> None:
    """The gateway of the VNets, its sessions with the edges of every circuit, and a machine in each VNet."""
    circuits = [one for one in topology.circuits if one.peering(RoutingDomain.PRIVATE) is not None]
    if not circuits:
        return
    prefixes = tuple(p for v in topology.azure.vnets for p in v.network.prefixes)
    instances = gateways(topology.azure.gateway_instances)
    for gateway in instances:
        draft.router(gateway, Role.GATEWAY, GATEWAY_ASN, prefixes, EdgeBgp(best_path=GATEWAY_BEST_PATH))
    for gateway in instances:
        for circuit in circuits:
            for circuit_link in Link:
                _gateway_link(draft, topology, circuit, circuit_link, gateway)
    for vnet in topology.azure.vnets:
        _attached(draft, vnet.network, instances, "VNet", f"vnet-{vnet.network.name}")
    for reach in topology.global_reach:
        _global_reach(draft, topology, reach)


def _gateway_link(draft: Draft, topology: Topology, circuit: Circuit, circuit_link: Link, gateway: str) -> None:
    """A link and sessions of a gateway's instance with a Microsoft edge.

    The edges of a circuit have no session with each other (assumed).
    """
    edge = microsoft_edge(circuit.name, circuit_link, RoutingDomain.PRIVATE)
    blocks = draft.fabric_link(_versions(circuit, RoutingDomain.PRIVATE))
    gateway_end = draft.interface(gateway, towards(edge), tuple(host(b, 2) for b in blocks), "fabric")
    edge_end = draft.interface(edge, f"to-{gateway}", tuple(host(b, 1) for b in blocks), "fabric")
    draft.wire(f"{edge}-{gateway}", edge_end, gateway_end)
    for block in blocks:
        draft.session(
            listens=SessionEnd(
                node=gateway,
                asn=GATEWAY_ASN,
                address=host(block, 2).ip,
                interface=gateway_end.interface,
                hold_time_s=MICROSOFT_HOLD_TIME_S,
                rules=behaviour.gateway_to_edge(topology, circuit),
            ),
            connects=SessionEnd(
                node=edge,
                asn=MICROSOFT_ASN,
                address=host(block, 1).ip,
                interface=edge_end.interface,
                hold_time_s=MICROSOFT_HOLD_TIME_S,
                rules=behaviour.edge_to_gateway(topology, circuit, circuit_link, family_of(block)),
            ),
        )


def _versions(circuit: Circuit, domain: RoutingDomain) -> list[int]:
    peering = circuit.peering(domain)
    return sorted({s.prefix.version for s in peering.subnets}) if peering is not None else []


def _attached(draft: Draft, network: Network, routers: tuple[str, ...], what: str, wire: str) -> None:
    """A network and one machine in it, which shares its load over the routers that the network is behind."""
    draft.host(network.name)
    machine = draft.interface(network.name, "eth0", tuple(host(prefix, VNET_HOST) for prefix in network.prefixes))
    ends = [
        draft.interface(
            router,
            f"to-{network.name}",
            tuple(host(prefix, number) for prefix in network.prefixes),
            f"{what} {network.name}",
        )
        for number, router in enumerate(routers, start=VNET_GATEWAY_HOST)
    ]
    if len(ends) == 1:
        draft.wire(wire, machine, ends[0])
    else:
        draft.switch(wire)
        for end in (machine, *ends):
            draft.wire(f"{wire}/{end.node}", end, draft.interface(wire, f"to-{end.node}"))
    draft.default_routes(network, *range(VNET_GATEWAY_HOST, VNET_GATEWAY_HOST + len(ends)))


def _global_reach(draft: Draft, topology: Topology, reach: GlobalReach) -> None:
    """A link and sessions between the edges of two circuits, primary with primary and secondary with secondary."""
    one, other = (next(c for c in topology.circuits if c.name == name) for name in reach.circuits)
    for circuit_link in Link:
        blocks: list[Prefix] = [link(block, NUMBER_IN_BLOCK[circuit_link]) for block in reach.blocks]
        edges = [microsoft_edge(c.name, circuit_link, RoutingDomain.PRIVATE) for c in (one, other)]
        ends = [
            draft.interface(here, towards(there), tuple(host(b, number) for b in blocks), "Global Reach")
            for number, (here, there) in enumerate((edges, edges[::-1]), start=1)
        ]
        draft.wire(f"global-reach-{one.name}-{other.name}-{circuit_link.value}", ends[0], ends[1])
        for block in blocks:
            listens, connects = (
                SessionEnd(
                    node=end.node,
                    asn=MICROSOFT_ASN,
                    address=host(block, number).ip,
                    interface=end.interface,
                    hold_time_s=MICROSOFT_HOLD_TIME_S,
                    rules=behaviour.edge_to_other_circuit(topology, circuit, circuit_link),
                )
                for number, (end, circuit) in enumerate(zip(ends, (one, other), strict=True), start=1)
            )
            draft.session(listens=listens, connects=connects)


def plan_public(draft: Draft, topology: Topology) -> None:
    """Microsoft's network with a machine in each public service, and its sessions with the edges of every circuit."""
    circuits = [one for one in topology.circuits if one.peering(RoutingDomain.MICROSOFT) is not None]
    if not circuits:
        return
    prefixes = tuple(p for one in topology.azure.services for p in one.network.prefixes)
    best_path = edge_best_path(Assumptions(topology.assumed))
    draft.router(MICROSOFT_CORE, Role.MICROSOFT_CORE, MICROSOFT_ASN, prefixes, EdgeBgp(best_path=best_path))
    for circuit in circuits:
        for circuit_link in Link:
            _core_link(draft, topology, circuit, circuit_link)
    for one in topology.azure.services:
        _attached(draft, one.network, (MICROSOFT_CORE,), "service", f"service-{one.network.name}")


def _core_link(draft: Draft, topology: Topology, circuit: Circuit, circuit_link: Link) -> None:
    edge = microsoft_edge(circuit.name, circuit_link, RoutingDomain.MICROSOFT)
    blocks = draft.fabric_link(_versions(circuit, RoutingDomain.MICROSOFT))
    ends: list[Endpoint] = [
        draft.interface(here, towards(there), tuple(host(b, number) for b in blocks), "fabric")
        for number, (here, there) in enumerate(((MICROSOFT_CORE, edge), (edge, MICROSOFT_CORE)), start=1)
    ]
    draft.wire(f"{edge}-core", ends[0], ends[1])
    for block in blocks:
        rules = (
            behaviour.core_to_edge(topology),
            behaviour.edge_to_core(topology, circuit, circuit_link),
        )
        listens, connects = (
            SessionEnd(
                node=end.node,
                asn=MICROSOFT_ASN,
                address=host(block, number).ip,
                interface=end.interface,
                hold_time_s=MICROSOFT_HOLD_TIME_S,
                rules=rule,
            )
            for number, (end, rule) in enumerate(zip(ends, rules, strict=True), start=1)
        )
        draft.session(listens=listens, connects=connects)
