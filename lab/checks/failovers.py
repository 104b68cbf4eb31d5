"""Whether a stream of packets outlives a fault."""

from __future__ import annotations

from dataclasses import replace

from lab.bgp import Family
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.checks.reachability import edges_of
from lab.expectations import FailoverExpectation
from lab.failover import Drill, FailoverResult, FailoverRun, Phase
from lab.forwarding import FlowResult
from lab.plan import Plan

_LEAST_SENT = 0.9
"""A stream that sent less of its packets while a fault lasted does not show how many it loses."""


def drill_of(expectation: FailoverExpectation, plan: Plan) -> Drill:
    """What has to be done for it, with the family that its stream has in this plan."""
    drill, stream = expectation.drill, expectation.drill.stream
    if stream.family is not None:
        return drill
    ends = [plan.node(name) for name in (stream.source, stream.destination)]
    common = [family for family in Family if all(end.address(family) for end in ends)]
    return replace(drill, stream=replace(stream, family=common[0] if common else None))


def _find(expectation: FailoverExpectation, evidence: Evidence) -> Finding:
    drill = drill_of(expectation, evidence.plan)
    measured = evidence.failovers.get(drill)
    if measured is not None:
        return _measured(expectation, measured)
    afterwards = evidence.afterwards.get(drill)
    if afterwards is None:
        return Finding(holds=None, text="the model cannot tell")
    return _predicted(afterwards, evidence.plan)


def _predicted(afterwards: FlowResult, plan: Plan) -> Finding:
    if not afterwards.arrived:
        return Finding(holds=False, text=f"no other way: {afterwards.stopped}")
    if not afterwards.answered:
        return Finding(holds=False, text=f"no other way back: {afterwards.stopped}")
    there, back = (" ".join(edges_of(way, plan)) for way in (afterwards.forward, afterwards.backward))
    return Finding(holds=None, text=f"there via {there}, back via {back}; how soon, the model cannot tell")


def _measured(expectation: FailoverExpectation, result: FailoverResult) -> Finding:
    """The worst run decides: one that was too long fails, whatever another could not show."""
    valid = [run for run in result.runs if not run.invalid]
    for run in valid:
        wrong = too_long(expectation, run)
        if wrong:
            return Finding(holds=False, text=wrong)
    if result.not_run or len(valid) < len(result.runs) or not valid:
        why = [result.not_run, *(run.invalid for run in result.runs)]
        return Finding(holds=None, text="; ".join(dict.fromkeys(filter(None, why))))
    for run in valid:
        untold = _too_close(expectation, run) or _too_few_sent(expectation, run)
        if untold:
            return Finding(holds=None, text=untold)
    return Finding(holds=True, text=_summary(result, max(valid, key=lambda run: run.outage_ms)))


def too_long(expectation: FailoverExpectation, run: FailoverRun) -> str:
    """What is too much of one run, whatever is uncertain; empty where nothing is."""
    worst = run.worst
    if run.outage_ms - run.uncertainty_ms >= expectation.outage_under_ms:
        way = f"{worst.source} to {worst.destination}"
        if not run.ended:
            return f"{way} out still after {run.healing_ms - run.step_ms:.0f} ms, when it was healed"
        return f"{way} out for {_figure(run.outage_ms, run.uncertainty_ms)}"
    if expectation.lost_under is not None and run.lost >= expectation.lost_under:
        return f"{run.lost} packets lost"
    if expectation.back_under_ms is not None:
        for one in (run.there, run.back):
            after = one.after
            if after.outage_ms - after.uncertainty_ms >= expectation.back_under_ms:
                figure = _figure(after.outage_ms, after.uncertainty_ms)
                return f"{one.source} to {one.destination} out for {figure} after healing"
    return ""


def _too_close(expectation: FailoverExpectation, run: FailoverRun) -> str:
    """Why one run does not show that it was short enough; empty where it does."""
    for one in (run.there, run.back):
        phases: tuple[tuple[str, Phase, float | None], ...] = (
            ("", one.during, expectation.outage_under_ms),
            (" after healing", one.after, expectation.back_under_ms),
        )
        for when, seen, limit_ms in phases:
            if limit_ms is not None and seen.most_ms >= limit_ms:
                figure = _figure(seen.outage_ms, seen.uncertainty_ms)
                paused = f", and the sender paused for {seen.largest_send_gap_ms:.0f} ms"
                return f"{one.source} to {one.destination} out for {figure}{when}{paused}: too close to tell"
    return ""


def _too_few_sent(expectation: FailoverExpectation, run: FailoverRun) -> str:
    """Why too few packets were sent in one run to count the lost ones; empty where they were not."""
    if expectation.lost_under is None:
        return ""
    interval_ms = expectation.drill.stream.interval_us / 1000
    for one in (run.there, run.back):
        planned = int(run.healing_ms / interval_ms)
        if one.during.sent < _LEAST_SENT * planned:
            way = f"{one.source} to {one.destination}"
            return f"of {planned} packets from {way} {one.during.sent} were sent while it lasted: too few to count"
    due = round((run.there.during.outage_ms + run.back.during.outage_ms) / interval_ms)
    if due >= expectation.lost_under:
        return f"{run.lost} packets lost, and the sender paused: {due} would have been, one every {interval_ms:g} ms"
    return ""


def _summary(result: FailoverResult, worst: FailoverRun) -> str:
    parts = [f"out for {_figure(worst.outage_ms, worst.uncertainty_ms)}", f"{worst.lost} packets lost"]
    if worst.detect_ms is not None:
        parts.append(f"noticed after {worst.detect_ms:.1f} ms")
    if worst.reroute_ms is not None:
        parts.append(f"last route after {worst.reroute_ms:.1f} ms")
    if worst.lost_on_return:
        parts.append(f"{worst.lost_on_return} lost on the way back")
    of = f"the worst of {len(result.runs)}: " if len(result.runs) > 1 else ""
    return of + ", ".join(parts)


def _figure(outage_ms: float, uncertainty_ms: float) -> str:
    return f"{outage_ms:.1f} ms (+- {uncertainty_ms:.1f})"


def _describe(expectation: FailoverExpectation) -> str:
    drill = expectation.drill
    times = f", {drill.repeat} times" if drill.repeat > 1 else ""
    parts = [f"outage under {expectation.outage_under_ms:g} ms"]
    if expectation.lost_under is not None:
        parts.append(f"fewer than {expectation.lost_under} packets lost")
    if expectation.back_under_ms is not None:
        parts.append(f"after healing under {expectation.back_under_ms:g} ms")
    ways = f"{drill.stream.source} and {drill.stream.destination}"
    return f"failover of {ways}, {drill.fault}{times}: {', '.join(parts)}"


KIND = Kind(
    key=lambda _: "failover",
    describe=_describe,
    find=_find,
    drills=lambda expectation, plan: (drill_of(expectation, plan),),
    by_absence=lambda _: False,
)
