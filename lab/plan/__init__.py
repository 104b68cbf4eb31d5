"""The plan: a complete description of every node and of the wires between them. One topology in, one plan out.

A node configures itself from its own `NodePlan` and from nothing else, so the same node runs in a namespace or in a
container.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from lab.bgp import (
    RFC_4271_BEST_PATH,
    Address,
    Aggregate,
    Asn,
    BestPathRules,
    ExtendedCommunity,
    Family,
    LeakedNetwork,
    Nlri,
    Prefix,
    Route,
    RouteDistinguisher,
    family_name,
    family_of,
)
from lab.limits import Limits
from lab.marking import MarkingRule, Remark
from lab.plan.packet_limits import PacketLimit
from lab.plan.sources import SourceFilter, SourceNat
from lab.policy import NO_RULES, SessionRules
from lab.secret import Secret
from lab.shaping import UNIMPAIRED, Impairment, Queues
from lab.speakers import ForeignSpeaker

InterfaceAddress = IPv4Interface | IPv6Interface


class Role(Enum):
    """What a node is."""

    HOST = "host"
    SWITCH = "switch"
    """A bridge: whatever enters one of its ports may leave by every other."""
    PROVIDER_SWITCH = "provider_switch"
    """A provider's layer-2 service: only its cross connects lead from one port to another."""
    CUSTOMER_EDGE = "customer_edge"
    PROVIDER_EDGE = "provider_edge"
    ROUTE_REFLECTOR = "route_reflector"
    MICROSOFT_EDGE = "microsoft_edge"
    GATEWAY = "gateway"
    MICROSOFT_CORE = "microsoft_core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An interface of a node: one end of a wire."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The frames with these VLAN tags at a port, the outer tag first; without tags, the untagged ones.

    `outer_ethertype` is that of the outer of two tags: 0x8100 as at Microsoft's ports (expressroute-erdirect-about.md,
    2026-03-02), or 0x88a8 (IEEE 802.1ad). All other tags have 0x8100.
    """

    port: Endpoint
    tags: tuple[int, ...] = ()
    outer_ethertype: int = 0x8100


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """Who has an address on the link of an interface: written down, and never asked for."""

    address: Address
    hardware_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfacePlan:
    """One interface; a switch's and a port that only carries tagged frames have no addresses.

    The name is at most 15 bytes, the kernel's limit. With `vlan` it is a sub-interface: the frames with these tags at a
    port, which may be another node's where that is another VRF of the same router. The kernel chooses the hardware
    address that the plan leaves out. `neighbors` are those that it need not ask for.
    """

    name: str
    addresses: tuple[InterfaceAddress, ...] = ()
    description: str = ""
    mtu_bytes: int = 1500
    vlan: Tagged | None = None
    hardware_address: str = ""
    neighbors: tuple[Neighbor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdPlan:
    """BFD for a session, as one end has it configured (RFC 5880): at each end the slower of two intervals is used.

    The other end takes the path for failed after `multiplier` packets that did not come.
    """

    transmit_interval_ms: int = 300
    receive_interval_ms: int = 300
    multiplier: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """One BGP session, seen from one of its two ends.

    The passive end listens and the other connects. `bfd` is None where this end does not run BFD. With `vpn` it carries
    the routes of VPNs (RFC 4364, RFC 4659). `within_router` is for the session of a VRF with the core instance of its
    own router, which stands in for what happens inside of one: to everybody else it does not exist.
    """

    neighbor: str
    family: Family
    interface: str
    local_address: Address
    peer_address: Address
    local_asn: Asn
    peer_asn: Asn
    passive: bool
    hold_time_s: int
    md5: Secret | None = None
    bfd: BfdPlan | None = None
    rules: SessionRules = NO_RULES
    vpn: bool = False
    within_router: bool = False

    @property
    def ebgp(self) -> bool:
        """Whether the two ends are in different ASes."""
        return self.local_asn != self.peer_asn

    @property
    def name(self) -> str:
        """The session's name at its router: neighbour and family."""
        return f"{self.neighbor}/{self.carries}"

    @property
    def carries(self) -> str:
        """The routes that it carries: ipv4, ipv6, vpnv4 or vpnv6."""
        return family_name(self.family, vpn=self.vpn)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """A route that a node is given. At a router it also leads to the next hops of BGP's routes, at a cost of `metric`.

    So it stands in for the routes of an interior gateway protocol (RFC 4271 §9.1.2.2 e).
    """

    prefix: Prefix
    next_hop: Address
    metric: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vrf:
    """What makes a routing instance a VRF of a VPN (RFC 4364 §3, §4).

    Its routes go out with `rd`, `label` and the `export_targets`; routes of a VPN are taken in where one of their route
    targets is among the `import_targets`.
    """

    rd: RouteDistinguisher
    label: int
    import_targets: tuple[ExtendedCommunity, ...]
    export_targets: tuple[ExtendedCommunity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpPlan:
    """What a router's BGP needs: who it is, what it originates, whom it speaks with and how it chooses.

    `cluster_id` is that of a route reflector (RFC 4456 §7); None means its router id. `vrf` is None where the routing
    instance is not a provider's VRF.
    """

    asn: Asn
    router_id: IPv4Address
    networks: tuple[Prefix, ...]
    sessions: tuple[SessionPlan, ...]
    leaked_networks: tuple[LeakedNetwork, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    best_path: BestPathRules = RFC_4271_BEST_PATH
    cluster_id: IPv4Address | None = None
    vrf: Vrf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """Everything that one node is. `bgp` is None for hosts and switches.

    Of several translations at one interface the first is in force; an interface has one source filter at most. The
    first rule of `marking` that takes a packet decides over its mark, with the addresses that it has inside of the
    node's translations. Without a packet limit of its own a router forwards what its interfaces carry. `speaker` is
    another vendor's daemon that is the router here, None where it is the lab's own.
    """

    name: str
    role: Role
    interfaces: tuple[InterfacePlan, ...]
    bgp: BgpPlan | None = None
    static_routes: tuple[StaticRoute, ...] = ()
    nat: tuple[SourceNat, ...] = ()
    source_filters: tuple[SourceFilter, ...] = ()
    marking: tuple[MarkingRule, ...] = ()
    queues: tuple[Queues, ...] = ()
    packet_limit: PacketLimit | None = None
    speaker: ForeignSpeaker | None = None

    @property
    def is_switch(self) -> bool:
        """Whether it passes on frames and knows no packets, so that no packet's path shows it."""
        return self.role in (Role.SWITCH, Role.PROVIDER_SWITCH)

    def static_next_hops(self) -> dict[tuple[Prefix, int], list[Address]]:
        """The next hops of its static routes, by prefix and metric; several share the load."""
        found: dict[tuple[Prefix, int], list[Address]] = {}
        for route in self.static_routes:
            found.setdefault((route.prefix, route.metric), []).append(route.next_hop)
        return found

    def interface(self, name: str) -> InterfacePlan:
        """The interface of that name. Raises KeyError."""
        for one in self.interfaces:
            if one.name == name:
                return one
        raise KeyError(name)

    def destination(self, received: Route) -> Nlri | None:
        """What a received route leads to here; None where it is one of a VPN that this VRF does not import."""
        vrf = self.bgp.vrf if self.bgp else None
        if vrf is None or received.rd is None:
            return received.nlri
        return received.prefix if set(vrf.import_targets) & set(received.extended_communities) else None

    def address(self, family: Family) -> Address | None:
        """Its first address of a family: what probes to a host use."""
        found = (a.ip for i in self.interfaces for a in i.addresses if family_of(a.ip) is family)
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A point-to-point wire between two interfaces. `impairments` are those of what each of the two ends sends."""

    name: str
    ends: tuple[Endpoint, Endpoint]
    impairments: tuple[Impairment, Impairment] = (UNIMPAIRED, UNIMPAIRED)

    @property
    def impaired(self) -> bool:
        """Whether it does anything to what crosses it."""
        return self.impairments != (UNIMPAIRED, UNIMPAIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossConnect:
    """What a provider's switch joins: frames that enter at one end leave at the other, with that end's tags.

    What `remark` says becomes of the marks of the IP packets in them, both ways; None leaves them alone.
    """

    name: str
    ends: tuple[Tagged, Tagged]
    remark: Remark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayEnd:
    """Where a VPN's tunnels end: an interface of a VRF. Its packets cross the core from `core_address` of `core`.

    The interface has the addresses that the VRF's routes have for next hops, in subnets that all ends share.
    """

    vrf: Endpoint
    core: str
    core_address: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The tunnels of one VPN through a provider's core, from every VRF of it to every other.

    `label` is the MPLS label that each edge router gave out for the VPN (20 bits). An edge router has one VRF of it at
    most.
    """

    name: str
    label: int
    ends: tuple[OverlayEnd, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All nodes and wires of one lab. `fidelity` says what stands in for the real thing, one sentence each.

    A node is one routing instance: a router with several VRFs is several nodes. `limits` are those of each router that
    is a container.
    """

    name: str
    nodes: tuple[NodePlan, ...]
    wires: tuple[Wire, ...]
    cross_connects: tuple[CrossConnect, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    fidelity: tuple[str, ...] = ()
    limits: Limits | None = None

    def node(self, name: str) -> NodePlan:
        """The node of that name. Raises KeyError."""
        return self._by_name[name]

    @property
    def routers(self) -> tuple[NodePlan, ...]:
        """The nodes that speak BGP."""
        return tuple(node for node in self.nodes if node.bgp is not None)

    @property
    def unmodelled(self) -> str:
        """Why the model knows too little of this plan to predict anything of its routes; empty where it does not."""
        own = [(node.name, node.speaker.config.file) for node in self.nodes if node.speaker and node.speaker.config]
        if not own:
            return ""
        files = ", ".join(f"{name} by {file}" for name, file in own)
        return f"{files} {'is' if len(own) == 1 else 'are'} configured, which the model does not read"

    def without_rules(self) -> Plan:
        """The plan without all that can change in a running lab.

        That is policies, rules, networks, marking, and what is said of them.
        """
        return replace(self, nodes=tuple(map(_without_rules, self.nodes)), fidelity=())

    def owner(self, address: Address, seen_from: str) -> str | None:
        """The node that has an address: itself or one on a link of `seen_from`, else the first of all that has it.

        Different VPNs may use the same addresses, so it matters who asks.
        """
        owners = self._owners.get(address, ())
        on_link = self._on_link.get(seen_from, frozenset())
        near = [one for one in owners if one.node == seen_from or one in on_link]
        return next((one.node for one in (*near, *owners)), None)

    @cached_property
    def _by_name(self) -> dict[str, NodePlan]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _owners(self) -> dict[Address, list[Endpoint]]:
        """The interfaces that have each address."""
        owners: dict[Address, list[Endpoint]] = {}
        for node in self.nodes:
            for interface in node.interfaces:
                for address in interface.addresses:
                    owners.setdefault(address.ip, []).append(Endpoint(node=node.name, interface=interface.name))
        return owners

    @cached_property
    def links(self) -> tuple[frozenset[Endpoint], ...]:
        """The interfaces with addresses, those together that reach one another without a router."""
        at: dict[Tagged, Endpoint] = {}
        for node in self.nodes:
            for interface in node.interfaces:
                if interface.addresses:
                    end = Endpoint(node=node.name, interface=interface.name)
                    at[interface.vlan or Tagged(port=end)] = end
        joined, seen = _Joined(self), set[Tagged]()
        found = []
        for place in at:
            if place not in seen:
                reached = joined.reached_from(place)
                seen |= reached
                found.append(frozenset(at[one] for one in reached if one in at))
        return tuple(found)

    @cached_property
    def lines(self) -> dict[tuple[Endpoint, Endpoint], tuple[CrossConnect, ...]]:
        """The cross connects between two sub-interfaces that have some between them, in order from the first."""
        at = {
            i.vlan: Endpoint(node=node.name, interface=i.name) for node in self.nodes for i in node.interfaces if i.vlan
        }
        joined = _Joined(self)
        ways = {end: joined.by_lines(place) for place, end in at.items()}
        return {(end, at[far]): lines for end, (far, lines) in ways.items() if lines and far in at}

    @cached_property
    def _on_link(self) -> dict[str, frozenset[Endpoint]]:
        """For each node with addresses: what is on its links."""
        found: dict[str, set[Endpoint]] = {}
        for ends in self.links:
            for end in ends:
                found.setdefault(end.node, set()).update(ends)
        return {node: frozenset(ends) for node, ends in found.items()}

    def far_ends(self) -> dict[tuple[str, str], tuple[str, SessionPlan]]:
        """For each end of a session, as router and session name: the router and the session at the other end.

        A session with a neighbour that is no router of the plan is not among them.
        """
        ends = {
            (node.name, session.neighbor, session.local_address, session.peer_address): session
            for node in self.routers
            if node.bgp
            for session in node.bgp.sessions
        }
        return {
            (router, session.name): (neighbor, ends[neighbor, router, there, here])
            for (router, neighbor, here, there), session in ends.items()
            if (neighbor, router, there, here) in ends
        }


class _Joined:
    """Where frames go without being routed: along wires, through switches, cross connects and overlays."""

    def __init__(self, plan: Plan) -> None:
        self._far_end = {wire.ends[i]: wire.ends[1 - i] for wire in plan.wires for i in (0, 1)}
        self._crossed = {one.ends[i]: (one, one.ends[1 - i]) for one in plan.cross_connects for i in (0, 1)}
        self._ports = {
            node.name: [Endpoint(node=node.name, interface=i.name) for i in node.interfaces]
            for node in plan.nodes
            if node.role is Role.SWITCH
        }
        self._tunnels = {end.vrf: [one.vrf for one in lay.ends] for lay in plan.overlays for end in lay.ends}

    def reached_from(self, start: Tagged) -> set[Tagged]:
        """Every place that frames from `start` reach, and itself."""
        seen, waiting = {start}, [start]
        while waiting:
            for place in self._next(waiting.pop()):
                if place not in seen:
                    seen.add(place)
                    waiting.append(place)
        return seen

    def _next(self, place: Tagged) -> Iterator[Tagged]:
        ports = list(self._ports.get(place.port.node, ()))
        if place.port in self._far_end:
            ports.append(self._far_end[place.port])
        if not place.tags:
            ports += self._tunnels.get(place.port, ())
        yield from (replace(place, port=port) for port in ports)
        if place in self._crossed:
            yield self._crossed[place][1]

    def by_lines(self, place: Tagged) -> tuple[Tagged, tuple[CrossConnect, ...]]:
        """Where frames from a place end behind a wire and the cross connects that follow, and these."""
        lines: tuple[CrossConnect, ...] = ()
        while (place := replace(place, port=self._far_end.get(place.port, place.port))) in self._crossed:
            line, place = self._crossed[place]
            lines += (line,)
        return place, lines


def _without_rules(node: NodePlan) -> NodePlan:
    if node.bgp is None:
        return node
    bgp = BgpPlan(
        asn=node.bgp.asn,
        router_id=node.bgp.router_id,
        networks=(),
        sessions=tuple(replace(session, rules=NO_RULES) for session in node.bgp.sessions),
    )
    return replace(node, bgp=bgp, marking=())
