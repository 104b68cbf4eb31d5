"""What became of packets, as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from lab.forwarding import Crossing, FlowResult, Seen
from lab.report.json_parts import Object, document


def probes(results: Iterable[FlowResult]) -> str:
    """What became of each packet."""
    return document("probes", probes=[_probe(one) for one in results])


def _probe(result: FlowResult) -> Object:
    return {
        "source": result.flow.source,
        "destination": result.flow.destination,
        "family": result.flow.family.value,
        "protocol": result.flow.protocol.value,
        "source_port": result.flow.source_port,
        "destination_port": result.flow.destination_port,
        "packet_bytes": result.flow.packet_bytes,
        "sent": result.sent,
        "arrived": result.arrived,
        "answered": result.answered,
        "dscp_sent": result.flow.dscp,
        "dscp_arrived": result.dscp,
        "marks": [{"node": node, "dscp": dscp} for node, dscp in result.marks],
        "forward": list(result.forward),
        "backward": list(result.backward),
        "there": [_crossing(one) for one in result.there],
        "back": [_crossing(one) for one in result.back],
        "round_trip_s": result.round_trip_s,
        "source_seen": None if result.source_seen is None else str(result.source_seen),
        "stopped": result.stopped or None,
    }


def _crossing(one: Crossing) -> Object:
    return {"node": one.node, "entered": _seen(one.entered), "left": _seen(one.left)}


def _seen(one: Seen | None) -> Object | None:
    if one is None:
        return None
    return {"interface": one.interface, "dscp": one.dscp, "source": str(one.source), "target": str(one.target)}
