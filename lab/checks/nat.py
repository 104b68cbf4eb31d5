"""Whether sources are translated to a pool, and what is answered comes back through the same translation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lab.bgp import Family
from lab.checks import reachability
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.checks.paths import FIRST_PORT
from lab.expectations import NatExpectation, ReachabilityExpectation
from lab.forwarding import Flow, FlowResult, answer_walks, walks
from lab.packets import Protocol
from lab.plan import Plan


def arrives(expectation: NatExpectation) -> ReachabilityExpectation:
    """The part of it that is about arriving from the pool, and being answered."""
    return ReachabilityExpectation(
        where=expectation.where,
        source=expectation.source,
        destination=expectation.destination,
        family=Family.IPV4,
        source_in=expectation.pool,
        protocol=expectation.protocol,
        port=expectation.port,
    )


def _flows(expectation: NatExpectation, plan: Plan) -> tuple[Flow, ...]:
    """One flow from any port, and others from ports of their own, so that every way is taken where load is shared."""
    (one,) = reachability.KIND.flows(arrives(expectation), plan) or (None,)
    if one is None or expectation.protocol is Protocol.ICMP:
        return () if one is None else (one,)
    others = range(FIRST_PORT, FIRST_PORT + expectation.flows - 1)
    return (one, *(replace(one, source_port=port) for port in others))


def _find(expectation: NatExpectation, evidence: Evidence) -> Finding:
    found = reachability.KIND.find(arrives(expectation), evidence)
    if found.holds is not True:
        return found
    results = [evidence.flows.get(flow) for flow in _flows(expectation, evidence.plan)]
    seen = [one for one in results if one is not None and one.sent]
    if len(seen) < len(results):
        return Finding(holds=None, text=f"of {len(results)} flows {len(seen)} were sent")
    untold = next((one.contradiction for one in seen if one.contradiction), "")
    if untold:
        return Finding(holds=None, text=f"cannot tell: {untold}")
    wrong = next(filter(None, (_wrong_with(expectation, one) for one in seen)), "")
    wrong = wrong or next(_by_tables(expectation, seen[0].flow, evidence), "")
    wrong = wrong or next(twins([one for one in map(translator, seen) if one is not None], evidence.plan), "")
    if wrong:
        return Finding(holds=False, text=wrong)
    ways = Counter(_way_text(one, evidence.plan) for one in seen)
    if len(ways) == 1:
        return Finding(holds=True, text=next(iter(ways)))
    return Finding(
        holds=True, text="; ".join(f"{count} of {len(seen)} flows {way}" for way, count in ways.most_common())
    )


def _way_text(result: FlowResult, plan: Plan) -> str:
    back = " ".join(reachability.edges_of(result.backward, plan))
    return f"arrived from {result.source_seen}, translated by {translator(result)}; answered via {back}"


def _wrong_with(expectation: NatExpectation, result: FlowResult) -> str:
    """What is wrong with the translation of one flow's packets; empty for nothing."""
    port = f"from port {result.flow.source_port} " if result.flow.source_port else ""
    if not result.answered:
        return f"{port}{'arrived, not answered' if result.arrived else 'not arrived'}: {result.stopped}"
    if not reachability.source_fits(arrives(expectation), result.source_seen):
        return f"{port}arrived from {result.source_seen}"
    by, undone = translator(result), undoer(result)
    if by is None:
        return f"{port}nobody translated {result.source_seen}"
    if undone != by:
        return f"{port}translated by {by}, and back by {undone or 'nobody'}"
    return next(_not_at(expectation, [by], f"{port}translated by"), "")


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


def twins(translators: Iterable[str], plan: Plan) -> Iterator[str]:
    """The routers that translate to addresses of a translator's pools and are another one, each in words."""
    for router in dict.fromkeys(translators):
        own = {nat.pool for nat in plan.node(router).nat}
        for node in plan.nodes:
            shared = next((nat.pool for nat in node.nat for pool in own if nat.pool.overlaps(pool)), None)
            if shared is not None and node.name != router:
                yield (
                    f"the same pool on both paths: {node.name} translates to {shared} too, and an answer that comes "
                    f"there is lost, for it knows nothing of what {router} translated"
                )


def _describe(expectation: NatExpectation) -> str:
    at = f" at {' or '.join(expectation.at)}" if expectation.at else ""
    port = f" port {expectation.port}" if expectation.port else ""
    by = "" if expectation.protocol is Protocol.ICMP else f" by {expectation.protocol.value}{port}"
    return f"{expectation.source} reaches {expectation.destination}{by} translated to {expectation.pool}{at}"


KIND = Kind(key=lambda _: "nat", describe=_describe, find=_find, flows=_flows)
