"""Which paths forwarding uses beside the best one, and the rules by which the choice differs from the RFC's."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import permutations

import pytest

from builders import path
from lab.bgp import AsPath, BestPathRules, Route
from lab.rib import Because, Decision, Lost, Path, decide

BEST = path("a")


def other(**attributes: object) -> Path:
    """A path from `b` that loses to `BEST` by its router id only, but for some attributes of its route."""
    next_hop = IPv4Address("198.51.100.6")
    route: Route = replace(BEST.route, **{"next_hop": next_hop, **attributes})  # type: ignore[arg-type]  # of Route
    return replace(path("b"), peer_router_id=7, route=route)


def equals(count: int) -> list[Path]:
    """Paths that differ in tie-breaks and next hops only, best first."""
    return [
        replace(path(f"n{number}"), peer_router_id=number, route=replace(BEST.route, next_hop=IPv4Address(number)))
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(("maximum_paths", "used"), [(1, 1), (2, 2), (3, 3), (8, 3)])
def test_equal_paths_share_the_load_up_to_the_maximum(maximum_paths: int, used: int) -> None:
    """Paths that lost only a tie-break are used too, best first, however they arrived."""
    paths = equals(3)
    for order in permutations(paths):
        assert decide(order, BestPathRules(maximum_paths=maximum_paths)).multipath == tuple(paths[:used])


def test_a_second_path_to_a_next_hop_takes_no_place() -> None:
    """Of paths to one next hop the best counts, so that the maximum is of next hops, however they arrived."""
    first, second, third = equals(3)
    again = replace(second, route=replace(second.route, next_hop=first.route.next_hop))
    for order in permutations((first, again, third)):
        assert decide(order, BestPathRules(maximum_paths=2)).multipath == (first, third)


def test_ibgp_paths_share_the_load_among_themselves() -> None:
    """All paths of a multipath may be iBGP."""
    paths = [replace(one, ebgp=False) for one in equals(2)]
    assert decide(paths, BestPathRules(maximum_paths=2)).multipath == tuple(paths)


@pytest.mark.parametrize(
    "rival",
    [
        pytest.param(replace(other(), ebgp=False), id="iBGP beside eBGP"),
        pytest.param(other(as_path=AsPath.of(65002, 64999)), id="another AS path of the same length"),
        pytest.param(other(multi_exit_disc=1), id="higher MED"),
        pytest.param(other(local_pref=99), id="lower local preference"),
        pytest.param(replace(other(), interface=None), id="unreachable"),
        pytest.param(other(next_hop=BEST.route.next_hop), id="the same next hop"),
    ],
)
def test_unequal_paths_do_not_share_the_load(rival: Path) -> None:
    """A path that lost before the tie-breaks, or has another AS path or no next hop of its own, is not used."""
    assert decide([BEST, replace(rival, peer_router_id=7)], BestPathRules(maximum_paths=8)).multipath == (BEST,)


def test_a_route_of_the_router_itself_is_used_alone() -> None:
    """The own route is not shared with learned ones."""
    assert decide([BEST, path(None), path("b")], BestPathRules(maximum_paths=8)).multipath == (path(None),)


# multipath, relaxed


OF_ANOTHER_AS = other(as_path=AsPath.of(65002, 64998))


@pytest.mark.parametrize(
    ("rival", "used"),
    [
        pytest.param(OF_ANOTHER_AS, True, id="another path of the same length"),
        pytest.param(other(as_path=AsPath.parse("65002 {1,2}")), True, id="a set counts as 1"),
        pytest.param(other(as_path=AsPath.of(65002)), None, id="a shorter path is better"),
        pytest.param(other(as_path=AsPath.of(65002, 64998, 1)), False, id="a longer path"),
        pytest.param(replace(OF_ANOTHER_AS, ebgp=False), False, id="iBGP beside eBGP"),
        pytest.param(replace(OF_ANOTHER_AS, igp_cost=1), False, id="a higher cost of the next hop"),
        pytest.param(replace(OF_ANOTHER_AS, discard=True), False, id="packets that are dropped are no share of a load"),
        pytest.param(
            other(as_path=AsPath.of(65002, 64998), multi_exit_disc=9), True, id="a MED of another AS is not compared"
        ),
    ],
)
def test_relaxed_paths_need_only_be_equally_long(rival: Path, *, used: bool | None) -> None:
    """With multipath_relax the AS paths may differ; what was lost before is lost."""
    relaxed = BestPathRules(maximum_paths=8, multipath_relax=True)
    expected = {True: (BEST, rival), False: (BEST,), None: (rival,)}[used]
    assert decide([rival, BEST], relaxed).multipath == expected


def test_paths_of_another_as_are_not_used_unless_relaxed() -> None:
    """Without multipath_relax the AS paths must be the same."""
    assert decide([OF_ANOTHER_AS, BEST], BestPathRules(maximum_paths=8)).multipath == (BEST,)


def test_a_best_path_whose_packets_are_dropped_is_used_alone() -> None:
    """What is a blackhole is none for half of the packets (RFC 7999)."""
    dropped = replace(BEST, discard=True)
    assert decide([dropped, other()], BestPathRules(maximum_paths=8)).multipath == (dropped,)


ALIKE = replace(other(), peer_router_id=1)


@pytest.mark.parametrize(
    ("rival", "because"),
    [
        pytest.param(other(), Because.HIGHER_ROUTER_ID, id="router id"),
        pytest.param(
            replace(ALIKE, route=replace(ALIKE.route, cluster_list=(IPv4Address(1),))),
            Because.LONGER_CLUSTER_LIST,
            id="cluster list",
        ),
        pytest.param(
            replace(ALIKE, peer_address=IPv4Address("198.51.100.9")), Because.HIGHER_PEER_ADDRESS, id="peer address"
        ),
    ],
)
def test_a_path_that_lost_a_tie_break_shares_the_load(rival: Path, because: Because) -> None:
    """The tie-breaks say which path is announced, and nothing of where packets go."""
    decision = decide([rival, BEST], BestPathRules(maximum_paths=2))
    assert decision.multipath == (BEST, rival)
    assert [(lost.path, lost.because) for lost in decision.lost] == [(rival, because)]


# MED


def with_med(name: str, med: int | None, neighbor_as: int, router_id: int) -> Path:
    """A path with a MED, from a neighbour AS."""
    route = replace(BEST.route, as_path=AsPath.of(neighbor_as, 64999), multi_exit_disc=med)
    return replace(path(name), peer_router_id=router_id, route=route)


HIGHER, HIGHER_OF_ALL = Because.HIGHER_MULTI_EXIT_DISC, Because.HIGHER_MULTI_EXIT_DISC_OF_ALL
WORST = 4294967295


@pytest.mark.parametrize(
    ("rules", "winner", "loser", "because", "values"),
    [
        pytest.param(
            BestPathRules(),
            with_med("a", 5, 65001, 2),
            with_med("b", 6, 65001, 1),
            HIGHER,
            "6 against 5",
            id="RFC 4271 §9.1.2.2 c: of the same AS",
        ),
        pytest.param(
            BestPathRules(),
            with_med("a", 6, 65001, 1),
            with_med("b", 5, 65002, 2),
            Because.HIGHER_ROUTER_ID,
            "0.0.0.2 against 0.0.0.1",
            id="RFC 4271 §9.1.2.2 c: of another AS it is not compared",
        ),
        pytest.param(
            BestPathRules(always_compare_med=True),
            with_med("b", 5, 65002, 2),
            with_med("a", 6, 65001, 1),
            HIGHER_OF_ALL,
            "6 against 5",
            id="always_compare_med",
        ),
        pytest.param(
            BestPathRules(),
            with_med("a", None, 65001, 2),
            with_med("b", 1, 65001, 1),
            HIGHER,
            "1 against 0",
            id="RFC 4271 §9.1.2.2 c: absent it is the lowest",
        ),
        pytest.param(
            BestPathRules(missing_med_as_worst=True),
            with_med("b", WORST - 1, 65001, 2),
            with_med("a", None, 65001, 1),
            HIGHER,
            "4294967295 against 4294967294",
            id="missing_med_as_worst",
        ),
        pytest.param(
            BestPathRules(missing_med_as_worst=True),
            with_med("a", 0, 65001, 1),
            with_med("b", 1, 65001, 2),
            HIGHER,
            "1 against 0",
            id="missing_med_as_worst: one that is there and zero is not missing",
        ),
        pytest.param(
            BestPathRules(missing_med_as_worst=True),
            with_med("a", None, 65001, 1),
            with_med("b", 5, 65002, 2),
            Because.HIGHER_ROUTER_ID,
            "0.0.0.2 against 0.0.0.1",
            id="missing_med_as_worst: of the same AS only",
        ),
        pytest.param(
            BestPathRules(always_compare_med=True, missing_med_as_worst=True),
            with_med("b", 5, 65002, 2),
            with_med("a", None, 65001, 1),
            HIGHER_OF_ALL,
            "4294967295 against 5",
            id="both",
        ),
    ],
)
def test_meds_are_compared_as_configured(
    rules: BestPathRules, winner: Path, loser: Path, because: Because, values: str
) -> None:
    """Among whom a MED is compared, and what an absent one counts, is the operator's choice."""
    expected = Decision(
        best=winner, multipath=(winner,), lost=(Lost(path=loser, because=because, values=values),), because=because
    )
    assert decide([winner, loser], rules) == expected
    assert decide([loser, winner], rules) == expected


def test_meds_are_compared_per_as_and_not_in_order_of_arrival() -> None:
    """Deterministic MED: the best of each AS is found first, whatever lies between its paths (RFC 4271 §9.1.2.2 c)."""
    a1, a2, b = with_med("a1", 10, 65001, 1), with_med("a2", 5, 65001, 3), with_med("b", 100, 65002, 2)
    for order in permutations((a1, a2, b)):
        decision = decide(order)
        assert decision.best == b
        assert [(lost.path, lost.because, lost.values) for lost in decision.lost] == [
            (a1, HIGHER, "10 against 5"),
            (a2, Because.HIGHER_ROUTER_ID, "0.0.0.3 against 0.0.0.2"),
        ]
