"""The decision process, step by step (RFC 4271 §9.1.2)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from itertools import permutations

import pytest

from builders import path
from lab.bgp import Asn, AsPath, BestPathRules, Origin, RouteSource, Segment, SegmentKind
from lab.rib import Because, Decision, Lost, Path, decide

BEST = path("a")
"""Lost or won against in every test: eBGP, path 65001 64999, from router id 0.0.0.1."""


def other(**attributes: object) -> Path:
    """A path from `b` that draws with `BEST`, but for some attributes of its route."""
    return replace(path("b"), route=replace(BEST.route, **attributes))  # type: ignore[arg-type]  # mypy checks no **kwargs


def aggregated() -> Path:
    """The router's own aggregate, which draws with everything."""
    own = path(None)
    return replace(own, route=replace(own.route, source=RouteSource.AGGREGATE))


CLUSTERS = (IPv4Address(1), IPv4Address(2))


@pytest.mark.parametrize(
    ("winner", "loser", "because", "values"),
    [
        pytest.param(
            BEST,
            replace(other(weight=9, local_pref=900), interface=None),
            Because.NEXT_HOP_UNREACHABLE,
            "there is no way to 198.51.100.2 but by BGP, or none at all",
            id="RFC 4271 §9.1.2.1: before every other step",
        ),
        pytest.param(
            replace(BEST, route=replace(BEST.route, weight=1)),
            other(local_pref=900),
            Because.LOWER_WEIGHT,
            "0 against 1",
            id="weight, before local preference",
        ),
        pytest.param(
            replace(BEST, route=replace(BEST.route, local_pref=101)),
            other(as_path=AsPath.of(65001)),
            Because.LOWER_LOCAL_PREF,
            "100 against 101",
            id="RFC 4271 §9.1.1: local preference, before path length; absent it is 100",
        ),
        pytest.param(
            BEST,
            other(local_pref=99),
            Because.LOWER_LOCAL_PREF,
            "99 against 100",
            id="RFC 4271 §9.1.1: 99 is less than an absent one",
        ),
        pytest.param(
            replace(path(None), route=replace(path(None).route, as_path=AsPath.of(1, 2, 3))),
            BEST,
            Because.NOT_OWN_ROUTE,
            "learned against own",
            id="the own route, before path length",
        ),
        pytest.param(
            replace(BEST, route=replace(BEST.route, origin=Origin.INCOMPLETE)),
            other(as_path=AsPath.of(65001, 64999, 64998)),
            Because.LONGER_AS_PATH,
            "3 against 2",
            id="RFC 4271 §9.1.2.2 a: path length, before origin",
        ),
        pytest.param(
            BEST,
            other(
                as_path=AsPath(
                    (
                        Segment(SegmentKind.SEQUENCE, (Asn(65001), Asn(64999))),
                        Segment(SegmentKind.SET, (Asn(1), Asn(2), Asn(3))),
                    )
                )
            ),
            Because.LONGER_AS_PATH,
            "3 against 2",
            id="RFC 4271 §9.1.2.2 a: a set counts 1",
        ),
        pytest.param(
            replace(BEST, route=replace(BEST.route, multi_exit_disc=9)),
            other(origin=Origin.EGP),
            Because.HIGHER_ORIGIN,
            "egp against igp",
            id="RFC 4271 §9.1.2.2 b: origin, before MED",
        ),
        pytest.param(
            replace(BEST, route=replace(BEST.route, origin=Origin.EGP)),
            other(origin=Origin.INCOMPLETE),
            Because.HIGHER_ORIGIN,
            "incomplete against egp",
            id="RFC 4271 §9.1.2.2 b: EGP is better than INCOMPLETE",
        ),
        pytest.param(
            replace(BEST, ebgp=False),
            other(multi_exit_disc=1),
            Because.HIGHER_MULTI_EXIT_DISC,
            "1 against 0",
            id="RFC 4271 §9.1.2.2 c: MED, before eBGP over iBGP; absent it is 0",
        ),
        pytest.param(
            aggregated(),
            BEST,
            Because.NOT_OWN_ROUTE,
            "learned against aggregated",
            id="an own aggregate, before what others say",
        ),
        pytest.param(
            path(None),
            aggregated(),
            Because.NOT_OWN_ROUTE,
            "aggregated against own",
            id="an own network, before an own aggregate",
        ),
        pytest.param(
            replace(BEST, peer_router_id=9),
            replace(other(), ebgp=False),
            Because.IBGP,
            "iBGP against eBGP",
            id="RFC 4271 §9.1.2.2 d: eBGP over iBGP, before router id",
        ),
        pytest.param(
            replace(BEST, igp_cost=7),
            replace(other(), ebgp=False, igp_cost=5),
            Because.IBGP,
            "iBGP against eBGP",
            id="RFC 4271 §9.1.2.2 d: eBGP over iBGP, before the cost of the next hop",
        ),
        pytest.param(
            replace(BEST, peer_router_id=9, igp_cost=5),
            replace(other(), igp_cost=7),
            Because.HIGHER_IGP_COST,
            "7 against 5",
            id="RFC 4271 §9.1.2.2 e: the cost of the next hop, before router id",
        ),
        pytest.param(
            replace(BEST, peer_router_id=9, route=replace(BEST.route, originator_id=IPv4Address("0.0.0.4"))),
            replace(other(), peer_router_id=5),
            Because.HIGHER_ROUTER_ID,
            "0.0.0.5 against 0.0.0.4",
            id="RFC 4456 §9: the ORIGINATOR_ID counts as the router id",
        ),
        pytest.param(
            replace(BEST, peer_router_id=9, route=replace(BEST.route, cluster_list=CLUSTERS)),
            replace(other(), peer_router_id=10),
            Because.HIGHER_ROUTER_ID,
            "0.0.0.10 against 0.0.0.9",
            id="RFC 4456 §9: router id, before the length of the CLUSTER_LIST",
        ),
        pytest.param(
            replace(BEST, peer_address=ip_address("198.51.100.10")),
            other(cluster_list=CLUSTERS),
            Because.LONGER_CLUSTER_LIST,
            "2 against 0",
            id="RFC 4456 §9: the length of the CLUSTER_LIST, before peer address; absent it is 0",
        ),
        pytest.param(
            BEST,
            replace(other(), peer_router_id=0x0A000001, peer_address=ip_address("10.0.0.1")),
            Because.HIGHER_ROUTER_ID,
            "10.0.0.1 against 0.0.0.1",
            id="RFC 4271 §9.1.2.2 f: router id, before peer address",
        ),
        pytest.param(
            BEST,
            replace(other(), peer_address=ip_address("198.51.100.10")),
            Because.HIGHER_PEER_ADDRESS,
            "198.51.100.10 against 198.51.100.2",
            id="RFC 4271 §9.1.2.2 g: peer address, by number and not by text",
        ),
    ],
)
def test_each_step_decides_before_the_next(winner: Path, loser: Path, because: Because, values: str) -> None:
    """A step alone decides, although a later one would decide otherwise, in whichever order the paths arrive."""
    expected = Decision(
        best=winner,
        multipath=(winner,),
        lost=(Lost(path=loser, because=because, values=values),),
        because=because,
    )
    assert decide([winner, loser]) == expected
    assert decide([loser, winner]) == expected


def test_a_path_without_rival_wins_as_the_only_one() -> None:
    """A single path is best because it is the only one."""
    assert decide([BEST]) == Decision(best=BEST, multipath=(BEST,), lost=(), because=Because.ONLY_PATH)


def test_no_path_is_no_best_path() -> None:
    """Without a path there is no best one, and no next hop is to blame."""
    assert decide([]) == Decision(best=None, multipath=(), lost=(), because=Because.NO_PATH)


def test_a_path_with_an_unreachable_next_hop_is_never_best() -> None:
    """A route whose next hop cannot be resolved is left out of the decision (RFC 4271 §9.1.2.1)."""
    decision = decide([replace(BEST, interface=None)], BestPathRules(maximum_paths=4))
    assert decision.best is None
    assert decision.multipath == ()
    assert decision.because is Because.NEXT_HOP_UNREACHABLE
    assert len(decision.lost) == 1


def test_a_path_whose_packets_are_dropped_needs_no_next_hop() -> None:
    """A blackhole is where it is, whatever next hop its route has (RFC 7999 §3.3)."""
    dropped = replace(BEST, interface=None, discard=True)
    assert decide([dropped]) == Decision(best=dropped, multipath=(dropped,), lost=(), because=Because.ONLY_PATH)


def test_the_own_route_needs_no_next_hop() -> None:
    """The router's own route is reachable without an interface."""
    assert decide([path(None)]).best == path(None)


def test_a_med_of_another_neighbour_as_is_not_compared() -> None:
    """Routes of different neighbour ASes are not compared by MED (RFC 4271 §9.1.2.2 c)."""
    better_med = replace(other(as_path=AsPath.of(65002, 64999)), peer_router_id=2)
    worse_med = replace(BEST, route=replace(BEST.route, multi_exit_disc=500))
    decision = decide([better_med, worse_med])
    assert decision.best == worse_med
    assert decision.because is Because.HIGHER_ROUTER_ID


def test_the_med_is_compared_between_routes_of_the_own_as() -> None:
    """Internal routes with an empty path are all of the local AS (RFC 4271 §9.1.2.2 c)."""
    inside = [
        replace(path(name), ebgp=False, route=replace(BEST.route, as_path=AsPath(), multi_exit_disc=med))
        for name, med in (("i", 7), ("j", 6))
    ]
    assert decide(inside).best == inside[1]
    assert decide(inside).because is Because.HIGHER_MULTI_EXIT_DISC


def test_the_classic_med_cycle_has_one_answer() -> None:
    """Where pairwise comparison cycles (RFC 3345), grouping by neighbour AS gives every order the same best path.

    Pairwise a beats b by router id, b beats c by eBGP, and c beats a by MED.
    """
    a = replace(path("a"), peer_router_id=1, route=replace(BEST.route, as_path=AsPath.of(65001, 1), multi_exit_disc=2))
    b = replace(path("b"), peer_router_id=2, route=replace(BEST.route, as_path=AsPath.of(65002, 1)))
    c = replace(
        path("c"),
        peer_router_id=3,
        ebgp=False,
        route=replace(BEST.route, as_path=AsPath.of(65001, 1), multi_exit_disc=1),
    )
    assert [decide(pair).best for pair in ((a, b), (b, c), (c, a))] == [a, b, c]
    decisions = [decide(order) for order in permutations((a, b, c))]
    assert all(decision == decisions[0] for decision in decisions)
    assert decisions[0].best == b
    assert [(lost.path, lost.because) for lost in decisions[0].lost] == [
        (a, Because.HIGHER_MULTI_EXIT_DISC),
        (c, Because.IBGP),
    ]


def test_losers_are_listed_in_the_order_of_elimination() -> None:
    """Every path but the best is listed once, with the step that removed it; the last one explains the victory."""
    by_id = replace(path("b"), peer_router_id=5)
    by_length = replace(path("c"), route=replace(BEST.route, as_path=AsPath.of(1, 2, 3)))
    by_pref = replace(path("d"), route=replace(BEST.route, local_pref=1))
    decision = decide([by_id, BEST, by_length, by_pref])
    assert [(lost.path.neighbor, lost.because) for lost in decision.lost] == [
        ("d", Because.LOWER_LOCAL_PREF),
        ("c", Because.LONGER_AS_PATH),
        ("b", Because.HIGHER_ROUTER_ID),
    ]
    assert decision.because is Because.HIGHER_ROUTER_ID
