"""What keeps a lab from having converged, told by its routers piece by piece."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.bfd import negotiated
from lab.convergence import Convergence
from lab.node_messages import NodeReport, SessionReport
from lab.plan import BfdPlan, Plan
from lab.tables import ClosedSession
from networks import Net

UP = SessionReport(
    session="",
    established=True,
    adj_rib_in=0,
    adj_rib_out=0,
    updates_sent=1,
    updates_received=1,
    why_down="",
    bfd=None,
)


SLOW = BfdPlan(transmit_interval_ms=750, receive_interval_ms=750)
FAST = BfdPlan(transmit_interval_ms=300, receive_interval_ms=300)


def two_routers() -> Plan:
    """Two routers with one session."""
    net = Net()
    net.router("a", 65001)
    net.router("b", 65002)
    net.session("a", "b")
    return net.plan()


@pytest.fixture
def convergence() -> Convergence:
    """That of the two, of which nothing was heard."""
    return Convergence(two_routers())


def with_bfd(a: BfdPlan | None, b: BfdPlan | None) -> Convergence:
    """The same with BFD at the routers."""
    plan = two_routers()
    bfd = {"a": a, "b": b}
    nodes = []
    for node in plan.nodes:
        assert node.bgp is not None
        sessions = tuple(replace(one, bfd=bfd[node.name]) for one in node.bgp.sessions)
        nodes.append(replace(node, bgp=replace(node.bgp, sessions=sessions)))
    return Convergence(replace(plan, nodes=tuple(nodes)))


def tell(convergence: Convergence, router: str, refused: tuple[str, ...] = (), /, **what: object) -> None:
    """Let a router tell of its session."""
    report = replace(UP, session="b/ipv4" if router == "a" else "a/ipv4", **what)  # type: ignore[arg-type]
    convergence.hear(router, NodeReport(sessions=(report,), refused=refused))


def test_nothing_heard_is_not_converged(convergence: Convergence) -> None:
    """Both ends are missing at first, and one of them after the other was heard."""
    assert convergence.pending() == ["session a - b/ipv4: not yet connected", "session b - a/ipv4: not yet connected"]
    tell(convergence, "a")
    assert not convergence.all_established(())


def test_equal_tables_and_counts_are_converged(convergence: Convergence) -> None:
    """Each Adj-RIB-In is the Adj-RIB-Out of the other end, and as many UPDATEs came as went."""
    tell(convergence, "a", adj_rib_out=7, adj_rib_in=9)
    tell(convergence, "b", adj_rib_in=7, adj_rib_out=9)
    assert convergence.pending() == []
    assert convergence.all_established(())


@pytest.mark.parametrize("news", [{"adj_rib_out": 8}, {"updates_sent": 2}])
def test_what_one_end_sent_and_the_other_has_not_is_on_its_way(convergence: Convergence, news: dict[str, int]) -> None:
    """It is named once, until the other end has it too."""
    tell(convergence, "a")
    tell(convergence, "b")
    tell(convergence, "a", (), **news)
    assert convergence.pending() == ["routes from a to b (ipv4) are on their way"]
    arrived = {"adj_rib_out": "adj_rib_in", "updates_sent": "updates_received"}
    tell(convergence, "b", (), **{arrived[name]: value for name, value in news.items()})
    assert convergence.pending() == []


def test_a_session_that_ends_is_missing_again(convergence: Convergence) -> None:
    """With the reason that its end gives."""
    tell(convergence, "a")
    tell(convergence, "b")
    tell(convergence, "b", established=False, why_down="hold time expired")
    assert convergence.pending() == ["session b - a/ipv4: hold time expired"]


def test_a_refused_route_is_missing_until_it_is_taken(convergence: Convergence) -> None:
    """The kernel of a router did not take a route."""
    tell(convergence, "a", ("install 10.0.0.0/8: no",))
    tell(convergence, "b")
    assert convergence.pending() == ["a: install 10.0.0.0/8: no"]
    tell(convergence, "a")
    assert convergence.pending() == []


def test_a_session_may_have_to_be_closed(convergence: Convergence) -> None:
    """It has converged where the end that closes it says the reason, and not while it is up."""
    closed = (ClosedSession(router="a", session="b/ipv4", reason="too many"),)
    tell(convergence, "a")
    tell(convergence, "b")
    missing = [f"session {end} is not closed yet: too many" for end in ("a - b/ipv4", "b - a/ipv4")]
    assert convergence.pending(closed) == missing
    assert not convergence.all_established(closed)
    tell(convergence, "b", established=False, why_down="closed")
    tell(convergence, "a", established=False, why_down="something else")
    assert convergence.pending(closed) == missing[:1]
    tell(convergence, "a", established=False, why_down="too many")
    assert convergence.pending(closed) == []
    assert convergence.all_established(closed)


def test_bfd_has_to_come_to_what_both_ends_have_configured() -> None:
    """Each end is missing until its BFD is Up with the intervals and the multiplier that the two agree on."""
    convergence = with_bfd(SLOW, FAST)
    begun, up = negotiated(SLOW, None), negotiated(SLOW, FAST)
    tell(convergence, "a", bfd=begun)
    tell(convergence, "b", bfd=negotiated(FAST, SLOW))
    assert convergence.pending() == [f"BFD a - b/ipv4: {begun}"]
    assert convergence.all_established(())
    tell(convergence, "a", bfd=up)
    assert convergence.pending() == []
    tell(convergence, "a", bfd=begun)
    assert convergence.pending() == [f"BFD a - b/ipv4: {begun}"]


def test_bfd_at_one_end_alone_is_not_waited_for() -> None:
    """It stays Down, and the session has converged."""
    convergence = with_bfd(SLOW, None)
    tell(convergence, "a", bfd=negotiated(SLOW, None))
    tell(convergence, "b")
    assert convergence.pending() == []


def test_a_report_is_news_where_it_tells_of_something(convergence: Convergence) -> None:
    """Of a session or of a refused route; the first of a router is in any case, and what is told again is not."""
    nothing, refused = NodeReport(sessions=(), refused=()), NodeReport(sessions=(), refused=("install 10.0.0.0/8: no",))
    session = NodeReport(sessions=(replace(UP, session="b/ipv4"),), refused=())
    told = (nothing, nothing, session, refused, refused, nothing)
    assert [convergence.hear("a", one) for one in told] == [True, False, True, True, False, True]
