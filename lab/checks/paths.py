"""Which edges packets cross there and back, which link carries them, and whether they come back as they went.

Where routers share load, a flow takes one of the ways: several flows are sent from ports of their own. What is asked
has to hold for all of them, and for every way that the tables have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from lab.bgp import Family
from lab.checks.evidence import Evidence, Finding, all_of
from lab.checks.kind import Kind
from lab.checks.reachability import edges_of
from lab.checks.shared_load import stops
from lab.expectations import PathExpectation, SymmetricExpectation
from lab.forwarding import Flow, FlowResult, answer_walks, walks
from lab.packets import Protocol
from lab.plan import Plan
from lab.plan.naming import device
from lab.topology import Link

FIRST_PORT = 33434
"""The source port of the first of several flows; the others have those behind it."""
Nodes = tuple[str, ...]
Expectation = PathExpectation | SymmetricExpectation


def flows_of_ways(expectation: Expectation, plan: Plan) -> tuple[Flow, ...]:
    """As many flows as are asked for, in each family that both ends have or in the one that it is about."""
    ends = [plan.node(expectation.source), plan.node(expectation.destination)]
    families = [one for one in Family if all(end.address(one) is not None for end in ends)]
    has_ports = expectation.protocol is not Protocol.ICMP
    return tuple(
        Flow(
            source=expectation.source,
            destination=expectation.destination,
            family=family,
            protocol=expectation.protocol,
            source_port=FIRST_PORT + number if has_ports else 0,
            destination_port=expectation.port,
        )
        for family in ([expectation.family] if expectation.family else families)
        for number in range(expectation.flows if has_ports else 1)
    )


def ways(flow: Flow, evidence: Evidence) -> Iterator[tuple[Nodes, Nodes]]:
    """Every pair of ways, there and back, that the tables have for flows like this one."""
    plan, tables = evidence.plan, evidence.tables
    source, target = plan.node(flow.source).address(flow.family), plan.node(flow.destination).address(flow.family)
    if source is None or target is None:
        return
    for there in walks(plan, tables, flow.source, target, flow):
        for back in answer_walks(plan, tables, there, source, target, flow=flow) if not there.stopped else ():
            yield there.nodes, back.nodes


def misfit(expectation: Expectation, there: Nodes, back: Nodes, plan: Plan) -> bool:
    """Whether packets that go there and back by these nodes do not go as is expected."""
    if isinstance(expectation, SymmetricExpectation):
        return there != back[::-1]
    forth, home = edges_of(there, plan), edges_of(back, plan)
    if expectation.there not in (None, forth) or expectation.back not in (None, home):
        return True
    return expectation.link is not None and not all(
        edges_of_link(expectation.link).intersection(w) for w in (there, back)
    )


def edges_of_link(link: str) -> frozenset[str]:
    """The Microsoft edges at the end of a link, such as `primary` or, of several circuits, `ams-primary`."""
    circuit, _, name = link.rpartition("-")
    edge = device(circuit, Link(name))
    return frozenset((edge, f"{edge}-ms"))


def way_text(there: Nodes, back: Nodes, plan: Plan) -> str:
    """A way there and back by its edges; by all its routers where the edges do not tell the two directions apart."""
    forth, home = edges_of(there, plan), edges_of(back, plan)
    if forth == home[::-1] and there != back[::-1]:
        forth, home = there[1:-1], back[1:-1]
    return f"there by {' '.join(forth) or 'no edge'}, back by {' '.join(home) or 'no edge'}"


def _find(expectation: Expectation, evidence: Evidence) -> Finding:
    flows = flows_of_ways(expectation, evidence.plan)
    families = dict.fromkeys(flow.family for flow in flows)
    return all_of(_family(expectation, [one for one in flows if one.family is family], evidence) for family in families)


def _family(expectation: Expectation, flows: list[Flow], evidence: Evidence) -> Finding:
    """What the flows of one family show."""
    family, results = flows[0].family.value, [evidence.flows.get(flow) for flow in flows]
    asked = [one for one in results if one is not None]
    if len(asked) < len(flows):
        return Finding(holds=None, text=f"{family} was not asked")
    untold = next(_untold(asked, flows), "")
    if untold:
        return Finding(holds=None, text=f"{family}: {untold}")
    lost = next((one for one in asked if not one.answered), None)
    if lost is not None:
        did = "arrived, not answered" if lost.arrived else "not arrived"
        return Finding(holds=False, text=f"{family}: {_number(lost.flow, flows)}{did}: {lost.stopped}")
    text = _seen_text(asked, evidence.plan)
    dead = stops(flows[0], evidence)
    if dead or any(misfit(expectation, one.forward, one.backward, evidence.plan) for one in asked):
        return Finding(holds=False, text=f"{family}: {dead and f'{dead}; '}{text}")
    untaken = _untaken(asked, evidence)
    wrong = next((way for way in untaken if misfit(expectation, *way, evidence.plan)), None)
    if wrong is not None:
        took = f", which none of {len(asked)} flows took" if _were_sent(asked) else ""
        says = f"load is shared: {way_text(*wrong, evidence.plan)} too{took}"
        return Finding(holds=False, text=f"{family}: {says}; {text}")
    took = "no flow took" if _were_sent(asked) else "or"
    more = "; ".join(f"{took} {way_text(*way, evidence.plan)}" for way in untaken)
    return Finding(holds=True, text=f"{text}; {more}" if more else text)


def _untold(results: list[FlowResult], flows: list[Flow]) -> Iterator[str]:
    """Why what was seen of a flow proves nothing."""
    for one in results:
        if not one.sent:
            yield f"no packet left {one.flow.source}: {one.stopped}"
        if one.contradiction:
            yield f"cannot tell: {_number(one.flow, flows)}{one.contradiction}"


def _were_sent(results: list[FlowResult]) -> bool:
    """Whether packets were sent; a prediction has no times."""
    return any(one.round_trip_s is not None for one in results)


def _number(flow: Flow, flows: list[Flow]) -> str:
    return f"flow {flows.index(flow) + 1} of {len(flows)} " if len(flows) > 1 else ""


def _seen_text(results: Iterable[FlowResult], plan: Plan) -> str:
    """Every way that was seen, and how many flows took it where there are several."""
    seen = Counter(way_text(one.forward, one.backward, plan) for one in results)
    if len(seen) == 1:
        return next(iter(seen))
    return "; ".join(f"{count} of {seen.total()} {way}" for way, count in seen.most_common())


def _untaken(results: list[FlowResult], evidence: Evidence) -> list[tuple[Nodes, Nodes]]:
    """The ways of the tables that no flow took, each told once."""
    taken = {way_text(one.forward, one.backward, evidence.plan) for one in results}
    found: dict[str, tuple[Nodes, Nodes]] = {}
    for way in ways(results[0].flow, evidence):
        text = way_text(*way, evidence.plan)
        if text not in taken:
            found.setdefault(text, way)
    return list(found.values())


def _about(expectation: Expectation) -> str:
    family = f" {expectation.family.value}" if expectation.family else ""
    port = f" port {expectation.port}" if expectation.port else ""
    protocol = f" {expectation.protocol.value}{port}"
    return f"{family}{protocol}"


def _describe_path(expectation: PathExpectation) -> str:
    wants = [
        f"{says} {' '.join(edges) or 'no edge'}"
        for says, edges in (("there by", expectation.there), ("back by", expectation.back))
        if edges is not None
    ]
    wants += [f"on the link {expectation.link}"] if expectation.link is not None else []
    return f"{expectation.source} to {expectation.destination}{_about(expectation)} goes {', '.join(wants)}"


def _describe_symmetric(expectation: SymmetricExpectation) -> str:
    return f"{expectation.source} to {expectation.destination}{_about(expectation)} comes back as it went"


def _key(name: str) -> Callable[[object], str]:
    return lambda _: name


PATH = Kind(key=_key("path"), describe=_describe_path, find=_find, flows=flows_of_ways)
SYMMETRIC = Kind(key=_key("symmetric"), describe=_describe_symmetric, find=_find, flows=flows_of_ways)
