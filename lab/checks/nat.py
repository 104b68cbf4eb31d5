"""Whether sources are translated to a pool, and what is answered comes back through the same translation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from lab.bgp import Family
from lab.checks import reachability
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.expectations import NatExpectation, ReachabilityExpectation
from lab.forwarding import Flow, FlowResult, answer_walks, walks
from lab.plan import Plan


def arrives(expectation: NatExpectation) -> ReachabilityExpectation:
    """The part of it that is about arriving from the pool, and being answered."""
    return ReachabilityExpectation(
        where=expectation.where,
        source=expectation.source,
        destination=expectation.destination,
        family=Family.IPV4,
        source_in=expectation.pool,
    )


def _flows(expectation: NatExpectation, plan: Plan) -> tuple[Flow, ...]:
    return reachability.KIND.flows(arrives(expectation), plan)


def _find(expectation: NatExpectation, evidence: Evidence) -> Finding:
    found = reachability.KIND.find(arrives(expectation), evidence)
    if found.holds is not True:
        return found
    (flow,) = _flows(expectation, evidence.plan)
    result = evidence.flows[flow]
    wrong = wrong_translation(expectation, flow, result, evidence)
    if wrong:
        return Finding(holds=False, text=wrong)
    back = " ".join(reachability.edges_of(result.backward, evidence.plan))
    return Finding(
        holds=True, text=f"arrived from {result.source_seen}, translated by {translator(result)}; answered via {back}"
    )


def wrong_translation(expectation: NatExpectation, flow: Flow, result: FlowResult, evidence: Evidence) -> str:
    """What is wrong with the translation of packets that arrived from the pool and were answered; empty for nothing."""
    by, undone = translator(result), undoer(result)
    if by is None:
        return f"nobody translated {result.source_seen}"
    if undone != by:
        return f"translated by {by}, and back by {undone or 'nobody'}"
    elsewhere = _not_at(expectation, [by], "translated by")
    return next(chain(elsewhere, _by_tables(expectation, flow, evidence), twins(by, evidence.plan)), "")


def translator(result: FlowResult) -> str | None:
    """The last router that gave a request another source."""
    both = ((one.node, one.entered, one.left) for one in reversed(result.there))
    return next((node for node, entered, left in both if entered and left and entered.source != left.source), None)


def undoer(result: FlowResult) -> str | None:
    """The first router that gave an answer another target."""
    both = ((one.node, one.entered, one.left) for one in result.back)
    return next((node for node, entered, left in both if entered and left and entered.target != left.target), None)


def _not_at(expectation: NatExpectation, routers: list[str], how: str) -> Iterator[str]:
    yield from (f"{how} {one}" for one in routers if one not in (expectation.at or routers))


def _by_tables(expectation: NatExpectation, flow: Flow, evidence: Evidence) -> Iterator[str]:
    """What other packets of the same ends would meet where load is shared, there or on the way back."""
    plan, tables = evidence.plan, evidence.tables
    source, target = (plan.node(name).address(flow.family) for name in (flow.source, flow.destination))
    if source is None or target is None:
        return
    for way in walks(plan, tables, flow.source, target, flow):
        yield from _not_at(expectation, [one.router for one in way.translations], "load is shared: translated by")
        yield from (
            f"load is shared: the answer may be lost: {back.stopped}"
            for back in answer_walks(plan, tables, way, source, target, flow=flow)
            if back.stopped
        )


def twins(router: str, plan: Plan) -> Iterator[str]:
    """The other routers that translate to addresses of a router's pools, each in words."""
    own = {nat.pool for nat in plan.node(router).nat}
    for node in plan.nodes:
        shared = next((nat.pool for nat in node.nat for pool in own if nat.pool.overlaps(pool)), None)
        if shared is not None and node.name != router:
            yield (
                f"the same pool on both paths: {node.name} translates to {shared} too, and an answer that comes there "
                f"is lost, for it knows nothing of what {router} translated"
            )


def _describe(expectation: NatExpectation) -> str:
    at = f" at {' or '.join(expectation.at)}" if expectation.at else ""
    return f"{expectation.source} reaches {expectation.destination} translated to {expectation.pool}{at}"


KIND = Kind(key=lambda _: "nat", describe=_describe, find=_find, flows=_flows)
