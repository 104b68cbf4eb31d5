"""The model's answer: the routers of a plan, run in memory until nothing changes any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lab.bfd import negotiated
from lab.checks import Evidence, drills_of, flows_of, more_flows, trials_of
from lab.errors import LabBroken
from lab.events import (
    Announce,
    BfdChanged,
    CloseSession,
    Effect,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
)
from lab.expectations import Expectation
from lab.failover import Drill
from lab.forecast import forecast
from lab.forwarding import Flow, FlowResult, Protocol, predict_flow
from lab.injection import dead_in, in_the_model
from lab.plan import Plan, SessionPlan
from lab.router import Router
from lab.tables import ClosedSession, LabTables

MAXIMUM_EVENTS_PER_SESSION = 1_000
"""Past this the routes are taken never to settle, even where no state was seen to come back."""
_FIRST_ROUND_WATCHED = 16
"""From this round on states are remembered: all but a few networks have settled before."""

_Sent = SessionUp | SessionDown | UpdateReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The routers at their fixpoint, and their tables. `closed` are the sessions that one of their ends closed.

    They are none where the plan is not all modelled: which routes pass a limit is not known then.
    """

    routers: dict[str, Router]
    tables: LabTables
    closed: tuple[ClosedSession, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Which router and session is at the other end of a session, `own`; `why_down` is why the two never meet."""

    own: SessionPlan
    router: str
    session: SessionPlan
    peer_router_id: int
    why_down: str


def predict(plan: Plan) -> Prediction:
    """Run the routers of `plan` against one another. Raises LabBroken where the routes never settle.

    A prefix limit closes its session as it is passed, as in the lab. Passed for a moment only, while routes were still
    exchanged, it is no prediction: so a closed session is tried again once all has settled, as a restart time does in
    the lab, and stays closed where it is past its limit again. With `restart: never` a lab may be left with a session
    closed that is open here; whether it is depends on the order in which UPDATEs arrived.
    """
    model = _Model(plan)
    if not model.settle(model.deliver_in_order) or not model.try_closed_sessions():
        raise LabBroken(_why_it_does_not_settle(plan))
    closed = () if plan.unmodelled else tuple(model.closed.values())
    return Prediction(routers=model.routers, tables=model.tables(), closed=closed)


def refuse_unmodelled(plan: Plan) -> None:
    """Raise LabBroken where the model knows too little of a plan's routers to say anything of routes."""
    if plan.unmodelled:
        raise LabBroken(f"the model cannot tell: {plan.unmodelled}; start the lab with `erlab up` and ask that")


def predicted_evidence(prediction: Prediction, plan: Plan, expectations: Iterable[Expectation]) -> Evidence:
    """What the model says to all that the expectations ask."""
    asked = tuple(expectations)
    evidence = Evidence(plan=plan, tables=prediction.tables, flows={})
    flows = {flow for one in asked for flow in flows_of(one, plan)}
    while flows:
        answers = {flow: predict_flow(plan, prediction.tables, flow) for flow in flows}
        evidence = replace(evidence, flows={**evidence.flows, **answers})
        flows = {flow for one in asked for flow in more_flows(one, evidence)}
    drills = dict.fromkeys(drill for one in asked for drill in drills_of(one, plan))
    afterwards = {drill: found for drill in drills if (found := _afterwards(plan, drill)) is not None}
    trials = dict.fromkeys(trial for one in asked for trial in trials_of(one, plan))
    forecasts = {trial: forecast(plan, prediction.tables, trial) for trial in trials}
    return replace(evidence, afterwards=afterwards, forecasts=forecasts)


def _afterwards(plan: Plan, drill: Drill) -> FlowResult | None:
    """Where packets go while a fault lasts; None where the model cannot tell."""
    stream = drill.stream
    if stream.family is None:
        return None
    flow = Flow(
        source=stream.source,
        destination=stream.destination,
        family=stream.family,
        dscp=stream.dscp,
        protocol=Protocol.UDP,
        source_port=stream.port,
        destination_port=stream.port,
    )
    try:
        failed = in_the_model(plan, drill.fault)
        found = predict_flow(failed, predict(failed).tables, flow)
    except (LabBroken, ValueError):
        return None
    dead = [name for name in (*found.forward, *found.backward) if name in dead_in(plan, drill.fault)]
    return replace(found, arrived=False, answered=False, stopped=f"{dead[0]} is dead") if dead else found


def _why_it_does_not_settle(plan: Plan) -> str:
    """What other orders of delivery tell of routes that do not settle in the one in which they were sent."""
    found = []
    forwards = [node.name for node in plan.routers]
    for order in (forwards, forwards[::-1]):
        model = _Model(plan)
        if model.settle(partial(model.deliver_by_router, order)):
            found.append(model.tables())
    if not found:
        return "the routes never settle: the policies make them oscillate (RFC 3345)"
    if any(one != found[0] for one in found):
        return (
            "the routes have several states to settle in, and which one they reach depends on the order in which"
            " UPDATEs arrive: a BGP wedgie (RFC 4264)"
        )
    return "whether the routes settle depends on the order in which UPDATEs arrive: the policies let them oscillate"


class _Model:
    """The routers of a plan, and what is on its way between them."""

    def __init__(self, plan: Plan) -> None:
        self.routers = {node.name: Router(node) for node in plan.routers}
        self.closed: dict[tuple[str, str], ClosedSession] = {}
        self._wiring = wire(plan)
        self._events: deque[tuple[str, _Sent]] = deque()
        for name, router in self.routers.items():
            self._take_note(name, router.begin())
        for end, far in self._wiring.items():
            if far.own.bfd is not None:
                status = negotiated(far.own.bfd, far.session.bfd)
                self.routers[end[0]].handle(BfdChanged(session=end[1], status=status))
            if far.why_down:
                self._events.append((end[0], SessionDown(session=end[1], reason=far.why_down)))
            else:
                self._open(end)

    def tables(self) -> LabTables:
        """The tables as they are now."""
        return LabTables(routers=tuple(router.tables() for router in self.routers.values()))

    def settle(self, deliver: Callable[[], None]) -> bool:
        """Deliver round by round until nothing is on its way.

        False where that never comes: a state came back (Brent's algorithm finds it), or far too much was delivered.
        """
        budget = MAXIMUM_EVENTS_PER_SESSION * max(1, len(self._wiring))
        number, remembered, next_to_remember = 0, None, _FIRST_ROUND_WATCHED
        while self._events:
            budget -= len(self._events)
            if budget < 0:
                return False
            deliver()
            number += 1
            if number < _FIRST_ROUND_WATCHED:
                continue
            state = self._state()
            if state == remembered:
                return False
            if number == next_to_remember:
                remembered, next_to_remember = state, 2 * number
        return True

    def try_closed_sessions(self) -> bool:
        """Open the closed sessions again until each that is tried closes again; False where that never comes."""
        for _ in range(len(self.closed) + 1):
            before = dict(self.closed)
            for end in before:
                if end in self.closed:
                    far = self._wiring[end]
                    for one in (end, (far.router, far.session.name)):
                        self.closed.pop(one, None)
                        self._open(one)
                    if not self.settle(self.deliver_in_order):
                        return False
            if self.closed.keys() == before.keys():
                return True
        return False

    def deliver_in_order(self) -> None:
        """Deliver what is on its way, in the order in which it was sent."""
        for _ in range(len(self._events)):
            self._handle(*self._events.popleft())

    def deliver_by_router(self, order: Sequence[str]) -> None:
        """Deliver to one router after another all that is on its way to it by then, without what is outdated."""
        for name in order:
            mine = [event for router, event in self._events if router == name]
            self._events = deque(one for one in self._events if one[0] != name)
            for event in _without_outdated(mine):
                self._handle(name, event)

    def _open(self, end: tuple[str, str]) -> None:
        router, session = end
        self._events.append((router, SessionUp(session=session, peer_router_id=self._wiring[end].peer_router_id)))

    def _handle(self, router: str, event: _Sent) -> None:
        effects = self.routers[router].handle(event)
        for effect in effects:
            self._events.extend(delivered(effect, router, self._wiring))
        self._take_note(router, effects)

    def _take_note(self, router: str, effects: Iterable[Effect]) -> None:
        """Remember which sessions a router has closed, and why."""
        for effect in effects:
            if isinstance(effect, CloseSession):
                one = ClosedSession(router=router, session=effect.session, reason=effect.reason)
                self.closed[router, effect.session] = one

    def _state(self) -> object:
        """All that what comes next depends on."""
        return [router.fingerprints() for router in self.routers.values()], tuple(self._events)


def _without_outdated(events: list[_Sent]) -> list[_Sent]:
    """Events with one UPDATE in place of those that a session sent in a row, as a sender that waits would send it.

    It is what a router with a MinRouteAdvertisementIntervalTimer does (RFC 4271 §9.2.1.1).
    """
    kept: list[_Sent] = []
    last_update: dict[str, int] = {}
    for event in events:
        at = last_update.get(event.session)
        earlier = None if at is None else kept[at]
        if at is not None and isinstance(earlier, UpdateReceived) and isinstance(event, UpdateReceived):
            kept[at] = _replaced(earlier, event)
            continue
        last_update[event.session] = len(kept)
        kept.append(event)
    return kept


def _replaced(earlier: UpdateReceived, later: UpdateReceived) -> UpdateReceived:
    """The UPDATE that says what two say, the later one having the last word on each prefix."""
    routes = {route.nlri: route for route in earlier.announced}
    withdrawn = dict.fromkeys(earlier.withdrawn)
    for prefix in later.withdrawn:
        routes.pop(prefix, None)
        withdrawn[prefix] = None
    for route in later.announced:
        routes[route.nlri] = route
        withdrawn.pop(route.nlri, None)
    return UpdateReceived(session=earlier.session, announced=tuple(routes.values()), withdrawn=tuple(withdrawn))


def delivered(effect: Effect, router: str, wiring: dict[tuple[str, str], Wiring]) -> list[tuple[str, _Sent]]:
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


def wire(plan: Plan) -> dict[tuple[str, str], Wiring]:
    """What is at the other end of each session, by router and session."""
    router_ids = {node.name: int(node.bgp.router_id) for node in plan.routers if node.bgp}
    sessions = {(node.name, s.name): s for node in plan.routers if node.bgp for s in node.bgp.sessions}
    return {
        end: Wiring(
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
