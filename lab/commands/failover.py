"""A fault, a stream of packets across it, and that the lab is as before: once, or several times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from lab.controller import Lab
from lab.errors import LabBroken
from lab.failover import (
    NOT_BACK,
    Drill,
    FailoverResult,
    FailoverRun,
    SteadyStream,
    direction_result,
    why_invalid,
    why_unnoticed,
)
from lab.injection import Injection, injections
from lab.messages import (
    AwaitQuiet,
    Counters,
    Inject,
    Injected,
    Quiet,
    ReadCounters,
    ReadSessions,
    Sessions,
    StartStream,
    StopStream,
    Streamed,
    Streaming,
)
from lab.plan import Endpoint, Plan
from lab.questions.control import Heal, Healed
from lab.questions.tables import AwaitConvergence, Converged
from lab.tables import ClosedSession

ANSWER_DEADLINE_S = 15.0
_CALM_S = 0.1
"""How long all has to be quiet before a fault."""
_QUIET_S = 0.3
"""How long no packet is lost and no route changes before a failover is taken for over."""
_LOOK_EVERY_S = 0.05
_MS = 1e6


def measure(
    lab: Lab, plan: Plan, drill: Drill, *, settle_s: float, closed: tuple[ClosedSession, ...] = ()
) -> FailoverResult:
    """Let a fault happen as often as a drill says. It ends early where the lab is not as before.

    `closed` are the sessions that are so without it; the lab has to be settled, and `settle_s` after healing it has to
    be so again. Raises ValueError where the fault fits no plan.
    """
    runs: list[FailoverRun] = []
    for _ in range(drill.repeat):
        started = lab.channel.ask(StartStream(stream=drill.stream), Streaming, deadline_s=ANSWER_DEADLINE_S)
        if started.why_not:
            return FailoverResult(drill=drill, runs=tuple(runs), not_run=f"no stream: {started.why_not}")
        run, pending = _run(lab, plan, drill, settle_s, closed)
        runs.append(run)
        if pending:
            why = f"{NOT_BACK} {settle_s:g} s after healing: {'; '.join(pending)}"
            return FailoverResult(drill=drill, runs=tuple(runs), not_run=why)
    return FailoverResult(drill=drill, runs=tuple(runs))


def _run(
    lab: Lab, plan: Plan, drill: Drill, settle_s: float, closed: tuple[ClosedSession, ...]
) -> tuple[FailoverRun, tuple[str, ...]]:
    """One repetition under a stream that runs; and what has not settled after it."""
    steps = injections(plan, drill.fault)
    noticing = _noticing(steps[-1])
    try:
        share = _share_that_crosses(lab, plan, steps[-1], drill.stream)
        with _healing(lab, steps) as marks:
            for number, step in enumerate(steps):
                if number:
                    _converge(lab, settle_s, closed)
                    _await_quiet(lab, _QUIET_S, settle_s)
                marks.append(lab.channel.ask(Inject(injection=step), Injected, deadline_s=ANSWER_DEADLINE_S))
            if steps[-1].resets:  # what it ends comes back by itself
                _converge(lab, drill.watch_s, closed)
            left_s = drill.watch_s - _await_notice(lab, noticing, drill.watch_s)
            _await_quiet(lab, _QUIET_S, left_s)
        pending = _converge(lab, settle_s, closed)
        if not _await_quiet(lab, _QUIET_S, settle_s):
            pending = (*pending, "packets are lost, or routes change")
    finally:
        streamed = lab.channel.ask(StopStream(), Streamed, deadline_s=ANSWER_DEADLINE_S)
    begin, healed = marks[0], marks[-1]
    there, back = (
        direction_result(one, fault_ns=begin.began_ns, healing_ns=healed.began_ns)
        for one in (streamed.there, streamed.back)
    )
    events = sorted((one.after(begin.began_ns) for one in streamed.events), key=lambda one: one.at_ms)
    run = FailoverRun(
        there=there,
        back=back,
        events=tuple(events),
        injected_ms=(begin.done_ns - begin.began_ns) / _MS,
        healing_ms=(healed.began_ns - begin.began_ns) / _MS,
        crossed=share,
        invalid=why_invalid(there, back, share),
    )
    if noticing and not run.invalid:
        run = replace(run, invalid=why_unnoticed(run))
    return run, pending


def _noticing(step: Injection) -> frozenset[tuple[str, str]]:
    """The ends of sessions, at routers that live, that a fault takes down for as long as it lasts."""
    if step.resets:
        return frozenset()
    return frozenset((end.router, end.session) for end in step.ends if end.router not in step.killed)


def _await_notice(lab: Lab, ends: frozenset[tuple[str, str]], deadline_s: float) -> float:
    """Wait until routers have taken all of these ends of sessions for down, or for a while; how long, in seconds."""
    began_s = time.monotonic()
    while True:
        told = lab.channel.ask(ReadSessions(), Sessions, deadline_s=ANSWER_DEADLINE_S).told
        up = any(one.established and (router, one.session) in ends for router, one in told)
        waited_s = time.monotonic() - began_s
        if not up or waited_s >= deadline_s:
            return min(waited_s, deadline_s)
        time.sleep(_LOOK_EVERY_S)


@contextmanager
def _healing(lab: Lab, steps: tuple[Injection, ...]) -> Iterator[list[Injected | Healed]]:
    """Heal at the end of the block, and put down when; however it ends, nothing of the fault stays."""
    marks: list[Injected | Healed] = []
    heal = Heal(fault=steps[-1].fault)
    try:
        yield marks
    except BaseException:
        if not steps[-1].resets:
            with suppress(LabBroken):  # nothing was injected, or it was taken back; or the supervisor will heal it
                lab.channel.ask(heal, Healed, deadline_s=ANSWER_DEADLINE_S)
        raise
    if steps[-1].resets:
        now_ns = time.monotonic_ns()
        marks.append(Healed(faults=(), began_ns=now_ns, done_ns=now_ns))
    else:
        marks.append(lab.channel.ask(heal, Healed, deadline_s=ANSWER_DEADLINE_S))


def _share_that_crosses(lab: Lab, plan: Plan, step: Injection, stream: SteadyStream) -> float | None:
    """How many packets enter by the busiest interface of what fails, as a part of what arrives at a host."""
    if not step.crossed:
        return None
    ends = [
        Endpoint(node=name, interface=interface.name)
        for name in (stream.source, stream.destination)
        for interface in plan.node(name).interfaces
        if interface.addresses
    ]
    question = ReadCounters(interfaces=(*ends, *step.crossed))
    before = lab.channel.ask(question, Counters, deadline_s=ANSWER_DEADLINE_S)
    _await_quiet(lab, _CALM_S, 1.0)
    after = lab.channel.ask(question, Counters, deadline_s=ANSWER_DEADLINE_S)
    entered = [now - then for then, now in zip(before.packets, after.packets, strict=True)]
    arrived, crossed = entered[: len(ends)], entered[len(ends) :]
    return max(crossed) / max(1, *arrived)


def _converge(lab: Lab, settle_s: float, closed: tuple[ClosedSession, ...]) -> tuple[str, ...]:
    wait = AwaitConvergence(deadline_s=settle_s, closed=closed)
    return lab.channel.ask(wait, Converged, deadline_s=settle_s + ANSWER_DEADLINE_S).pending


def _await_quiet(lab: Lab, quiet_s: float, deadline_s: float) -> bool:
    wait = AwaitQuiet(quiet_s=quiet_s, deadline_s=deadline_s)
    return lab.channel.ask(wait, Quiet, deadline_s=deadline_s + ANSWER_DEADLINE_S).reached
