"""Why packets go another way than the expected one, or come back another way than they went."""

from __future__ import annotations

from dataclasses import replace

from lab.causes import reachability
from lab.causes.case import Case
from lab.causes.stages import Cause, Stage
from lab.checks import Evidence, find
from lab.checks.paths import Expectation, Nodes, edges_of_link, flows_of_ways, misfit, way_text, ways
from lab.checks.reachability import edges_of
from lab.checks.shared_load import stops
from lab.expectations import PathExpectation, ReachabilityExpectation
from lab.forwarding import Flow, FlowResult
from lab.plan import Plan, Role


def cause(expectation: Expectation, case: Case) -> Cause:
    """What loses a packet; else the choice that leads it another way, in the direction that is not as expected."""
    in_the_model = find(expectation, case.predicted).holds
    evidence = case.observed if in_the_model else case.predicted
    flow = _failing_flow(expectation, evidence)
    result = evidence.flows.get(flow) if flow is not None else None
    if flow is None or result is None or not result.sent:
        return Cause(stage=Stage.PACKET, text=find(expectation, evidence).text)
    if not result.answered or stops(flow, evidence):
        return reachability.why_not_arrived(flow, case, expectation.where)
    there, back = _way(expectation, flow, result, evidence)
    wanted_there, wanted_back = _wanted(expectation, there, evidence.plan)
    if wanted_there is not None and edges_of(there, evidence.plan) != wanted_there:
        return _other_way(expectation, case, _Direction(flow, wanted_there, back=False))
    if wanted_back is not None and edges_of(back, evidence.plan) != wanted_back:
        return _other_way(expectation, case, _Direction(flow, wanted_back, back=True))
    return Cause(stage=Stage.FIB, text=f"load is shared: {way_text(there, back, evidence.plan)}")


class _Direction:
    """One direction of a flow as a question of its own: what was asked, or its answer."""

    def __init__(self, flow: Flow, via: Nodes, *, back: bool) -> None:
        self._asked = flow
        self._back = back
        self.via = via
        ends = (flow.destination, flow.source) if back else (flow.source, flow.destination)
        self.flow = replace(flow, source=ends[0], destination=ends[1], source_port=0, destination_port=0)

    def of(self, evidence: Evidence) -> Evidence:
        """What is known of it."""
        result = evidence.flows.get(self._asked)
        if result is None:
            return replace(evidence, flows={})
        there, back = (result.back, result.there) if self._back else (result.there, result.back)
        return replace(evidence, flows={self.flow: replace(result, flow=self.flow, there=there, back=back)})


def _failing_flow(expectation: Expectation, evidence: Evidence) -> Flow | None:
    """The first flow that was not sent or not answered, or went another way; else the first of a family that fails."""
    flows = flows_of_ways(expectation, evidence.plan)
    for flow in flows:
        result = evidence.flows.get(flow)
        if result is None or not result.answered:
            return flow
    for flow in flows:
        result = evidence.flows[flow]
        if misfit(expectation, result.forward, result.backward, evidence.plan):
            return flow
    for flow in flows:
        if any(misfit(expectation, *way, evidence.plan) for way in ways(flow, evidence)):
            return flow
    return next(iter(flows), None)


def _way(expectation: Expectation, flow: Flow, result: FlowResult, evidence: Evidence) -> tuple[Nodes, Nodes]:
    """The way that does not fit: the one that was taken, or one that the tables have besides."""
    taken = (result.forward, result.backward)
    if misfit(expectation, *taken, evidence.plan):
        return taken
    return next((way for way in ways(flow, evidence) if misfit(expectation, *way, evidence.plan)), taken)


def _wanted(expectation: Expectation, there: Nodes, plan: Plan) -> tuple[Nodes | None, Nodes | None]:
    """The edges that packets have to cross there and back."""
    if not isinstance(expectation, PathExpectation):
        return None, edges_of(there, plan)[::-1]
    wanted_there, wanted_back = expectation.there, expectation.back
    if expectation.link is not None and wanted_there is None and wanted_back is None:
        link = _edges_at(expectation.link, plan)
        towards_microsoft = plan.node(expectation.source).name in _customers_side(there, plan)
        wanted_there = _from_the_first(edges_of(there, plan), link if towards_microsoft else link[::-1])
        wanted_back = wanted_there[::-1]
    return wanted_there, wanted_back


def _edges_at(link: str, plan: Plan) -> Nodes:
    """The edges at both ends of a link, the customer's or provider's first."""
    for node in plan.routers:
        if node.name in edges_of_link(link) and node.bgp is not None:
            sides = (Role.CUSTOMER_EDGE, Role.PROVIDER_EDGE)
            near = [one.neighbor for one in node.bgp.sessions if plan.node(one.neighbor).role in sides]
            if near:
                return (near[0], node.name)
    return ()


def _from_the_first(crossed: Nodes, link: Nodes) -> Nodes:
    """The edges of a link, behind the edge that packets cross first in any case."""
    return (crossed[0], *link) if crossed and crossed[0] not in link else link


def _customers_side(there: Nodes, plan: Plan) -> Nodes:
    """The nodes of a way that stand before Microsoft's edge."""
    at = next((i for i, name in enumerate(there) if plan.node(name).role is Role.MICROSOFT_EDGE), len(there))
    crossed_first = any(plan.node(name).role is Role.CUSTOMER_EDGE for name in there[:at])
    return there[:at] if crossed_first else ()


def _other_way(expectation: Expectation, case: Case, asked: _Direction) -> Cause:
    """The choice that leads packets by other edges in one direction."""
    via = ReachabilityExpectation(
        where=expectation.where,
        source=asked.flow.source,
        destination=asked.flow.destination,
        family=asked.flow.family,
        protocol=asked.flow.protocol,
        via=asked.via,
    )
    return reachability.cause(
        via, Case(model=case.model, predicted=asked.of(case.predicted), observed=asked.of(case.observed))
    )
