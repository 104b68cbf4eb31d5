"""Rules of sessions beside FRR's options of a neighbour: each neighbour is sent the same routes.

A scenario is a router with its neighbours, what some of them send, and a rule in our words and in FRR's. bgpd plays it
with real sessions, our router in memory. Where FRR means something else, `DIFFERENCES` holds what it does, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_interface

import pytest

from frr import ROUTER, Frr, Neighbor, body_of, running_frr
from lab.bgp import (
    Aggregate,
    Aggregator,
    Asn,
    AsPath,
    Community,
    Counted,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    MaxPrefix,
    Origin,
    Prefix,
    RemovePrivate,
    Route,
    UnknownAttribute,
    changes_between,
    parse_prefix,
)
from lab.events import CloseSession, Effect, SessionUp, UpdateReceived
from lab.plan import BgpPlan, InterfacePlan, NodePlan, Role, SessionPlan
from lab.policy import SessionRules
from lab.router import Router
from lab.wire import decode_update
from lab_processes import await_
from networks import OPEN

OWN_ASN = Asn(65010)
ROUTER_ID = IPv4Address("10.255.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A neighbour of the router."""

    address: str
    asn: int
    router_id: str

    @property
    def ebgp(self) -> bool:
        """Whether it is in another AS."""
        return self.asn != OWN_ASN


PEERS = {
    "a": Peer(address="192.0.2.11", asn=65001, router_id="10.0.0.1"),
    "a2": Peer(address="192.0.2.12", asn=65001, router_id="10.0.0.2"),
    "b": Peer(address="192.0.2.13", asn=65002, router_id="10.0.0.3"),
    "p": Peer(address="192.0.2.14", asn=7, router_id="10.0.0.4"),
    "i": Peer(address="192.0.2.21", asn=65010, router_id="10.0.0.5"),
    "j": Peer(address="192.0.2.22", asn=65010, router_id="10.0.0.6"),
}
"""Two in AS 65001, one in AS 65002, one in a public AS, and two inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is configured, in our words and in FRR's, and who sends what."""

    sent: Mapping[str, tuple[Route, ...]]
    rules: Mapping[str, SessionRules] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    frr: str = ""


def route(prefix: str, path: str = "", **attributes: object) -> Route:
    """A route; its next hop is its sender's address."""
    made = Route(prefix=parse_prefix(prefix), next_hop=IPv4Address(0), as_path=AsPath.parse(path))
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


def inside(prefix: str, path: str = "", **attributes: object) -> Route:
    """A route that a neighbour inside sends."""
    return route(prefix, path, **{"local_pref": 100, **attributes})


def tagged(*communities: str) -> Mapping[str, tuple[Community, ...]]:
    """The attribute COMMUNITIES."""
    return {"communities": tuple(map(Community, communities))}


EVERYTHING: Mapping[str, object] = {
    "origin": Origin.INCOMPLETE,
    "multi_exit_disc": 50,
    "communities": (Community("1:2"), Community("65535:1")),
    "large_communities": (LargeCommunity("1:2:3"),),
    "extended_communities": (ExtendedCommunity("target:1:2"), ExtendedCommunity("origin:192.0.2.9:1")),
    "atomic_aggregate": True,
    "aggregator": Aggregator(Asn(65099), IPv4Address("10.9.9.9")),
    "unknown": (UnknownAttribute(99, "0102"),),
}
CONTRIBUTORS = {
    "a": (
        route("10.1.1.0/24", "65001 9 10", **tagged("1:1")),
        route("10.1.2.0/24", "65001 9 11", origin=Origin.EGP, **tagged("1:2")),
        route("10.2.1.0/24", "65001 9"),
    ),
    "b": (route("10.1.3.0/24", "65002 9", atomic_aggregate=True),),
}
PRIVATE = {
    "p": (
        route("10.1.0.0/16", "7 64512 8 64513"),
        route("10.2.0.0/16", "7 {64512,8}"),
        route("10.3.0.0/16", "7 4200000000 65535 65534 64511"),
    ),
    "a": (
        route("10.4.0.0/16", "65001 64512"),
        route("10.5.0.0/16", "65001 8 64512"),
        route("10.6.0.0/16", "65001 64512 {64513,9} 65001"),
    ),
}
OWN_CLUSTER = (ROUTER_ID,)

SCENARIOS: Mapping[str, Scenario] = {
    "every attribute from outside": Scenario(sent={"a": (route("10.1.0.0/16", "65001 {1,2} 3", **EVERYTHING),)}),
    "every attribute from inside": Scenario(sent={"i": (inside("10.1.0.0/16", "65001 3", **EVERYTHING),)}),
    "a route that begins inside": Scenario(sent={"i": (inside("10.1.0.0/16", local_pref=200),)}),
    "a confederation's path": Scenario(sent={"i": (inside("10.1.0.0/16", "(65101) 65001"),)}),
    "an own network": Scenario(sent={}, networks=("10.1.0.0/16",), frr="network 10.1.0.0/16"),
    "well-known communities": Scenario(
        sent={
            "a": tuple(
                route(f"10.{number}.0.0/16", "65001", **tagged(f"65535:{value}"))
                for number, value in enumerate((65281, 65282, 65283, 65284, 6, 7))
            )
        }
    ),
    "graceful shutdown": Scenario(
        sent={
            "a": (route("10.1.0.0/16", "65001", **tagged("65535:0")),),
            "b": (route("10.1.0.0/16", "65002 1"),),
            "j": (inside("10.2.0.0/16", "65003", **tagged("65535:0")),),
        },
        rules={"i": SessionRules(route_reflector_client=True)},
        frr="neighbor i route-reflector-client",
    ),
    "blackhole": Scenario(
        sent={"a": (route("10.1.1.1/32", "65001", **tagged("65535:666")),)},
        rules={"a": replace(OPEN, accept_blackhole=True)},
    ),
    "no reflection": Scenario(sent={"i": (inside("10.1.0.0/16", "65001"),)}),
    "reflection to a client": Scenario(
        sent={"j": (inside("10.1.0.0/16", "65001"), inside("10.2.0.0/16"))},
        rules={"i": SessionRules(route_reflector_client=True)},
        frr="neighbor i route-reflector-client",
    ),
    "reflection from a client": Scenario(
        sent={
            "i": (
                inside("10.1.0.0/16", "65001"),
                inside("10.2.0.0/16", originator_id=IPv4Address("10.0.0.77"), cluster_list=(IPv4Address("10.7.7.7"),)),
            )
        },
        rules={"i": SessionRules(route_reflector_client=True)},
        frr="neighbor i route-reflector-client",
    ),
    "reflection loops": Scenario(
        sent={
            "i": (
                inside("10.1.0.0/16", originator_id=ROUTER_ID),
                inside("10.2.0.0/16", originator_id=IPv4Address("10.0.0.77"), cluster_list=OWN_CLUSTER),
            )
        },
        rules={"i": SessionRules(route_reflector_client=True)},
        frr="neighbor i route-reflector-client",
    ),
    "reflection attributes from outside": Scenario(
        sent={"a": (route("10.1.0.0/16", "65001", originator_id=ROUTER_ID, cluster_list=OWN_CLUSTER),)}
    ),
    "next-hop-self": Scenario(
        sent={"a": (route("10.1.0.0/16", "65001"),), "j": (inside("10.2.0.0/16", "65003"),)},
        rules={"i": SessionRules(next_hop_self=True, route_reflector_client=True)},
        frr="neighbor i next-hop-self\nneighbor i route-reflector-client",
    ),
    "no next-hop-self": Scenario(sent={"a": (route("10.1.0.0/16", "65001"),)}),
    "AS loop": Scenario(sent={"a": (route("10.1.0.0/16", "65001 65010"), route("10.2.0.0/16", "65001 {1,65010}"))}),
    "AS loop inside": Scenario(sent={"i": (inside("10.1.0.0/16", "65001 65010"),)}),
    "allowas-in 1": Scenario(
        sent={"a": (route("10.1.0.0/16", "65001 65010"), route("10.2.0.0/16", "65001 65010 1 65010"))},
        rules={"a": replace(OPEN, allowas_in=1)},
        frr="neighbor a allowas-in 1",
    ),
    "allowas-in 2": Scenario(
        sent={"a": (route("10.1.0.0/16", "65001 65010 65010"), route("10.2.0.0/16", "65001 65010 65010 {65010}"))},
        rules={"a": replace(OPEN, allowas_in=2)},
        frr="neighbor a allowas-in 2",
    ),
    "no as-override": Scenario(sent={"a": (route("10.1.0.0/16", "65001 1 65001"),)}),
    "as-override": Scenario(
        sent={
            "a": (route("10.1.0.0/16", "65001 1 65001"), route("10.2.0.0/16", "65001 {1,65001}")),
            "b": (route("10.3.0.0/16", "65002 65001 65002"),),
        },
        rules={"a2": replace(OPEN, as_override=True)},
        frr="neighbor a2 as-override",
    ),
    "remove-private-AS": Scenario(
        sent=PRIVATE,
        rules={"b": replace(OPEN, remove_private_asns=RemovePrivate.LEADING)},
        frr="neighbor b remove-private-AS",
    ),
    "remove-private-AS all": Scenario(
        sent=PRIVATE,
        rules={"b": replace(OPEN, remove_private_asns=RemovePrivate.ALL)},
        frr="neighbor b remove-private-AS all",
    ),
    "remove-private-AS all replace-AS": Scenario(
        sent=PRIVATE,
        rules={"b": replace(OPEN, remove_private_asns=RemovePrivate.REPLACE)},
        frr="neighbor b remove-private-AS all replace-AS",
    ),
    "remove-private-AS all to one of them": Scenario(
        sent=PRIVATE,
        rules={"a2": replace(OPEN, remove_private_asns=RemovePrivate.ALL)},
        frr="neighbor a2 remove-private-AS all",
    ),
    "default-originate": Scenario(
        sent={"a": (route("10.1.0.0/16", "65001"),)},
        rules={"b": replace(OPEN, default_originate=True), "i": SessionRules(default_originate=True)},
        frr="neighbor b default-originate\nneighbor i default-originate",
    ),
    "default-originate beside a learned default": Scenario(
        sent={"a": (route("0.0.0.0/0", "65001"),)},
        rules={"b": replace(OPEN, default_originate=True)},
        frr="neighbor b default-originate",
    ),
    "aggregate": Scenario(
        sent=CONTRIBUTORS,
        aggregates=(Aggregate(prefix=parse_prefix("10.1.0.0/16")),),
        frr="aggregate-address 10.1.0.0/16",
    ),
    "aggregate summary-only": Scenario(
        sent=CONTRIBUTORS,
        aggregates=(Aggregate(prefix=parse_prefix("10.1.0.0/16"), summary_only=True),),
        frr="aggregate-address 10.1.0.0/16 summary-only",
    ),
    "aggregate as-set": Scenario(
        sent=CONTRIBUTORS,
        aggregates=(Aggregate(prefix=parse_prefix("10.1.0.0/16"), summary_only=True, as_set=True),),
        frr="aggregate-address 10.1.0.0/16 as-set summary-only",
    ),
    "aggregate without contributors": Scenario(
        sent=CONTRIBUTORS,
        aggregates=(Aggregate(prefix=parse_prefix("10.8.0.0/16")),),
        frr="aggregate-address 10.8.0.0/16",
    ),
    "aggregate of an own network": Scenario(
        sent={},
        networks=("10.1.1.0/24",),
        aggregates=(Aggregate(prefix=parse_prefix("10.1.0.0/16")),),
        frr="network 10.1.1.0/24\naggregate-address 10.1.0.0/16",
    ),
    "aggregate inside an aggregate": Scenario(
        sent={"a": (route("10.1.1.0/25", "65001"),)},
        aggregates=(
            Aggregate(prefix=parse_prefix("10.1.0.0/16")),
            Aggregate(prefix=parse_prefix("10.1.1.0/24"), summary_only=True),
        ),
        frr="aggregate-address 10.1.0.0/16\naggregate-address 10.1.1.0/24 summary-only",
    ),
    "aggregate of a prefix that is learned too": Scenario(
        sent={"a": (route("10.1.1.0/24", "65001"), route("10.1.0.0/16", "65001 5"))},
        aggregates=(Aggregate(prefix=parse_prefix("10.1.0.0/16")),),
        frr="aggregate-address 10.1.0.0/16",
    ),
}

Tables = Mapping[str, Mapping[str, Route]]
"""What each neighbour has been sent, by prefix."""
MARK = parse_prefix("223.255.255.0/24")
"""What a neighbour sends last; it is left out of the tables."""


def bodies(scenario: Scenario) -> Iterator[tuple[str, list[bytes]]]:
    """The UPDATEs of each neighbour that sends some."""
    for name, routes in scenario.sent.items():
        hop = IPv4Address(PEERS[name].address)
        mark = Route(prefix=MARK, next_hop=hop, as_path=AsPath.of(PEERS[name].asn), local_pref=100)
        yield name, [body_of(replace(one, next_hop=hop)) for one in (*routes, mark)]


# our router


def our_plan(scenario: Scenario) -> NodePlan:
    """The router of a scenario."""
    sessions = tuple(_session(name, peer, scenario) for name, peer in PEERS.items())
    return NodePlan(
        name="r",
        role=Role.CUSTOMER_EDGE,
        interfaces=(InterfacePlan(name="lan", addresses=(ip_interface(f"{ROUTER}/24"),)),),
        bgp=BgpPlan(
            asn=OWN_ASN,
            router_id=ROUTER_ID,
            networks=tuple(map(parse_prefix, scenario.networks)),
            sessions=sessions,
            aggregates=scenario.aggregates,
        ),
    )


def _session(name: str, peer: Peer, scenario: Scenario) -> SessionPlan:
    return SessionPlan(
        neighbor=name,
        family=Family.IPV4,
        interface="lan",
        local_address=IPv4Address(ROUTER),
        peer_address=IPv4Address(peer.address),
        local_asn=OWN_ASN,
        peer_asn=Asn(peer.asn),
        passive=True,
        hold_time_s=180,
        rules=scenario.rules.get(name, OPEN if peer.ebgp else SessionRules()),
    )


def play(scenario: Scenario) -> tuple[Router, list[Effect]]:
    """Our router after a scenario, and all that it wanted done."""
    router = Router(our_plan(scenario))
    effects = router.begin()
    for name, peer in PEERS.items():
        up = SessionUp(session=f"{name}/ipv4", peer_router_id=int(IPv4Address(peer.router_id)))
        effects += router.handle(up)
    for name, sent in bodies(scenario):
        peer = PEERS[name]
        for body in sent:
            decoded = decode_update(body, ebgp=peer.ebgp, peer_asn=peer.asn if peer.ebgp else None)
            received = UpdateReceived(
                session=f"{name}/ipv4", announced=decoded.announced, withdrawn=decoded.withdrawn
            )
            effects += router.handle(received)
    return router, effects


def by_us(scenario: Scenario) -> Tables:
    """What our router sends each neighbour."""
    router, _ = play(scenario)
    return {one.neighbor: _by_prefix({r.prefix: r for r in one.adj_rib_out}) for one in router.tables().sessions}


def _by_prefix(routes: Mapping[Prefix, Route]) -> Mapping[str, Route]:
    return {str(prefix): one for prefix, one in sorted(routes.items(), key=str) if prefix != MARK}


# FRR


def configuration(scenario: Scenario) -> str:
    """FRR's configuration of a scenario; in its lines neighbours stand by name."""
    lines = [f"router bgp {OWN_ASN}", f"bgp router-id {ROUTER_ID}", "no bgp ebgp-requires-policy"]
    lines += ["no bgp network import-check", "bgp bestpath compare-routerid"]
    for peer in PEERS.values():
        lines += [
            f"neighbor {peer.address} remote-as {peer.asn}",
            f"neighbor {peer.address} passive",
            f"neighbor {peer.address} disable-connected-check" if peer.ebgp else "",
        ]
    lines.append("address-family ipv4 unicast")
    lines += [_with_addresses(line) for line in scenario.frr.splitlines()]
    return "\n".join(lines)


def _with_addresses(line: str) -> str:
    words = line.split()
    if words[0] == "neighbor":
        words[1] = PEERS[words[1]].address
    return " ".join(words)


@pytest.fixture(scope="module")
def frr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frr]:
    """One bgpd for all scenarios, each of which configures it anew."""
    with running_frr(tmp_path_factory.mktemp("frr")) as running:
        yield running


def prepare(frr: Frr, scenario: Scenario) -> dict[str, Neighbor]:
    """Have FRR play a scenario; the answer is the neighbours."""
    frr.disconnect()
    frr.takes(f"no router bgp {OWN_ASN}")
    frr.configure(configuration(scenario))
    speakers = {name: frr.connect(one.address, one.asn, one.router_id) for name, one in PEERS.items()}
    for name, sent in bodies(scenario):
        speakers[name].send(*sent)
    return speakers


def by_frr(frr: Frr, scenario: Scenario) -> Tables:
    """What FRR sends each neighbour."""
    speakers = prepare(frr, scenario)
    senders = {PEERS[name].address for name in scenario.sent}
    await_(lambda: {path.peer for path in frr.paths().get(MARK, ())} >= senders, "the routes")
    return {name: _by_prefix(one.table(ebgp=PEERS[name].ebgp)) for name, one in speakers.items()}
