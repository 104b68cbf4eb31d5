"""What holds for every set of paths to one prefix."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import P1
from lab.bgp import AsPath, BestPathRules, Route, RouteSource
from lab.rib import Because, Decision, Path, decide
from strategies import best_path_rules, routes


@st.composite
def one_path(draw: st.DrawFn) -> Path:
    """A path whose attributes often equal those of others."""
    route: Route = draw(routes)
    as_path = AsPath.of(draw(st.sampled_from([65001, 65002])), draw(st.sampled_from([1, 2])))
    return Path(
        route=replace(
            route,
            prefix=P1,
            next_hop=IPv4Address(draw(st.integers(1, 3))),
            as_path=draw(st.sampled_from([as_path, route.as_path])),
            originator_id=draw(st.sampled_from([None, None, IPv4Address(1), IPv4Address(3)])),
            cluster_list=draw(st.sampled_from([(), (), (IPv4Address(9),), (IPv4Address(8), IPv4Address(9))])),
            source=RouteSource.BGP,
        ),
        neighbor="n",
        peer_address=IPv4Address(draw(st.integers(1, 2))),
        peer_router_id=draw(st.integers(1, 2)),
        ebgp=draw(st.booleans()),
        interface=draw(st.sampled_from(["eth0", "eth0", "eth0", None])),
        igp_cost=draw(st.sampled_from([0, 0, 5])),
        discard=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def some_paths(draw: st.DrawFn) -> list[Path]:
    """Up to six paths of different neighbours, like or unlike in attributes, and perhaps own ones."""
    found = draw(st.lists(one_path(), max_size=6))
    alike = draw(st.booleans())
    paths = [
        replace(
            path,
            neighbor=f"n{number}",
            peer_address=IPv4Address(number + 1),
            route=replace(path.route, local_pref=None, weight=0, origin=found[0].route.origin) if alike else path.route,
        )
        for number, path in enumerate(found)
    ]
    own = draw(st.sampled_from([(), (), (), (RouteSource.STATIC,), (RouteSource.STATIC, RouteSource.AGGREGATE)]))
    for source in own:
        route = Route(prefix=P1, next_hop=IPv4Address(0), source=source)
        paths.append(Path(route=route, neighbor=None, peer_address=None, peer_router_id=0, ebgp=False, interface=None))
    return paths


def med(path: Path, rules: BestPathRules) -> int:
    """A MED as it is compared."""
    absent = 0xFFFFFFFF if rules.missing_med_as_worst else 0
    return absent if path.route.multi_exit_disc is None else path.route.multi_exit_disc


def rfc_4271_med_step(paths: list[Path], rules: BestPathRules) -> list[Path]:
    """The pseudo-code of RFC 4271 §9.1.2.2 c, to the letter."""
    removed: list[Path] = []
    for m in paths:
        for n in paths:
            same = rules.always_compare_med or m.route.as_path.neighbor_asn == n.route.as_path.neighbor_asn
            if same and med(n, rules) < med(m, rules):
                removed.append(m)
    return [path for path in paths if path not in removed]


def identifier(path: Path) -> int:
    """RFC 4456 §9: the ORIGINATOR_ID in place of the router id, where there is one."""
    return path.peer_router_id if path.route.originator_id is None else int(path.route.originator_id)


def equals(paths: list[Path], rules: BestPathRules) -> list[Path]:
    """What is left before the tie-breaks, by one list comprehension per rule, in the order of RFC 4271 §9.1.2."""
    left = [p for p in paths if p.interface is not None or p.neighbor is None or p.discard]
    left = [p for p in left if all(p.route.weight >= q.route.weight for q in left)]
    pref = {id(p): 100 if p.route.local_pref is None else p.route.local_pref for p in left}
    left = [p for p in left if all(pref[id(p)] >= pref[id(q)] for q in left)]
    left = [p for p in left if p.neighbor is None] or left
    left = [p for p in left if p.route.source is not RouteSource.AGGREGATE] or left
    left = [p for p in left if all(p.route.as_path.length <= q.route.as_path.length for q in left)]
    left = [p for p in left if all(p.route.origin.preference <= q.route.origin.preference for q in left)]
    left = rfc_4271_med_step(left, rules)
    left = [p for p in left if p.ebgp] or left
    return [p for p in left if all(p.igp_cost <= q.igp_cost for q in left)]


def oracle(paths: list[Path], rules: BestPathRules) -> Path | None:
    """The best path by the tie-breaks of RFC 4271 §9.1.2.2 f and g, and RFC 4456 §9."""
    left = equals(paths, rules)
    left = [p for p in left if all(identifier(p) <= identifier(q) for q in left)]
    left = [p for p in left if all(len(p.route.cluster_list) <= len(q.route.cluster_list) for q in left)]
    left = [p for p in left if all(int(p.peer_address or 0) <= int(q.peer_address or 0) for q in left)]
    return left[0] if left else None


@given(some_paths(), best_path_rules)
@settings(max_examples=100)
def test_the_best_path_is_the_one_of_the_rfc(paths: list[Path], rules: BestPathRules) -> None:
    """The decision agrees with the RFC's steps taken one after the other over all pairs."""
    assert decide(paths, rules).best == oracle(paths, rules)


@given(some_paths(), best_path_rules)
@settings(max_examples=100)
def test_a_multipath_is_what_was_left_before_the_tie_breaks(paths: list[Path], rules: BestPathRules) -> None:
    """Learned paths that are forwarded, of each next hop the best, with one AS path or, relaxed, any."""
    decision = decide(paths, rules)
    best = decision.best
    if best is None:
        assert decision.multipath == ()
        return
    others = [
        path
        for path in equals(paths, rules)
        if path is not best and not path.discard and (rules.multipath_relax or path.route.as_path == best.route.as_path)
    ]
    others.sort(key=lambda p: (identifier(p), int(p.peer_address or 0)))
    first = {best.route.next_hop: best}
    for path in others:
        first.setdefault(path.route.next_hop, path)
    alone = best.neighbor is None or best.discard
    assert decision.multipath == ((best,) if alone else tuple(first.values())[: rules.maximum_paths])


@given(some_paths(), st.data(), best_path_rules)
def test_the_decision_does_not_depend_on_the_order_of_arrival(
    paths: list[Path], data: st.DataObject, rules: BestPathRules
) -> None:
    """Every order of the same paths gives the same decision, reasons and multipath included."""
    shuffled = data.draw(st.permutations(paths))
    assert decide(shuffled, rules) == decide(paths, rules)


def usable(decision: Decision) -> set[str | None]:
    """The neighbours of the paths that a decision uses."""
    return {path.neighbor for path in decision.multipath}


@given(some_paths(), best_path_rules)
def test_every_path_is_best_or_lost_once(paths: list[Path], rules: BestPathRules) -> None:
    """Each path is the best one or has exactly one reason not to be."""
    decision = decide(paths, rules)
    accounted = [lost.path.neighbor for lost in decision.lost] + ([decision.best.neighbor] if decision.best else [])
    assert sorted(map(str, accounted)) == sorted(str(path.neighbor) for path in paths)


@given(some_paths(), best_path_rules)
def test_a_path_of_a_multipath_lost_only_a_tie_break(paths: list[Path], rules: BestPathRules) -> None:
    """What is used although it is not best lost a step that says nothing of where packets go."""
    decision = decide(paths, rules)
    reasons = {lost.because for lost in decision.lost if lost.path.neighbor in usable(decision)}
    if decision.best is not None and decision.best.neighbor is not None:
        assert reasons <= {Because.HIGHER_ROUTER_ID, Because.LONGER_CLUSTER_LIST, Because.HIGHER_PEER_ADDRESS}


BEFORE_MED = {
    Because.NEXT_HOP_UNREACHABLE,
    Because.LOWER_WEIGHT,
    Because.LOWER_LOCAL_PREF,
    Because.NOT_OWN_ROUTE,
    Because.LONGER_AS_PATH,
    Because.HIGHER_ORIGIN,
}
"""Later losers may have kept another path out by their MED, so that their leaving changes the best path (RFC 3345)."""


@given(some_paths(), best_path_rules)
def test_a_path_that_lost_before_the_med_has_no_influence(paths: list[Path], rules: BestPathRules) -> None:
    """Without a path that lost before the MED was compared, the best path is the same."""
    decision = decide(paths, rules)
    for lost in decision.lost:
        if lost.because in BEFORE_MED:
            assert decide([path for path in paths if path is not lost.path], rules).best == decision.best
