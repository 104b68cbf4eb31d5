"""The provider's part of an any-to-any IPVPN (RFC 4364): edge routers, a VRF for each customer, and what joins them.

    ce1 --- pe1-contoso --- pe1 ---+          +--- pe2 --- pe2-contoso --- ce2
                                   +-- core --+
    ce3 --- pe1-fabrikam -- pe1 ---+          +--- rr

An edge router is several routing instances, and each is a node: that of the core, with the sessions for the routes of
VPNs, and one for each VRF, which speaks with the customer's edges (docs/decisions/0015-ipvpn.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from itertools import combinations

from lab.bgp import (
    FIRST_LABEL,
    LABEL_MAX,
    RFC_4271_BEST_PATH,
    Asn,
    BestPathRules,
    ExtendedCommunity,
    Prefix,
    RouteDistinguisher,
    family_of,
    parse_extended_community,
    parse_prefix,
)
from lab.plan import (
    BgpPlan,
    Endpoint,
    InterfaceAddress,
    InterfacePlan,
    Neighbor,
    NodePlan,
    Overlay,
    OverlayEnd,
    Role,
    SessionPlan,
    StaticRoute,
    Vrf,
    Wire,
)
from lab.plan.addressing import host, link
from lab.plan.naming import vrf
from lab.plan.sources import SourceNat
from lab.policy import NO_RULES, SessionRules

CORE = "core"
"""The switch that joins the edge routers, and the interface of each router that leads to the others."""
OWN_ROUTER = "pe"
"""The interface of a VRF that leads to the core instance of its own router."""
CORE_BLOCKS = (parse_prefix("198.19.0.0/16"), parse_prefix("fd65:4364::/64"))
"""Where the edge routers' addresses in the core come from; each VRF knows them as next hops."""
INSIDE_BLOCKS = (parse_prefix("169.254.0.0/16"), parse_prefix("fd65:4364:0:1::/64"))
"""Where the links inside of the edge routers come from."""
_HOLD_TIME_S = 180
_CORE_MTU_BYTES = 1600
"""Room for the header of a tunnel (RFC 7348 §4.3), so that customers can send packets of 1500 bytes."""

FIDELITY = (
    "IPVPN: VXLAN with VNI = label stands in for MPLS, and a tunnel counts as one hop",
    "IPVPN: the provider's core is one LAN: nothing is modelled of its own routers and their IGP",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpn:
    """One customer's VPN. `number` is that of its label, its route target and its route distinguishers."""

    name: str
    number: int

    def __post_init__(self) -> None:
        if not FIRST_LABEL <= self.number <= 0xFFFF <= LABEL_MAX:
            raise ValueError(f"{self.name}: {self.number} is no number of a VPN: {FIRST_LABEL} to 65535")

    def target(self, asn: Asn) -> ExtendedCommunity:
        """Its route target at a provider."""
        return parse_extended_community(f"target:{asn}:{self.number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VrfPart:
    """A VRF at an edge router, without what the provider adds.

    `interfaces`, `sessions`, `static_routes` and `nat` are those towards the customer's sites and Microsoft, `networks`
    what the VRF originates beside its pools. Without targets of its own it imports and exports that of its VPN.
    """

    edge: str
    vpn: Vpn
    interfaces: tuple[InterfacePlan, ...] = ()
    sessions: tuple[SessionPlan, ...] = ()
    static_routes: tuple[StaticRoute, ...] = ()
    nat: tuple[SourceNat, ...] = ()
    networks: tuple[Prefix, ...] = ()
    import_targets: tuple[ExtendedCommunity, ...] | None = None
    export_targets: tuple[ExtendedCommunity, ...] | None = None
    best_path: BestPathRules = RFC_4271_BEST_PATH

    @property
    def name(self) -> str:
        """The node's name."""
        return vrf_name(self.edge, self.vpn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider's edge routers, and its route reflectors: without any, every edge has a session with every other."""

    asn: Asn
    edges: tuple[str, ...]
    reflectors: tuple[str, ...] = ()
    core_blocks: tuple[Prefix, ...] = CORE_BLOCKS
    inside_blocks: tuple[Prefix, ...] = INSIDE_BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipvpn:
    """What the provider adds to a plan."""

    nodes: tuple[NodePlan, ...]
    wires: tuple[Wire, ...]
    overlays: tuple[Overlay, ...]
    fidelity: tuple[str, ...] = FIDELITY


def vrf_name(edge: str, vpn: Vpn) -> str:
    """The name of a VRF's node."""
    return vrf(edge, vpn.name)


def ipvpn(provider: Provider, vrfs: Iterable[VrfPart]) -> Ipvpn:
    """The nodes, wires and tunnels of a provider with these VRFs. Raises ValueError for two of one VPN at an edge."""
    parts = tuple(vrfs)
    if len({part.name for part in parts}) < len(parts):
        raise ValueError("an edge router has one VRF of a VPN at most")
    core = _Core(provider)
    inside = {part.name: [link(block, n) for block in provider.inside_blocks] for n, part in enumerate(parts)}
    nodes = [core.router(name, [p for p in parts if p.edge == name], inside) for name in core.numbers]
    at = {part.vpn: [one.edge for one in parts if one.vpn == part.vpn] for part in parts}
    nodes += [core.vrf(part, inside[part.name], at[part.vpn]) for part in parts]
    ports = tuple(InterfacePlan(name=f"to-{name}", mtu_bytes=_CORE_MTU_BYTES) for name in core.numbers)
    nodes.append(NodePlan(name=CORE, role=Role.SWITCH, interfaces=ports))
    wires = [Wire(name=f"{CORE}/{name}", ends=(_end(name, CORE), _end(CORE, f"to-{name}"))) for name in core.numbers]
    for edge in provider.edges:
        for number, part in enumerate(p for p in parts if p.edge == edge):
            ends = (_end(part.name, OWN_ROUTER), _end(edge, _to_vrf(number)))
            wires.append(Wire(name=part.name, ends=ends))
    vpns = dict.fromkeys(part.vpn for part in parts)
    overlays = (core.overlay(vpn, [part for part in parts if part.vpn == vpn]) for vpn in vpns)
    return Ipvpn(nodes=tuple(nodes), wires=tuple(wires), overlays=tuple(overlays))


def _end(node: str, interface: str) -> Endpoint:
    return Endpoint(node=node, interface=interface)


def _to_vrf(number: int) -> str:
    """The interface of a core instance that leads to one of its router's VRFs."""
    return f"vrf{number}"


def _ipv4(addresses: Iterable[InterfaceAddress]) -> IPv4Address:
    return next(one.ip for one in addresses if isinstance(one, IPv4Interface))


class _Core:
    """The instances of a provider's routers, each with its number in the core."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.numbers = {name: number for number, name in enumerate((*provider.edges, *provider.reflectors), start=1)}

    def router(self, name: str, parts: list[VrfPart], inside: dict[str, list[Prefix]]) -> NodePlan:
        """The core instance of an edge router with these VRFs, or a route reflector."""
        interfaces = [self._core_interface(name, self.numbers, mtu_bytes=_CORE_MTU_BYTES)]
        sessions = [*self._core_sessions(name)]
        for number, part in enumerate(parts):
            blocks = inside[part.name]
            addresses, says = tuple(host(block, 1) for block in blocks), f"VRF {part.vpn.name}"
            interfaces.append(InterfacePlan(name=_to_vrf(number), addresses=addresses, description=says))
            sessions += self._sessions(part.name, _to_vrf(number), blocks, (1, 2), listens=True)
        return NodePlan(
            name=name,
            role=Role.ROUTE_REFLECTOR if name in self._provider.reflectors else Role.PROVIDER_EDGE,
            interfaces=tuple(interfaces),
            bgp=BgpPlan(
                asn=self._provider.asn, router_id=self._core_address(name), networks=(), sessions=tuple(sessions)
            ),
        )

    def vrf(self, part: VrfPart, blocks: list[Prefix], edges: list[str]) -> NodePlan:
        """The instance of a VRF, whose VPN is at these edge routers."""
        asn, number = self._provider.asn, part.vpn.number
        target = (part.vpn.target(asn),)
        interfaces = (
            *part.interfaces,
            InterfacePlan(name=OWN_ROUTER, addresses=tuple(host(b, 2) for b in blocks), description=part.edge),
            self._core_interface(part.edge, edges, description=f"tunnels, VNI {number}"),
        )
        router_id = _ipv4(host(block, 2) for block in blocks)
        return NodePlan(
            name=part.name,
            role=Role.PROVIDER_EDGE,
            interfaces=interfaces,
            static_routes=part.static_routes,
            nat=part.nat,
            bgp=BgpPlan(
                asn=asn,
                router_id=router_id,
                networks=tuple(dict.fromkeys((*part.networks, *(one.pool for one in part.nat)))),
                sessions=(*part.sessions, *self._sessions(part.edge, OWN_ROUTER, blocks, (2, 1), listens=False)),
                best_path=part.best_path,
                vrf=Vrf(
                    rd=RouteDistinguisher(f"{self._core_address(part.edge)}:{number}"),
                    label=number,
                    import_targets=target if part.import_targets is None else part.import_targets,
                    export_targets=target if part.export_targets is None else part.export_targets,
                ),
            ),
        )

    def overlay(self, vpn: Vpn, parts: list[VrfPart]) -> Overlay:
        """The tunnels between the VRFs of a VPN."""
        ends = (
            OverlayEnd(vrf=_end(part.name, CORE), core=part.edge, core_address=self._core_address(part.edge))
            for part in parts
        )
        return Overlay(name=vpn.name, label=vpn.number, ends=tuple(ends))

    def _addresses(self, name: str) -> tuple[InterfaceAddress, ...]:
        return tuple(host(block, self.numbers[name]) for block in self._provider.core_blocks)

    def _core_interface(
        self, name: str, routers: Iterable[str], description: str = "", mtu_bytes: int = 1500
    ) -> InterfacePlan:
        """The interface of a router, or of one of its VRFs, to the core instances or VRFs of these routers.

        They know one another: tunnels flood no question, and the kernel remembers some 1,000 answers for all of a lab.
        """
        return InterfacePlan(
            name=CORE,
            addresses=self._addresses(name),
            description=description,
            mtu_bytes=mtu_bytes,
            hardware_address=self._hardware_address(name),
            neighbors=tuple(
                Neighbor(address=address.ip, hardware_address=self._hardware_address(other))
                for other in routers
                if other != name
                for address in self._addresses(other)
            ),
        )

    def _hardware_address(self, name: str) -> str:
        """A locally administered one, made of a router's address in the core."""
        return (b"\x02\0" + self._core_address(name).packed).hex(":")

    def _core_address(self, name: str) -> IPv4Address:
        return _ipv4(self._addresses(name))

    def _core_sessions(self, name: str) -> Iterator[SessionPlan]:
        """The sessions of a router with the others; that of two with the lower number, and a reflector, listens."""
        provider = self._provider
        pairs = [(reflector, edge) for reflector in provider.reflectors for edge in provider.edges]
        pairs += combinations(provider.reflectors or provider.edges, 2)
        for listens, connects in pairs:
            if name in (listens, connects):
                other = connects if name == listens else listens
                is_client = name in provider.reflectors and other in provider.edges
                yield from self._sessions(
                    other,
                    CORE,
                    list(provider.core_blocks),
                    (self.numbers[name], self.numbers[other]),
                    listens=name == listens,
                    rules=SessionRules(route_reflector_client=True) if is_client else NO_RULES,
                )

    def _sessions(  # noqa: PLR0913  # each is what a SessionPlan has
        self,
        neighbor: str,
        interface: str,
        blocks: list[Prefix],
        hosts: tuple[int, int],
        *,
        listens: bool,
        rules: SessionRules = NO_RULES,
    ) -> Iterator[SessionPlan]:
        """A session for the routes of VPNs in each family, over the link with these blocks."""
        for block in blocks:
            here, there = (host(block, number).ip for number in hosts)
            yield SessionPlan(
                neighbor=neighbor,
                family=family_of(block),
                interface=interface,
                local_address=here,
                peer_address=there,
                local_asn=self._provider.asn,
                peer_asn=self._provider.asn,
                passive=listens,
                hold_time_s=_HOLD_TIME_S,
                rules=rules,
                vpn=True,
                within_router=interface != CORE,
            )
