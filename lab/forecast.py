"""What the model can say of streams that share their way: from the rates and the impairments on it alone.

It knows no queue's state. Where more is sent than a bottleneck carries, it gives bounds, and they may be wide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.forwarding import Flow, Protocol, predict_flow
from lab.plan import Endpoint, Plan
from lab.plan.crossing import wires_crossed
from lab.shaping import QueueClass, Queues, rate_text
from lab.streams import Stream, Trial
from lab.tables import LabTables

_ETHERNET_BYTES = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What must become of a stream: bounds of its loss, and the least that its packets take.

    `waits` says whether it may wait for other streams. `because` are the places that matter, in order; `stopped` why
    none of its packets arrives.
    """

    stream: Stream
    least_percent: float
    most_percent: float
    least_delay_ms: float = 0.0
    waits: bool = False
    because: tuple[str, ...] = ()
    stopped: str = ""


@dataclass(slots=True)
class _Way:
    """A stream on its way through the plan: what is left of it at least and at most, and what was met."""

    stream: Stream
    least_left: float = 1.0
    most_left: float = 1.0
    delay_ms: float = 0.0
    waits: bool = False
    because: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """A stream where it leaves a node: with which mark, by which interface, for which next node."""

    number: int
    dscp: int
    sender: Endpoint
    receiver: str


def forecast(plan: Plan, tables: LabTables, trial: Trial) -> tuple[Forecast, ...]:
    """What must become of the streams of a trial, in their order."""
    ways = [_Way(stream) for stream in trial.streams]
    stopped: dict[int, str] = {}
    there: dict[Endpoint, list[_At]] = defaultdict(list)
    for number, stream in enumerate(trial.streams):
        steps, why = _steps(plan, tables, number, stream)
        if why:
            stopped[number] = why
        for one in steps:
            there[one.sender].append(one)
    for sender, together in there.items():
        queues = next((q for q in plan.node(sender.node).queues if q.interface == sender.interface), None)
        if queues is not None:
            _queue(sender, queues, together, ways)
    by_wire: dict[tuple[str, int], list[_At]] = defaultdict(list)
    for together in there.values():
        for one in together:
            for crossed in wires_crossed(plan, one.sender, one.receiver):
                by_wire[crossed.wire.name, crossed.sender].append(one)
    _impair(plan, by_wire, ways)
    return tuple(_forecast(way, stopped.get(number, "")) for number, way in enumerate(ways))


def _steps(plan: Plan, tables: LabTables, number: int, stream: Stream) -> tuple[list[_At], str]:
    """The nodes that a stream leaves on its way, and why it does not arrive; empty where it does."""
    flow = Flow(
        source=stream.source,
        destination=stream.destination,
        family=stream.family,
        dscp=stream.dscp,
        protocol=Protocol.UDP,
    )
    result = predict_flow(plan, tables, flow)
    steps = [
        _At(
            number=number,
            dscp=here.left.dscp,
            sender=Endpoint(node=here.node, interface=here.left.interface),
            receiver=after.node,
        )
        for here, after in zip(result.there, result.there[1:], strict=False)
        if here.left is not None
    ]
    return steps, "" if result.arrived else result.stopped or "it does not arrive"


def _text(rate_bps: float) -> str:
    return rate_text(round(float(f"{rate_bps:.3g}")))


def _on_wire_bps(stream: Stream) -> float:
    return stream.rate_bps * (stream.packet_bytes + _ETHERNET_BYTES) / stream.packet_bytes


# bottlenecks


def _queue(sender: Endpoint, queues: Queues, together: Sequence[_At], ways: Sequence[_Way]) -> None:
    """Let streams meet at the queues of an interface."""
    of_class: dict[QueueClass, list[_At]] = defaultdict(list)
    for one in together:
        of_class[queues.class_of(one.dscp)].append(one)
    offered = {cls: sum(_on_wire_bps(ways[one.number].stream) for one in its) for cls, its in of_class.items()}
    wanted_bps = sum(min(bps, cls.ceil_bps) for cls, bps in offered.items())
    for cls, its in of_class.items():
        own_bps = offered[cls]
        others_bps = sum(min(bps, other.rate_bps) for other, bps in offered.items() if other is not cls)
        if own_bps <= cls.rate_bps or (own_bps <= cls.ceil_bps and wanted_bps <= queues.rate_bps):
            continue
        most_bps = cls.rate_bps if cls.strict else min(cls.ceil_bps, queues.rate_bps - others_bps)
        says = f"{sender.node} sends {_text(own_bps)} of class {cls.name} by {sender.interface}, which has "
        says += f"{rate_text(cls.rate_bps)}"
        says += " at most" if cls.strict else f", and {_text(most_bps)} at most"
        for one in its:
            _narrow(ways[one.number], own_bps, (own_bps - most_bps, own_bps - cls.rate_bps), says)


def _narrow(way: _Way, together_bps: float, lost_bps: tuple[float, float], says: str) -> None:
    """A stream passes a bottleneck where so much is lost of it and others together, at least and at most.

    Which of them loses is the bottleneck's affair: all that is lost may be its own, or that of the others first.
    """
    least_bps, most_bps = lost_bps
    own_bps = _on_wire_bps(way.stream)
    way.most_left *= 1 - max(0.0, least_bps - (together_bps - own_bps)) / own_bps
    way.least_left *= 1 - min(1.0, most_bps / own_bps)
    way.waits = True
    way.because.append(says)


def _impair(plan: Plan, by_wire: dict[tuple[str, int], list[_At]], ways: Sequence[_Way]) -> None:
    wires = {wire.name: wire for wire in plan.wires}
    for (name, number), together in by_wire.items():
        impairment = wires[name].impairments[number]
        offered_bps = sum(_on_wire_bps(ways[one.number].stream) for one in together)
        for one in together:
            way = ways[one.number]
            kept = 1 - impairment.loss_percent / 100
            way.least_left, way.most_left = way.least_left * kept, way.most_left * kept
            way.delay_ms += impairment.delay_ms - impairment.jitter_ms
            if impairment.loss_percent:
                way.because.append(f"wire {name} loses {impairment.loss_percent:g} %")
            if impairment.delay_ms:
                way.because.append(f"wire {name} delays by {impairment.delay_ms:g} ms")
            if impairment.rate_bps is not None and offered_bps > impairment.rate_bps:
                says = f"{_text(offered_bps)} are sent over wire {name}, which carries "
                says += rate_text(impairment.rate_bps)
                lost_bps = offered_bps - impairment.rate_bps
                _narrow(way, offered_bps, (lost_bps, lost_bps), says)


def _forecast(way: _Way, stopped: str) -> Forecast:
    return Forecast(
        stream=way.stream,
        least_percent=100.0 if stopped else 100 * (1 - way.most_left),
        most_percent=100.0 if stopped else 100 * (1 - way.least_left),
        least_delay_ms=way.delay_ms,
        waits=way.waits,
        because=tuple(dict.fromkeys(way.because)),
        stopped=stopped,
    )
