"""What BFD means to a router and to the model: a failed path ends its session, and everything else leaves it alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import P1, A, B, learn, node, route_from, router
from contoso import of_plan, topology, with_peering
from lab.bfd import BfdStatus, State, negotiated
from lab.bgp import Family
from lab.events import CEASE_BFD_DOWN, BfdChanged, CloseSession, RemoveRoute, SessionDown, SessionUp, Withdraw
from lab.expressroute.assumptions import Assumptions
from lab.plan import BfdPlan, Plan
from lab.plan.microsoft_edge import edge_bfd
from lab.plan.of_topology import plan
from lab.router import Router
from lab.tables import SessionTables, differences
from lab.topology import Bfd

WATCHED = replace(A, bfd=BfdPlan())
UP = negotiated(BfdPlan(), BfdPlan())
DOWN = negotiated(BfdPlan(), None)
REASON = "BFD: no packet from 198.51.100.2 for 900 ms"
FAILED = BfdChanged(session=A.name, status=DOWN, failure=REASON)


def watched() -> Router:
    """A router that has a route from `a`, with BFD Up, and another session without BFD."""
    made = router(WATCHED, B)
    assert made.handle(BfdChanged(session=A.name, status=UP)) == []
    learn(made, A, route_from(A))
    return made


def the_session(of: Router) -> SessionTables:
    """The session with `a`."""
    return of.tables().sessions[0]


def test_a_failed_path_closes_its_session_at_once() -> None:
    """Cease with subcode 10 (RFC 9384) is the first effect, and the routes go without waiting for the speaker."""
    r = watched()
    assert r.handle(FAILED) == [
        CloseSession(session=A.name, subcode=CEASE_BFD_DOWN, reason=REASON),
        RemoveRoute(prefix=P1),
        Withdraw(session=B.name, prefixes=(P1,)),
    ]
    assert (the_session(r).established, the_session(r).why_down, the_session(r).bfd) == (False, REASON, DOWN)


def test_the_failure_stays_the_reason_that_a_session_is_down() -> None:
    """How the speaker ended the session, and each try to open it again, does not hide the cause."""
    r = watched()
    r.handle(FAILED)
    assert r.handle(SessionDown(session=A.name, reason="notification sent (6,10)")) == []
    assert the_session(r).why_down == REASON


def test_a_peer_that_was_shut_down_changes_no_session() -> None:
    """BFD that is Down without a failure, as after AdminDown, leaves the session and its routes (RFC 5882 §3.2)."""
    r = watched()
    assert r.handle(BfdChanged(session=A.name, status=DOWN)) == []
    assert (the_session(r).established, the_session(r).bfd) == (True, DOWN)
    assert the_session(r).adj_rib_in != ()


def test_a_session_that_is_down_is_not_closed_again() -> None:
    """A path that fails after its session ended has nothing to close, and is not the reason."""
    r = watched()
    r.handle(SessionDown(session=A.name, reason="hold time expired"))
    assert r.handle(FAILED) == []
    assert the_session(r).why_down == "hold time expired"


def test_a_session_does_not_wait_for_bfd() -> None:
    """A session may come up while BFD is Down, before it ever was Up and after it failed (RFC 5882 §4.2)."""
    r = Router(node(WATCHED, B))
    assert (the_session(r).established, the_session(r).bfd) == (False, DOWN)
    for _ in range(2):
        r.handle(SessionUp(session=A.name, peer_router_id=1))
        assert the_session(r).established
        r.handle(BfdChanged(session=A.name, status=UP))
        r.handle(FAILED)
        assert not the_session(r).established


def test_a_session_without_bfd_shows_none() -> None:
    """BFD is shown of the sessions that have it."""
    assert [one.bfd for one in watched().tables().sessions] == [UP, None]


# the model


def circuit(bfd: Bfd | None) -> Plan:
    """The sample's plan, with BFD at the customer's edges or without."""
    made = topology()
    return plan(with_peering(made, bfd=bfd))


def bfd_of(planned: Plan, router_name: str, neighbor: str) -> list[BfdStatus | None]:
    """What the model says of BFD of the sessions between two routers."""
    tables = of_plan(planned).tables.of(router_name)
    return [one.bfd for one in tables.sessions if one.neighbor == neighbor]


def test_microsofts_edge_has_bfd_always() -> None:
    """Microsoft's edge has BFD towards the customer in both families, and nobody else does by itself."""
    planned = circuit(None)
    has = {(n.name, s.name) for n in planned.routers if n.bgp for s in n.bgp.sessions if s.bfd}
    families = [family.value for family in Family]
    assert has == {(m, f"{ce}/{one}") for m, ce in (("msee1", "ce1"), ("msee2", "ce2")) for one in families}
    assert {s.bfd for n in planned.routers if n.bgp for s in n.bgp.sessions} == {edge_bfd(Assumptions()), None}


@pytest.mark.parametrize(("bfd", "transmit_ms"), [(Bfd(), 300), (Bfd(interval_ms=750, multiplier=5), 750)])
def test_bfd_at_both_ends_is_predicted_up(bfd: Bfd, transmit_ms: int) -> None:
    """With BFD at both ends it is Up at the slower interval, each end waiting for as many as the other one says."""
    planned = circuit(bfd)
    up = BfdStatus(state=State.UP, transmit_interval_ms=transmit_ms, detection_time_ms=3 * transmit_ms)
    assert bfd_of(planned, "ce1", "msee1") == [up, up]
    there = replace(up, detection_time_ms=bfd.multiplier * transmit_ms)
    assert bfd_of(planned, "msee1", "ce1") == [there, there]
    assert bfd_of(planned, "ce1", "ce2") == [None, None]


def test_bfd_at_one_end_is_predicted_down() -> None:
    """Where the customer has none, Microsoft's end stays Down and its sessions are up."""
    planned = circuit(None)
    assert bfd_of(planned, "msee1", "ce1") == [DOWN, DOWN]
    assert bfd_of(planned, "ce1", "msee1") == [None, None]
    assert all(one.established for one in of_plan(planned).tables.of("msee1").sessions)


def test_bfd_that_is_not_as_predicted_is_a_difference() -> None:
    """A lab whose BFD did not come up is not what the model predicts, though all sessions are up."""
    predicted = of_plan(circuit(Bfd())).tables
    [one, *others] = predicted.of("ce1").sessions
    broken = replace(predicted.of("ce1"), sessions=(replace(one, bfd=DOWN), *others))
    observed = replace(predicted, routers=tuple(broken if r.router == "ce1" else r for r in predicted.routers))
    [found] = differences(predicted, observed)
    assert (found.router, found.table, found.what) == ("ce1", "bfd", "msee1/ipv4")
    assert found.predicted == "up, 300 ms, detection 900 ms"
    assert found.observed == "down, 1000 ms, detection 0 ms"
    assert list(differences(predicted, predicted)) == []
