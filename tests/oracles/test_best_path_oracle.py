"""The decision process as FRR's bgpd has it: fed the same UPDATEs, it chooses the same paths as our router.

Every case is one prefix with a path from some neighbours. All cases are there at once, and every set of rules decides
them all. Where FRR follows another convention, `DIFFERENCES` holds what it chooses, and why.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from frr import Frr, Neighbor, body_of, running_frr
from lab.bgp import RFC_4271_BEST_PATH, AsPath, BestPathRules, Community, Origin, Route, parse_prefix
from lab.events import Reconfigured
from lab.plan import BgpPlan
from lab.policy import SessionRules
from lab.rib import Because
from lab.router import Router
from lab_processes import await_
from networks import policies
from oracle_router import (
    OWN,
    OWN_ASN,
    ROUTER_ID,
    Choice,
    Peer,
    bgp_plan,
    choice,
    frr_choice,
    neighbor_lines,
    our_choice,
    our_decision,
    receive,
    started,
)

MANY = 8

PEERS = {
    "a1": Peer(address="192.0.2.11", asn=65001, router_id="10.0.0.4"),
    "a2": Peer(address="192.0.2.12", asn=65001, router_id="10.0.0.3"),
    "b": Peer(address="192.0.2.13", asn=65002, router_id="10.0.0.2"),
    "b2": Peer(address="192.0.2.14", asn=65002, router_id="10.0.0.2"),
    "i": Peer(address="192.0.2.21", asn=65010, router_id="10.0.0.6"),
    "j": Peer(address="192.0.2.22", asn=65010, router_id="10.0.0.5"),
    "k": Peer(address="192.0.2.23", asn=65010, router_id="10.0.0.1", client=True),
}
"""Two outside in AS 65001; two in AS 65002 with one router id; three inside, one of them a client for reflection."""
WEIGHT_10 = Community("100:10")
WEIGHT_POLICY = policies(
    "policies: {weigh: [{match: {community: 100:10}, set: {weight: 10}, then: accept}, {then: accept}]}"
)["weigh"]
ROUTE_MAP = """
bgp community-list standard ten permit 100:10
route-map weigh permit 10
 match community ten
 set weight 10
route-map weigh permit 20
route-map all permit 10
"""


def route(path: str = "", **attributes: object) -> Route:
    """A route, whose prefix and next hop its case gives it."""
    made = Route(prefix=parse_prefix("0.0.0.0/0"), next_hop=IPv4Address(0), as_path=AsPath.parse(path))
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


def inside(path: str = "", **attributes: object) -> Route:
    """A route from a neighbour inside, which has a local preference."""
    return route(path, **{"local_pref": 100, **attributes})


def med(value: int) -> Mapping[str, Any]:
    """The attribute MULTI_EXIT_DISC."""
    return {"multi_exit_disc": value}


def through(*clusters: str, originator: str = "10.0.0.50") -> Mapping[str, Any]:
    """The attributes that route reflectors add."""
    return {"originator_id": IPv4Address(originator), "cluster_list": tuple(map(IPv4Address, clusters))}


C1, C2 = "10.9.9.1", "10.9.9.2"
TABLE: Mapping[str, tuple[Mapping[str, Route], Because]] = {
    "only": ({"a1": route("65001")}, Because.ONLY_PATH),
    "weight": (
        {"i": inside("65001 1 2", communities=(WEIGHT_10,)), "b": route("65002"), "j": inside(local_pref=500)},
        Because.LOWER_WEIGHT,
    ),
    "local preference": (
        {"i": inside("65001 1 2 3", local_pref=200), "b": route("65002"), "j": inside(local_pref=199)},
        Because.LOWER_LOCAL_PREF,
    ),
    "local preference 100 is the default": (
        {"a1": route("65001"), "i": inside("65001", local_pref=100)},
        Because.IBGP,
    ),
    "local preference below the default": (
        {"a1": route("65001 1 2"), "i": inside("65001", local_pref=99)},
        Because.LOWER_LOCAL_PREF,
    ),
    "local preference of an outsider counts nothing": (
        {"a1": route("65001 1", local_pref=500), "b": route("65002")},
        Because.LONGER_AS_PATH,
    ),
    "own network": ({OWN: route(), "i": inside(local_pref=500), "b": route("65002")}, Because.LOWER_WEIGHT),
    "path length": ({"a1": route("65001 1"), "a2": route("65001"), "b": route("65002 2 3")}, Because.LONGER_AS_PATH),
    "empty path": ({"i": inside(), "a1": route("65001")}, Because.LONGER_AS_PATH),
    "a set counts one": (
        {"a1": route("65001 {1,2,3}"), "b": route("65002 1"), "b2": route("65002 1 2")},
        Because.HIGHER_ROUTER_ID,
    ),
    "two sets count two": ({"a1": route("65001 {1,2} {3}"), "b": route("65002 1")}, Because.LONGER_AS_PATH),
    "repeated AS numbers count": ({"a1": route("65001 65001 65001"), "b": route("65002 1")}, Because.LONGER_AS_PATH),
    "confederation segments count nothing": (
        {"i": inside("(65101 65102) 65001"), "j": inside("65001"), "k": inside("[65103,65104] 65001 1")},
        Because.HIGHER_ROUTER_ID,
    ),
    "origin egp": (
        {"a1": route("65001", origin=Origin.EGP), "b": route("65002", origin=Origin.INCOMPLETE)},
        Because.HIGHER_ORIGIN,
    ),
    "origin igp": (
        {"i": inside("65001", origin=Origin.IGP), "a1": route("65001", origin=Origin.EGP)},
        Because.HIGHER_ORIGIN,
    ),
    "MED, one neighbour AS": (
        {"a1": route("65001", **med(5)), "a2": route("65001", **med(6))},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "MED, two neighbour ASes": (
        {"a1": route("65001", **med(5)), "b": route("65002", **med(6))},
        Because.HIGHER_ROUTER_ID,
    ),
    "MED, inside and outside": (
        {"i": inside("65001", **med(1)), "a1": route("65001", **med(6))},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "MED absent": (
        {"a1": route("65001"), "a2": route("65001", **med(1))},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "MED 0 is no MED": ({"a1": route("65001"), "a2": route("65001", **med(0))}, Because.HIGHER_ROUTER_ID),
    "MED at its largest": (
        {"a1": route("65001", **med(0xFFFFFFFF)), "a2": route("65001")},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "MED, deterministic": (
        {"a1": route("65001", **med(10)), "b": route("65002", **med(5)), "i": inside("65001", **med(1))},
        Because.IBGP,
    ),
    "MED of routes that begin inside": (
        {"i": inside(**med(5)), "j": inside(**med(6))},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "MED behind a set": (
        {"i": inside("{65001}", **med(5)), "j": inside("{65001}", **med(6))},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "MED behind a confederation": (
        {"i": inside("(65101) 65001", **med(5)), "j": inside("65001", **med(6))},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "outside before inside": ({"k": inside("65001"), "a1": route("65001")}, Because.IBGP),
    "router id outside": ({"a1": route("65001"), "a2": route("65001"), "b": route("65002")}, Because.HIGHER_ROUTER_ID),
    "router id inside": ({"i": inside("65001"), "j": inside("65001")}, Because.HIGHER_ROUTER_ID),
    "originator id": (
        {"i": inside("65001", **through(C1, originator="10.0.0.4")), "j": inside("65001", **through(C1))},
        Because.HIGHER_ROUTER_ID,
    ),
    "originator id against router id": (
        {"i": inside("65001", **through(originator="10.0.0.4")), "j": inside("65001")},
        Because.HIGHER_ROUTER_ID,
    ),
    "cluster list": (
        {"i": inside("65001", **through(C1)), "j": inside("65001", **through(C1, C2))},
        Because.LONGER_CLUSTER_LIST,
    ),
    "cluster list against originator id": (
        {
            "i": inside("65001", **through(C1, originator="10.0.0.60")),
            "j": inside("65001", **through(C1, C2, originator="10.0.0.40")),
        },
        Because.HIGHER_ROUTER_ID,
    ),
    "peer address": ({"b": route("65002"), "b2": route("65002")}, Because.HIGHER_PEER_ADDRESS),
    "peer address inside": (
        {"i": inside("65001", **through(C1)), "j": inside("65001", **through(C2))},
        Because.HIGHER_PEER_ADDRESS,
    ),
    "equal but for the paths, one neighbour AS": (
        {"a1": route("65001 1"), "a2": route("65001 2")},
        Because.HIGHER_ROUTER_ID,
    ),
    "equal but for the neighbour AS": (
        {"a1": route("65001"), "a2": route("65001"), "b": route("65002")},
        Because.HIGHER_ROUTER_ID,
    ),
    "equal inside but for the paths": ({"i": inside("65001"), "j": inside("65002")}, Because.HIGHER_ROUTER_ID),
    "equal inside, outside not so good": (
        {"i": inside("65001"), "j": inside("65001"), "a1": route("65001 1")},
        Because.HIGHER_ROUTER_ID,
    ),
}
"""Who sends what, and the step of the decision that our router decides at by the rules of RFC 4271."""

RULES: Mapping[str, tuple[str, BestPathRules]] = {
    "RFC 4271": ("", RFC_4271_BEST_PATH),
    "always-compare-med": ("bgp always-compare-med", BestPathRules(always_compare_med=True)),
    "missing-as-worst": ("bgp bestpath med missing-as-worst", BestPathRules(missing_med_as_worst=True)),
    "both": (
        "bgp always-compare-med\nbgp bestpath med missing-as-worst",
        BestPathRules(always_compare_med=True, missing_med_as_worst=True),
    ),
    "multipath": ("", BestPathRules(maximum_paths=MANY)),
    "multipath-relax": (
        "bgp bestpath as-path multipath-relax",
        BestPathRules(maximum_paths=MANY, multipath_relax=True),
    ),
    "two of them, relaxed": (
        "bgp bestpath as-path multipath-relax",
        BestPathRules(maximum_paths=2, multipath_relax=True),
    ),
}
"""Sets of rules: FRR's words for them beside ours. FRR's others are in `BASE`."""
BASE = """
 bgp deterministic-med
 bgp bestpath compare-routerid
 no bgp always-compare-med
 no bgp bestpath med missing-as-worst
 no bgp bestpath as-path multipath-relax
"""


SET_FIRST = (
    "RFC 4271 §9.1.2.2 c: the AS of a path inside that begins with a set is the own one; FRR compares no MED there"
)
SAME_NEIGHBOR = "without relax FRR asks only for the same neighbouring AS, we as Cisco for the same AS path"
PAIRWISE = "FRR compares each path with the best alone: one that lost its MED to a third is used beside the best"
WHICH = "of too many equal paths FRR uses those with the lowest next hops, we those with the lowest router ids"
DIFFERENCES: Mapping[tuple[str, str], tuple[Choice, str]] = {
    ("RFC 4271", "MED behind a set"): (choice("j"), SET_FIRST),
    ("missing-as-worst", "MED behind a set"): (choice("j"), SET_FIRST),
    ("multipath", "MED behind a set"): (choice("j", "i"), SET_FIRST),
    ("multipath-relax", "MED behind a set"): (choice("j", "i"), SET_FIRST),
    ("two of them, relaxed", "MED behind a set"): (choice("j", "i"), SET_FIRST),
    ("multipath", "equal but for the paths, one neighbour AS"): (choice("a2", "a1"), SAME_NEIGHBOR),
    ("multipath-relax", "MED, deterministic"): (choice("b", "a1"), PAIRWISE),
    ("two of them, relaxed", "MED, deterministic"): (choice("b", "a1"), PAIRWISE),
    ("two of them, relaxed", "router id outside"): (choice("b", "a1"), WHICH),
    ("two of them, relaxed", "equal but for the neighbour AS"): (choice("b", "a1"), WHICH),
}
"""What FRR chooses where it chooses otherwise than we do, by rules and case, and why. None is a fault of either."""


def random_case(draw: random.Random) -> Mapping[str, Route]:
    """A few paths whose attributes often are alike; none begins with a set."""
    found = {}
    for name in draw.sample(sorted(PEERS), draw.randint(2, 6)):
        peer = PEERS[name]
        first = str(peer.asn) if peer.ebgp else draw.choice(["65001", "65002", "65003"])
        found[name] = route(
            f"{first} {draw.choice(['', '1', '{1,2}', '1 2', '{1,2} 3'])}",
            local_pref=None if peer.ebgp else draw.choice([100, 100, 100, 99, 101]),
            origin=draw.choice([Origin.IGP, Origin.IGP, Origin.EGP]),
            multi_exit_disc=draw.choice([None, 0, 1, 1, 2]),
            communities=draw.choice([(), (), (), (), (WEIGHT_10,)]),
            **_reflected(draw, peer),
        )
    return found


def random_equals(draw: random.Random) -> Mapping[str, Route]:
    """A few paths that are mostly equal down to the tie-breaks; nothing in them is compared as `DIFFERENCES` tells."""
    found = {}
    for name in draw.sample(sorted(PEERS), draw.randint(2, 6)):
        peer = PEERS[name]
        found[name] = route(
            f"{peer.asn if peer.ebgp else 65001} {draw.choice(['1', '1', '1', '1 1'])}",
            local_pref=None if peer.ebgp else 100,
            **_reflected(draw, peer),
        )
    return found


def _reflected(draw: random.Random, peer: Peer) -> Mapping[str, Any]:
    if peer.ebgp or draw.random() < 0.5:
        return {}
    return through(*draw.sample([C1, C2], draw.randint(0, 2)), originator=draw.choice(["10.0.0.3", "10.0.0.7"]))


_draw = random.Random(4271)  # noqa: S311  # the same cases each time
RANDOM = {f"random {number}": random_case(_draw) for number in range(120)}
EQUALS = {f"equals {number}": random_equals(_draw) for number in range(60)}
CASES: Mapping[str, Mapping[str, Route]] = {**{name: paths for name, (paths, _) in TABLE.items()}, **RANDOM, **EQUALS}


def cases_of(rules: str) -> tuple[str, ...]:
    """The cases that are compared by some rules."""
    match RULES[rules][1].maximum_paths:
        case 1:
            return tuple(CASES)
        case most if most == MANY:
            return (*TABLE, *EQUALS)
        case _:
            return tuple(TABLE)


PREFIXES = {name: parse_prefix(f"10.{number}.0.0/16") for number, name in enumerate(CASES)}
OWN_NETWORKS = tuple(PREFIXES[name] for name, paths in CASES.items() if OWN in paths)


def updates(cases: Mapping[str, Mapping[str, Route]]) -> dict[str, list[bytes]]:
    """The UPDATEs of each neighbour."""
    found: dict[str, list[bytes]] = {name: [] for name in PEERS}
    for case, paths in cases.items():
        for name, one in paths.items():
            if name != OWN:
                sent = replace(one, prefix=PREFIXES[case], next_hop=IPv4Address(PEERS[name].address))
                found[name].append(body_of(sent))
    return found


# our router


def plan(rules: BestPathRules) -> BgpPlan:
    """The plan of the router under test."""
    session_rules = {
        name: SessionRules(import_policies=(WEIGHT_POLICY,), route_reflector_client=peer.client)
        for name, peer in PEERS.items()
    }
    return bgp_plan(PEERS, session_rules, OWN_NETWORKS, best_path=rules)


def our_router(cases: Mapping[str, Mapping[str, Route]]) -> Router:
    """Our router, having received everything."""
    router, _ = started(PEERS, plan(RFC_4271_BEST_PATH))
    for name, bodies in updates(cases).items():
        receive(router, name, PEERS[name], bodies)
    return router


def our_choices(router: Router, rules: BestPathRules) -> dict[str, Choice]:
    """What our router chooses by some rules, by the name of the case."""
    router.handle(Reconfigured(bgp=plan(rules)))
    return {name: our_choice(router, prefix) for name, prefix in PREFIXES.items()}


# FRR


def configuration() -> str:
    """FRR's configuration of the router under test."""
    lines = [ROUTE_MAP, f"router bgp {OWN_ASN}", f"bgp router-id {ROUTER_ID}", "no bgp network import-check"]
    lines += neighbor_lines(PEERS)
    lines.append(" address-family ipv4 unicast")
    lines += [f"  network {prefix}" for prefix in OWN_NETWORKS]
    for peer in PEERS.values():
        lines += [
            f"  neighbor {peer.address} route-map weigh in",
            f"  neighbor {peer.address} route-map all out" if peer.ebgp else "",
            f"  neighbor {peer.address} route-reflector-client" if peer.client else "",
        ]
    return "\n".join(lines)


def decide_by(frr: Frr, rules: str) -> None:
    """Have FRR decide by some rules."""
    words, ours = RULES[rules]
    paths = f"maximum-paths {ours.maximum_paths}\nmaximum-paths ibgp {ours.maximum_paths}"
    frr.configure(f"router bgp {OWN_ASN}\n{BASE}\n{words}\naddress-family ipv4 unicast\n{paths}")


def frr_choices(frr: Frr) -> dict[str, Choice]:
    """What FRR chose, by the name of the case."""
    found = frr.paths()
    return {name: frr_choice(found[prefix], PEERS) for name, prefix in PREFIXES.items()}


@pytest.fixture(scope="module")
def frr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frr]:
    """A bgpd that has every path of every case."""
    with running_frr(tmp_path_factory.mktemp("frr")) as running:
        running.configure(configuration())
        speakers: dict[str, Neighbor] = {}
        for name, bodies in updates(CASES).items():
            peer = PEERS[name]
            speakers[name] = running.connect(peer.address, peer.asn, peer.router_id)
            speakers[name].send(*bodies)
        wanted = sum(map(len, CASES.values()))
        await_(lambda: sum(map(len, running.paths().values())) == wanted, f"{wanted} paths")
        yield running


@pytest.fixture(scope="module")
def router() -> Router:
    """Our router, which has received the same."""
    return our_router(CASES)


def test_the_cases_reach_every_step(router: Router) -> None:
    """Each case of the table is decided at the step that it is there for, and together they reach all of them."""
    our_choices(router, RFC_4271_BEST_PATH)
    decided = {case: our_decision(router, PREFIXES[case]).because for case in TABLE}
    assert decided == {case: because for case, (_, because) in TABLE.items()}
    assert set(Because) - set(decided.values()) == {
        Because.NO_PATH,
        Because.NEXT_HOP_UNREACHABLE,
        Because.NOT_OWN_ROUTE,  # an own route's weight of 32768 decides before
        Because.HIGHER_MULTI_EXIT_DISC_OF_ALL,  # by other rules
        Because.HIGHER_IGP_COST,
        Because.HIGHER_DISTINGUISHER,  # of VPN routes, and a tie-break of this lab's own
        Because.NOT_CHOSEN,  # of another vendor's daemon
    }


@pytest.mark.parametrize("rules", RULES)
def test_frr_chooses_as_we_do(frr: Frr, router: Router, rules: str) -> None:
    """FRR and our router choose the same paths by the same rules, but where `DIFFERENCES` says why not."""
    decide_by(frr, rules)
    theirs, ours = frr_choices(frr), our_choices(router, RULES[rules][1])
    different = {case: theirs[case] for case in cases_of(rules) if theirs[case] != ours[case]}
    assert different == {case: chosen for (where, case), (chosen, _) in DIFFERENCES.items() if where == rules}


@pytest.mark.parametrize(
    ("rules", "other"),
    [("RFC 4271", "always-compare-med"), ("RFC 4271", "missing-as-worst"), ("multipath", "multipath-relax")],
)
def test_the_comparison_can_fail(frr: Frr, router: Router, rules: str, other: str) -> None:
    """The negative control: a router that decides by other rules is found out."""
    decide_by(frr, rules)
    theirs, ours = frr_choices(frr), our_choices(router, RULES[other][1])
    different = {case for case in cases_of(rules) if theirs[case] != ours[case]}
    assert different - {case for _, case in DIFFERENCES} != set()
