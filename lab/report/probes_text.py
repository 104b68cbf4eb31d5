"""What became of packets, as text."""

from __future__ import annotations

from collections.abc import Iterable

from lab.forwarding import FlowResult
from lab.report.layout import aligned, counted


def probes(results: Iterable[FlowResult]) -> str:
    """What became of each packet: its way there and back, its marks, and where it ended.

    Where one was translated, a column more has the sources that were seen.
    """
    results = list(results)
    translated = any(result.translated for result in results)
    rows = []
    for result in results:
        flow = result.flow
        arrived = "" if result.dscp is None else str(result.dscp)
        rows.append(
            [
                f"{flow.source} -> {flow.destination}",
                flow.family.value,
                _fate(result),
                str(flow.dscp),
                arrived,
                " ".join(result.forward),
                " ".join(result.backward),
                *([str(result.source_seen or "")] if translated else []),
                result.stopped,
            ]
        )
    seen = ["source seen"] if translated else []
    header = ("flow", "family", "fate", "dscp sent", "arrived", "way there", "way back", *seen, "stopped")
    answered = sum(row[2] == "answered" for row in rows)
    return "\n".join([*aligned(header, rows), f"{answered} of {counted(len(rows), 'packet')} answered"])


def _fate(result: FlowResult) -> str:
    if not result.sent:
        return "not sent"
    if not result.arrived:
        return "lost"
    return "answered" if result.answered else "not answered"
