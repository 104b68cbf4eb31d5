"""Prefix limits: what is counted, what is said, and how a session ends and returns (RFC 4271 §6.7, RFC 4486 §4)."""

from __future__ import annotations

import pytest

from builders import (
    P1,
    P2,
    P3,
    A,
    B,
    accept,
    adj_rib_in,
    adj_rib_out,
    announced,
    bring_up,
    configure,
    learn,
    only,
    route_from,
    router,
    tear_down,
    unlearn,
    with_rules,
)
from lab.bgp import Counted, MaxPrefix, Prefix, parse_prefix
from lab.events import CEASE_MAXIMUM_PREFIXES, CloseSession, RemoveRoute, UpdateReceived, Withdraw
from lab.plan import SessionPlan
from lab.policy import Change
from lab.router import Router

P4 = parse_prefix("10.4.0.0/16")
REASON = "more than 2 prefixes were received (RFC 4486 §4, subcode 1)"


def limited(plan: SessionPlan, limit: MaxPrefix) -> SessionPlan:
    """A session with a prefix limit."""
    return with_rules(plan, max_prefix=limit)


def warning(which: Router, plan: SessionPlan) -> str:
    """What is said of a session's prefix count."""
    return next(one.warning for one in which.tables().sessions if one.session == plan.name)


def state(which: Router, plan: SessionPlan) -> tuple[bool, str]:
    """Whether a session is up, and why it is not."""
    return next((one.established, one.why_down) for one in which.tables().sessions if one.session == plan.name)


@pytest.mark.parametrize(
    ("restart_s", "hold_down_s"),
    [pytest.param(60, 60.0, id="again after a minute"), pytest.param(None, None, id="not again")],
)
def test_a_neighbour_that_sends_too_much_is_cut_off(restart_s: int | None, hold_down_s: float | None) -> None:
    """One prefix too many ends the session with Cease, subcode 1, and takes all its routes along (RFC 4486 §4)."""
    r = router(limited(A, MaxPrefix(limit=2, restart_s=restart_s)), B)
    learn(r, A, route_from(A, P1), route_from(A, P2))
    assert state(r, A) == (True, "")
    assert learn(r, A, route_from(A, P3)) == [
        CloseSession(session=A.name, subcode=CEASE_MAXIMUM_PREFIXES, reason=REASON, hold_down_s=hold_down_s),
        RemoveRoute(prefix=P1),
        RemoveRoute(prefix=P2),
        Withdraw(session=B.name, prefixes=(P1, P2)),
    ]
    assert CEASE_MAXIMUM_PREFIXES == 1
    assert state(r, A) == (False, REASON)
    assert (adj_rib_in(r, A), adj_rib_out(r, A), adj_rib_out(r, B), r.tables().loc_rib) == ((), (), (), ())


def test_the_limit_stays_the_reason_that_a_session_is_down() -> None:
    """What the speaker tells afterwards is a consequence, and what still arrives is not taken."""
    r = router(limited(A, MaxPrefix(limit=1)))
    learn(r, A, route_from(A, P1), route_from(A, P2))
    assert tear_down(r, A) == []
    assert learn(r, A, route_from(A, P1)) == []
    assert state(r, A) == (False, "more than 1 prefix was received (RFC 4486 §4, subcode 1)")


def test_a_session_that_was_cut_off_may_return() -> None:
    """When the session comes up again, it begins with nothing and is counted anew."""
    r = router(limited(A, MaxPrefix(limit=1)), networks=(P4,))
    learn(r, A, route_from(A, P1), route_from(A, P2))
    assert [route.prefix for route in announced(bring_up(r, A), A)] == [P4]
    learn(r, A, route_from(A, P1))
    assert state(r, A) == (True, "")
    assert [route.prefix for route in adj_rib_in(r, A)] == [P1]


def test_a_prefix_counts_once() -> None:
    """A route that replaces another, or one that is withdrawn in time, does not count twice."""
    r = router(limited(A, MaxPrefix(limit=2)))
    learn(r, A, route_from(A, P1), route_from(A, P2))
    learn(r, A, route_from(A, P1, 64999))
    r.handle(UpdateReceived(session=A.name, announced=(route_from(A, P3),), withdrawn=(P1,)))
    assert state(r, A) == (True, "")
    assert [route.prefix for route in adj_rib_in(r, A)] == [P2, P3]


@pytest.mark.parametrize(
    ("counted", "open_with", "closed_with"),
    [
        pytest.param(Counted.RECEIVED, (P1, P3), (P1, P3, P4), id="before the policy"),
        pytest.param(Counted.ACCEPTED, (P1, P3, P4), (P1, P2, P4, P3), id="after the policy"),
    ],
)
def test_prefixes_are_counted_before_or_after_the_policy(
    counted: Counted, open_with: tuple[Prefix, ...], closed_with: tuple[Prefix, ...]
) -> None:
    """What the policy rejects counts among those received, and not among those accepted; 10.4.0.0/16 is rejected."""
    accepted = accept(Change(), only(P1, P2, P3))
    plan = with_rules(A, import_policies=(accepted,), max_prefix=MaxPrefix(limit=2, counted=counted))
    r = router(plan)
    learn(r, A, *(route_from(A, prefix) for prefix in open_with))
    assert state(r, A) == (True, "")
    learn(r, A, *(route_from(A, prefix) for prefix in closed_with))
    assert state(r, A) == (False, f"more than 2 prefixes were {counted.value} (RFC 4486 §4, subcode 1)")


def test_a_refused_route_is_received_and_not_accepted() -> None:
    """A route with a loop counts as received only."""
    looped = route_from(A, P2, 65010)
    r = router(limited(A, MaxPrefix(limit=1, counted=Counted.ACCEPTED)))
    learn(r, A, route_from(A, P1), looped)
    assert state(r, A) == (True, "")
    r = router(limited(A, MaxPrefix(limit=1)))
    learn(r, A, route_from(A, P1), looped)
    assert not state(r, A)[0]


def test_a_limit_may_only_warn() -> None:
    """With warning_only the session stays up past its limit, and says so."""
    r = router(limited(A, MaxPrefix(limit=1, warning_only=True)))
    learn(r, A, route_from(A, P1), route_from(A, P2))
    assert state(r, A) == (True, "")
    assert warning(r, A) == "2 prefixes received, of at most 1"


def test_a_session_warns_from_its_level_on() -> None:
    """From the warning level on the count is pointed out, and no longer when it has fallen below."""
    r = router(limited(A, MaxPrefix(limit=4, counted=Counted.ACCEPTED)), B)
    learn(r, A, route_from(A, P1), route_from(A, P2))
    assert warning(r, A) == ""
    learn(r, A, route_from(A, P3))
    assert warning(r, A) == "3 prefixes accepted, of at most 4"
    assert warning(r, B) == ""
    unlearn(r, A, P3)
    assert warning(r, A) == ""
    learn(r, A, route_from(A, P3))
    tear_down(r, A)
    assert warning(r, A) == ""


def test_a_limit_of_one_session_is_not_that_of_another() -> None:
    """Each session has its own count."""
    r = router(limited(A, MaxPrefix(limit=1)), limited(B, MaxPrefix(limit=2)))
    learn(r, B, route_from(B, P1), route_from(B, P2))
    learn(r, A, route_from(A, P1))
    assert (state(r, A)[0], state(r, B)[0]) == (True, True)


@pytest.mark.parametrize(
    ("rules", "counted"),
    [
        pytest.param({"max_prefix": MaxPrefix(limit=1)}, "received", id="a lower limit"),
        pytest.param(
            {"max_prefix": MaxPrefix(limit=1, counted=Counted.ACCEPTED), "import_policies": (accept(Change()),)},
            "accepted",
            id="a policy that accepts more",
        ),
    ],
)
def test_a_new_limit_is_enforced_at_once(rules: dict[str, object], counted: str) -> None:
    """When the router is configured anew, what is there already counts."""
    plan = with_rules(A, import_policies=(accept(Change(), only(P1)),), max_prefix=MaxPrefix(limit=2))
    r = router(plan, B)
    learn(r, A, route_from(A, P1), route_from(A, P2))
    assert state(r, A) == (True, "")
    reason = f"more than 1 prefix was {counted} (RFC 4486 §4, subcode 1)"
    assert configure(r, with_rules(plan, **rules), B) == [
        CloseSession(session=A.name, subcode=CEASE_MAXIMUM_PREFIXES, reason=reason, hold_down_s=60.0),
        RemoveRoute(prefix=P1),
        Withdraw(session=B.name, prefixes=(P1,)),
    ]
    assert state(r, A) == (False, reason)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 1, "warning_percent": 0},
        {"limit": 1, "warning_percent": 101},
        {"limit": 1, "restart_s": 0},
    ],
)
def test_a_limit_that_means_nothing_is_refused(wrong: dict[str, int]) -> None:
    """No prefixes, no percent and no time are no limit."""
    with pytest.raises(ValueError, match="is no prefix limit"):
        MaxPrefix(**wrong)  # type: ignore[arg-type]  # names of its numbers


def test_a_limit_at_its_edges_is_one() -> None:
    """One prefix, one and a hundred percent, one second."""
    assert [MaxPrefix(limit=1, warning_percent=p, restart_s=1).warning_at for p in (1, 100)] == [1, 1]
