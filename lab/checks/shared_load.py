"""The ways that the tables have where load is shared: a flow takes one of them, and proves nothing of the others."""

from __future__ import annotations

from collections.abc import Iterable

from lab.checks.evidence import Evidence
from lab.forwarding import Flow, Walk, answer_walks, walks


def ways_there(flow: Flow, evidence: Evidence) -> tuple[Walk, ...]:
    """Every way of a flow's packets where there are several; else none."""
    target = evidence.plan.node(flow.destination).address(flow.family)
    found = walks(evidence.plan, evidence.tables, flow.source, target, flow) if target is not None else ()
    return found if len(found) > 1 else ()


def stops_there(ways: Iterable[Walk]) -> str:
    """Which of the ways there leads nowhere, and why; empty where none does."""
    lost = next((way for way in ways if way.stopped), None)
    return f"load is shared: another way stops at {lost.nodes[-1]}: {lost.stopped}" if lost is not None else ""


def stops(flow: Flow, evidence: Evidence) -> str:
    """Which of several ways there, or of several ways of the answer, leads nowhere, and why; empty where none does."""
    plan, tables = evidence.plan, evidence.tables
    source, target = (plan.node(name).address(flow.family) for name in (flow.source, flow.destination))
    if source is None or target is None:
        return ""
    there = walks(plan, tables, flow.source, target, flow)
    arriving = [way for way in there if not way.stopped]
    if len(arriving) < len(there) and len(there) > 1:
        return stops_there(there)
    back = [one for way in arriving for one in answer_walks(plan, tables, way, source, target, flow=flow)]
    lost = next((way for way in back if way.stopped), None)
    if lost is None or len(back) == 1:
        return ""
    return f"load is shared: another way of the answer stops at {lost.nodes[-1]}: {lost.stopped}"
