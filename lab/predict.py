"""The model's answer: the routers of a plan, run in memory until nothing changes any more."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lab.bfd import negotiated
from lab.errors import LabBroken
from lab.events import (
    Announce,
    BfdChanged,
    CloseSession,
    Effect,
    Event,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
)
from lab.plan import Plan, SessionPlan
from lab.router import Router
from lab.tables import ClosedSession, LabTables

MAXIMUM_EVENTS_PER_SESSION = 10_000
"""Past this the routes are taken to oscillate (RFC 3345), and there is no fixpoint to predict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The routers at their fixpoint, and their tables. `closed` are the sessions that one of their ends closed."""

    routers: dict[str, Router]
    tables: LabTables
    closed: tuple[ClosedSession, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wiring:
    """Which router and session is at the other end of each session, `own`."""

    own: SessionPlan
    router: str
    session: SessionPlan
    peer_router_id: int
    why_down: str


def predict(plan: Plan) -> Prediction:
    """Run the routers of `plan` against one another. Raises LabBroken where the routes never settle."""
    routers = {node.name: Router(node) for node in plan.routers}
    wiring = _wire(plan)
    events: deque[tuple[str, Event]] = deque()
    for (router, session), far in wiring.items():
        if far.own.bfd is not None:
            status = negotiated(far.own.bfd, far.session.bfd)
            events.append((router, BfdChanged(session=session, status=status)))
        if far.why_down:
            events.append((router, SessionDown(session=session, reason=far.why_down)))
        else:
            events.append((router, SessionUp(session=session, peer_router_id=far.peer_router_id)))
    closed = [
        ClosedSession(router=name, session=effect.session, reason=effect.reason)
        for name, router in routers.items()
        for effect in router.begin()
        if isinstance(effect, CloseSession)
    ]
    budget = MAXIMUM_EVENTS_PER_SESSION * max(1, len(wiring))
    while events:
        budget -= 1
        if budget < 0:
            raise LabBroken("the routes never settle: the policies make them oscillate (RFC 3345)")
        router, event = events.popleft()
        for effect in routers[router].handle(event):
            events.extend(_delivered(effect, router, wiring))
            if isinstance(effect, CloseSession):
                closed.append(ClosedSession(router=router, session=effect.session, reason=effect.reason))
    tables = LabTables(routers=tuple(r.tables() for r in routers.values()))
    return Prediction(routers=routers, tables=tables, closed=tuple(closed))


def _delivered(effect: Effect, router: str, wiring: dict[tuple[str, str], _Wiring]) -> list[tuple[str, Event]]:
    """The events that an effect causes at the other end of its session."""
    match effect:
        case Announce(session=session, routes=routes):
            far = wiring[router, session]
            return [(far.router, UpdateReceived(session=far.session.name, announced=routes))]
        case Withdraw(session=session, prefixes=prefixes):
            far = wiring[router, session]
            return [(far.router, UpdateReceived(session=far.session.name, withdrawn=prefixes))]
        case CloseSession(session=session, reason=reason):
            far = wiring[router, session]
            return [(far.router, SessionDown(session=far.session.name, reason=f"{router} closed it: {reason}"))]
        case _:
            return []


def _wire(plan: Plan) -> dict[tuple[str, str], _Wiring]:
    router_ids = {node.name: int(node.bgp.router_id) for node in plan.routers if node.bgp}
    sessions = {(node.name, s.name): s for node in plan.routers if node.bgp for s in node.bgp.sessions}
    return {
        end: _Wiring(
            own=sessions[end],
            router=far_router,
            session=far_session,
            peer_router_id=router_ids[far_router],
            why_down=_why_down(sessions[end], far_session),
        )
        for end, (far_router, far_session) in plan.far_ends().items()
    }


def _why_down(one: SessionPlan, other: SessionPlan) -> str:
    """Why two ends can never reach Established; empty where they can."""
    if one.md5 != other.md5:
        return "the MD5 keys of the two ends differ (RFC 2385)"
    for here, there in ((one, other), (other, one)):
        if here.peer_asn != there.local_asn:
            return f"AS {there.local_asn} is there where {here.peer_asn} is expected (RFC 4271 §6.2)"
        if there.rules.shutdown:
            return f"{here.neighbor} has shut it down: {there.rules.shutdown}"
    return ""
