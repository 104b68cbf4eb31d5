"""Sessions that one end keeps closed: no route crosses them, they cost the rest nothing, and both ends can say why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import (
    P1,
    P2,
    A,
    B,
    adj_rib_in,
    adj_rib_out,
    bring_up,
    configure,
    fib,
    learn,
    node,
    route_from,
    router,
    tear_down,
    with_rules,
)
from circuits import circuit, topology
from lab.events import (
    CEASE_ADMINISTRATIVE_SHUTDOWN,
    Announce,
    CloseSession,
    InstallRoute,
    RemoveRoute,
    SessionDown,
    SessionUp,
    Withdraw,
)
from lab.plan.of_topology import plan
from lab.predict import predict
from lab.router import Router
from lab.tables import SessionTables
from lab.topology import Link, Maintenance, MaintenancePhase

WHY = "maintenance of the edge"
SHUT = with_rules(A, shutdown=WHY)
CLOSE = CloseSession(
    session=A.name, subcode=CEASE_ADMINISTRATIVE_SHUTDOWN, reason=f"shut down: {WHY}", hold_down_s=None
)
"""With Cease, Administrative Shutdown (RFC 4486 §4), for as long as the plan says so."""


def with_a(of: Router) -> SessionTables:
    """The session with `a`."""
    return next(one for one in of.tables().sessions if one.session == A.name)


def learned() -> Router:
    """A router that has P1 from `a` and the longer path from `b`, and P2 from `a` alone."""
    made = router(A, B)
    learn(made, A, route_from(A, P1), route_from(A, P2))
    learn(made, B, route_from(B, P1, 64999))
    return made


# from the start


def test_a_session_that_is_shut_is_closed_before_anything_happens() -> None:
    """It is held down without an end from the first effect on, and says why."""
    made = Router(node(SHUT, B, networks=(P1,)))
    assert made.begin()[0] == CLOSE
    assert (with_a(made).established, with_a(made).why_down) == (False, f"shut down: {WHY}")


def test_nothing_else_is_closed() -> None:
    """The negative control: a router without a shutdown has nothing to close."""
    assert [one for one in Router(node(A, B)).begin() if isinstance(one, CloseSession)] == []


def test_a_speaker_that_opened_it_all_the_same_is_told_to_close_it() -> None:
    """The session counts as down, and no route is announced on it."""
    made = Router(node(SHUT, B, networks=(P1,)))
    assert bring_up(made, SHUT) == [CLOSE]
    assert with_a(made) == replace(with_a(made), established=False, why_down=f"shut down: {WHY}")
    assert adj_rib_out(made, A) == ()
    assert any(isinstance(one, Announce) and one.session == B.name for one in bring_up(made, B))


def test_each_try_to_open_it_leaves_the_reason() -> None:
    """How the speaker's tries end is not why the session is down."""
    made = Router(node(SHUT, B))
    assert made.handle(SessionDown(session=A.name, reason="connection refused")) == []
    assert with_a(made).why_down == f"shut down: {WHY}"


# while it runs


def test_shutting_a_session_takes_its_routes_away() -> None:
    """It is closed first; then the second path takes over where there is one, and nothing where there is none."""
    made = learned()
    effects = configure(made, SHUT, B)
    assert effects[0] == CLOSE
    assert RemoveRoute(prefix=P2) in effects
    assert InstallRoute(prefix=P1, next_hops=(B.peer_address,)) in effects
    assert Withdraw(session=B.name, prefixes=(P1, P2)) in effects
    assert (adj_rib_in(made, A), adj_rib_out(made, A)) == ((), ())
    assert fib(made) == {P1: (str(B.peer_address),)}


def test_the_end_of_the_session_adds_nothing() -> None:
    """What the speaker tells afterwards was known, and is not the reason."""
    made = learned()
    configure(made, SHUT, B)
    assert tear_down(made, A) == []
    assert with_a(made).why_down == f"shut down: {WHY}"


def test_another_plan_keeps_it_shut_for_another_reason() -> None:
    """The reason is that of the last plan, and the other session is not touched."""
    made = learned()
    configure(made, SHUT, B)
    effects = configure(made, with_rules(A, shutdown="provisioning"), B)
    assert [one.reason for one in effects if isinstance(one, CloseSession)] == ["shut down: provisioning"]
    assert with_a(made).why_down == "shut down: provisioning"
    assert adj_rib_in(made, B) == (route_from(B, P1, 64999),)


def test_a_session_comes_back_when_it_is_no_longer_shut() -> None:
    """Nothing is closed any more; the session waits, and comes up with all routes as on the first day."""
    made = learned()
    configure(made, SHUT, B)
    effects = configure(made, A, B)
    assert [one for one in effects if isinstance(one, CloseSession)] == []
    assert with_a(made).why_down == "not yet connected"
    effects = made.handle(SessionUp(session=A.name, peer_router_id=1))
    assert [one.session for one in effects if isinstance(one, Announce)] == [A.name]
    learn(made, A, route_from(A, P1), route_from(A, P2))
    assert fib(made) == {P1: (str(A.peer_address),), P2: (str(A.peer_address),)}


# the other end, as the model tells it


@pytest.mark.parametrize("phase", list(MaintenancePhase))
def test_the_model_says_which_end_has_shut_a_session(phase: MaintenancePhase) -> None:
    """While an edge is drained its sessions are down at both ends; while it is prepended none is."""
    changed = circuit(maintenance=Maintenance(link=Link.PRIMARY, phase=phase))
    tables = predict(plan(topology(changed))).tables
    states = {(one.router, s.session): (s.established, s.why_down) for one in tables.routers for s in one.sessions}
    down = {end: why for end, (up, why) in states.items() if not up}
    if phase is MaintenancePhase.PREPENDED:
        assert down == {}
        return
    assert set(down) == {("ce1", "msee1/ipv4"), ("msee1", "ce1/ipv4"), ("msee1", "gw/ipv4"), ("gw", "msee1/ipv4")}
    assert down["msee1", "ce1/ipv4"].startswith("shut down: planned maintenance of the primary link's edge")
    assert down["ce1", "msee1/ipv4"].startswith("msee1 closed it: shut down: planned maintenance")
