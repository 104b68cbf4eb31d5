"""Whether packets arrive, are answered and go the expected way; or do not arrive."""

from __future__ import annotations

from lab.bgp import Family, family_of, within
from lab.checks.evidence import Evidence, Finding, all_of
from lab.checks.kind import Kind
from lab.checks.sessions import sessions_of
from lab.checks.shared_load import stops, ways_there
from lab.expectations import ReachabilityExpectation
from lab.forwarding import Flow, FlowResult, Source, Walk, longest_match
from lab.packets import Protocol
from lab.plan import NodePlan, Plan, Role


def _find(expectation: ReachabilityExpectation, evidence: Evidence) -> Finding:
    return all_of(_flow(expectation, flow, evidence) for flow in _flows(expectation, evidence.plan))


def _flow(expectation: ReachabilityExpectation, flow: Flow, evidence: Evidence) -> Finding:
    family, result = flow.family.value, evidence.flows.get(flow)
    if result is None:
        return Finding(holds=None, text=f"{family} was not asked")
    if not result.sent:
        return Finding(holds=None, text=f"{family}: no packet left {flow.source}: {result.stopped}")
    if result.contradiction:
        return Finding(holds=None, text=f"{family}: cannot tell: {result.contradiction}")
    if not expectation.reachable:
        return _not_reached(expectation, flow, result, evidence)
    wrong = _wrong_with(expectation, flow, result, evidence)
    if wrong:
        return Finding(holds=False, text=f"{family}: {wrong}")
    seen = f" with DSCP {result.dscp}" if expectation.dscp is not None else ""
    seen += f" from {result.source_seen}" if expectation.source_in is not None else ""
    return Finding(holds=True, text=f"arrived{seen} via {_edges(result.forward, evidence.plan)}")


def _not_reached(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> Finding:
    family, wanted = flow.family.value, expectation.stopped_at
    if result.arrived:
        return Finding(holds=False, text=f"{family}: arrived by {' '.join(result.forward)}")
    if wanted is not None and result.forward[-1] != wanted:
        return Finding(holds=False, text=f"{family}: stopped at {result.forward[-1]}: {result.stopped}")
    others = ways_there(flow, evidence)
    arriving = arriving_way(flow, evidence)
    if arriving is not None:
        return Finding(holds=False, text=f"{family}: load is shared: arrives by {' '.join(arriving.nodes)}")
    elsewhere = next((way for way in others if wanted is not None and way.nodes[-1] != wanted), None)
    if elsewhere is not None:
        text = f"{family}: load is shared: another way stops at {elsewhere.nodes[-1]}: {elsewhere.stopped}"
        return Finding(holds=False, text=text)
    untold = why_untold(flow, result, evidence)
    if untold:
        return Finding(holds=None, text=f"{family}: cannot tell: {result.stopped}, and {untold}")
    at = f"stopped at {wanted}: " if wanted is not None else ""
    return Finding(holds=True, text=f"{family}: {at}{result.stopped}")


def arriving_way(flow: Flow, evidence: Evidence) -> Walk | None:
    """One of several ways by which packets of a flow arrive; None where there is but one way, or none of them does."""
    return next((way for way in ways_there(flow, evidence) if not way.stopped), None)


def why_untold(flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    """Why it proves nothing that packets did not arrive; empty where it proves that they cannot.

    As with the absence of a route: a router that has no route for them proves it only with its sessions up.
    """
    ends = dict.fromkeys((result.forward[-1], *(way.nodes[-1] for way in ways_there(flow, evidence))))
    return next(filter(None, (_why_untold_at(last, flow, evidence) for last in ends)), "")


def _why_untold_at(last: str, flow: Flow, evidence: Evidence) -> str:
    target = evidence.plan.node(flow.destination).address(flow.family)
    if target is None or evidence.plan.node(last).bgp is None:
        return ""
    if longest_match(evidence.tables.of(last).fib, target) is not None:
        return ""
    down = [s for s in sessions_of(evidence, last, family=flow.family) if not s.established]
    return "; ".join(f"session {s.session} of {last} is down: {s.why_down or 'no reason was given'}" for s in down)


def _wrong_with(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    """What is not as expected of a flow that must arrive and be answered; empty where all is."""
    if not result.arrived:
        return f"not arrived: {result.stopped}"
    wrong = _wrong_source(expectation, flow, result, evidence)
    if wrong:
        return wrong
    if not result.answered:
        return f"arrived, not answered: {result.stopped}"
    wrong = stops(flow, evidence) or _wrong_way(expectation, flow, result, evidence)
    if wrong:
        return wrong
    if expectation.dscp is not None and result.dscp != expectation.dscp:
        return f"arrived with DSCP {result.dscp}"
    return ""


def _wrong_way(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    plan = evidence.plan
    if expectation.via is None:
        return ""
    if edges_of(result.forward, plan) != expectation.via:
        return f"via {_edges(result.forward, plan)}"
    others = [way.nodes for way in ways_there(flow, evidence) if edges_of(way.nodes, plan) != expectation.via]
    return f"load is shared: via {_edges(others[0], plan)} too" if others else ""


def _wrong_source(expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    if expectation.source_in is None:
        return ""
    if not source_fits(expectation, result.source_seen):
        return f"arrived from {result.source_seen}"
    sent = result.sources[0][1]
    arriving = [way.source_seen(sent) for way in ways_there(flow, evidence) if not way.stopped]
    others = [seen for seen in arriving if not source_fits(expectation, seen)]
    return f"load is shared: from {others[0]} too" if others else ""


def source_fits(expectation: ReachabilityExpectation, source: Source | None) -> bool:
    """Whether packets that arrived with a source came from where the expectation wants them from."""
    wanted = expectation.source_in
    return wanted is None or (source is not None and within(source, wanted))


def _edges(path: tuple[str, ...], plan: Plan) -> str:
    return " ".join(edges_of(path, plan)) or "no edge"


def edges_of(path: tuple[str, ...], plan: Plan) -> tuple[str, ...]:
    """The customer, provider and Microsoft edges of a path, in order."""
    edges = (Role.CUSTOMER_EDGE, Role.PROVIDER_EDGE, Role.MICROSOFT_EDGE)
    roles: dict[str, NodePlan] = {node.name: node for node in plan.nodes}
    return tuple(name for name in path if roles[name].role in edges)


def _flows(expectation: ReachabilityExpectation, plan: Plan) -> tuple[Flow, ...]:
    """One flow in each family that both ends have, or in the one that it is about."""
    ends = [plan.node(expectation.source), plan.node(expectation.destination)]
    about = family_of(expectation.source_in) if expectation.source_in is not None else None
    families = [f for f in Family if about in (None, f) and all(end.address(f) is not None for end in ends)]
    return tuple(
        Flow(
            source=expectation.source,
            destination=expectation.destination,
            family=family,
            dscp=expectation.dscp or 0,
            protocol=expectation.protocol,
            destination_port=expectation.port,
        )
        for family in ([expectation.family] if expectation.family else families)
    )


def _describe(expectation: ReachabilityExpectation) -> str:
    verb = "reaches" if expectation.reachable else "does not reach"
    family_ = f" {expectation.family.value}" if expectation.family else ""
    port = f" port {expectation.port}" if expectation.port else ""
    protocol = "" if expectation.protocol is Protocol.ICMP else f" by {expectation.protocol.value}{port}"
    dscp = f" with DSCP {expectation.dscp}" if expectation.dscp is not None else ""
    via = f" via {' '.join(expectation.via)}" if expectation.via is not None else ""
    source = f" with a source in {expectation.source_in}" if expectation.source_in is not None else ""
    stopped = f", stopped at {expectation.stopped_at}" if expectation.stopped_at is not None else ""
    return f"{expectation.source} {verb} {expectation.destination}{family_}{protocol}{dscp}{via}{source}{stopped}"


KIND = Kind(
    key=lambda expectation: "reachable" if expectation.reachable else "unreachable",
    describe=_describe,
    find=_find,
    flows=_flows,
    by_absence=lambda expectation: not expectation.reachable,
)
