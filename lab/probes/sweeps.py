"""Sweeps in two passes: every flow with captures at its two ends alone, and those that were not answered once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lab.forwarding import Flow, FlowResult, Sweep, SweepResult
from lab.packets import Protocol
from lab.plan import Plan, Role
from lab.probes.echo_sweeps import EchoSweeper, Seen
from lab.probes.tracing import Tracer
from lab.questions.packets import Probe

_TRACED_FOR_S = 2.5
"""At least: a kernel tells one sender of missing routes once a second, after the first five (Linux, `ip_error()`).

The first pass used these up, and the two directions between two hosts may have one sender.
"""


class Sweeper:
    """Asks every flow of a sweep."""

    def __init__(self, plan: Plan, tracer: Tracer, enter: Callable[[str], None]) -> None:
        self._plan = plan
        self._tracer = tracer
        self._hosts = [node.name for node in plan.nodes if node.role is Role.HOST]
        self._echoes = EchoSweeper(plan, self._hosts, enter)

    def ask(self, sweep: Sweep, deadline_s: float) -> SweepResult:
        """What became of a sweep's flows."""
        flows = tuple(sweep.flows(self._plan))
        if sweep.protocol is Protocol.ICMP:
            seen = self._echoes.sweep(flows, deadline_s)
        else:
            question = Probe(flows=flows, deadline_s=deadline_s)
            seen = _seen_of(self._tracer.trace(question, at=self._hosts))
        failed = tuple(_one_of_each(flows, seen)) if len(seen.returned) < len(flows) else ()
        traced: tuple[FlowResult, ...] = ()
        if failed:
            question = Probe(flows=tuple(flows[n] for n in failed), deadline_s=max(deadline_s, _TRACED_FOR_S))
            results = self._tracer.trace(question)
            traced = tuple(one for one in results if not one.answered)
            for n, one in zip(failed, results, strict=True):
                _note(seen, n, one)
        return _result(len(flows), seen, traced)


def _one_of_each(flows: Sequence[Flow], seen: Seen) -> Iterator[int]:
    """The flows that were not answered: the first one of two hosts and a family where all marks failed, else each."""
    answered = {(flows[n].source, flows[n].destination, flows[n].family) for n in seen.returned}
    told = set()
    for n, flow in enumerate(flows):
        pair = (flow.source, flow.destination, flow.family)
        if n not in seen.returned and (pair in answered or pair not in told):
            told.add(pair)
            yield n


def _seen_of(results: Sequence[FlowResult]) -> Seen:
    seen = Seen()
    for n, one in enumerate(results):
        _note(seen, n, one)
    return seen


def _note(seen: Seen, n: int, one: FlowResult) -> None:
    """Take note of what became of a flow that was looked at by itself."""
    if one.dscp is not None:
        seen.arrived[n] = one.dscp
    last = one.back[-1].entered if one.answered and one.back else None
    if last is not None:
        seen.returned[n] = last.dscp
    if one.round_trip_s is not None:
        seen.left_ns[n], seen.returned_ns[n] = 0, round(one.round_trip_s * 1e9)


def _result(count: int, seen: Seen, traced: tuple[FlowResult, ...]) -> SweepResult:
    left, back = seen.left_ns, seen.returned_ns
    return SweepResult(
        arrived=tuple(seen.arrived.get(n, -1) for n in range(count)),
        returned=tuple(seen.returned.get(n, -1) for n in range(count)),
        round_trip_ns=tuple(back[n] - left[n] if n in left and n in back else -1 for n in range(count)),
        traced=traced,
    )
