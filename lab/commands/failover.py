"""A fault, a stream of packets across it, and that the lab is as before: once, or several times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.controller import Lab
from lab.errors import LabBroken
from lab.failover import (
    FailoverResult,
    FailoverRun,
    SteadyStream,
    direction_result,
    why_invalid,
)
from lab.faults import Fault
from lab.injection import Injection, injections
from lab.messages import (
    AwaitConvergence,
    AwaitQuiet,
    Converged,
    Counters,
    Heal,
    Healed,
    Inject,
    Injected,
    Quiet,
    ReadCounters,
    StartStream,
    StopStream,
    Streamed,
    Streaming,
)
from lab.plan import Plan
from lab.tables import ClosedSession

ANSWER_DEADLINE_S = 15.0
_CALM_S = 0.1
"""How long all has to be quiet before a fault."""
_QUIET_S = 0.3
"""How long no packet is lost and no route changes before a failover is taken for over."""
_MS = 1e6


class NotBack(LabBroken):
    """The lab is not what it was before the fault."""


def measure(  # noqa: PLR0913  # each is one thing to choose
    lab: Lab,
    plan: Plan,
    fault: Fault,
    stream: SteadyStream,
    *,
    repeat: int,
    watch_s: float,
    settle_s: float,
    closed: tuple[ClosedSession, ...] = (),
) -> FailoverResult:
    """Let a fault happen `repeat` times, and watch each for `watch_s` at most before it is healed.

    `closed` are the sessions that are so without it. Raises NotBack where the lab has not converged `settle_s` after
    healing, and ValueError where the fault fits no plan.
    """
    steps = injections(plan, fault)
    runs = []
    for _ in range(repeat):
        runs.append(_run(lab, steps, stream, watch_s, settle_s, closed))
        if runs[-1].invalid.startswith(_NEVER_RAN):
            break
    return FailoverResult(
        fault=str(fault),
        source=stream.source,
        destination=stream.destination,
        family=stream.family,
        interval_ms=stream.interval_us / 1000,
        runs=tuple(runs),
    )


_NEVER_RAN = "no stream before the fault"


def _run(  # noqa: PLR0913
    lab: Lab,
    steps: tuple[Injection, ...],
    stream: SteadyStream,
    watch_s: float,
    settle_s: float,
    closed: tuple[ClosedSession, ...],
) -> FailoverRun:
    """One repetition."""
    started = lab.channel.ask(StartStream(stream=stream), Streaming, deadline_s=ANSWER_DEADLINE_S)
    if started.why_not:
        return _never_ran(stream, started.why_not)
    try:
        share = _share_that_crosses(lab, steps[-1], stream)
        with _healing(lab, steps) as marks:
            for number, step in enumerate(steps):
                if number:
                    _converge(lab, settle_s, closed)
                    _await_quiet(lab, _QUIET_S, settle_s)
                marks.append(lab.channel.ask(Inject(injection=step), Injected, deadline_s=ANSWER_DEADLINE_S))
            _await_quiet(lab, _QUIET_S, watch_s)
        healed = marks[-1]
        pending = _converge(lab, settle_s, closed)
        _await_quiet(lab, _QUIET_S, settle_s)
    finally:
        streamed = lab.channel.ask(StopStream(), Streamed, deadline_s=ANSWER_DEADLINE_S)
    if pending:
        raise NotBack(f"{settle_s:g} s after healing: {'; '.join(pending)}")
    fault_ns = marks[0].began_ns
    there, back = (
        direction_result(one, fault_ns=fault_ns, healing_ns=healed.began_ns) for one in (streamed.there, streamed.back)
    )
    events = sorted((one.after(fault_ns) for one in streamed.events), key=lambda one: one.at_ms)
    return FailoverRun(
        there=there,
        back=back,
        events=tuple(events),
        injected_ms=(marks[0].done_ns - fault_ns) / _MS,
        healing_ms=(healed.began_ns - fault_ns) / _MS,
        crossed=share,
        invalid=why_invalid(there, back, share),
    )


@contextmanager
def _healing(lab: Lab, steps: tuple[Injection, ...]) -> Iterator[list[Injected | Healed]]:
    """Heal at the end of the block, however it ends, and put down when."""
    marks: list[Injected | Healed] = []
    try:
        yield marks
    finally:
        if marks and not steps[-1].resets:
            heal = Heal(fault=steps[-1].fault)
            marks.append(lab.channel.ask(heal, Healed, deadline_s=ANSWER_DEADLINE_S))
        else:
            now_ns = time.monotonic_ns()
            marks.append(Healed(faults=(), began_ns=now_ns, done_ns=now_ns))


def _share_that_crosses(lab: Lab, step: Injection, stream: SteadyStream) -> float | None:
    """The largest share of one direction's packets that enters by one of the interfaces of what fails."""
    if not step.crossed:
        return None
    question = ReadCounters(interfaces=step.crossed)
    before = lab.channel.ask(question, Counters, deadline_s=ANSWER_DEADLINE_S)
    _await_quiet(lab, _CALM_S, 1.0)
    after = lab.channel.ask(question, Counters, deadline_s=ANSWER_DEADLINE_S)
    sent = (after.at_ns - before.at_ns) / 1000 / stream.interval_us
    return max(there - here for here, there in zip(before.packets, after.packets, strict=True)) / sent


def _converge(lab: Lab, settle_s: float, closed: tuple[ClosedSession, ...]) -> tuple[str, ...]:
    wait = AwaitConvergence(deadline_s=settle_s, closed=closed)
    return lab.channel.ask(wait, Converged, deadline_s=settle_s + ANSWER_DEADLINE_S).pending


def _await_quiet(lab: Lab, quiet_s: float, deadline_s: float) -> bool:
    wait = AwaitQuiet(quiet_s=quiet_s, deadline_s=deadline_s)
    return lab.channel.ask(wait, Quiet, deadline_s=deadline_s + ANSWER_DEADLINE_S).reached


def _never_ran(stream: SteadyStream, why: str) -> FailoverRun:
    """A run without a stream."""
    from lab.failover import DirectionRecord

    ends = ((stream.source, stream.destination), (stream.destination, stream.source))
    there, back = (
        direction_result(
            DirectionRecord(source=source, destination=destination, sent_ns=(), arrived_ns=()), fault_ns=0, healing_ns=0
        )
        for source, destination in ends
    )
    return FailoverRun(
        there=there, back=back, events=(), injected_ms=0.0, healing_ms=0.0, invalid=f"{_NEVER_RAN}: {why}"
    )
