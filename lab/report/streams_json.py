"""Trials of streams as JSON: of each stream its loss, its delays and its course."""

from __future__ import annotations

from lab.report.json_parts import Object
from lab.streams import INTERVAL_MS, StreamInterval, StreamResult, TrialResult


def trial_object(trial: TrialResult) -> Object:
    """A trial; what it was made for is its first stream."""
    return {
        "duration_s": trial.trial.duration_s,
        "waited_ms": _ms(trial.waited_ms),
        "interval_ms": INTERVAL_MS,
        "streams": [stream_object(one) for one in trial.results],
    }


def stream_object(one: StreamResult) -> Object:
    """What became of a stream."""
    delays = one.delays
    return {
        "from": one.stream.source,
        "to": one.stream.destination,
        "family": one.stream.family.value,
        "dscp": one.stream.dscp,
        "rate_bps": one.stream.rate_bps,
        "packet_bytes": one.stream.packet_bytes,
        "planned": one.planned,
        "sent": one.sent,
        "received": one.received,
        "duplicated": one.duplicated,
        "reordered": one.reordered,
        "loss_percent": round(one.loss_percent, 3),
        "delay_ms": None
        if delays is None
        else {
            "min": _ms(delays.min_ms),
            "p50": _ms(delays.p50_ms),
            "p95": _ms(delays.p95_ms),
            "p99": _ms(delays.p99_ms),
            "max": _ms(delays.max_ms),
        },
        "jitter_ms": _ms(one.jitter_ms),
        "dscps": list(one.dscps),
        "disturbed": one.disturbed or None,
        "course": [_interval(interval) for interval in one.course],
    }


def _interval(one: StreamInterval) -> Object:
    return {
        "start_ms": one.start_ms,
        "sent": one.sent,
        "received": one.received,
        "p50_ms": _ms(one.p50_ms),
        "max_ms": _ms(one.max_ms),
    }


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
