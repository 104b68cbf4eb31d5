"""A failover's figures as JSON, with all that a plot needs: the lost packets over time, and what happened when."""

from __future__ import annotations

from lab.failover import MEASURES, DirectionResult, FailoverResult, FailoverRun, Phase, TimedEvent
from lab.report.json_parts import Object, document


def failover_object(result: FailoverResult) -> Object:
    """One failover expectation's runs. Times are in milliseconds from the fault of their run."""
    return {
        "fault": str(result.drill.fault),
        "from": result.drill.stream.source,
        "to": result.drill.stream.destination,
        "family": result.drill.stream.family and result.drill.stream.family.value,
        "interval_ms": result.drill.stream.interval_us / 1000,
        "repeat": result.drill.repeat,
        "not_run": result.not_run or None,
        "distribution": {name: _distribution(result, name) for name in MEASURES},
        "runs": [_run(run) for run in result.runs],
    }


def _distribution(result: FailoverResult, name: str) -> Object | None:
    found = result.distribution(name)
    if found is None:
        return None
    return {
        "min": _ms(found.least),
        "median": _ms(found.median),
        "p90": _ms(found.p90),
        "max": _ms(found.most),
    }


def _run(run: FailoverRun) -> Object:
    return {
        "invalid": run.invalid or None,
        "ended": run.ended,
        "crossed": None if run.crossed is None else round(run.crossed, 3),
        **{name: _ms(measure(run)) for name, measure in MEASURES.items()},
        "injected_ms": _ms(run.injected_ms),
        "healing_ms": _ms(run.healing_ms),
        "there": _stream(run.there),
        "back": _stream(run.back),
        "events": [_event(one) for one in run.events],
    }


def _stream(one: DirectionResult) -> Object:
    return {
        "from": one.source,
        "to": one.destination,
        "before": _phase(one.before),
        "during": _phase(one.during),
        "after": _phase(one.after),
        "series": [[_ms(point.at_ms), point.sent, point.arrived] for point in one.series],
    }


def _phase(phase: Phase) -> Object:
    return {
        "sent": phase.sent,
        "lost": phase.lost,
        "duplicated": phase.duplicated,
        "reordered": phase.reordered,
        "outage_ms": _ms(phase.outage_ms),
        "uncertainty_ms": _ms(phase.uncertainty_ms),
        "largest_send_gap_ms": _ms(phase.largest_send_gap_ms),
        "gaps": [
            {
                "from_ms": _ms(gap.from_ms),
                "after_ms": _ms(gap.after_ms),
                "restored_ms": _ms(gap.restored_ms),
                "lost": gap.lost,
                "least_ms": _ms(gap.least_ms),
                "most_ms": _ms(gap.most_ms),
                "ended": gap.ended,
            }
            for gap in phase.gaps
        ],
    }


def _event(event: TimedEvent) -> Object:
    return {
        "at_ms": _ms(event.at_ms),
        "until_ms": _ms(event.until_ms),
        "kind": event.kind.value,
        "node": event.node or None,
        "text": event.text or None,
        "count": event.count,
    }


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def failed(fault: str) -> str:
    """A fault that a command let happen."""
    return document("failed", fault=fault)


def healed(faults: tuple[str, ...], pending: tuple[str, ...]) -> str:
    """The faults that a command ended, and what had not settled then."""
    return document("healed", faults=list(faults), pending=list(pending))
