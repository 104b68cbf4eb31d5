"""Why the largest packet that arrives is not the expected one, or is limited elsewhere."""

from __future__ import annotations

from dataclasses import replace

from lab.bgp import Family
from lab.causes import reachability
from lab.causes.case import Case
from lab.causes.stages import Cause, Stage
from lab.checks import find
from lab.checks.mtu import Measured, families, other_ways
from lab.checks.shared_load import stops_there, ways_there
from lab.expectations import MtuExpectation, ReachabilityExpectation


def cause(expectation: MtuExpectation, case: Case) -> Cause:
    """The first thing that is not as it has to be, in the model if it is there, else in the lab."""
    in_the_model = find(expectation, case.predicted).holds
    evidence = case.observed if in_the_model else case.predicted
    family = _failing_family(expectation, case)
    if family is None:
        return Cause(stage=Stage.PACKET, text=find(expectation, case.observed).text)
    smallest = Measured(expectation, family, evidence).smallest
    if smallest is None or not smallest.arrived or stops_there(ways_there(smallest.flow, evidence)):
        small = ReachabilityExpectation(
            where="",
            source=expectation.source,
            destination=expectation.destination,
            family=family,
            protocol=expectation.protocol,
            port=expectation.port,
        )
        return reachability.cause(small, case)
    other = other_ways(expectation, family, evidence)
    if other:
        return Cause(stage=Stage.PACKET, text=f"{family.value}: {other}")
    text = _diverged(expectation, family, case) if in_the_model else _modelled(expectation, family, case)
    return Cause(stage=Stage.PACKET, text=f"{family.value}: {text}")


def _failing_family(expectation: MtuExpectation, case: Case) -> Family | None:
    """The first family that fails; else the first that cannot be told of."""
    evidence = case.observed if find(expectation, case.predicted).holds else case.predicted
    holds = {
        family: find(replace(expectation, family=family), evidence).holds
        for family in families(expectation, evidence.plan)
    }
    return next((family for wanted in (False, None) for family in holds if holds[family] is wanted), None)


def _modelled(expectation: MtuExpectation, family: Family, case: Case) -> str:
    """What decides the size in the model."""
    measured = Measured(expectation, family, case.predicted)
    at, how = measured.limit
    arrived_bytes, way = measured.largest.arrived_bytes, measured.smallest.forward if measured.smallest else ()
    if arrived_bytes == expectation.packet_bytes:
        return f"it is {at} on the way {' '.join(way)}, not {' or '.join(expectation.limited_by)}: {how}"
    if arrived_bytes < expectation.packet_bytes:
        return how
    return f"nothing on the way {' '.join(way)} stops {expectation.packet_bytes + 1} bytes; {how}"


def _diverged(expectation: MtuExpectation, family: Family, case: Case) -> str:
    """Where the lab treats a size otherwise than the model."""
    predicted, observed = (Measured(expectation, family, one) for one in (case.predicted, case.observed))
    if observed.untold:
        return observed.untold
    at, how = predicted.limit
    if observed.largest.arrived_bytes > predicted.largest.arrived_bytes:
        return f"{observed.largest.arrived_bytes} bytes crossed {at}, though by its plan {how}"
    where, seen = observed.limit
    return f"{observed.largest.lost_bytes} bytes ended at {where}, though by the plan {how}: {seen}"
