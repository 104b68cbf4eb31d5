"""A circuit over two Ethernet lines with a layer-2 service: the customer edges speak BGP with Microsoft themselves.

host --- lan --- ce1 === primary === msee1 --- gw --- host of a VNet
          |                                    |
          +----- ce2 === secondary === msee2 --+
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from lab.bgp import Address, Asn, BestPathRules, Family, Prefix, RemovePrivate, family_of, parse_prefix
from lab.expressroute.facts import GATEWAY_ASN, MICROSOFT_ASN, MICROSOFT_HOLD_TIME_S
from lab.plan import (
    BfdPlan,
    BgpPlan,
    Endpoint,
    InterfaceAddress,
    InterfacePlan,
    NodePlan,
    Plan,
    Role,
    SessionPlan,
    StaticRoute,
    Wire,
)
from lab.plan.addressing import (
    CUSTOMER_HOST,
    LAN_HOST,
    MICROSOFT_HOST,
    VNET_GATEWAY_HOST,
    VNET_HOST,
    fabric_block,
    host,
    link,
    router_id,
)
from lab.plan.microsoft_edge import (
    ACCEPT_ALL,
    EDGE_MAXIMUM_PATHS,
    FROM_CUSTOMER,
    GATEWAY_MAXIMUM_PATHS,
    MICROSOFT_BFD,
    from_vnets,
)
from lab.policy import NO_RULES, SessionRules
from lab.topology import Bfd, EdgeBgp, Link, Network, Secret, Topology

GATEWAY = "gw"
MICROSOFT_EDGE = {Link.PRIMARY: "msee1", Link.SECONDARY: "msee2"}
DEFAULT_ROUTE = {Family.IPV4: "0.0.0.0/0", Family.IPV6: "::/0"}


@dataclass(slots=True)
class _Draft:
    """What has been planned so far, by node."""

    interfaces: dict[str, list[InterfacePlan]] = field(default_factory=lambda: defaultdict(list))
    sessions: dict[str, list[SessionPlan]] = field(default_factory=lambda: defaultdict(list))
    static_routes: dict[str, list[StaticRoute]] = field(default_factory=lambda: defaultdict(list))
    wires: list[Wire] = field(default_factory=list)

    def wire(self, name: str, left: Endpoint, right: Endpoint) -> None:
        self.wires.append(Wire(name=name, ends=(left, right)))

    def interface(
        self, node: str, name: str, addresses: tuple[InterfaceAddress, ...] = (), description: str = ""
    ) -> Endpoint:
        self.interfaces[node].append(InterfacePlan(name=name, addresses=addresses, description=description))
        return Endpoint(node=node, interface=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One end of a session, as both ends' plans need it."""

    node: str
    asn: Asn
    address: Address
    interface: str
    hold_time_s: int
    rules: SessionRules = NO_RULES
    md5: Secret | None = None
    bfd: BfdPlan | None = None


def _session(draft: _Draft, listens: _End, connects: _End) -> None:
    """Plan a session at both its ends."""
    for here, there in ((listens, connects), (connects, listens)):
        draft.sessions[here.node].append(
            SessionPlan(
                neighbor=there.node,
                family=family_of(here.address),
                interface=here.interface,
                local_address=here.address,
                peer_address=there.address,
                local_asn=here.asn,
                peer_asn=there.asn,
                passive=here is listens,
                hold_time_s=here.hold_time_s,
                md5=here.md5,
                bfd=here.bfd,
                rules=here.rules,
            )
        )


def plan(topology: Topology) -> Plan:
    """The plan of a point-to-point Ethernet circuit with private peering."""
    draft = _Draft()
    edges = tuple(dict.fromkeys(topology.customer.routers))
    for network in topology.customer.networks:
        _lan(draft, network, edges)
    for circuit_link in Link:
        _circuit_link(draft, topology, circuit_link)
    _microsoft_fabric(draft, topology)
    for vnet in topology.azure.vnets:
        _vnet(draft, vnet.network)
    if len(edges) > 1:
        _ibgp(draft, topology, edges)
    return _finish(draft, topology, edges)


def _lan(draft: _Draft, network: Network, edges: tuple[str, ...]) -> None:
    """A LAN with the customer edges and one host, whose default route is the primary link's edge."""
    switch = f"lan-{network.name}"
    members = [(network.name, "eth0", LAN_HOST)]
    members += [(edge, f"to-{network.name}", number) for number, edge in enumerate(edges, start=1)]
    for node, interface, number in members:
        addresses = tuple(host(prefix, number) for prefix in network.prefixes)
        end = draft.interface(node, interface, addresses, f"LAN {network.name}")
        draft.wire(f"{network.name}/{node}", end, draft.interface(switch, f"to-{node}"))
    _default_routes(draft, network, first_hop=1)


def _vnet(draft: _Draft, network: Network) -> None:
    """A VNet: its gateway's address and one machine."""
    machine = draft.interface(network.name, "eth0", tuple(host(prefix, VNET_HOST) for prefix in network.prefixes))
    addresses = tuple(host(prefix, VNET_GATEWAY_HOST) for prefix in network.prefixes)
    gateway = draft.interface(GATEWAY, f"to-{network.name}", addresses, f"VNet {network.name}")
    draft.wire(f"vnet-{network.name}", machine, gateway)
    _default_routes(draft, network, first_hop=VNET_GATEWAY_HOST)


def _default_routes(draft: _Draft, network: Network, first_hop: int) -> None:
    for family, default in DEFAULT_ROUTE.items():
        prefix = network.of(family)
        if prefix is not None:
            next_hop = host(prefix, first_hop).ip
            draft.static_routes[network.name].append(StaticRoute(prefix=parse_prefix(default), next_hop=next_hop))


def _circuit_link(draft: _Draft, topology: Topology, circuit_link: Link) -> None:
    """One link of the circuit: the wire, its addresses and a session per family."""
    peering = topology.private_peering
    edge, microsoft = topology.customer.router_of(circuit_link), MICROSOFT_EDGE[circuit_link]
    blocks = [s.prefix for s in peering.subnets if s.link is circuit_link]
    ends = [
        draft.interface(node, f"to-{peer}", tuple(host(b, number) for b in blocks), f"{circuit_link.value} link")
        for node, peer, number in ((edge, microsoft, CUSTOMER_HOST), (microsoft, edge, MICROSOFT_HOST))
    ]
    draft.wire(circuit_link.value, ends[0], ends[1])
    for block in blocks:
        _session(
            draft,
            listens=_End(
                node=microsoft,
                asn=MICROSOFT_ASN,
                address=host(block, MICROSOFT_HOST).ip,
                interface=f"to-{edge}",
                hold_time_s=MICROSOFT_HOLD_TIME_S,
                rules=SessionRules(
                    import_policies=(FROM_CUSTOMER,),
                    export_policies=(ACCEPT_ALL,),
                    remove_private_asns=RemovePrivate.LEADING,
                ),
                md5=peering.md5,
                bfd=MICROSOFT_BFD,
            ),
            connects=_End(
                node=edge,
                asn=topology.customer.asn,
                address=host(block, CUSTOMER_HOST).ip,
                interface=f"to-{microsoft}",
                hold_time_s=peering.hold_time_s,
                rules=peering.rules_of(edge),
                md5=peering.md5_at(edge),
                bfd=None if peering.bfd is None else _bfd(peering.bfd),
            ),
        )


def _bfd(bfd: Bfd) -> BfdPlan:
    return BfdPlan(transmit_interval_ms=bfd.interval_ms, receive_interval_ms=bfd.interval_ms, multiplier=bfd.multiplier)


def _microsoft_fabric(draft: _Draft, topology: Topology) -> None:
    """The gateway's links and sessions to both Microsoft edges. The edges have no session with each other (assumed)."""
    taken = [s.prefix for s in topology.private_peering.subnets]
    taken += [p for n in topology.customer.networks for p in n.prefixes]
    taken += [p for v in topology.azure.vnets for p in v.network.prefixes]
    versions = sorted({s.prefix.version for s in topology.private_peering.subnets})
    blocks = [fabric_block(version, taken) for version in versions]
    for index, microsoft in enumerate(MICROSOFT_EDGE.values()):
        subnets: list[Prefix] = [link(block, index) for block in blocks]
        gateway_end = draft.interface(GATEWAY, f"to-{microsoft}", tuple(host(s, 2) for s in subnets), "fabric")
        edge_end = draft.interface(microsoft, f"to-{GATEWAY}", tuple(host(s, 1) for s in subnets), "fabric")
        draft.wire(f"{microsoft}-{GATEWAY}", edge_end, gateway_end)
        for subnet in subnets:
            _session(
                draft,
                listens=_End(
                    node=GATEWAY,
                    asn=GATEWAY_ASN,
                    address=host(subnet, 2).ip,
                    interface=gateway_end.interface,
                    hold_time_s=MICROSOFT_HOLD_TIME_S,
                    rules=SessionRules(import_policies=(ACCEPT_ALL,), export_policies=(from_vnets(topology.azure),)),
                ),
                connects=_End(
                    node=microsoft,
                    asn=MICROSOFT_ASN,
                    address=host(subnet, 1).ip,
                    interface=edge_end.interface,
                    hold_time_s=MICROSOFT_HOLD_TIME_S,
                    rules=SessionRules(import_policies=(ACCEPT_ALL,), export_policies=(ACCEPT_ALL,)),
                ),
            )


def _ibgp(draft: _Draft, topology: Topology, edges: tuple[str, ...]) -> None:
    """The iBGP sessions of the two customer edges, over the first LAN of each family.

    Where the file says nothing of them: no policy, and next hop self.
    """
    for family in Family:
        lans = [(n.name, p) for n in topology.customer.networks if (p := n.of(family)) is not None]
        if not lans:
            continue
        name, prefix = lans[0]
        ends = [
            _End(
                node=edge,
                asn=topology.customer.asn,
                address=host(prefix, number).ip,
                interface=f"to-{name}",
                hold_time_s=topology.private_peering.hold_time_s,
                rules=SessionRules(next_hop_self=True) if (bgp := topology.customer.bgp_of(edge)) is None else bgp.ibgp,
            )
            for number, edge in enumerate(edges, start=1)
        ]
        _session(draft, listens=ends[0], connects=ends[1])


def _finish(draft: _Draft, topology: Topology, edges: tuple[str, ...]) -> Plan:
    on_premises = tuple(p for n in topology.customer.networks for p in n.prefixes)
    in_azure = tuple(p for v in topology.azure.vnets for p in v.network.prefixes)
    microsoft = EdgeBgp(best_path=BestPathRules(maximum_paths=EDGE_MAXIMUM_PATHS))
    gateway = EdgeBgp(best_path=BestPathRules(maximum_paths=GATEWAY_MAXIMUM_PATHS))
    routers = [
        (name, Role.CUSTOMER_EDGE, topology.customer.asn, on_premises, topology.customer.bgp_of(name) or microsoft)
        for name in edges
    ]
    routers += [(n, Role.MICROSOFT_EDGE, MICROSOFT_ASN, (), microsoft) for n in MICROSOFT_EDGE.values()]
    routers += [(GATEWAY, Role.GATEWAY, GATEWAY_ASN, in_azure, gateway)]
    nodes = [
        NodePlan(
            name=name,
            role=role,
            interfaces=tuple(draft.interfaces[name]),
            bgp=BgpPlan(
                asn=asn,
                router_id=router_id(draft.interfaces[name], index),
                networks=tuple(dict.fromkeys((*networks, *bgp.networks))),
                sessions=tuple(draft.sessions[name]),
                leaked_networks=bgp.leaked_networks,
                aggregates=bgp.aggregates,
                best_path=bgp.best_path,
            ),
        )
        for index, (name, role, asn, networks, bgp) in enumerate(routers, start=1)
    ]
    hosts = [n.name for n in topology.customer.networks] + [v.network.name for v in topology.azure.vnets]
    nodes += [
        NodePlan(
            name=name,
            role=Role.HOST,
            interfaces=tuple(draft.interfaces[name]),
            static_routes=tuple(draft.static_routes[name]),
        )
        for name in hosts
    ]
    nodes += [
        NodePlan(name=f"lan-{n.name}", role=Role.SWITCH, interfaces=tuple(draft.interfaces[f"lan-{n.name}"]))
        for n in topology.customer.networks
    ]
    tags = f"S-tag {topology.circuit.provider.s_tag} and C-tag {topology.private_peering.vlan_id}"
    fidelity = (
        f"provider: the layer-2 service is a plain wire; {tags} are checked but not on it",
        f"bandwidth: {topology.circuit.bandwidth_mbps} Mbps is not enforced",
    )
    return Plan(name=topology.name, nodes=tuple(nodes), wires=tuple(draft.wires), fidelity=fidelity)
