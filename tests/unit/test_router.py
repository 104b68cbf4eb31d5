"""The router: events in, effects and tables out (RFC 4271 §9)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface

import pytest

from builders import (
    A6,
    P1,
    P2,
    P3,
    P6,
    REJECT_ALL,
    A,
    B,
    I,
    J,
    accept,
    adj_rib_in,
    adj_rib_out,
    announced,
    bring_up,
    fib,
    learn,
    mirror,
    node,
    only,
    route_from,
    router,
    sole,
    tear_down,
    unlearn,
    withdrawn,
)
from lab.bgp import NO_ADVERTISE, NO_EXPORT, NO_EXPORT_SUBCONFED, Asn, AsPath, Community, Route, parse_prefix
from lab.plan import InterfacePlan, NodePlan, Role, SessionPlan
from lab.policy import Change, Match, Outcome
from lab.rib import Because
from lab.router import (
    CEASE_ADMINISTRATIVE_RESET,
    OWN_ROUTE_WEIGHT,
    Announce,
    CloseSession,
    InstallRoute,
    LinkChanged,
    RemoveRoute,
    Router,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
    fingerprint,
    prefix_order,
)
from lab.tables import FibEntry, RouterTables, SessionTables

FROM_A = ip_address("198.51.100.2")
FROM_B = ip_address("198.51.100.6")


def refused(which: Router, plan: SessionPlan) -> str:
    """Why the only route that a session offered for P1 was dropped."""
    return next(c.refused for c in which.explain(P1).candidates if c.session == plan.name)


def withheld(which: Router, plan: SessionPlan) -> str:
    """Why P1 is not sent on a session."""
    return next(e.refused for e in which.explain(P1).exports if e.session == plan.name)


def best_neighbor(which: Router) -> str | None:
    """Who the best path to P1 was learned from."""
    decision = which.explain(P1).decision
    assert decision is not None
    assert decision.best is not None
    return decision.best.neighbor


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


# import


def test_received_routes_are_kept_as_received() -> None:
    """The Adj-RIB-In holds routes before policy, those that policy rejects too (RFC 4271 §3.2)."""
    route = replace(route_from(A), local_pref=7)
    r = router(replace(A, import_policy=REJECT_ALL))
    assert learn(r, A, route) == []
    assert adj_rib_in(r, A) == (route,)
    assert r.tables().loc_rib == ()


@pytest.mark.parametrize("plan", [A, I], ids=["eBGP", "iBGP"])
def test_a_path_with_the_own_as_is_a_loop(plan: SessionPlan) -> None:
    """A route whose path holds the own AS anywhere is unusable (RFC 4271 §9.1.2)."""
    r = router(plan)
    assert learn(r, plan, route_from(plan, P1, 64999, 65010, 64998)) == []
    assert refused(r, plan).startswith("AS loop")


def test_an_as_set_with_the_own_as_is_a_loop() -> None:
    """Loop detection looks into sets too (RFC 4271 §9.1.2)."""
    r = router(A)
    learn(r, A, replace(route_from(A), as_path=AsPath.parse("65001 {1 65010}")))
    assert refused(r, A).startswith("AS loop")


@pytest.mark.parametrize("address", ["198.51.100.1", "192.0.2.1"])
def test_a_next_hop_of_the_router_itself_is_refused(address: str) -> None:
    """No route is installed with the router itself as next hop (RFC 4271 §5.1.3)."""
    r = router(A)
    learn(r, A, replace(route_from(A), next_hop=ip_address(address)))
    assert refused(r, A) == f"the next hop {address} is this router's own address (RFC 4271 §5.1.3)"
    assert fib(r) == {}


def test_an_ebgp_session_without_import_policy_takes_nothing() -> None:
    """Without an import policy every route of an external peer is ineligible (RFC 8212 §2)."""
    r = router(replace(A, import_policy=None))
    assert learn(r, A, route_from(A)) == []
    assert refused(r, A) == "no import policy on an eBGP session (RFC 8212)"


def test_an_ibgp_session_needs_no_policy() -> None:
    """RFC 8212 is about external sessions: internal ones accept and send without a policy."""
    r = router(replace(I, import_policy=None, export_policy=None), networks=(P2,))
    assert learn(r, I, route_from(I)) != []
    assert [route.prefix for route in adj_rib_out(r, I)] == [P2]


def test_local_pref_of_an_external_peer_is_ignored() -> None:
    """A LOCAL_PREF from an external peer is ignored, so the import policy does not see it (RFC 4271 §5.1.5)."""
    r = router(A)
    learn(r, A, replace(route_from(A), local_pref=900))
    assert sole(r.tables().loc_rib).local_pref is None


def test_local_pref_of_an_internal_peer_is_kept() -> None:
    """A LOCAL_PREF from an internal peer counts (RFC 4271 §5.1.5)."""
    r = router(A, I)
    learn(r, A, route_from(A))
    learn(r, I, replace(route_from(I, P1, 1, 2, 3), local_pref=101))
    assert best_neighbor(r) == "i"


def test_the_import_policy_sets_what_the_decision_compares() -> None:
    """The decision works on routes after the import policy (RFC 4271 §9.1.1)."""
    r = router(A, replace(B, import_policy=accept(Change(local_pref=200))))
    learn(r, A, route_from(A))
    learn(r, B, route_from(B, P1, 1, 2))
    assert best_neighbor(r) == "b"


def test_a_route_is_replaced_by_the_next_one_for_its_prefix() -> None:
    """An announcement implicitly withdraws the earlier one of the same prefix (RFC 4271 §3.1, §9)."""
    r = router(A, B)
    learn(r, A, route_from(A))
    new = replace(route_from(A), communities=(Community("65001:1"),))
    effects = learn(r, A, new)
    assert adj_rib_in(r, A) == (new,)
    assert effects == [Announce(session=B.name, routes=(sole(adj_rib_out(r, B)),))]
    assert sole(adj_rib_out(r, B)).communities == ("65001:1",)


def test_a_replacement_that_is_refused_removes_the_earlier_route() -> None:
    """When the replacement is refused, the replaced route is gone as well (RFC 4271 §9)."""
    r = router(A, B)
    learn(r, A, route_from(A))
    effects = learn(r, A, route_from(A, P1, 65010))
    assert effects == [RemoveRoute(prefix=P1), Withdraw(session=B.name, prefixes=(P1,))]


def test_a_withdrawn_route_is_gone() -> None:
    """A withdrawal removes the route of its own session, and of no other (RFC 4271 §9)."""
    r = router(A, B, I)
    learn(r, A, route_from(A))
    learn(r, B, route_from(B))
    effects = unlearn(r, A, P1)
    assert adj_rib_in(r, A) == ()
    assert adj_rib_in(r, B) == (route_from(B),)
    assert best_neighbor(r) == "b"
    assert announced(effects, I) == [sole(adj_rib_out(r, I))]


def test_withdrawing_what_is_not_there_does_nothing() -> None:
    """A withdrawal of an unknown prefix, or of one that the policy rejected, has no effect."""
    r = router(replace(A, import_policy=accept(Change(), only(P2))), B)
    learn(r, A, route_from(A, P1))
    assert unlearn(r, A, P1, P3) == []
    assert adj_rib_in(r, A) == ()


def test_a_prefix_both_withdrawn_and_announced_is_announced() -> None:
    """In one UPDATE the announcement stands (RFC 4271 §4.3)."""
    r = router(A)
    learn(r, A, route_from(A))
    new = route_from(A, P1, 64999)
    assert r.handle(UpdateReceived(session=A.name, announced=(new,), withdrawn=(P1,))) == []
    assert r.tables().loc_rib == (new,)


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
    r = router(replace(A, import_policy=accept(Change(weight=OWN_ROUTE_WEIGHT + 1))), networks=(P1,))
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


# export


def test_towards_an_external_peer_the_router_puts_itself_in_front() -> None:
    """eBGP: own AS prepended, own address as next hop, no LOCAL_PREF (RFC 4271 §5.1.2, §5.1.3, §5.1.5)."""
    r = router(replace(A, import_policy=accept(Change(local_pref=200, weight=5))), B)
    learn(r, A, route_from(A, P1, 64999))
    assert adj_rib_out(r, B) == (
        Route(prefix=P1, next_hop=IPv4Address("198.51.100.5"), as_path=AsPath.of(65010, 65001, 64999)),
    )


def test_towards_an_internal_peer_the_route_stays_as_it_is() -> None:
    """Inside, path and next hop stay, LOCAL_PREF is always present, weight never (RFC 4271 §5.1.3, §5.1.5)."""
    r = router(replace(A, import_policy=accept(Change(weight=5))), I)
    learn(r, A, route_from(A))
    assert adj_rib_out(r, I) == (Route(prefix=P1, next_hop=FROM_A, as_path=AsPath.of(65001), local_pref=100),)


def test_local_pref_of_the_import_policy_travels_inside_the_as() -> None:
    """LOCAL_PREF carries, inside the AS, the degree of preference that the import policy gave (RFC 4271 §5.1.5)."""
    r = router(replace(A, import_policy=accept(Change(local_pref=200))), I)
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, I)).local_pref == 200


def test_next_hop_self_replaces_the_next_hop_towards_an_internal_peer() -> None:
    """With next_hop_self the router names itself (RFC 4271 §5.1.3)."""
    r = router(A, replace(I, next_hop_self=True))
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, I)).next_hop == I.local_address


def test_an_own_network_is_announced_with_the_own_address() -> None:
    """A locally originated route has the session's address as next hop, and an empty path inside (RFC 4271 §5.1.3)."""
    r = router(A, I, networks=(P1,))
    assert adj_rib_out(r, I) == (Route(prefix=P1, next_hop=I.local_address, local_pref=100),)
    assert adj_rib_out(r, A) == (Route(prefix=P1, next_hop=A.local_address, as_path=AsPath.of(65010)),)


def test_ibgp_routes_are_not_passed_on_by_ibgp() -> None:
    """A route of an internal peer goes to external peers only (RFC 4271 §9.2)."""
    r = router(I, J, A)
    learn(r, I, route_from(I))
    assert adj_rib_out(r, J) == ()
    assert withheld(r, J) == "learned by iBGP, and not passed on by iBGP (RFC 4271 §9.2)"
    assert [route.prefix for route in adj_rib_out(r, A)] == [P1]


@pytest.mark.parametrize("plan", [A, I], ids=["eBGP", "iBGP"])
def test_a_route_is_not_sent_back(plan: SessionPlan) -> None:
    """The neighbour that the best path came from is not sent it."""
    r = router(plan)
    learn(r, plan, route_from(plan))
    assert adj_rib_out(r, plan) == ()
    assert withheld(r, plan) == "learned from this neighbour"


def test_a_neighbour_that_becomes_best_is_withdrawn_from() -> None:
    """When the best path moves to a neighbour, what it was sent before is withdrawn."""
    r = router(A, B)
    learn(r, B, route_from(B))
    assert [route.prefix for route in adj_rib_out(r, A)] == [P1]
    effects = learn(r, A, route_from(A))
    assert withdrawn(effects, A) == [P1]
    assert [route.as_path for route in announced(effects, B)] == [AsPath.of(65010, 65001)]


def test_an_ebgp_session_without_export_policy_is_sent_nothing() -> None:
    """Without an export policy nothing is announced to an external peer (RFC 8212 §2)."""
    bare = replace(A, export_policy=None)
    r = router(bare, networks=(P1,))
    assert adj_rib_out(r, A) == ()
    assert withheld(r, A) == "no export policy on an eBGP session (RFC 8212)"


@pytest.mark.parametrize(
    ("community", "told"),
    [
        pytest.param(Community("65001:1"), ["b", "i"], id="an ordinary one"),
        pytest.param(NO_EXPORT, ["i"], id="NO_EXPORT"),
        pytest.param(NO_EXPORT_SUBCONFED, ["i"], id="NO_EXPORT_SUBCONFED"),
        pytest.param(NO_ADVERTISE, [], id="NO_ADVERTISE"),
    ],
)
def test_well_known_communities_hold_routes_back(community: Community, told: list[str]) -> None:
    """NO_EXPORT and NO_EXPORT_SUBCONFED stop at the AS, NO_ADVERTISE at the router (RFC 1997)."""
    r = router(A, B, I)
    learn(r, A, replace(route_from(A), communities=(community,)))
    assert [plan.neighbor for plan in (B, I) if adj_rib_out(r, plan)] == told
    assert [route.communities for plan in (B, I) for route in adj_rib_out(r, plan)] == [(community,)] * len(told)
    assert fib(r) == {P1: ("198.51.100.2",)}


def test_a_well_known_community_added_at_export_is_for_the_receiver() -> None:
    """NO_EXPORT binds who receives it (RFC 1997), so an export policy can attach it."""
    r = router(replace(A, export_policy=accept(Change(add_communities=(NO_EXPORT,)))), networks=(P1,))
    assert sole(adj_rib_out(r, A)).communities == (NO_EXPORT,)


def test_a_med_stays_in_the_as_that_received_it() -> None:
    """A MED learned from one AS is kept inside and not shown to another (RFC 4271 §5.1.4)."""
    r = router(A, B, I)
    learn(r, A, replace(route_from(A), multi_exit_disc=50))
    assert sole(adj_rib_out(r, B)).multi_exit_disc is None
    assert sole(adj_rib_out(r, I)).multi_exit_disc == 50


def test_a_med_learned_inside_does_not_leave_the_as() -> None:
    """A MED that came by iBGP is not shown to another AS either (RFC 4271 §5.1.4)."""
    r = router(I, B)
    learn(r, I, replace(route_from(I, P1, 65001), multi_exit_disc=50))
    assert sole(adj_rib_out(r, B)).multi_exit_disc is None


def test_an_export_policy_sets_a_med_of_its_own() -> None:
    """The MED that an export policy sets is announced (RFC 4271 §5.1.4)."""
    r = router(A, replace(B, export_policy=accept(Change(multi_exit_disc=7))))
    learn(r, A, replace(route_from(A), multi_exit_disc=50))
    assert sole(adj_rib_out(r, B)).multi_exit_disc == 7


def test_local_pref_of_an_export_policy_does_not_leave_the_as() -> None:
    """LOCAL_PREF is never sent to an external peer (RFC 4271 §5.1.5)."""
    r = router(replace(A, export_policy=accept(Change(local_pref=500))), networks=(P1,))
    assert sole(adj_rib_out(r, A)).local_pref is None


@pytest.mark.parametrize("plan", [A, I], ids=["eBGP", "iBGP"])
def test_weight_never_leaves_the_router(plan: SessionPlan) -> None:
    """A weight is local, even one that an export policy sets."""
    r = router(replace(plan, export_policy=accept(Change(weight=5))), networks=(P1,))
    assert sole(adj_rib_out(r, plan)).weight == 0


def test_prepends_of_the_export_policy_stand_behind_the_own_as() -> None:
    """The own AS is added last, and so is the newest (RFC 4271 §5.1.2)."""
    r = router(A, replace(B, export_policy=accept(Change(prepend=(Asn(65010), Asn(64999))))))
    learn(r, A, route_from(A))
    assert sole(adj_rib_out(r, B)).as_path == AsPath.of(65010, 65010, 64999, 65001)


def test_private_as_numbers_are_removed_where_asked() -> None:
    """Private AS numbers before the first public one are removed, and the own AS is added after (RFC 6996 §4)."""
    r = router(A, replace(B, remove_private_asns=True), replace(I, remove_private_asns=True))
    learn(r, A, route_from(A, P1, 12076, 65515), route_from(A, P2, 64999))
    assert [route.as_path for route in adj_rib_out(r, B)] == [AsPath.of(65010, 12076, 65515), AsPath.of(65010)]
    assert [route.as_path for route in adj_rib_out(r, I)] == [AsPath.of(65001, 12076, 65515), AsPath.of(65001, 64999)]


def test_an_unchanged_route_is_not_announced_again() -> None:
    """An UPDATE that changes nothing for a session causes none (RFC 4271 §9.2)."""
    r = router(A, B)
    learn(r, A, route_from(A))
    assert learn(r, A, route_from(A)) == []
    assert learn(r, A, replace(route_from(A), multi_exit_disc=9)) == []
    assert sole(r.tables().loc_rib).multi_exit_disc == 9


def test_an_export_policy_that_starts_to_reject_withdraws() -> None:
    """When a replaced route is no longer exported, it is withdrawn, and announced when it is again."""
    tagged = Match(any_community=(Community("65001:1"),))
    r = router(A, replace(B, export_policy=accept(Change(), tagged)))
    good = replace(route_from(A), communities=(Community("65001:1"),))
    assert len(announced(learn(r, A, good), B)) == 1
    assert learn(r, A, route_from(A)) == [Withdraw(session=B.name, prefixes=(P1,))]
    assert len(announced(learn(r, A, good), B)) == 1


def test_a_route_that_was_never_sent_is_not_withdrawn() -> None:
    """Nothing is withdrawn from a session that was not sent the prefix."""
    r = router(A, replace(B, export_policy=REJECT_ALL))
    learn(r, A, route_from(A))
    assert unlearn(r, A, P1) == [RemoveRoute(prefix=P1)]


# what can be read


def test_tables_show_everything_in_prefix_order() -> None:
    """All tables are sorted by family, address and length, and sessions are as planned."""
    shorter, ipv6 = parse_prefix("10.0.0.0/15"), P6
    r = Router(node(A, A6, B))
    bring_up(r, A)
    bring_up(r, A6)
    learn(r, A6, route_from(A6, ipv6))
    learn(r, A, route_from(A, P2), route_from(A, P1), route_from(A, shorter))
    v4 = tuple(route_from(A, prefix) for prefix in (shorter, P1, P2))
    v6 = route_from(A6, ipv6)
    assert r.tables() == RouterTables(
        router="r",
        sessions=(
            SessionTables(session="a/ipv4", neighbor="a", established=True, adj_rib_in=v4),
            SessionTables(session="a/ipv6", neighbor="a", established=True, adj_rib_in=(v6,)),
            SessionTables(session="b/ipv4", neighbor="b", established=False, why_down="not yet connected"),
        ),
        loc_rib=(*v4, v6),
        fib=(
            *(FibEntry(prefix=route.prefix, next_hops=(FROM_A,)) for route in v4),
            FibEntry(prefix=ipv6, next_hops=(A6.peer_address,)),
        ),
    )


def test_prefixes_are_ordered_by_family_address_and_length() -> None:
    """IPv4 comes first, then the lower address, then the shorter prefix."""
    texts = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "192.0.2.0/24", "::/0", "2001:db8::/32"]
    prefixes = [parse_prefix(text) for text in texts]
    shuffled = [prefixes[number] for number in (5, 2, 0, 4, 1, 3)]
    assert sorted(shuffled, key=prefix_order) == prefixes


def test_both_ends_of_a_session_have_the_same_fingerprint() -> None:
    """What one end sent and the other received have equal fingerprints once all updates arrived, and not before."""
    near = router(A, networks=(P1, P2))
    far = Router(mirror(A))
    far.handle(SessionUp(session="r/ipv4", peer_router_id=9))
    for route in adj_rib_out(near, A):
        assert near.fingerprints()[A.name][2] != far.fingerprints()["r/ipv4"][1]
        far.handle(UpdateReceived(session="r/ipv4", announced=(route,)))
    assert near.fingerprints()[A.name][2] == far.fingerprints()["r/ipv4"][1]
    assert near.fingerprints()[A.name][2] != 0


def test_fingerprints_say_which_sessions_are_up() -> None:
    """A session that is down has empty tables, whose fingerprint is 0."""
    r = router(A, networks=(P1,))
    assert r.fingerprints() == {A.name: (True, 0, fingerprint(sole(adj_rib_out(r, A))), "")}
    tear_down(r, A)
    assert r.fingerprints() == {A.name: (False, 0, 0, "hold time expired")}


def test_the_fingerprint_of_a_table_is_the_exclusive_or_of_its_routes() -> None:
    """The order of routes does not matter, and no route hides another."""
    r = router(A, networks=(P1, P2))
    one, two = adj_rib_out(r, A)
    assert r.fingerprints()[A.name][2] == fingerprint(one) ^ fingerprint(two)


BASE = route_from(A)


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, prefix=P2),
        replace(BASE, next_hop=FROM_B),
        replace(BASE, as_path=AsPath.of(65002)),
        replace(BASE, local_pref=0),
        replace(BASE, multi_exit_disc=0),
        replace(BASE, communities=(Community("1:1"),)),
    ],
)
def test_a_fingerprint_covers_what_crosses_the_wire(changed: Route) -> None:
    """Two routes that differ on the wire have different fingerprints."""
    assert fingerprint(changed) != fingerprint(BASE)


def test_a_fingerprint_leaves_out_the_weight() -> None:
    """A weight never crosses the wire."""
    assert fingerprint(replace(BASE, weight=7)) == fingerprint(BASE)


def test_explain_tells_the_whole_story_of_a_prefix() -> None:
    """Every candidate with its import outcome, the decision, and what each session of the family is sent or why not."""
    r = router(A, replace(B, import_policy=REJECT_ALL), A6, I, networks=(P1,))
    learn(r, A, route_from(A))
    learn(r, B, route_from(B))
    told = r.explain(P1)
    assert (told.router, told.prefix) == ("r", P1)
    own, from_a, from_b = told.candidates
    assert own.session is None
    assert own.path is not None
    assert (from_a.session, from_a.received, from_a.refused) == (A.name, route_from(A), "")
    assert from_a.outcome is not None
    assert from_a.outcome.because == "term 1 accepts"
    assert from_a.path is not None
    assert from_a.path.route == route_from(A)
    assert (from_b.path, from_b.refused) == (None, "import policy reject-all: term 1 rejects")
    assert told.decision is not None
    assert told.decision.because is Because.LOWER_WEIGHT
    assert [(e.session, e.route) for e in told.exports] == [
        (plan.name, sole(adj_rib_out(r, plan))) for plan in (A, B, I)
    ]


def test_explain_names_the_export_policy_that_rejects() -> None:
    """The outcome of the export policy is part of the story."""
    r = router(replace(A, export_policy=REJECT_ALL), networks=(P1,))
    (export,) = r.explain(P1).exports
    assert (export.route, export.refused) == (None, "export policy reject-all: term 1 rejects")
    assert isinstance(export.outcome, Outcome)


def test_explain_says_that_a_session_is_down() -> None:
    """A session that is down is sent nothing, and the story says why."""
    r = router(A, networks=(P1,))
    tear_down(r, A)
    (export,) = r.explain(P1).exports
    assert (export.route, export.refused) == (None, "the session is down: hold time expired")


def test_explain_of_an_unknown_prefix_is_empty() -> None:
    """A prefix that nobody offered has no candidates and no decision."""
    told = router(A).explain(P3)
    assert (told.candidates, told.decision) == ((), None)
    assert [e.refused for e in told.exports] == ["10.3.0.0/16 has no best path here"]


def test_explain_changes_nothing() -> None:
    """To ask is not to act."""
    r = router(A, B, networks=(P2,))
    learn(r, A, route_from(A))
    before = r.tables()
    r.explain(P1)
    assert r.tables() == before


def test_a_router_needs_no_session() -> None:
    """A router without sessions has its own networks and nothing else."""
    r = router(networks=(P1,))
    assert [route.prefix for route in r.tables().loc_rib] == [P1]
    assert r.fingerprints() == {}
