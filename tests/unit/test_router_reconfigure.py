"""Another plan for a running router, and routes asked for again: soft reconfiguration and route refresh (RFC 2918)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from builders import (
    P1,
    P2,
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
    configure,
    learn,
    node,
    route_from,
    router,
    set_to,
    sole,
    started,
    tear_down,
    with_rules,
    withdrawn,
)
from lab.bgp import Aggregate, BestPathRules, Community, LeakedNetwork, parse_prefix
from lab.events import Announce, CloseSession, InstallRoute, RefreshRequested, RemoveRoute, Withdraw
from lab.plan import SessionPlan
from lab.policy import Change, CommunityChange, Fate, Policy
from lab.router import Router

OWN, WIDE = parse_prefix("10.9.0.0/16"), parse_prefix("10.0.0.0/14")
TAGGED = accept(Change(communities=CommunityChange(add=(Community("65010:1"),))))
PREFERRED = accept(Change(local_pref=set_to(300)))
NEXT = Policy(name="next", terms=(), default=Fate.NEXT_POLICY)
FROM_A = replace(route_from(A, P1, 64999), multi_exit_disc=5)


def learned(*sessions: SessionPlan, **bgp: object) -> Router:
    """A router that was told P1 by `a`, by `b` over a longer path, and by `i`, and P2 by `a`."""
    r = started(node(*sessions, **bgp))  # type: ignore[arg-type]  # names of BgpPlan
    told = {"a": (FROM_A, route_from(A, P2)), "b": (route_from(B, P1, 1, 2),), "i": (route_from(I, P1, 1, 2, 3),)}
    for plan in sessions:
        if plan.neighbor in told:
            learn(r, plan, *told[plan.neighbor])
    return r


PLANS: dict[str, tuple[tuple[SessionPlan, ...], dict[str, object]]] = {
    "plain": ((A, B, I, J), {}),
    "an import policy that prefers": ((A, with_rules(B, import_policies=(PREFERRED,)), I, J), {}),
    "an import policy that rejects": ((with_rules(A, import_policies=(REJECT_ALL,)), B, I, J), {}),
    "no import policy": ((with_rules(A, import_policies=()), B, I, J), {}),
    "an export policy that tags": ((A, with_rules(B, export_policies=(TAGGED,)), I, J), {}),
    "an export policy that rejects": ((A, with_rules(B, export_policies=(REJECT_ALL,)), I, J), {}),
    "a chain": ((with_rules(A, import_policies=(NEXT, PREFERRED)), B, I, J), {}),
    "next_hop_self": ((A, B, I, with_rules(J, next_hop_self=True)), {}),
    "a client": ((A, B, with_rules(I, route_reflector_client=True), J), {}),
    "a default route": ((A, with_rules(B, default_originate=True), I, J), {}),
    "as_override": ((A, with_rules(B, as_override=True), I, J), {}),
    "a network": ((A, B, I, J), {"networks": (OWN,)}),
    "a network that is learned": ((A, B, I, J), {"networks": (P1,)}),
    "a leaked network": ((A, B, I, J), {"leaked_networks": (LeakedNetwork(prefix=OWN, vrf="branch"),)}),
    "an aggregate": ((A, B, I, J), {"aggregates": (Aggregate(prefix=WIDE),)}),
    "a summary": ((A, B, I, J), {"aggregates": (Aggregate(prefix=WIDE, summary_only=True, as_set=True),)}),
    "always_compare_med": ((A, B, I, J), {"best_path": BestPathRules(always_compare_med=True)}),
    "multipath": ((A, B, I, J), {"best_path": BestPathRules(maximum_paths=4, multipath_relax=True)}),
    "a cluster id": ((A, B, with_rules(I, route_reflector_client=True), J), {"cluster_id": IPv4Address(9)}),
}


@pytest.mark.parametrize(("before", "after"), [(one, two) for one in PLANS for two in PLANS])
def test_another_plan_has_the_end_of_a_fresh_start(before: str, after: str) -> None:
    """Whatever the plan was, the tables become those of a router that had the new one from the beginning.

    No session goes down, no route is asked for again, and what does not change is not sent.
    """
    (sessions, bgp), (new_sessions, new_bgp) = PLANS[before], PLANS[after]
    r, fresh = learned(*sessions, **bgp), learned(*new_sessions, **new_bgp)
    sent = {plan.name: {route.prefix: route for route in adj_rib_out(r, plan)} for plan in (A, B, I, J)}
    effects = configure(r, *new_sessions, **new_bgp)  # type: ignore[arg-type]  # names of BgpPlan
    assert r.tables() == fresh.tables()
    assert not any(isinstance(effect, CloseSession) for effect in effects)
    for plan in (A, B, I, J):
        for prefix in withdrawn(effects, plan):
            del sent[plan.name][prefix]
        news = {route.prefix: route for route in announced(effects, plan)}
        assert not news.items() & sent[plan.name].items()
        assert {**sent[plan.name], **news} == {route.prefix: route for route in adj_rib_out(r, plan)}
    assert before != after or effects == []


def test_a_rejected_route_is_there_when_the_policy_is_relaxed() -> None:
    """The Adj-RIB-In keeps what policy rejected, so nothing has to be asked for again (RFC 4271 §3.2)."""
    r = router(with_rules(A, import_policies=(REJECT_ALL,)), B)
    learn(r, A, route_from(A))
    effects = configure(r, A, B)
    assert effects == [
        InstallRoute(prefix=P1, next_hops=(A.peer_address,)),
        Announce(session=B.name, routes=(sole(adj_rib_out(r, B)),)),
    ]


def test_a_policy_that_starts_to_reject_takes_effect_at_once() -> None:
    """What the new policy rejects is withdrawn, and no longer used."""
    r = router(A, B)
    learn(r, A, route_from(A))
    assert configure(r, with_rules(A, import_policies=(REJECT_ALL,)), B) == [
        RemoveRoute(prefix=P1),
        Withdraw(session=B.name, prefixes=(P1,)),
    ]
    assert adj_rib_in(r, A) == (route_from(A),)


def test_a_session_that_is_down_gets_its_new_rules_when_it_returns() -> None:
    """Another plan sends nothing on a session that is down."""
    r = router(A, networks=(OWN,))
    tear_down(r, A)
    assert configure(r, with_rules(A, export_policies=(TAGGED,)), networks=(OWN,)) == []
    (route,) = announced(bring_up(r, A), A)
    assert route.communities == ("65010:1",)


# route refresh


def test_a_refresh_is_answered_with_everything_that_was_sent() -> None:
    """The whole Adj-RIB-Out of the session, as it is, and nothing on other sessions (RFC 2918 §4)."""
    r = learned(A, B, I, with_rules(J, default_originate=True))
    for plan in (B, J):
        (effect,) = r.handle(RefreshRequested(session=plan.name))
        assert isinstance(effect, Announce)
        assert effect.session == plan.name
        assert sorted(effect.routes, key=lambda route: str(route.prefix)) == list(adj_rib_out(r, plan))


def test_a_refresh_changes_nothing() -> None:
    """Asked twice, it is answered twice; only the count of requests grows."""
    r = learned(A, B)
    before = r.tables()
    first = r.handle(RefreshRequested(session=B.name))
    assert r.handle(RefreshRequested(session=B.name)) == first
    counted = [replace(one, refreshes=2 if one.session == B.name else 0) for one in before.sessions]
    assert r.tables() == replace(before, sessions=tuple(counted))


@pytest.mark.parametrize("up", [True, False])
def test_a_refresh_of_nothing_is_answered_with_nothing(*, up: bool) -> None:
    """Where nothing was sent, or the session is down, there is nothing to send again."""
    r = router(A)
    if not up:
        r = router(A, networks=(OWN,))
        tear_down(r, A)
    assert r.handle(RefreshRequested(session=A.name)) == []
