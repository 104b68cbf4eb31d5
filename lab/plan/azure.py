"""Microsoft's side behind its edges: the gateway and the VNets, Global Reach, and the public services."""

from __future__ import annotations

from lab.bgp import Family, Prefix
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.facts import GATEWAY_ASN, GATEWAY_MOST_BYTES, MICROSOFT_ASN
from lab.plan import Role
from lab.plan import microsoft_sessions as behaviour
from lab.plan.addressing import VNET_GATEWAY_HOST, VNET_HOST, host, link
from lab.plan.draft import Draft, in_each_family
from lab.plan.microsoft_edge import GATEWAY_BEST_PATH, edge_best_path
from lab.plan.naming import MICROSOFT_CORE, gateways, microsoft_edge
from lab.plan.packet_limits import PacketLimit, TooLarge
from lab.policy import SessionRules
from lab.topology import Circuit, EdgeBgp, GlobalReach, Link, Network, RoutingDomain, Topology

_TCP, _UDP = 6, 17  # protocol numbers of IANA's
NUMBER_IN_BLOCK = {Link.PRIMARY: 0, Link.SECONDARY: 1}


def plan_private(draft: Draft, topology: Topology) -> None:
    """The gateway of the VNets, its sessions with the edges of every circuit, and a machine in each VNet."""
    circuits = [one for one in topology.circuits if one.peering(RoutingDomain.PRIVATE) is not None]
    if not circuits:
        return
    prefixes = tuple(p for v in topology.azure.vnets for p in v.network.prefixes)
    instances = gateways(topology.azure.gateway_instances)
    packet_limit = gateway_limit(Assumptions(topology.assumed))
    for gateway in instances:
        draft.router(gateway, Role.GATEWAY, GATEWAY_ASN, prefixes, EdgeBgp(best_path=GATEWAY_BEST_PATH))
        if packet_limit is not None:
            draft.limit(gateway, packet_limit)
    for gateway in instances:
        for circuit in circuits:
            for circuit_link in Link:
                _gateway_link(draft, topology, circuit, circuit_link, gateway)
    for vnet in topology.azure.vnets:
        _attached(draft, vnet.network, instances, "VNet", f"vnet-{vnet.network.name}")
    for reach in topology.global_reach:
        _global_reach(draft, topology, reach)


def gateway_limit(assumed: Assumptions) -> PacketLimit | None:
    """The packets that a gateway forwards (expressroute-faqs.md, 2026-03-31); None where there is no limit."""
    if assumed.gateway_packet_limit == "none":
        return None
    return PacketLimit(
        most_bytes=GATEWAY_MOST_BYTES,
        too_large=TooLarge(assumed.gateway_too_large),
        protocols=(_TCP, _UDP) if assumed.gateway_packet_limit == "tcp_udp" else (),
        forwards_fragments=assumed.gateway_forwards_fragments,
    )


def _gateway_link(draft: Draft, topology: Topology, circuit: Circuit, circuit_link: Link, gateway: str) -> None:
    """A link and sessions of a gateway's instance with a Microsoft edge.

    The edges of a circuit have no session with each other (assumed).
    """
    edge = microsoft_edge(circuit.name, circuit_link, RoutingDomain.PRIVATE)
    blocks = draft.fabric_link(_versions(circuit, RoutingDomain.PRIVATE))
    draft.link(f"{edge}-{gateway}", (edge, gateway), blocks, "fabric")

    def rules(family: Family) -> tuple[SessionRules, SessionRules]:
        ours = behaviour.edge_to_gateway(topology, circuit, circuit_link, family)
        return ours, behaviour.gateway_to_edge(topology, circuit)

    draft.link_sessions((edge, gateway), (MICROSOFT_ASN, GATEWAY_ASN), blocks, rules)


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
        first, second = (microsoft_edge(c.name, circuit_link, RoutingDomain.PRIVATE) for c in (one, other))
        wire = f"global-reach-{one.name}-{other.name}-{circuit_link.value}"
        draft.link(wire, (first, second), blocks, "Global Reach")
        rules = in_each_family(
            behaviour.edge_to_other_circuit(topology, one, circuit_link),
            behaviour.edge_to_other_circuit(topology, other, circuit_link),
        )
        draft.link_sessions((first, second), (MICROSOFT_ASN, MICROSOFT_ASN), blocks, rules)


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
    draft.link(f"{edge}-core", (MICROSOFT_CORE, edge), blocks, "fabric")
    rules = in_each_family(behaviour.core_to_edge(topology), behaviour.edge_to_core(topology, circuit, circuit_link))
    draft.link_sessions((MICROSOFT_CORE, edge), (MICROSOFT_ASN, MICROSOFT_ASN), blocks, rules)
