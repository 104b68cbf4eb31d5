"""What a router knows of itself: its addresses, networks and ways to next hops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from lab.bgp import Address, BestPathRules, Family, LeakedNetwork, Prefix, Route, RouteSource, family_of
from lab.plan import BgpPlan, NodePlan
from lab.rib import Path
from lab.speakers import RFC_HABITS

OWN_ROUTE_WEIGHT = 32768
"""The weight of a route that the router itself originates, as Cisco's and FRR's routers give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an address is reached: by an interface, at a cost, and through a gateway that is on its wire."""

    interface: str
    gateway: Address
    cost: int


class Speaker:
    """One router's addresses, connected networks and static routes, and which of its interfaces are down.

    `pools` are the addresses to which it translates sources.
    """

    def __init__(self, node: NodePlan, bgp: BgpPlan) -> None:
        connected = [(a.network, i.name) for i in node.interfaces for a in i.addresses]
        self._connected = sorted(connected, key=lambda one: -one[0].prefixlen)  # the longest match comes first
        self.pools = tuple(dict.fromkeys(one.pool for one in node.nat))
        self._static = sorted(node.static_routes, key=lambda one: (-one.prefix.prefixlen, one.metric))
        self.own_addresses = frozenset(a.ip for i in node.interfaces for a in i.addresses)
        self.down: set[str] = set()
        self.habits = node.speaker.habits if node.speaker else RFC_HABITS
        self.bgp = bgp

    @property
    def cluster_id(self) -> IPv4Address:
        """The cluster id of this router, should it reflect routes (RFC 4456 §7)."""
        return self.bgp.router_id if self.bgp.cluster_id is None else self.bgp.cluster_id

    @property
    def best_path(self) -> BestPathRules:
        """The rules of its decisions: those of its plan, as its program keeps them."""
        rules = self.bgp.best_path
        return replace(rules, multipath_relax=True) if self.habits.relaxes_multipath else rules

    def way_to(self, address: Address) -> Way | None:
        """How packets to a next hop leave, by the longest match; None where no connected or static route holds it."""
        connected = self._connected_to(address)
        for route in self._static:
            if connected is not None and route.prefix.prefixlen <= connected[0].prefixlen:
                break
            if address in route.prefix and (on_the_way := self._connected_to(route.next_hop)) is not None:
                return Way(interface=on_the_way[1], gateway=route.next_hop, cost=route.metric)
        return None if connected is None else Way(interface=connected[1], gateway=address, cost=0)

    def _connected_to(self, address: Address) -> tuple[Prefix, str] | None:
        """The connected network that holds an address, and its interface."""
        for network, interface in self._connected:
            if address in network and interface not in self.down:
                return network, interface
        return None

    def networks_of(self, interface: str) -> tuple[Prefix, ...]:
        """The connected networks of an interface."""
        return tuple(network for network, name in self._connected if name == interface)

    def is_connected(self, prefix: Prefix) -> bool:
        """Whether the kernel has its own route to exactly this prefix."""
        return any(prefix == network and interface not in self.down for network, interface in self._connected)

    def static_prefixes(self) -> tuple[Prefix, ...]:
        """The prefixes of the static routes."""
        return tuple(dict.fromkeys(route.prefix for route in self._static))

    def static_gateway(self, prefix: Prefix) -> Address | None:
        """Where the static route to exactly this prefix leads; None where there is none, or its interface is down."""
        for route in self._static:
            if route.prefix == prefix and self._connected_to(route.next_hop) is not None:
                return route.next_hop
        return None

    def own_paths(self) -> dict[Prefix, Path]:
        """The networks that the router originates; a connected one only while an interface in it is up."""
        paths = {}
        for network in self.bgp.networks:
            interfaces = [name for prefix, name in self._connected if prefix == network]
            if interfaces and not set(interfaces) - self.down:
                continue
            source = RouteSource.CONNECTED if interfaces else RouteSource.STATIC
            route = Route(prefix=network, next_hop=unspecified(network), source=source)
            paths[network] = own_path(self.originated(route))
        paths |= {one.prefix: own_path(self.originated(_leaked(one))) for one in self.bgp.leaked_networks}
        return paths

    def originated(self, route: Route) -> Route:
        """A route as this router originates it."""
        return replace(route, multi_exit_disc=self.habits.own_multi_exit_disc)


def own_path(route: Route) -> Path:
    """The path of a route that the router itself originates."""
    weighted = replace(route, weight=OWN_ROUTE_WEIGHT)
    return Path(route=weighted, neighbor=None, peer_address=None, peer_router_id=0, ebgp=False, interface=None)


def _leaked(network: LeakedNetwork) -> Route:
    return Route(
        prefix=network.prefix, next_hop=unspecified(network.prefix), source=RouteSource.STATIC, vrf=network.vrf
    )


def unspecified(prefix: Prefix) -> Address:
    """The next hop of a router's own routes."""
    return IPv4Address(0) if family_of(prefix) is Family.IPV4 else IPv6Address(0)


def covers(wide: Prefix, narrow: Prefix) -> bool:
    """Whether `narrow` is a more specific prefix inside of `wide`."""
    if wide.version != narrow.version or wide.prefixlen >= narrow.prefixlen:
        return False
    differ = int(wide.network_address) ^ int(narrow.network_address)
    return differ >> (wide.max_prefixlen - wide.prefixlen) == 0


def covering(aggregates: Iterable[Prefix], prefix: Prefix) -> list[Prefix]:
    """The prefixes that a more specific one is inside of."""
    return [one for one in aggregates if covers(one, prefix)]
