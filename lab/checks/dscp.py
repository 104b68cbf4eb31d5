"""Whether packets arrive with an expected mark, and who rewrote it on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.bgp import Family
from lab.checks.evidence import Evidence, Finding, all_of
from lab.checks.kind import Kind
from lab.checks.shared_load import stops_there, ways_there
from lab.expectations import DscpExpectation
from lab.expressroute.dscp import MICROSOFT_PEERING_DSCP, dscp_text
from lab.forwarding import Crossing, Flow, FlowResult
from lab.forwarding.marks import rewriters_text, rewritings
from lab.packets import Protocol
from lab.plan import Plan, Role


def _flows(expectation: DscpExpectation, plan: Plan) -> tuple[Flow, ...]:
    """One flow in each family that both ends have, or in the one that it is about."""
    ends = [plan.node(expectation.source), plan.node(expectation.destination)]
    families = [one for one in Family if all(end.address(one) is not None for end in ends)]
    return tuple(
        Flow(
            source=expectation.source,
            destination=expectation.destination,
            family=family,
            dscp=expectation.sent,
            protocol=expectation.protocol,
            source_port=expectation.source_port,
            destination_port=expectation.port,
        )
        for family in ([expectation.family] if expectation.family else families)
    )


def _find(expectation: DscpExpectation, evidence: Evidence) -> Finding:
    return all_of(_flow(expectation, flow, evidence) for flow in _flows(expectation, evidence.plan))


def _flow(expectation: DscpExpectation, flow: Flow, evidence: Evidence) -> Finding:
    family, result = flow.family.value, evidence.flows.get(flow)
    if result is None:
        return Finding(holds=None, text=f"{family} was not asked")
    if not result.sent:
        return Finding(holds=None, text=f"{family}: no packet left {flow.source}: {result.stopped}")
    if not result.arrived:
        untold = result.contradiction and f"cannot tell: {result.contradiction}"
        return Finding(holds=None if untold else False, text=f"{family}: {untold or f'not arrived: {result.stopped}'}")
    says = _arrival(result.there, flow, evidence.plan)
    if not fits(expectation, result.there, evidence.plan):
        return Finding(holds=False, text=f"{family}: {says}")
    other = next(_other_ways(expectation, flow, evidence), "")
    if other:
        return Finding(holds=False, text=f"{family}: {other}")
    return Finding(holds=True, text=f"{says}{_flag(result, evidence.plan)}")


def _arrival(there: tuple[Crossing, ...], flow: Flow, plan: Plan) -> str:
    changes = rewriters_text(rewritings(there, flow.dscp, plan))
    mark = there[-1].entered
    return f"sent with {dscp_text(flow.dscp)}, arrived with {dscp_text(mark.dscp) if mark else 'none'}: {changes}"


def fits(expectation: DscpExpectation, there: tuple[Crossing, ...], plan: Plan) -> bool:
    """Whether the mark of packets that arrived by this way is the expected one, and those rewrote it that have to."""
    arrived = there[-1].entered
    by = tuple(one.by for one in rewritings(there, expectation.sent, plan))
    wanted = expectation.rewritten_by
    return arrived is not None and arrived.dscp == expectation.arrives and wanted in (None, by)


def _other_ways(expectation: DscpExpectation, flow: Flow, evidence: Evidence) -> Iterator[str]:
    """What is wrong with the ways of a flow whose load is shared: one leads nowhere, or packets there do not fit."""
    found = ways_there(flow, evidence)
    lost = stops_there(found)
    if lost:
        yield lost
    for way in found:
        if not way.stopped and not fits(expectation, way.crossings, evidence.plan):
            yield f"load is shared: by the model {_arrival(way.crossings, flow, evidence.plan)} too"


def _flag(result: FlowResult, plan: Plan) -> str:
    """What is said of a mark outside of Microsoft's table that came to an edge of Microsoft's on Microsoft peering.

    Only the instances of an edge that are Microsoft peering's mark: on private peering every mark is kept.
    """
    for one in result.there:
        node = plan.node(one.node)
        if one.entered is None or node.role is not Role.MICROSOFT_EDGE or not node.marking:
            continue
        customer_side = {name for rule in node.marking for name in rule.leaves_by}
        if one.entered.interface in customer_side and one.entered.dscp not in MICROSOFT_PEERING_DSCP:
            return f"; {one.node} got {dscp_text(one.entered.dscp)}, which is not in Microsoft's table"
    return ""


def of_family(expectation: DscpExpectation, family: Family) -> DscpExpectation:
    """The part of it that is about one family."""
    return replace(expectation, family=family)


def _describe(expectation: DscpExpectation) -> str:
    sent, arrives = dscp_text(expectation.sent), dscp_text(expectation.arrives)
    family = f" {expectation.family.value}" if expectation.family else ""
    port = f" from port {expectation.source_port}" if expectation.source_port else ""
    port += f" to port {expectation.port}" if expectation.port else ""
    protocol = "" if expectation.protocol is Protocol.ICMP else f" in {expectation.protocol.value}{port}"
    match expectation.rewritten_by:
        case None:
            by = ""
        case ():
            by = ", rewritten by nobody"
        case names:
            by = f", rewritten by {', then '.join(names)}"
    ends = f"{expectation.source} to {expectation.destination}"
    return f"{ends}{family}{protocol} with DSCP {sent} arrives with {arrives}{by}"


KIND = Kind(key=lambda _: "dscp", describe=_describe, find=_find, flows=_flows)
