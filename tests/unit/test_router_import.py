"""From the Adj-RIB-In to paths: what a router takes of what it receives (RFC 4271 §9.1)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from builders import (
    P1,
    P2,
    P3,
    REJECT_ALL,
    A,
    B,
    I,
    J,
    accept,
    adj_rib_in,
    adj_rib_out,
    announced,
    best_neighbor,
    candidate,
    decision,
    export,
    fib,
    learn,
    node,
    only,
    route_from,
    router,
    set_to,
    sole,
    started,
    tear_down,
    unlearn,
    with_rules,
)
from lab.bgp import BLACKHOLE, GRACEFUL_SHUTDOWN, NO_EXPORT, Address, AsPath, AttributeChange, Community, parse_prefix
from lab.events import Announce, InstallRoute, LinkChanged, RemoveRoute, UpdateReceived, Withdraw
from lab.explanation import AppliedRule, Candidate
from lab.plan import SessionPlan, StaticRoute
from lab.policy import Change, CommunityChange, Fate, Match, NextHopRule, Policy, Term
from lab.rib import Because
from lab.wire import Fault

FROM_A = ip_address("198.51.100.2")
FROM_B = ip_address("198.51.100.6")


def test_received_routes_are_kept_as_received() -> None:
    """The Adj-RIB-In holds routes before policy, those that policy rejects too (RFC 4271 §3.2)."""
    route = replace(route_from(A), local_pref=7)
    r = router(with_rules(A, import_policies=(REJECT_ALL,)))
    assert learn(r, A, route) == []
    assert adj_rib_in(r, A) == (route,)
    assert r.tables().loc_rib == ()


@pytest.mark.parametrize("plan", [A, I], ids=["eBGP", "iBGP"])
def test_a_path_with_the_own_as_is_a_loop(plan: SessionPlan) -> None:
    """A route whose path holds the own AS anywhere is unusable (RFC 4271 §9.1.2)."""
    r = router(plan)
    assert learn(r, plan, route_from(plan, P1, 64999, 65010, 64998)) == []
    assert candidate(r, plan).refused.startswith("AS loop")


def test_an_as_set_with_the_own_as_is_a_loop() -> None:
    """Loop detection looks into sets too (RFC 4271 §9.1.2)."""
    r = router(A)
    learn(r, A, replace(route_from(A), as_path=AsPath.parse("65001 {1 65010}")))
    assert candidate(r, A).refused.startswith("AS loop")


@pytest.mark.parametrize("address", ["198.51.100.1", "192.0.2.1"])
def test_a_next_hop_of_the_router_itself_is_refused(address: str) -> None:
    """No route is installed with the router itself as next hop (RFC 4271 §5.1.3)."""
    r = router(A)
    learn(r, A, replace(route_from(A), next_hop=ip_address(address)))
    assert candidate(r, A).refused == f"the next hop {address} is this router's own address (RFC 4271 §5.1.3)"
    assert fib(r) == {}


def test_an_ebgp_session_without_import_policy_takes_nothing() -> None:
    """Without an import policy every route of an external peer is ineligible (RFC 8212 §2)."""
    r = router(with_rules(A, import_policies=()))
    assert learn(r, A, route_from(A)) == []
    assert candidate(r, A).refused == "no import policy on an eBGP session (RFC 8212)"


def test_an_ibgp_session_needs_no_policy() -> None:
    """RFC 8212 is about external sessions: internal ones accept and send without a policy."""
    r = router(with_rules(I, import_policies=(), export_policies=()), networks=(P2,))
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
    r = router(A, with_rules(B, import_policies=(accept(Change(local_pref=set_to(200))),)))
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
    r = router(with_rules(A, import_policies=(accept(Change(), only(P2)),)), B)
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


@pytest.mark.parametrize(
    ("plan", "allowed", "path", "because"),
    [
        (A, 0, "65001 65010", "the path '65001 65010' holds 65010 (RFC 4271 §9.1.2)"),
        (A, 0, "65001 65010 65010", "the path '65001 65010 65010' holds 65010 2 times (RFC 4271 §9.1.2)"),
        (A, 1, "65001 65010", ""),
        (A, 1, "65001 65010 65010", "the path '65001 65010 65010' holds 65010 2 times, allowed is 1 (RFC 4271 §9.1.2)"),
        (A, 2, "65001 65010 64999 {1,65010}", ""),
        (A, 2, "65001 65010 65010 {1,65010}", "holds 65010 3 times, allowed is 2 (RFC 4271 §9.1.2)"),
        (I, 1, "65010", ""),
        (I, 0, "65010", "AS loop: the path '65010' holds 65010 (RFC 4271 §9.1.2)"),
    ],
)
def test_allowas_in_is_how_often_the_own_as_may_occur(plan: SessionPlan, allowed: int, path: str, because: str) -> None:
    """The own AS may stand in a received path as often as the session allows, sets included."""
    r = router(with_rules(plan, allowas_in=allowed))
    learn(r, plan, replace(route_from(plan), as_path=AsPath.parse(path)))
    told = candidate(r, plan)
    assert told.refused.endswith(because)
    assert (told.path is None) is bool(because)
    assert [str(route.as_path) for route in r.tables().loc_rib] == ([] if because else [path])


def test_what_an_external_peer_has_no_say_in_is_ignored() -> None:
    """LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST of an external peer are dropped, and the trace says so.

    RFC 4271 §5.1.5, RFC 4456 §8, RFC 7606 §7.9 and §7.10.
    """
    sent = replace(
        route_from(A), local_pref=900, originator_id=IPv4Address(7), cluster_list=(IPv4Address(8), IPv4Address(9))
    )
    r = router(A)
    learn(r, A, sent)
    assert r.tables().loc_rib == (route_from(A),)
    told = candidate(r, A)
    assert told.received == sent
    assert told.applied == (
        AppliedRule(
            rule="an external peer has no say in it (RFC 4271 §5.1.5, RFC 4456 §8)",
            changes=(
                AttributeChange(attribute="local_pref", before="900", after=""),
                AttributeChange(attribute="originator_id", before="0.0.0.7", after=""),
                AttributeChange(attribute="cluster_list", before="0.0.0.8 0.0.0.9", after=""),
            ),
        ),
    )


@pytest.mark.parametrize("asked", ["a", "198.51.100.2"])
def test_a_policy_knows_the_neighbour_of_its_session(asked: str) -> None:
    """One policy may serve several sessions and tell their neighbours apart, by name and by address."""
    policy = accept(Change(), Match(neighbor=(asked,)))
    r = router(*(with_rules(plan, import_policies=(policy,)) for plan in (A, B)))
    learn(r, A, route_from(A, P1))
    learn(r, B, route_from(B, P2))
    assert r.tables().loc_rib == (route_from(A, P1),)


def test_a_chain_of_import_policies_is_run_in_order() -> None:
    """A policy that passes a route on lets the next one have the say, and both are in the trace."""
    first = Policy(
        name="first", terms=(Term(fate=Fate.NEXT_TERM, change=Change(weight=set_to(7))),), default=Fate.NEXT_POLICY
    )
    r = router(with_rules(A, import_policies=(first, accept(Change(local_pref=set_to(300)), only(P1)))))
    learn(r, A, route_from(A), route_from(A, P2))
    assert r.tables().loc_rib == (replace(route_from(A), weight=7, local_pref=300),)
    assert candidate(r, A, P2).refused == "import policy one-term: no term decided: the default is reject"
    outcome = candidate(r, A, P1).outcome
    assert outcome is not None
    assert [(step.policy, step.term) for step in outcome.steps] == [("first", 1), ("one-term", 1)]


@pytest.mark.parametrize(
    ("rule", "address", "refused"),
    [
        pytest.param(NextHopRule.SELF, None, "198.51.100.1", id="self is the router's own address"),
        pytest.param(None, ip_address("192.0.2.1"), "192.0.2.1", id="an address of another interface"),
        pytest.param(None, ip_address("192.0.2.9"), "", id="an address of a neighbour"),
        pytest.param(NextHopRule.UNCHANGED, None, "", id="unchanged"),
    ],
)
def test_an_import_policy_cannot_lead_to_the_router_itself(
    rule: NextHopRule | None, address: Address | None, refused: str
) -> None:
    """No route is used whose next hop is the router's own address, also where a policy made it so (RFC 4271 §5.1.3)."""
    r = router(with_rules(A, import_policies=(accept(Change(next_hop=address, next_hop_rule=rule)),)))
    learn(r, A, route_from(A))
    says = f"the next hop {refused} is this router's own address (RFC 4271 §5.1.3)"
    assert candidate(r, A).refused == (says if refused else "")
    assert fib(r) == ({} if refused else {P1: (str(address or FROM_A),)})


# well-known communities


def test_graceful_shutdown_makes_a_route_the_last_choice() -> None:
    """With GRACEFUL_SHUTDOWN an external route gets LOCAL_PREF 0, whatever the policy says (RFC 8326 §4.1)."""
    preferred = accept(Change(local_pref=set_to(300)))
    r = router(with_rules(A, import_policies=(preferred,)), B, I)
    learn(r, A, route_from(A))
    learn(r, B, route_from(B, P1, 1, 2, 3))
    assert best_neighbor(r) == "a"
    leaving = replace(route_from(A), communities=(GRACEFUL_SHUTDOWN,))
    learn(r, A, leaving)
    assert best_neighbor(r) == "b"
    assert candidate(r, A).applied == (
        AppliedRule(
            rule="GRACEFUL_SHUTDOWN (RFC 8326 §4.1)",
            changes=(AttributeChange(attribute="local_pref", before="300", after="0"),),
            chosen=True,
        ),
    )
    unlearn(r, B, P1)
    assert sole(adj_rib_out(r, I)) == replace(leaving, local_pref=0)


def test_graceful_shutdown_inside_the_as_leaves_the_preference_alone() -> None:
    """Inside the AS the LOCAL_PREF has been lowered where the route came in (RFC 8326 §4.1)."""
    r = router(I)
    learn(r, I, replace(route_from(I), local_pref=150, communities=(GRACEFUL_SHUTDOWN,)))
    assert sole(r.tables().loc_rib).local_pref == 150


def test_graceful_shutdown_can_be_added_by_the_import_policy() -> None:
    """The receiver may do for its neighbour what that cannot do (RFC 8326 §4.1)."""
    r = router(with_rules(A, import_policies=(accept(Change(communities=CommunityChange(add=(GRACEFUL_SHUTDOWN,)))),)))
    learn(r, A, route_from(A))
    assert sole(r.tables().loc_rib).local_pref == 0


HOST = parse_prefix("10.1.0.1/32")


def test_a_blackhole_discards_and_stays_in_the_as() -> None:
    """Traffic to a prefix with BLACKHOLE is dropped, and the route gets NO_EXPORT (RFC 7999 §3.2, §3.3)."""
    r = router(with_rules(A, accept_blackhole=True), B, I)
    bombed = replace(route_from(A, HOST), communities=(BLACKHOLE,))
    assert learn(r, A, bombed) == [
        InstallRoute(prefix=HOST, next_hops=()),
        Announce(session=I.name, routes=(replace(bombed, communities=(BLACKHOLE, NO_EXPORT), local_pref=100),)),
    ]
    assert fib(r) == {HOST: ()}
    assert export(r, B, HOST).refused == "it carries NO_EXPORT (RFC 1997)"
    assert candidate(r, A, HOST).applied == (
        AppliedRule(
            rule="BLACKHOLE keeps it in this AS (RFC 7999 §3.2)",
            changes=(AttributeChange(attribute="communities", before="65535:666", after="65535:666 65535:65281"),),
            chosen=True,
        ),
    )
    assert unlearn(r, A, HOST)[0] == RemoveRoute(prefix=HOST)


def test_a_blackhole_that_was_not_agreed_on_is_an_ordinary_route() -> None:
    """Without an agreement the community means nothing (RFC 7999 §3.3)."""
    r = router(A, B)
    learn(r, A, replace(route_from(A, HOST), communities=(BLACKHOLE,)))
    assert fib(r) == {HOST: (str(FROM_A),)}
    assert sole(adj_rib_out(r, B)).communities == (BLACKHOLE,)


def test_only_what_carries_blackhole_is_discarded() -> None:
    """An agreement alone discards nothing."""
    r = router(with_rules(A, accept_blackhole=True))
    learn(r, A, route_from(A, HOST))
    assert fib(r) == {HOST: (str(FROM_A),)}


# malformed UPDATEs (RFC 7606)


def test_a_malformed_update_is_a_withdrawal_with_a_reason() -> None:
    """Treat-as-withdraw: the routes are gone, and the story of their prefix says why (RFC 7606 §2)."""
    r = router(A, B)
    learn(r, A, route_from(A))
    fault = Fault(prefixes=(P1,), text="malformed ORIGIN", withdrawn=True)
    effects = r.handle(UpdateReceived(session=A.name, withdrawn=(P1,), faults=(fault,)))
    assert effects == [RemoveRoute(prefix=P1), Withdraw(session=B.name, prefixes=(P1,))]
    assert candidate(r, A) == Candidate(
        session=A.name,
        received=None,
        outcome=None,
        refused="treated as withdrawn: its UPDATE was malformed",
        path=None,
        fault="malformed ORIGIN",
    )
    assert next(s.established for s in r.tables().sessions if s.session == A.name)


def test_a_discarded_attribute_leaves_the_route_and_a_reason() -> None:
    """Attribute discard: the route stands without it, and its story says what was wrong (RFC 7606 §2)."""
    r = router(A)
    fault = Fault(prefixes=(P1,), text="malformed AGGREGATOR", withdrawn=False)
    r.handle(UpdateReceived(session=A.name, announced=(route_from(A),), faults=(fault,)))
    told = candidate(r, A)
    assert (told.received, told.refused, told.fault) == (route_from(A), "", "malformed AGGREGATOR")
    assert r.tables().loc_rib == (route_from(A),)


@pytest.mark.parametrize("prefix", ["224.0.0.0/4", "239.1.0.0/16"])
def test_a_prefix_that_is_no_unicast_one_is_told_of_once(prefix: str) -> None:
    """It is ignored, and not treated as withdrawn; the same fault in the next UPDATEs is not told of again."""
    r = router(A)
    fault = Fault(prefixes=(parse_prefix(prefix),), text="no unicast prefix", withdrawn=True)
    for _ in range(3):
        r.handle(UpdateReceived(session=A.name, faults=(fault,)))
    told = candidate(r, A, parse_prefix(prefix))
    assert (told.refused, told.fault) == ("ignored: the prefix is no unicast one (RFC 4271 §6.3)", "no unicast prefix")


def test_all_faults_of_an_update_are_told() -> None:
    """One UPDATE may have several faults, of which none hides another (RFC 7606 §3 h)."""
    r = router(A)
    faults = (
        Fault(prefixes=(P1, P2), text="malformed ORIGIN", withdrawn=True),
        Fault(prefixes=(P1,), text="malformed AGGREGATOR", withdrawn=False),
    )
    r.handle(UpdateReceived(session=A.name, withdrawn=(P1, P2), faults=faults))
    assert candidate(r, A, P1).fault == "malformed ORIGIN; malformed AGGREGATOR"
    assert candidate(r, A, P2).fault == "malformed ORIGIN"


@pytest.mark.parametrize("end", ["announced", "withdrawn", "session"])
def test_a_fault_is_forgotten_with_what_comes_next(end: str) -> None:
    """A proper announcement, a withdrawal or the end of the session ends the story of a malformed UPDATE."""
    r = router(A)
    fault = Fault(prefixes=(P1,), text="malformed ORIGIN", withdrawn=True)
    r.handle(UpdateReceived(session=A.name, withdrawn=(P1,), faults=(fault,)))
    if end == "announced":
        learn(r, A, route_from(A))
        assert candidate(r, A).fault == ""
        return
    if end == "withdrawn":
        unlearn(r, A, P1)
    else:
        tear_down(r, A)
    assert r.explain(P1).candidates == ()


# ways to next hops


REMOTE = IPv4Address("203.0.113.1")


def static(prefix: str, next_hop: str, metric: int = 0) -> StaticRoute:
    """A static route."""
    return StaticRoute(prefix=parse_prefix(prefix), next_hop=ip_address(next_hop), metric=metric)


@pytest.mark.parametrize(
    ("routes", "next_hop", "way"),
    [
        pytest.param((), REMOTE, None, id="no route"),
        pytest.param((), FROM_A, ("to-a", "198.51.100.2", 0), id="on the wire, at no cost"),
        pytest.param(
            (static("203.0.113.0/24", "198.51.100.6", 7),), REMOTE, ("to-b", "198.51.100.6", 7), id="a static route"
        ),
        pytest.param((static("203.0.113.0/24", "172.16.0.1"),), REMOTE, None, id="a static route that leads nowhere"),
        pytest.param(
            (static("203.0.113.0/24", "198.51.100.6", 9), static("203.0.113.0/24", "198.51.100.2", 5)),
            REMOTE,
            ("to-a", "198.51.100.2", 5),
            id="the lower metric",
        ),
        pytest.param(
            (static("203.0.113.0/24", "198.51.100.2", 1), static("203.0.113.0/25", "198.51.100.6", 9)),
            REMOTE,
            ("to-b", "198.51.100.6", 9),
            id="the longer prefix, whatever the metric",
        ),
        pytest.param(
            (static("203.0.113.0/25", "172.16.0.1"), static("203.0.113.0/24", "198.51.100.2", 3)),
            REMOTE,
            ("to-a", "198.51.100.2", 3),
            id="the next longest, where the longest leads nowhere",
        ),
        pytest.param(
            (static("192.0.2.99/32", "198.51.100.6", 4),),
            IPv4Address("192.0.2.99"),
            ("to-b", "198.51.100.6", 4),
            id="a host route is longer than a connected network",
        ),
        pytest.param(
            (static("192.0.0.0/16", "198.51.100.6", 4), static("192.0.2.0/24", "198.51.100.6", 4)),
            IPv4Address("192.0.2.99"),
            ("lan", "192.0.2.99", 0),
            id="a connected network is better than a static route of its length",
        ),
    ],
)
def test_a_next_hop_is_resolved_by_the_longest_match(
    routes: tuple[StaticRoute, ...], next_hop: IPv4Address, way: tuple[str, str, int] | None
) -> None:
    """Packets leave by the connected network or static route that holds the next hop (RFC 4271 §9.1.2.1)."""
    r = started(replace(node(A), static_routes=routes))
    learn(r, A, replace(route_from(A), next_hop=next_hop))
    path = candidate(r, A).path
    assert path is not None
    assert (path.interface, str(path.gateway), path.igp_cost) == (way or (None, "None", 0))


def test_the_nearer_exit_wins_by_the_cost_of_static_routes() -> None:
    """Among iBGP routes the lower cost to the next hop decides, before the router id (RFC 4271 §9.1.2.2 e)."""
    far, near = ip_address("203.0.113.1"), ip_address("203.0.113.2")
    routes = (static("203.0.113.1/32", "198.51.100.2", 20), static("203.0.113.2/32", "198.51.100.6", 10))
    r = started(replace(node(I, J), static_routes=routes))
    learn(r, I, replace(route_from(I), next_hop=far))
    learn(r, J, replace(route_from(J), next_hop=near))
    assert best_neighbor(r) == "j"
    assert [(lost.because, lost.values) for lost in decision(r).lost] == [(Because.HIGHER_IGP_COST, "20 against 10")]
    assert fib(r)[P1] == ("198.51.100.6",)


def test_a_static_next_hop_is_lost_with_its_link() -> None:
    """The way to a next hop is found anew when a link goes (RFC 4271 §9.1.2.1)."""
    routes = (static("203.0.113.0/24", "198.51.100.2", 1), static("203.0.113.0/24", "198.51.100.6", 9))
    r = started(replace(node(I), static_routes=routes))
    learn(r, I, replace(route_from(I), next_hop=REMOTE))
    assert fib(r)[P1] == ("198.51.100.2",)
    r.handle(LinkChanged(interface="to-a", up=False))
    assert fib(r)[P1] == ("198.51.100.6",)
    r.handle(LinkChanged(interface="to-b", up=False))
    assert P1 not in fib(r)
