"""Scenarios of session rules, in our words and in FRR's, for the oracles, and what our router does in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from frr import body_of
from lab.bgp import (
    Aggregate,
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Prefix,
    RemovePrivate,
    Route,
    UnknownAttribute,
    changes_between,
    parse_prefix,
)
from lab.events import Effect
from lab.plan import BgpPlan
from lab.policy import SessionRules
from lab.router import Router
from networks import OPEN
from oracle_router import ROUTER_ID, Peer, bgp_plan, receive, started

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
        route("10.6.0.0/16", "65001 64512 9 {64513,9}"),
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


# what each neighbour is sent

Tables = Mapping[str, Mapping[str, Route]]
"""What each neighbour has been sent, by prefix."""
MARK = parse_prefix("223.255.255.0/24")
"""What a neighbour sends last. It is left out of the tables, as is the next one."""
OWN = parse_prefix("223.255.254.0/24")
"""A network that a router under test may have, so that a table which it sends is never empty."""


def bodies(scenario: Scenario) -> Iterator[tuple[str, list[bytes]]]:
    """The UPDATEs of each neighbour that sends some."""
    for name, routes in scenario.sent.items():
        hop = IPv4Address(PEERS[name].address)
        path = AsPath.of(PEERS[name].asn) if PEERS[name].ebgp else AsPath()
        mark = Route(prefix=MARK, next_hop=hop, as_path=path, local_pref=100)
        yield name, [body_of(replace(one, next_hop=hop)) for one in (*routes, mark)]


def plan_of(scenario: Scenario) -> BgpPlan:
    """What the router of a scenario is told: by default it lets everything pass."""
    rules = {name: OPEN if peer.ebgp else SessionRules() for name, peer in PEERS.items()} | dict(scenario.rules)
    return bgp_plan(PEERS, rules, map(parse_prefix, scenario.networks), scenario.aggregates)


def play(scenario: Scenario) -> tuple[Router, list[Effect]]:
    """Our router after a scenario, and all that it wanted done."""
    router, effects = started(PEERS, plan_of(scenario))
    for name, sent in bodies(scenario):
        effects += receive(router, name, PEERS[name], sent)
    return router, effects


def by_us(scenario: Scenario) -> Tables:
    """What our router sends each neighbour."""
    router, _ = play(scenario)
    return {one.neighbor: by_prefix({r.prefix: r for r in one.adj_rib_out}) for one in router.tables().sessions}


def by_prefix(routes: Mapping[Prefix, Route]) -> Mapping[str, Route]:
    """A table without what only marks its end."""
    return {str(prefix): one for prefix, one in sorted(routes.items(), key=str) if prefix not in (MARK, OWN)}


def apart(one: Tables, other: Tables) -> Mapping[str, int]:
    """In how many routes two sets of tables differ, by attribute; `fate` where only one of them has the route."""
    count: Counter[str] = Counter()
    for name in PEERS:
        count["fate"] += len(one[name].keys() ^ other[name].keys())
        for prefix in one[name].keys() & other[name].keys():
            count.update(change.attribute for change in changes_between(one[name][prefix], other[name][prefix]))
    return dict(+count)
