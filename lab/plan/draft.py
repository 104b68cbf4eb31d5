"""A plan in the making: what has been planned so far, by node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from lab.bgp import RFC_4271_BEST_PATH, Address, Asn, BestPathRules, Family, Prefix, family_of, parse_prefix
from lab.errors import InputError
from lab.marking import MarkingRule, Remark
from lab.plan import (
    BfdPlan,
    BgpPlan,
    CrossConnect,
    Endpoint,
    InterfaceAddress,
    InterfacePlan,
    NodePlan,
    Overlay,
    Plan,
    Role,
    SessionPlan,
    StaticRoute,
    Tagged,
    Wire,
)
from lab.plan.addressing import FABRIC_LINKS, fabric_block, host, link, router_id
from lab.plan.ipvpn import Ipvpn, Vpn, VrfPart, vrf_name
from lab.plan.naming import towards
from lab.plan.packet_limits import PacketLimit
from lab.plan.sources import SourceFilter, SourceNat
from lab.policy import NO_RULES, SessionRules
from lab.secret import Secret
from lab.speakers import ForeignSpeaker
from lab.topology import EdgeBgp, Network

DEFAULT_ROUTE = {Family.IPV4: parse_prefix("0.0.0.0/0"), Family.IPV6: parse_prefix("::/0")}
HOLD_TIME_S = 180
"""Of sessions whose hold time no file sets."""
RulesByFamily = Callable[[Family], tuple[SessionRules, SessionRules]]
"""The rules of the two ends of the sessions of a link."""
PLAIN = EdgeBgp(best_path=RFC_4271_BEST_PATH)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnd:
    """One end of a session, as both ends' plans need it."""

    node: str
    asn: Asn
    address: Address
    interface: str
    hold_time_s: int
    rules: SessionRules = NO_RULES
    md5: Secret | None = None
    bfd: BfdPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Router:
    role: Role
    asn: Asn
    networks: tuple[Prefix, ...]
    bgp: EdgeBgp


@dataclass(slots=True, kw_only=True)
class Draft:
    """Everything planned so far. `taken` are the prefixes that the lab's own links must not overlap."""

    taken: tuple[Prefix, ...]
    _routers: dict[str, _Router] = field(default_factory=dict)
    _hosts: list[str] = field(default_factory=list)
    _switches: dict[str, Role] = field(default_factory=dict)
    _interfaces: dict[str, list[InterfacePlan]] = field(default_factory=lambda: defaultdict(list))
    _sessions: dict[str, list[SessionPlan]] = field(default_factory=lambda: defaultdict(list))
    _static_routes: dict[str, list[StaticRoute]] = field(default_factory=lambda: defaultdict(list))
    _nat: dict[str, list[SourceNat]] = field(default_factory=lambda: defaultdict(list))
    _source_filters: dict[str, list[SourceFilter]] = field(default_factory=lambda: defaultdict(list))
    _marking: dict[str, list[MarkingRule]] = field(default_factory=lambda: defaultdict(list))
    _packet_limits: dict[str, PacketLimit] = field(default_factory=dict)
    _speakers: dict[str, ForeignSpeaker] = field(default_factory=dict)
    _wires: list[Wire] = field(default_factory=list)
    _cross_connects: list[CrossConnect] = field(default_factory=list)
    _overlays: list[Overlay] = field(default_factory=list)
    _provider_nodes: list[NodePlan] = field(default_factory=list)
    _fabric_links: int = 0

    # nodes

    def router(self, name: str, role: Role, asn: Asn, networks: Iterable[Prefix] = (), bgp: EdgeBgp = PLAIN) -> None:
        """Add a router, which originates `networks` and what its own configuration says.

        Raises InputError for a second one of the name.
        """
        if name in self._routers:
            raise InputError(f"two routers are called {name}")
        self._routers[name] = _Router(role=role, asn=asn, networks=tuple(networks), bgp=bgp)

    def host(self, name: str) -> None:
        """Add a host."""
        self._hosts.append(name)

    def switch(self, name: str, role: Role = Role.SWITCH) -> None:
        """Add a switch, once however often it is asked for."""
        self._switches.setdefault(name, role)

    # what joins them

    def interface(
        self,
        node: str,
        name: str,
        addresses: Iterable[InterfaceAddress] = (),
        description: str = "",
        vlan: Tagged | None = None,
    ) -> Endpoint:
        """Add an interface to a node."""
        planned = InterfacePlan(name=name, addresses=tuple(addresses), description=description, vlan=vlan)
        self._interfaces[node].append(planned)
        return Endpoint(node=node, interface=name)

    def port(self, node: str, name: str, description: str = "") -> Endpoint:
        """A port that carries tagged frames, added once however often it is asked for."""
        if all(one.name != name for one in self._interfaces[node]):
            self.interface(node, name, description=description)
        return Endpoint(node=node, interface=name)

    def wire(self, name: str, left: Endpoint, right: Endpoint) -> None:
        """Join two interfaces by a wire; nothing where it joins them already."""
        if all(one.name != name for one in self._wires):
            self._wires.append(Wire(name=name, ends=(left, right)))

    def cross_connect(self, name: str, left: Tagged, right: Tagged, remark: Remark | None = None) -> None:
        """Join two places of a provider's switch."""
        self._cross_connects.append(CrossConnect(name=name, ends=(left, right), remark=remark))

    def fabric_link(self, versions: Iterable[int]) -> list[Prefix]:
        """The blocks of a link of the lab's own, one for each IP version."""
        index, self._fabric_links = self._fabric_links, self._fabric_links + 1
        if index >= FABRIC_LINKS:
            raise InputError(f"the lab has addresses for {FABRIC_LINKS} links of its own, and this topology needs more")
        return [link(fabric_block(version, self.taken), index) for version in versions]

    def link(self, name: str, nodes: tuple[str, str], blocks: list[Prefix], description: str) -> None:
        """Join two nodes by a wire: the first has the first host of each block, the second the second."""
        first, second = (
            self.interface(here, towards(there), tuple(host(block, number) for block in blocks), description)
            for number, (here, there) in enumerate((nodes, nodes[::-1]), start=1)
        )
        self.wire(name, first, second)

    def link_sessions(
        self, nodes: tuple[str, str], asns: tuple[Asn, Asn], blocks: Iterable[Prefix], rules: RulesByFamily
    ) -> None:
        """A session in each family between two nodes that are joined by a link; the first one listens."""
        for block in blocks:
            listens, connects = (
                SessionEnd(
                    node=here,
                    asn=asn,
                    address=host(block, number).ip,
                    interface=towards(there),
                    hold_time_s=HOLD_TIME_S,
                    rules=rule,
                )
                for number, ((here, there), asn, rule) in enumerate(
                    zip((nodes, nodes[::-1]), asns, rules(family_of(block)), strict=True), start=1
                )
            )
            self.session(listens=listens, connects=connects)

    def session(self, *, listens: SessionEnd, connects: SessionEnd) -> None:
        """Plan a session at both its ends. The other one listens where this one would keep it waiting."""
        if self._connects_late(connects.node) and not self._connects_late(listens.node):
            listens, connects = connects, listens
        for here, there in ((listens, connects), (connects, listens)):
            self._sessions[here.node].append(
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

    def _connects_late(self, router: str) -> bool:
        speaker = self._speakers.get(router)
        return speaker is not None and speaker.habits.connects_late

    def vrf_part(self, edge: str, vpn: Vpn, best_path: BestPathRules) -> VrfPart:
        """What was planned of a VRF, whose provider adds the rest."""
        name = vrf_name(edge, vpn)
        return VrfPart(
            edge=edge,
            vpn=vpn,
            interfaces=tuple(self._interfaces[name]),
            sessions=tuple(self._sessions[name]),
            nat=tuple(self._nat[name]),
            best_path=best_path,
        )

    def provider(self, provider: Ipvpn) -> None:
        """Add a provider's nodes, and what joins them."""
        self._provider_nodes += provider.nodes
        self._wires += provider.wires
        self._overlays += provider.overlays

    def default_routes(self, network: Network, *first_hops: int) -> None:
        """Give the host of a network default routes by the addresses with these numbers; several share the load."""
        for family, default in DEFAULT_ROUTE.items():
            prefix = network.of(family)
            if prefix is not None:
                hops = (host(prefix, number).ip for number in first_hops)
                self._static_routes[network.name] += [StaticRoute(prefix=default, next_hop=hop) for hop in hops]

    def translate(self, router: str, nat: SourceNat) -> None:
        """Let a router translate sources. It announces the pool too, as its provider's part of a VRF does."""
        self._nat[router].append(nat)

    def admit(self, router: str, source_filter: SourceFilter) -> None:
        """Let a router forward from an interface only what has certain sources."""
        self._source_filters[router].append(source_filter)

    def mark(self, router: str, rules: Iterable[MarkingRule]) -> None:
        """Let a router rewrite the marks of what it forwards, where no rule that it was given before does."""
        self._marking[router] += rules

    def limit(self, router: str, packet_limit: PacketLimit) -> None:
        """Let a router forward packets up to a size only."""
        self._packet_limits[router] = packet_limit

    def run(self, router: str, speaker: ForeignSpeaker) -> None:
        """Let another vendor's daemon be a router."""
        self._speakers[router] = speaker

    # the whole

    def plan(self, name: str, fidelity: Iterable[str]) -> Plan:
        """The plan of all that was added: routers first, then hosts, then switches."""
        nodes = [
            NodePlan(
                name=router,
                role=what.role,
                interfaces=tuple(self._interfaces[router]),
                bgp=self._bgp(router, what, index),
                static_routes=tuple(self._static_routes[router]),
                nat=tuple(self._nat[router]),
                source_filters=tuple(self._source_filters[router]),
                packet_limit=self._packet_limits.get(router),
                speaker=self._speakers.get(router),
            )
            for index, (router, what) in enumerate(self._routers.items(), start=1)
        ]
        nodes += [node for node in self._provider_nodes if node.bgp is not None]
        nodes += [
            NodePlan(
                name=one,
                role=Role.HOST,
                interfaces=tuple(self._interfaces[one]),
                static_routes=tuple(self._static_routes[one]),
            )
            for one in self._hosts
        ]
        nodes += [
            NodePlan(name=one, role=role, interfaces=tuple(self._interfaces[one]))
            for one, role in self._switches.items()
        ]
        nodes += [node for node in self._provider_nodes if node.bgp is None]
        return Plan(
            name=name,
            nodes=tuple(replace(node, marking=tuple(self._marking[node.name])) for node in nodes),
            wires=tuple(self._wires),
            cross_connects=tuple(self._cross_connects),
            overlays=tuple(self._overlays),
            fidelity=tuple(fidelity),
        )

    def _bgp(self, name: str, what: _Router, index: int) -> BgpPlan:
        return BgpPlan(
            asn=what.asn,
            router_id=router_id(self._interfaces[name], index),
            networks=tuple(dict.fromkeys((*what.networks, *what.bgp.networks, *(one.pool for one in self._nat[name])))),
            sessions=tuple(self._sessions[name]),
            leaked_networks=what.bgp.leaked_networks,
            aggregates=what.bgp.aggregates,
            best_path=what.bgp.best_path,
        )


def with_paths(maximum_paths: int) -> EdgeBgp:
    """A router that shares load over so many equal paths."""
    return EdgeBgp(best_path=BestPathRules(maximum_paths=maximum_paths))


def in_each_family(first: SessionRules, second: SessionRules) -> RulesByFamily:
    """The same rules of the two ends in every family."""
    return lambda _: (first, second)
