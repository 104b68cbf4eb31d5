"""The plan: a complete description of every node and of the wires between them. One topology in, one plan out.

A node configures itself from its own `NodePlan` and from nothing else, so the same node runs in a namespace or in a
container.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from lab.bgp import RFC_4271_BEST_PATH, Address, Aggregate, Asn, BestPathRules, Family, LeakedNetwork, Prefix, family_of
from lab.policy import NO_RULES, SessionRules
from lab.topology import Secret

InterfaceAddress = IPv4Interface | IPv6Interface


class Role(Enum):
    """What a node is."""

    HOST = "host"
    SWITCH = "switch"
    CUSTOMER_EDGE = "customer_edge"
    MICROSOFT_EDGE = "microsoft_edge"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfacePlan:
    """One interface; a switch's have no addresses. The name is at most 15 bytes, the kernel's limit."""

    name: str
    addresses: tuple[InterfaceAddress, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """One BGP session, seen from one of its two ends.

    The passive end listens and the other connects.
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
    rules: SessionRules = NO_RULES

    @property
    def ebgp(self) -> bool:
        """Whether the two ends are in different ASes."""
        return self.local_asn != self.peer_asn

    @property
    def name(self) -> str:
        """The session's name at its router: neighbour and family."""
        return f"{self.neighbor}/{self.family.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """A route that a node is given. At a router it also leads to the next hops of BGP's routes, at a cost of `metric`.

    So it stands in for the routes of an interior gateway protocol (RFC 4271 §9.1.2.2 e).
    """

    prefix: Prefix
    next_hop: Address
    metric: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpPlan:
    """What a router's BGP needs: who it is, what it originates, whom it speaks with and how it chooses.

    `cluster_id` is that of a route reflector (RFC 4456 §7); None means its router id.
    """

    asn: Asn
    router_id: IPv4Address
    networks: tuple[Prefix, ...]
    sessions: tuple[SessionPlan, ...]
    leaked_networks: tuple[LeakedNetwork, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    best_path: BestPathRules = RFC_4271_BEST_PATH
    cluster_id: IPv4Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """Everything that one node is. `bgp` is None for hosts and switches."""

    name: str
    role: Role
    interfaces: tuple[InterfacePlan, ...]
    bgp: BgpPlan | None = None
    static_routes: tuple[StaticRoute, ...] = ()

    def address(self, family: Family) -> Address | None:
        """Its first address of a family: what probes to a host use."""
        found = (a.ip for i in self.interfaces for a in i.addresses if family_of(a.ip) is family)
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One end of a wire."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A point-to-point wire between two interfaces."""

    name: str
    ends: tuple[Endpoint, Endpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All nodes and wires of one lab. `fidelity` says what stands in for the real thing, one sentence each."""

    name: str
    nodes: tuple[NodePlan, ...]
    wires: tuple[Wire, ...]
    fidelity: tuple[str, ...] = ()

    def node(self, name: str) -> NodePlan:
        """The node of that name. Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    @property
    def routers(self) -> tuple[NodePlan, ...]:
        """The nodes that speak BGP."""
        return tuple(node for node in self.nodes if node.bgp is not None)

    def without_rules(self) -> Plan:
        """The plan without all that can change in a running lab: policies, rules, networks and what is said of them."""
        return replace(self, nodes=tuple(map(_without_rules, self.nodes)), fidelity=())

    def owner(self, address: Address) -> str | None:
        """The node that has an address."""
        for node in self.nodes:
            for interface in node.interfaces:
                if any(one.ip == address for one in interface.addresses):
                    return node.name
        return None

    def far_ends(self) -> dict[tuple[str, str], tuple[str, SessionPlan]]:
        """For each end of a session, as router and session name: the router and the session at the other end.

        A session with a neighbour that is no router of the plan is not among them.
        """
        ends = {(s.local_address, s.peer_address): (n.name, s) for n in self.routers if n.bgp for s in n.bgp.sessions}
        return {
            (router, session.name): ends[session.peer_address, session.local_address]
            for router, session in ends.values()
            if (session.peer_address, session.local_address) in ends
        }


def _without_rules(node: NodePlan) -> NodePlan:
    if node.bgp is None:
        return node
    bgp = BgpPlan(
        asn=node.bgp.asn,
        router_id=node.bgp.router_id,
        networks=(),
        sessions=tuple(replace(session, rules=NO_RULES) for session in node.bgp.sessions),
    )
    return replace(node, bgp=bgp)
