"""The router: events in, effects and tables out (RFC 4271 §9)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from builders import (
    A6,
    P1,
    P2,
    P3,
    P6,
    A,
    B,
    I,
    J,
    accept,
    adj_rib_in,
    adj_rib_out,
    announced,
    best_neighbor,
    bring_up,
    fib,
    learn,
    node,
    route_from,
    router,
    set_to,
    sole,
    started,
    tear_down,
    unlearn,
    with_rules,
)
from lab.bgp import Aggregate, AsPath, Prefix, Route, parse_prefix
from lab.events import (
    CEASE_ADMINISTRATIVE_RESET,
    Announce,
    CloseSession,
    InstallRoute,
    LinkChanged,
    RemoveRoute,
    SessionDown,
    Withdraw,
)
from lab.plan import InterfacePlan, NodePlan, Role, SessionPlan, StaticRoute
from lab.policy import Change
from lab.rib import Because
from lab.router import Router
from lab.router.speaker import OWN_ROUTE_WEIGHT
from lab.tables import FibEntry

FROM_A = ip_address("198.51.100.2")
FROM_B = ip_address("198.51.100.6")


def test_a_host_is_no_router() -> None:
    """A node without BGP is refused."""
    with pytest.raises(ValueError, match="h is no router"):
        Router(NodePlan(name="h", role=Role.HOST, interfaces=()))


# sessions


def test_a_new_session_is_sent_the_whole_table() -> None:
    """When a session comes up, it is sent everything its export policy accepts (RFC 4271 §9.2)."""
    r = Router(node(A, B, networks=(P1, P6)))
    bring_up(r, A)
    learn(r, A, route_from(A, P2))
    (effect,) = bring_up(r, B)
    assert isinstance(effect, Announce)
    assert effect.session == B.name
    assert {route.prefix for route in effect.routes} == {P1, P2}
    assert adj_rib_out(r, B) == effect.routes


def test_a_session_carries_one_family() -> None:
    """An IPv6 session is sent IPv6 prefixes only, with its own IPv6 address as next hop (RFC 2545 §3)."""
    r = router(A, A6, networks=(P1, P6))
    assert [route.prefix for route in adj_rib_out(r, A)] == [P1]
    route = sole(adj_rib_out(r, A6))
    assert (route.prefix, route.next_hop) == (P6, ip_address("2001:db8:2::1"))


def test_an_ipv6_route_is_learned_and_forwarded() -> None:
    """An IPv6 route resolves over a connected IPv6 network (RFC 2545 §3)."""
    r = router(A6)
    effects = learn(r, A6, route_from(A6, P6))
    assert effects == [InstallRoute(prefix=P6, next_hops=(ip_address("2001:db8:2::2"),))]


def test_nothing_is_taken_or_sent_on_a_session_that_is_down() -> None:
    """Without Established there are neither UPDATEs in nor out."""
    r = Router(node(A, B, networks=(P1,)))
    assert bring_up(r, B) != []
    assert learn(r, A, route_from(A, P2)) == []
    assert adj_rib_in(r, A) == ()
    assert adj_rib_out(r, A) == ()


def test_a_session_that_goes_down_takes_its_routes_along() -> None:
    """All routes of a lost session are removed, withdrawn elsewhere and taken out of the FIB (RFC 4271 §6, §8)."""
    r = router(A, B)
    learn(r, A, route_from(A, P1), route_from(A, P2))
    effects = tear_down(r, A)
    assert effects == [
        RemoveRoute(prefix=P1),
        RemoveRoute(prefix=P2),
        Withdraw(session=B.name, prefixes=(P1, P2)),
    ]
    assert r.tables().loc_rib == ()
    assert (adj_rib_in(r, A), adj_rib_out(r, A), adj_rib_out(r, B)) == ((), (), ())


def test_a_session_that_goes_down_gives_way_to_the_next_best() -> None:
    """When the best path is lost with its session, the next best one takes over everywhere."""
    r = router(A, B, I)
    learn(r, B, route_from(B))
    learn(r, A, route_from(A))
    assert best_neighbor(r) == "a"
    effects = tear_down(r, A)
    assert best_neighbor(r) == "b"
    assert effects == [
        InstallRoute(prefix=P1, next_hops=(FROM_B,)),
        Withdraw(session=B.name, prefixes=(P1,)),
        Announce(session=I.name, routes=(sole(adj_rib_out(r, I)),)),
    ]


def test_a_session_that_comes_back_is_sent_everything_again() -> None:
    """A session starts with an empty Adj-RIB-Out each time."""
    r = router(A, networks=(P1,))
    tear_down(r, A)
    assert [route.prefix for route in announced(bring_up(r, A), A)] == [P1]


# decision and FIB


def test_the_routers_own_networks_win_and_leave_the_fib_alone() -> None:
    """An own network has the weight vendors give it, and no FIB entry; losing it to nobody, it keeps its place."""
    r = router(A, B, networks=(P1,))
    assert sole(r.tables().loc_rib).weight == OWN_ROUTE_WEIGHT
    assert learn(r, A, route_from(A)) == []
    assert best_neighbor(r) is None
    assert fib(r) == {}


def test_a_learned_route_of_higher_weight_beats_the_own_one_and_gives_it_back() -> None:
    """The FIB entry comes and goes with the learned path that is best."""
    r = router(with_rules(A, import_policies=(accept(Change(weight=set_to(OWN_ROUTE_WEIGHT + 1))),)), networks=(P1,))
    assert InstallRoute(prefix=P1, next_hops=(FROM_A,)) in learn(r, A, route_from(A))
    assert RemoveRoute(prefix=P1) in unlearn(r, A, P1)
    assert best_neighbor(r) is None


def test_the_fib_follows_the_best_path() -> None:
    """A FIB entry is installed, replaced and removed together with the best path."""
    r = router(A, B)
    assert InstallRoute(prefix=P1, next_hops=(FROM_B,)) in learn(r, B, route_from(B))
    assert InstallRoute(prefix=P1, next_hops=(FROM_A,)) in learn(r, A, route_from(A))
    assert not any(isinstance(e, InstallRoute | RemoveRoute) for e in unlearn(r, B, P1))
    assert RemoveRoute(prefix=P1) in unlearn(r, A, P1)
    assert fib(r) == {}


def same_path(plan: SessionPlan) -> Route:
    """A route from `a` or `b` with one and the same AS path."""
    return replace(route_from(plan), as_path=AsPath.of(64999))


def test_equal_paths_share_the_load_in_address_order() -> None:
    """With ECMP the FIB holds all next hops in address order, whichever came first or is best."""
    r = router(B, A, maximum_paths=2)
    learn(r, B, same_path(B))
    assert learn(r, A, same_path(A))[0] == InstallRoute(prefix=P1, next_hops=(FROM_A, FROM_B))
    assert r.tables().fib == (FibEntry(prefix=P1, next_hops=(FROM_A, FROM_B)),)
    assert unlearn(r, A, P1)[0] == InstallRoute(prefix=P1, next_hops=(FROM_B,))


def test_a_next_hop_is_used_once() -> None:
    """Two paths through one next hop make one FIB next hop."""
    r = router(I, J, maximum_paths=2)
    third = ip_address("192.0.2.99")
    learn(r, I, replace(route_from(I), next_hop=third))
    assert learn(r, J, replace(route_from(J), next_hop=third)) == []
    assert fib(r) == {P1: ("192.0.2.99",)}


def test_a_second_path_of_a_multipath_announces_nothing() -> None:
    """Only the best path is announced (RFC 4271 §9.1.3), so a path added to forwarding is not."""
    r = router(A, B, I, maximum_paths=2)
    learn(r, A, same_path(A))
    assert learn(r, B, same_path(B)) == [InstallRoute(prefix=P1, next_hops=(FROM_A, FROM_B))]


def test_a_next_hop_outside_all_connected_networks_is_unreachable() -> None:
    """A next hop must be in a connected network (RFC 4271 §5.1.3, §9.1.2.1)."""
    r = router(A, B)
    assert learn(r, A, replace(route_from(A), next_hop=ip_address("203.0.113.1"))) == []
    decision = r.explain(P1).decision
    assert decision is not None
    assert (decision.best, decision.because) == (None, Because.NEXT_HOP_UNREACHABLE)
    assert r.tables().loc_rib == ()


def test_the_interface_of_a_next_hop_is_that_of_the_longest_match() -> None:
    """Where connected networks overlap, the next hop is behind the most specific one."""
    wide = InterfacePlan(name="wide", addresses=(ip_interface("198.51.0.1/16"),))
    plan = node(A)
    r = Router(replace(plan, interfaces=(wide, *plan.interfaces)))
    bring_up(r, A)
    learn(r, A, route_from(A))
    decision = r.explain(P1).decision
    assert decision is not None
    assert decision.best is not None
    assert decision.best.interface == "to-a"


def test_a_connected_network_is_not_routed_through_a_neighbour() -> None:
    """A neighbour's route to a connected network stays out of the FIB, as long as the network is connected."""
    lan = parse_prefix("192.0.2.0/24")
    r = router(A, B)
    effects = learn(r, A, route_from(A, lan))
    assert [type(effect) for effect in effects] == [Announce]
    assert fib(r) == {}
    assert r.handle(LinkChanged(interface="lan", up=False)) == [InstallRoute(prefix=lan, next_hops=(FROM_A,))]
    assert r.handle(LinkChanged(interface="lan", up=True)) == [RemoveRoute(prefix=lan)]
    assert fib(r) == {}


# static routes and what is there from the beginning


def static(prefix: Prefix, next_hop: str, metric: int = 0) -> StaticRoute:
    """A static route."""
    return StaticRoute(prefix=prefix, next_hop=ip_address(next_hop), metric=metric)


def test_what_the_kernel_has_to_know_comes_first() -> None:
    """Before the first event a router asks for its static routes and the discard routes of its aggregates, once."""
    wide = parse_prefix("10.0.0.0/8")
    plan = node(A, networks=(P1,), aggregates=(Aggregate(prefix=wide),))
    r = Router(replace(plan, static_routes=(static(P2, "198.51.100.2"), static(P3, "172.16.0.1"))))
    assert r.begin() == [
        InstallRoute(prefix=wide, next_hops=()),
        InstallRoute(prefix=P2, next_hops=(FROM_A,)),
    ]
    assert r.begin() == []
    assert fib(r) == {wide: (), P2: ("198.51.100.2",)}


def test_a_static_route_is_better_than_what_bgp_says() -> None:
    """A route of BGP to the same prefix is announced, and forwarded by only when the static one leads nowhere."""
    r = started(replace(node(A, B), static_routes=(static(P1, "198.51.100.6", 5), static(P2, "198.51.100.2"))))
    (effect,) = learn(r, A, route_from(A))
    assert isinstance(effect, Announce)
    assert fib(r) == {P1: ("198.51.100.6",), P2: ("198.51.100.2",)}
    effects = r.handle(LinkChanged(interface="to-b", up=False))
    assert effects[-1] == InstallRoute(prefix=P1, next_hops=(FROM_A,))
    effects = r.handle(LinkChanged(interface="to-a", up=False))
    assert [one for one in effects if isinstance(one, RemoveRoute)] == [RemoveRoute(prefix=P1), RemoveRoute(prefix=P2)]
    assert fib(r) == {}
    assert r.handle(LinkChanged(interface="to-b", up=True)) == [InstallRoute(prefix=P1, next_hops=(FROM_B,))]


def test_of_two_static_routes_the_lower_metric_is_used() -> None:
    """The other takes over when its link is gone."""
    routes = (static(P1, "198.51.100.6", 5), static(P1, "198.51.100.2", 3))
    r = started(replace(node(A, B), static_routes=routes))
    assert fib(r) == {P1: ("198.51.100.2",)}
    assert InstallRoute(prefix=P1, next_hops=(FROM_B,)) in r.handle(LinkChanged(interface="to-a", up=False))


# links


def test_a_link_that_goes_down_closes_its_sessions_first() -> None:
    """The sessions of a dead link end with Cease (RFC 4486 §4), and their routes go."""
    r = router(A, B, A6)
    learn(r, A, route_from(A))
    effects = r.handle(LinkChanged(interface="to-a", up=False))
    reason = "interface to-a is down"
    assert effects == [
        CloseSession(session=A.name, subcode=CEASE_ADMINISTRATIVE_RESET, reason=reason),
        CloseSession(session=A6.name, subcode=CEASE_ADMINISTRATIVE_RESET, reason=reason),
        RemoveRoute(prefix=P1),
        Withdraw(session=B.name, prefixes=(P1,)),
    ]
    assert [(s.established, s.why_down) for s in r.tables().sessions] == [(False, reason), (True, ""), (False, reason)]


def test_the_lost_link_stays_the_reason_that_a_session_is_down() -> None:
    """What the speaker tells after a lost link is a consequence, and does not hide the cause."""
    r = router(A, B)
    learn(r, A, route_from(A))
    r.handle(LinkChanged(interface="to-a", up=False))
    assert r.handle(SessionDown(session=A.name, reason="notification sent (6,4)")) == []
    assert r.tables().sessions[0].why_down == "interface to-a is down"


def test_a_session_that_is_down_is_not_closed_again() -> None:
    """CloseSession is for sessions that are up."""
    r = Router(node(A))
    assert r.handle(LinkChanged(interface="to-a", up=False)) == []


def test_a_link_that_is_back_is_no_reason_any_more() -> None:
    """Once the link is up, a session that waits for its neighbour no longer says that it is down."""
    r = router(A, B)
    learn(r, A, route_from(A))
    r.handle(LinkChanged(interface="to-a", up=False))
    r.handle(LinkChanged(interface="to-a", up=True))
    assert r.tables().sessions[0].why_down == "interface to-a is up again, and nobody answered yet"


def test_next_hops_behind_a_dead_link_are_resolved_again_when_it_returns() -> None:
    """A route of another session loses its next hop with the link, and gets it back (RFC 4271 §9.1.2.1)."""
    r = router(I, B)
    route = replace(route_from(I), next_hop=FROM_A)
    learn(r, I, route)
    assert r.handle(LinkChanged(interface="to-a", up=False)) == [
        RemoveRoute(prefix=P1),
        Withdraw(session=B.name, prefixes=(P1,)),
    ]
    assert adj_rib_in(r, I) == (route,)
    assert r.handle(LinkChanged(interface="to-a", up=True)) == [
        InstallRoute(prefix=P1, next_hops=(FROM_A,)),
        Announce(session=B.name, routes=(sole(adj_rib_out(r, B)),)),
    ]


@pytest.mark.parametrize("up", [True, False])
def test_a_link_event_that_says_nothing_new_does_nothing(*, up: bool) -> None:
    """A repeated event has no effect."""
    r = router(A)
    learn(r, A, route_from(A))
    if not up:
        r.handle(LinkChanged(interface="to-a", up=False))
        bring_up(r, A)
    before = r.tables()
    assert r.handle(LinkChanged(interface="to-a", up=up)) == []
    assert r.tables() == before


def test_a_session_that_came_up_before_its_link_was_reported_stays() -> None:
    """The news of a link may come later than that of its session: what is up is not closed."""
    r = Router(node(A))
    r.handle(LinkChanged(interface="to-a", up=False))
    bring_up(r, A)
    assert learn(r, A, route_from(A)) == []
    assert r.handle(LinkChanged(interface="to-a", up=True)) == [InstallRoute(prefix=P1, next_hops=(FROM_A,))]
