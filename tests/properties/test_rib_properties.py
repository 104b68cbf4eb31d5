"""What holds for every set of paths to one prefix."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import P1
from lab.bgp import AsPath, Route
from lab.rib import Because, Decision, Path, decide
from strategies import routes


@st.composite
def one_path(draw: st.DrawFn) -> Path:
    """A path whose attributes often equal those of others."""
    route: Route = draw(routes)
    as_path = AsPath.of(draw(st.sampled_from([65001, 65002])), draw(st.sampled_from([1, 2])))
    return Path(
        route=replace(route, prefix=P1, as_path=draw(st.sampled_from([as_path, route.as_path]))),
        neighbor="n",
        peer_address=IPv4Address(draw(st.integers(1, 2))),
        peer_router_id=draw(st.integers(1, 2)),
        ebgp=draw(st.booleans()),
        interface=draw(st.sampled_from(["eth0", "eth0", "eth0", None])),
    )


@st.composite
def some_paths(draw: st.DrawFn) -> list[Path]:
    """Up to six paths of different neighbours, like or unlike in attributes, and perhaps an own one."""
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
    if draw(st.integers(0, 4)) == 0:
        own = Route(prefix=P1, next_hop=IPv4Address(0))
        paths.append(Path(route=own, neighbor=None, peer_address=None, peer_router_id=0, ebgp=False, interface=None))
    return paths


def rfc_4271_med_step(paths: list[Path]) -> list[Path]:
    """The pseudo-code of RFC 4271 §9.1.2.2 c, to the letter."""
    removed: list[Path] = []
    for m in paths:
        for n in paths:
            same = m.route.as_path.neighbor_asn == n.route.as_path.neighbor_asn
            if same and (n.route.multi_exit_disc or 0) < (m.route.multi_exit_disc or 0):
                removed.append(m)
    return [path for path in paths if path not in removed]


def oracle(paths: list[Path]) -> Path | None:
    """The best path by one list comprehension per rule, in the order of RFC 4271 §9.1.2."""
    left = [p for p in paths if p.interface is not None or p.neighbor is None]
    left = [p for p in left if all(p.route.weight >= q.route.weight for q in left)]
    pref = {id(p): 100 if p.route.local_pref is None else p.route.local_pref for p in left}
    left = [p for p in left if all(pref[id(p)] >= pref[id(q)] for q in left)]
    left = [p for p in left if p.neighbor is None] or left
    left = [p for p in left if all(p.route.as_path.length <= q.route.as_path.length for q in left)]
    left = [p for p in left if all(p.route.origin.preference <= q.route.origin.preference for q in left)]
    left = rfc_4271_med_step(left)
    left = [p for p in left if p.ebgp] or left
    left = [p for p in left if all(p.peer_router_id <= q.peer_router_id for q in left)]
    left = [p for p in left if all(int(p.peer_address or 0) <= int(q.peer_address or 0) for q in left)]
    return left[0] if left else None


@given(some_paths())
@settings(max_examples=300)
def test_the_best_path_is_the_one_of_the_rfc(paths: list[Path]) -> None:
    """The decision agrees with the RFC's steps taken one after the other over all pairs."""
    assert decide(paths).best == oracle(paths)


@given(some_paths(), st.data(), st.integers(1, 4))
def test_the_decision_does_not_depend_on_the_order_of_arrival(
    paths: list[Path], data: st.DataObject, maximum_paths: int
) -> None:
    """Every order of the same paths gives the same decision, reasons and multipath included."""
    shuffled = data.draw(st.permutations(paths))
    assert decide(shuffled, maximum_paths=maximum_paths) == decide(paths, maximum_paths=maximum_paths)


def usable(decision: Decision) -> set[str | None]:
    """The neighbours of the paths that a decision uses."""
    return {path.neighbor for path in decision.multipath}


@given(some_paths(), st.integers(1, 4))
def test_every_path_is_best_or_lost_once(paths: list[Path], maximum_paths: int) -> None:
    """Each path is the best one or has exactly one reason not to be."""
    decision = decide(paths, maximum_paths=maximum_paths)
    accounted = [lost.path.neighbor for lost in decision.lost] + ([decision.best.neighbor] if decision.best else [])
    assert sorted(map(str, accounted)) == sorted(str(path.neighbor) for path in paths)


@given(some_paths(), st.integers(1, 4))
def test_a_multipath_is_alike(paths: list[Path], maximum_paths: int) -> None:
    """Best first, no more than allowed, one AS path, one kind of session; others in it lost to a tie-break only."""
    decision = decide(paths, maximum_paths=maximum_paths)
    assert len(decision.multipath) <= maximum_paths
    assert decision.multipath[:1] == ((decision.best,) if decision.best else ())
    assert len({(path.route.as_path, path.ebgp) for path in decision.multipath}) <= 1
    reasons = {lost.because for lost in decision.lost if lost.path.neighbor in usable(decision)}
    assert reasons <= {Because.HIGHER_ROUTER_ID, Because.HIGHER_PEER_ADDRESS}


BEFORE_MED = {
    Because.NEXT_HOP_UNREACHABLE,
    Because.LOWER_WEIGHT,
    Because.LOWER_LOCAL_PREF,
    Because.NOT_OWN_ROUTE,
    Because.LONGER_AS_PATH,
    Because.HIGHER_ORIGIN,
}
"""Later losers may have kept another path out by their MED, so that their leaving changes the best path (RFC 3345)."""


@given(some_paths())
def test_a_path_that_lost_before_the_med_has_no_influence(paths: list[Path]) -> None:
    """Without a path that lost before the MED was compared, the best path is the same."""
    decision = decide(paths)
    for lost in decision.lost:
        if lost.because in BEFORE_MED:
            assert decide([path for path in paths if path is not lost.path]).best == decision.best
