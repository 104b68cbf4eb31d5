"""Who reaches whom, as JSON."""

from __future__ import annotations

from lab.matrix import Answer, Matrix
from lab.report.json_parts import Object, document


def matrix(found: Matrix) -> str:
    """Every flow with its fate, and with what the model says of it."""
    return document(
        "matrix",
        hosts=list(found.sweep.hosts),
        protocol=found.sweep.protocol.value,
        port=found.sweep.port or None,
        as_expected=found.as_expected,
        flows=[_answer(one) for one in found.answers],
    )


def _answer(one: Answer) -> Object:
    return {
        "source": one.flow.source,
        "destination": one.flow.destination,
        "family": one.flow.family.value,
        "fate": one.fate.value,
        "dscp_sent": one.flow.dscp,
        "dscp_arrived": one.arrived,
        "dscp_returned": one.returned,
        "round_trip_s": one.round_trip_s,
        "stopped": one.stopped or None,
        "expected": None
        if one.expected is None
        else {
            "answered": one.expected.answered,
            "dscp_arrived": one.expected_mark,
            "stopped": one.expected.stopped or None,
        },
        "as_expected": one.as_expected,
    }
