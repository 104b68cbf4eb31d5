"""Next hops as FRR resolves them: bgpd asks zebra for the cost of each, and chooses as our router does.

The kernel's routes stand for those of an interior gateway protocol, as the static routes of a plan do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from frr import Frr, body_of, running_frr_with_zebra
from lab.bgp import AsPath, BestPathRules, Route, parse_prefix
from lab.plan import StaticRoute
from lab.policy import SessionRules
from lab.rib import Because
from lab.router import Router
from lab_processes import await_
from networks import OPEN
from oracle_router import (
    OWN_ASN,
    ROUTER_ID,
    Choice,
    Peer,
    bgp_plan,
    frr_choice,
    neighbor_lines,
    our_choice,
    our_decision,
    receive,
    started,
)

PEERS = {
    "a": Peer(address="192.0.2.11", asn=65001, router_id="10.0.0.9"),
    "i": Peer(address="192.0.2.21", asn=65010, router_id="10.0.0.3"),
    "j": Peer(address="192.0.2.22", asn=65010, router_id="10.0.0.2"),
    "k": Peer(address="192.0.2.23", asn=65010, router_id="10.0.0.1"),
}


def static(prefix: str, next_hop: str, metric: int) -> StaticRoute:
    """A route to next hops, at a cost."""
    return StaticRoute(prefix=parse_prefix(prefix), next_hop=IPv4Address(next_hop), metric=metric)


ROUTES = (
    static("203.0.113.10/32", "192.0.2.99", 10),
    static("203.0.113.20/32", "192.0.2.98", 20),
    static("203.0.113.0/24", "192.0.2.97", 50),
)
ON_THE_LAN, COST_10, COST_20, COST_50, NOWHERE = (
    IPv4Address(text) for text in ("192.0.2.50", "203.0.113.10", "203.0.113.20", "203.0.113.30", "198.51.100.1")
)


def inside(next_hop: IPv4Address, path: str = "65001", **attributes: object) -> Route:
    """A route that a neighbour inside sends."""
    made = Route(prefix=parse_prefix("0.0.0.0/0"), next_hop=next_hop, as_path=AsPath.parse(path), local_pref=100)
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


OUTSIDE = Route(
    prefix=parse_prefix("0.0.0.0/0"), next_hop=IPv4Address(PEERS["a"].address), as_path=AsPath.parse("65001")
)
CASES: Mapping[str, tuple[Mapping[str, Route], Because]] = {
    "the lower cost": ({"i": inside(COST_10), "j": inside(COST_20)}, Because.HIGHER_IGP_COST),
    "a connected next hop costs nothing": (
        {"i": inside(ON_THE_LAN), "k": inside(COST_10)},
        Because.HIGHER_IGP_COST,
    ),
    "the longest match decides the cost": (
        {"i": inside(COST_20), "k": inside(COST_50)},
        Because.HIGHER_IGP_COST,
    ),
    "the same cost": ({"i": inside(COST_10), "j": inside(COST_10)}, Because.HIGHER_ROUTER_ID),
    "outside before any cost": ({"i": inside(ON_THE_LAN), "a": OUTSIDE}, Because.IBGP),
    "MED before the cost": (
        {"i": inside(COST_20, multi_exit_disc=1), "j": inside(COST_10, multi_exit_disc=2)},
        Because.HIGHER_MULTI_EXIT_DISC,
    ),
    "path length before the cost": ({"i": inside(COST_20), "j": inside(COST_10, "65001 1")}, Because.LONGER_AS_PATH),
    "unreachable, however good": (
        {"i": inside(NOWHERE, local_pref=900), "j": inside(COST_20)},
        Because.NEXT_HOP_UNREACHABLE,
    ),
    "all unreachable": ({"i": inside(NOWHERE), "j": inside(NOWHERE)}, Because.NEXT_HOP_UNREACHABLE),
    "two of three cost the same": (
        {"i": inside(COST_10), "j": inside(COST_10), "k": inside(COST_20)},
        Because.HIGHER_ROUTER_ID,
    ),
}
PREFIXES = {name: parse_prefix(f"10.{number}.0.0/16") for number, name in enumerate(CASES)}
MANY = BestPathRules(maximum_paths=4)


def bodies(name: str) -> list[bytes]:
    """The UPDATEs of a neighbour."""
    return [body_of(replace(paths[name], prefix=PREFIXES[case])) for case, (paths, _) in CASES.items() if name in paths]


def our_router(*, routes: tuple[StaticRoute, ...] = ROUTES) -> Router:
    """Our router, having received everything."""
    rules = {name: OPEN if peer.ebgp else SessionRules() for name, peer in PEERS.items()}
    router, _ = started(PEERS, bgp_plan(PEERS, rules, best_path=MANY), routes)
    for name, peer in PEERS.items():
        receive(router, name, peer, bodies(name))
    return router


def our_choices(router: Router) -> dict[str, Choice]:
    """What our router chose, by the name of the case."""
    return {name: our_choice(router, prefix) for name, prefix in PREFIXES.items()}


@pytest.fixture(scope="module")
def frr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frr]:
    """A bgpd that has every path of every case, and zebra."""
    lines = [
        "route-map all permit 10",
        f"router bgp {OWN_ASN}",
        f"bgp router-id {ROUTER_ID}",
        "bgp bestpath compare-routerid",
        "bgp deterministic-med",
        *neighbor_lines(PEERS),
        "address-family ipv4 unicast",
        f"neighbor {PEERS['a'].address} route-map all in",
        f"maximum-paths {MANY.maximum_paths}",
        f"maximum-paths ibgp {MANY.maximum_paths}",
    ]
    with running_frr_with_zebra(tmp_path_factory.mktemp("frr"), ROUTES) as running:
        running.configure("\n".join(lines))
        for name, peer in PEERS.items():
            running.connect(peer.address, peer.asn, peer.router_id).send(*bodies(name))
        wanted = sum(len(paths) for paths, _ in CASES.values())
        await_(lambda: sum(map(len, running.paths().values())) == wanted, f"{wanted} paths")
        yield running


def test_the_cases_are_decided_where_they_should() -> None:
    """Each case is decided at the step that it is there for."""
    router = our_router()
    decided = {case: our_decision(router, PREFIXES[case]).because for case in CASES}
    assert decided == {case: because for case, (_, because) in CASES.items()}


def test_frr_chooses_as_we_do(frr: Frr) -> None:
    """FRR and our router choose the same paths, and use the same ones beside the best."""
    expected = our_choices(our_router())
    found: dict[str, Choice] = {}

    def settled() -> bool:
        """Bgpd hears of the next hops by and by."""
        paths = frr.paths()
        found.update({name: frr_choice(paths[prefix], PEERS) for name, prefix in PREFIXES.items()})
        return found == expected

    with suppress(AssertionError):
        await_(settled, "the same choices", deadline_s=5)
    assert found == expected


def test_the_comparison_can_fail(frr: Frr) -> None:
    """The negative control: a router to which the next hops cost the same chooses otherwise."""
    other = tuple(replace(one, metric=0) for one in ROUTES)
    paths = frr.paths()
    assert {name: frr_choice(paths[prefix], PEERS) for name, prefix in PREFIXES.items()} != our_choices(
        our_router(routes=other)
    )
