"""Expectations about failovers."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import InputError, Mistake
from lab.expectations import FailoverExpectation
from lab.failover import Drill, SteadyStream
from lab.faults import Fault, FaultKind
from lab.injection import injections
from lab.load.expectation_documents.failovers import FailoverDocument, FaultDocument
from lab.load.expectations.kind import Kind, Path
from lab.load.expectations.packets import check_ends
from lab.load.names import Names, unknown
from lab.load.source import SourceFile
from lab.plan import Plan
from lab.plan.of_topology import plan
from lab.topology import Topology

_LEAST_INTERVAL_MS = 0.5
_LONGEST_S = 3600
"""How long all outages of one expectation may last together."""
_PATIENCE, _MARGIN_S = 1.5, 1.0
"""How much longer than the limit a fault lasts where packets stay lost: enough to say that it was too long."""


def _check(item: FailoverDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    yield from check_ends(item, path, names, source)
    yield from _fault(item.when, (*path, "when"), names, source)
    if item.every < _LEAST_INTERVAL_MS:
        what = f"every: {item.every:g} ms is more often than a sender keeps up with"
        yield source.mistake((*path, "every"), what, f"{_LEAST_INTERVAL_MS:g} ms at least")
    longest_s = item.repeat * max(item.outage_under, item.back_under or 0) / 1000
    if longest_s > _LONGEST_S:
        what = f"repeat: {item.repeat} times could take {longest_s:g} s"
        yield source.mistake((*path, "repeat"), what, f"at most {_LONGEST_S} s: fewer times, or a shorter outage_under")
    if item.every * 10 > item.outage_under:
        what = f"every: {item.every:g} ms is too seldom to tell {item.outage_under:g} ms"
        yield source.mistake((*path, "every"), what, "at most a tenth of outage_under")


def _fault(item: FaultDocument, path: Path, names: Names, source: SourceFile) -> Iterator[Mistake]:
    if item.towards is not None and item.silent_loss is None:
        what = "towards: only silent_loss has one direction"
        yield source.mistake((*path, "towards"), what, "leave it out", at_key=True)
    fault = fault_of(item)
    routers = [*(fault.routers or ())]
    if fault.kind is FaultKind.ROUTER_KILLED:
        routers.append(fault.target)
    for name in routers:
        wrong = unknown(name, names.routers, "router")
        if wrong:
            yield source.mistake((*path, fault.kind.value), *wrong)
    if item.circuit is not None and (fault.routers or fault.kind is FaultKind.ROUTER_KILLED):
        yield source.mistake((*path, "circuit"), "circuit: is that of a link", "leave it out", at_key=True)


def fault_of(item: FaultDocument) -> Fault:
    """The fault that a document describes."""
    kind = next(kind for kind in FaultKind if kind.value in item.model_fields_set)
    target = getattr(item, kind.value)
    return Fault(
        kind=kind,
        target=getattr(target, "value", target),
        circuit=item.circuit or "",
        towards=item.towards or "",
    )


def _convert(item: FailoverDocument, _key: str, where: str) -> FailoverExpectation:
    stream = SteadyStream(
        source=item.from_,
        destination=item.to,
        family=item.family,
        interval_us=round(item.every * 1000),
        dscp=item.dscp,
    )
    longest_ms = max(item.outage_under, item.back_under or 0)
    drill = Drill(
        fault=fault_of(item.when),
        stream=stream,
        repeat=item.repeat,
        watch_s=_PATIENCE * longest_ms / 1000 + _MARGIN_S,
    )
    return FailoverExpectation(
        where=where,
        drill=drill,
        outage_under_ms=item.outage_under,
        lost_under=item.lost_under,
        back_under_ms=item.back_under,
    )


KIND = Kind(check=_check, convert=_convert)


def check_faults(source: SourceFile, topology: Topology) -> Iterator[Mistake]:
    """Every fault is one that the network of the topology can have."""
    drills = [
        (index, one.drill) for index, one in enumerate(topology.expectations) if isinstance(one, FailoverExpectation)
    ]
    if not drills:
        return
    try:
        planned = plan(topology)
    except InputError:
        return  # whoever plans it is told why
    for index, drill in drills:
        wrong = _why_impossible(planned, drill.fault)
        if wrong:
            path: Path = ("expect", index, "failover", "when")
            what, _, meant = wrong.partition("; ")
            yield source.mistake((*path, drill.fault.kind.value), f"{drill.fault.kind.value}: {what}", meant)


def _why_impossible(planned: Plan, fault: Fault) -> str:
    try:
        injections(planned, fault)
    except ValueError as problem:
        return str(problem)
    return ""
