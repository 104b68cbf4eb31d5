"""IPVPNs for the live tests: customers whose sites all have the same addresses and AS, at the edges of one provider.

    net = VpnNet(edges=2)
    net.customer("contoso", 100)
    net.site("contoso", 1, "pe1")
    net.site("contoso", 2, "pe2")
    (seen,) = live(net.plan(), flows=flows("contoso-h1", "contoso-h2"))

Site 1 of contoso is the edge `contoso-ce1` with the host `contoso-h1` in 10.0.1.0/24 and fd10:0:1::/64; site 1 of any
other customer has the same addresses.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import permutations

from lab.bgp import Asn, Family, Prefix, family_of, parse_extended_community, parse_prefix
from lab.forwarding import Flow
from lab.plan import BgpPlan, Endpoint, InterfacePlan, NodePlan, Plan, Role, SessionPlan, StaticRoute, Wire
from lab.plan.addressing import host
from lab.plan.ipvpn import Provider, Vpn, VrfPart, ipvpn, vrf_name
from lab.policy import SessionRules
from networks import OPEN

PROVIDER, CUSTOMER = Asn(65000), Asn(65010)
VRF_RULES = replace(OPEN, as_override=True)
_DEFAULTS = (parse_prefix("0.0.0.0/0"), parse_prefix("::/0"))


def lan(site: int) -> tuple[Prefix, ...]:
    """The networks of a site."""
    return parse_prefix(f"10.{site >> 8}.{site & 255}.0/24"), parse_prefix(f"fd10:0:{site:x}::/64")


def _link(site: int, edge: int) -> tuple[Prefix, ...]:
    number = site * 4 + edge
    return parse_prefix(f"172.16.{number >> 6}.{(number & 63) * 4}/30"), parse_prefix(f"fd72:{number:x}::/126")


class VpnNet:
    """A provider with customers in the making."""

    def __init__(self, edges: int, reflectors: int = 0) -> None:
        self._provider = Provider(
            asn=PROVIDER,
            edges=tuple(f"pe{n}" for n in range(1, edges + 1)),
            reflectors=tuple(f"rr{n}" for n in range(1, reflectors + 1)),
        )
        self._vpns: dict[str, Vpn] = {}
        self._parts: dict[str, VrfPart] = {}
        self._targets: dict[str, tuple[str, ...]] = {}
        self._nodes: list[NodePlan] = []
        self._wires: list[Wire] = []
        self._links: dict[str, list[tuple[InterfacePlan, list[SessionPlan]]]] = defaultdict(list)

    def customer(self, name: str, number: int) -> None:
        """Add a customer with a VPN."""
        self._vpns[name] = Vpn(name=name, number=number)

    def imports(self, edge: str, customer: str, *targets: str) -> None:
        """Let a VRF import these route targets instead of its VPN's own."""
        self._targets[vrf_name(edge, self._vpns[customer])] = targets

    def site(self, customer: str, site: int, *edges: str, **rules: SessionRules) -> None:
        """Add a site of a customer with one CE, which has a link to each of some edges; rules are given by edge."""
        ce, machine = f"{customer}-ce{site}", f"{customer}-h{site}"
        inside = InterfacePlan(name="lan", addresses=tuple(host(one, 1) for one in lan(site)))
        interfaces = [inside]
        sessions: list[SessionPlan] = []
        for number, edge in enumerate(edges):
            vrf, blocks = vrf_name(edge, self._vpns[customer]), _link(site, number)
            there, here = (
                InterfacePlan(name=n, addresses=tuple(host(b, h) for b in blocks))
                for n, h in ((f"site{site}", 1), (f"to-{edge}", 2))
            )
            interfaces.append(here)
            self._wires.append(_wire(vrf, there.name, ce, here.name))
            link = (vrf, ce, (there.name, here.name), blocks, rules.get(edge, VRF_RULES))
            sessions += self._sessions(*link, at_vrf=False)
            self._links[vrf].append((there, self._sessions(*link, at_vrf=True)))
            self._parts.setdefault(vrf, VrfPart(edge=edge, vpn=self._vpns[customer]))
        router_id = IPv4Address(f"10.{site >> 8}.{site & 255}.1")
        self._nodes += [
            NodePlan(
                name=ce,
                role=Role.CUSTOMER_EDGE,
                interfaces=tuple(interfaces),
                bgp=BgpPlan(asn=CUSTOMER, router_id=router_id, networks=lan(site), sessions=tuple(sessions)),
            ),
            NodePlan(
                name=machine,
                role=Role.HOST,
                interfaces=(InterfacePlan(name="eth0", addresses=tuple(host(one, 10) for one in lan(site))),),
                static_routes=tuple(
                    StaticRoute(prefix=default, next_hop=host(one, 1).ip)
                    for default, one in zip(_DEFAULTS, lan(site), strict=True)
                ),
            ),
        ]
        self._wires.append(_wire(ce, "lan", machine, "eth0"))

    @staticmethod
    def _sessions(  # noqa: PLR0913  # each is what a session has
        vrf: str, ce: str, interfaces: tuple[str, str], blocks: tuple[Prefix, ...], rules: SessionRules, *, at_vrf: bool
    ) -> list[SessionPlan]:
        """The sessions of a VRF with a CE, one for each block, as one of the two ends has them."""
        ends = ((vrf, 1, PROVIDER, interfaces[0], rules), (ce, 2, CUSTOMER, interfaces[1], OPEN))
        (_, number, asn, interface, policies), (neighbor, other, peer_asn, *_) = ends if at_vrf else ends[::-1]
        return [
            SessionPlan(
                neighbor=neighbor,
                family=family_of(block),
                interface=interface,
                local_address=host(block, number).ip,
                peer_address=host(block, other).ip,
                local_asn=asn,
                peer_asn=peer_asn,
                passive=at_vrf,
                hold_time_s=180,
                rules=policies,
            )
            for block in blocks
        ]

    def plan(self) -> Plan:
        """The plan of all that was added."""
        parts = []
        for vrf, part in self._parts.items():
            targets = self._targets.get(vrf)
            parts.append(
                replace(
                    part,
                    interfaces=tuple(dict.fromkeys(interface for interface, _ in self._links[vrf])),
                    sessions=tuple(one for _, sessions in self._links[vrf] for one in sessions),
                    import_targets=None if targets is None else tuple(map(parse_extended_community, targets)),
                )
            )
        provider = ipvpn(self._provider, parts)
        return Plan(
            name="vpn",
            nodes=(*provider.nodes, *self._nodes),
            wires=(*provider.wires, *self._wires),
            overlays=provider.overlays,
            fidelity=provider.fidelity,
        )


def _wire(one: str, interface: str, other: str, there: str) -> Wire:
    ends = (Endpoint(node=one, interface=interface), Endpoint(node=other, interface=there))
    return Wire(name=f"{one}-{other}", ends=ends)


def flows(*hosts: str) -> list[Flow]:
    """From each of some hosts to each other one, in both families."""
    return [Flow(source=a, destination=b, family=f) for a, b in permutations(hosts, 2) for f in Family]
