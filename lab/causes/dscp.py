"""Why packets do not arrive with the expected mark, or others rewrite it than those that have to."""

from __future__ import annotations

from lab.causes import reachability
from lab.causes.case import Case
from lab.causes.marks import as_modelled, unlike_the_plan
from lab.causes.stages import Cause, Stage
from lab.checks import Evidence, find, flows_of
from lab.checks.dscp import fits, of_family
from lab.checks.shared_load import stops_there, ways_there
from lab.expectations import DscpExpectation
from lab.forwarding import Flow, predict_flow


def cause(expectation: DscpExpectation, case: Case) -> Cause:
    """What keeps packets from arriving; else the rule that gives them another mark, or the place that had none."""
    in_the_model = find(expectation, case.predicted).holds
    evidence = case.observed if in_the_model else case.predicted
    flow = _failing_flow(expectation, evidence)
    result = evidence.flows.get(flow) if flow is not None else None
    if flow is None or result is None or not result.sent:
        return Cause(stage=Stage.PACKET, text=find(expectation, evidence).text)
    if not result.arrived or stops_there(ways_there(flow, evidence)):
        return reachability.why_not_arrived(flow, case, expectation.where)
    plan = evidence.plan
    if fits(expectation, result.there, plan):
        return Cause(stage=Stage.PACKET, text=find(expectation, evidence).text)
    says = as_modelled(flow, result, plan)
    if in_the_model:
        by_tables = predict_flow(plan, case.observed.tables, flow)
        says = unlike_the_plan(flow, result, by_tables, plan) or find(expectation, evidence).text
    return Cause(stage=Stage.PACKET, text=f"{flow.family.value}: {says}")


def _failing_flow(expectation: DscpExpectation, evidence: Evidence) -> Flow | None:
    """The first flow that fails; else the first that cannot be told of."""
    flows = flows_of(expectation, evidence.plan)
    holds = {flow: find(of_family(expectation, flow.family), evidence).holds for flow in flows}
    return next((flow for wanted in (False, None) for flow in flows if holds[flow] is wanted), None)
