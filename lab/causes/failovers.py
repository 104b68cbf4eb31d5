"""Why a failover takes too long, or was not shown: the stage that took the time."""

from __future__ import annotations

from lab.causes.case import Case
from lab.causes.stages import Cause, Stage
from lab.checks.failovers import drill_of, too_long
from lab.expectations import FailoverExpectation
from lab.failover import EventKind, FailoverRun, TimedEvent
from lab.injection import SessionEnd, injections
from lab.plan import Plan, SessionPlan


def cause(expectation: FailoverExpectation, case: Case) -> Cause:
    """Why a failover was not as it has to be."""
    plan = case.predicted.plan
    drill = drill_of(expectation, plan)
    afterwards = case.predicted.afterwards.get(drill)
    measured = case.observed.failovers.get(drill)
    runs = measured.runs if measured else ()
    slow = next((run for run in runs if not run.invalid and too_long(expectation, run)), None)
    if slow is None:
        return Cause(stage=Stage.PACKET, text="it was not shown")
    if afterwards is not None and not afterwards.answered:
        return Cause(stage=Stage.ADJ_RIB_IN, text=f"there is no other way: {afterwards.stopped}")
    ends = injections(plan, drill.fault)[-1].ends
    late = _noticed_last(plan, ends, slow)
    if late is not None:
        return Cause(stage=Stage.SESSION, text=late)
    return _after_notice(slow)


def _noticed_last(plan: Plan, ends: tuple[SessionEnd, ...], run: FailoverRun) -> str | None:
    """The end of a session that noticed the fault last, where that took most of the outage; or never did."""
    down: dict[SessionEnd, TimedEvent] = {}
    for event in run.events:
        if event.kind is EventKind.SESSION_DOWN and run.step_ms <= event.at_ms < run.healing_ms:
            session = event.text.partition(":")[0]
            down.setdefault(SessionEnd(router=event.node, session=session), event)
    unaware = [end for end in ends if end not in down]
    if unaware and not run.ended:
        end = unaware[0]
        return f"{end.router} did not notice in {run.healing_ms - run.step_ms:.0f} ms: {_why_not_sooner(plan, end)}"
    noticed = [(down[end].at_ms - run.step_ms, end) for end in ends if end in down]
    if not noticed:
        return None
    at_ms, end = max(noticed, key=lambda one: one[0])
    if at_ms < run.outage_ms / 2:
        return None
    why = down[end].text.partition(": ")[2]
    by_timer = why.startswith("BFD: no packet") or "hold" in why
    return f"{end.router} noticed after {at_ms:.0f} ms: {why}" + f"; {_why_not_sooner(plan, end)}" * by_timer


def _why_not_sooner(plan: Plan, end: SessionEnd) -> str:
    session = _session(plan, end)
    far = plan.far_ends().get((end.router, end.session))
    hold_s = min(session.hold_time_s, far[1].hold_time_s) if far else session.hold_time_s
    between = f"{end.router} - {session.neighbor}"
    if session.bfd is None or far is None or far[1].bfd is None:
        where = end.router if session.bfd is None else session.neighbor
        return f"BFD is off at {where}, and the hold time of {between} is {hold_s} s"
    return f"BFD of {between} has {session.bfd.multiplier} packets of {session.bfd.transmit_interval_ms} ms"


def _session(plan: Plan, end: SessionEnd) -> SessionPlan:
    bgp = plan.node(end.router).bgp
    if bgp is None:
        raise ValueError(f"{end.router} is no router")
    return next(one for one in bgp.sessions if one.name == end.session)


def _after_notice(run: FailoverRun) -> Cause:
    """What took the time once the fault was known."""
    changes = [one for one in run.events if one.kind is EventKind.FIB and run.step_ms <= one.at_ms < run.healing_ms]
    noticed = "it was not noticed" if run.detect_ms is None else f"it was noticed after {run.detect_ms:.0f} ms"
    if not changes:
        return Cause(stage=Stage.FIB, text=f"{noticed}, and no router changed its routes")
    last = max(changes, key=lambda one: one.until_ms)
    text = f"{noticed}, and {last.node} changed its last route after {last.until_ms - run.step_ms:.0f} ms"
    if not run.ended:
        return Cause(stage=Stage.PACKET, text=f"{text}, and packets were lost all the same")
    return Cause(stage=Stage.FIB, text=text)
