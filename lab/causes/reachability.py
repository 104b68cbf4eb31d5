"""Why packets do not arrive, do not go the expected way, or arrive where they must not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from lab.bgp import Address, Prefix
from lab.causes.case import Case
from lab.causes.divergence import Divergence
from lab.causes.marks import as_modelled, unlike_the_plan
from lab.causes.model import Model
from lab.causes.stages import Cause, Stage
from lab.causes.translation import address_of_answer, lost_at, mistranslated, wrong_source
from lab.checks import Evidence, find, flows_of
from lab.checks.reachability import arriving_way, edges_of, source_fits, why_untold
from lab.expectations import ReachabilityExpectation, RouteExpectation, Table
from lab.forwarding import Flow, FlowResult, answered_to, longest_match, predict_flow
from lab.forwarding.marks import rewriters_text, rewritings
from lab.plan import Plan


def cause(expectation: ReachabilityExpectation, case: Case) -> Cause:
    """Why packets do not do what they have to do."""
    in_the_model = find(expectation, case.predicted).holds
    flow = _failing_flow(expectation, case.observed if in_the_model else case.predicted)
    if flow is None:
        return _nothing_asked(expectation, case.observed)
    untold = _untold_flow(expectation, flow, case.observed)
    if in_the_model and untold is None:
        return _diverged_flow(replace(expectation, family=flow.family), flow, case.predicted, case.observed)
    return untold or _modelled_flow(expectation, flow, case.model, case.predicted)


def why_not_arrived(flow: Flow, case: Case, where: str) -> Cause:
    """Why the packets of a flow do not arrive that have to, whatever they carry."""
    expectation = ReachabilityExpectation(
        where=where, source=flow.source, destination=flow.destination, family=flow.family
    )
    modelled = case.predicted.flows.get(flow)
    if modelled is not None and modelled.arrived:
        return _diverged_flow(expectation, flow, case.predicted, case.observed)
    return _modelled_flow(expectation, flow, case.model, case.predicted)


def _failing_flow(expectation: ReachabilityExpectation, evidence: Evidence) -> Flow | None:
    """The first flow that fails; else the first that cannot be told of."""
    flows = flows_of(expectation, evidence.plan)
    holds = {flow: find(replace(expectation, family=flow.family), evidence).holds for flow in flows}
    return next((flow for wanted in (False, None) for flow in flows if holds[flow] is wanted), None)


def _nothing_asked(expectation: ReachabilityExpectation, observed: Evidence) -> Cause:
    return Cause(stage=Stage.PACKET, text=find(expectation, observed).text)


def _untold_flow(expectation: ReachabilityExpectation, flow: Flow, observed: Evidence) -> Cause | None:
    """Why it proves nothing that packets do not arrive; None where it does, or where they have to."""
    result = observed.flows.get(flow)
    if (
        expectation.reachable
        or result is None
        or find(replace(expectation, family=flow.family), observed).holds is not None
    ):
        return None
    why = why_untold(flow, result, observed) if result.sent else ""
    says = f"{flow.family.value}: {why}; so it proves nothing that {flow.source} does not reach {flow.destination}"
    return Cause(stage=Stage.SESSION, text=says) if why else None


def _diverged_flow(expectation: ReachabilityExpectation, flow: Flow, predicted: Evidence, observed: Evidence) -> Cause:
    result = observed.flows.get(flow)
    if result is None:
        return Cause(stage=Stage.PACKET, text=f"{flow.family.value} was not asked")
    by_tables = predict_flow(observed.plan, observed.tables, flow)
    if find(expectation, replace(observed, flows={flow: by_tables})).holds is not True:
        cause = _diverged_tables(flow, predicted, observed, [result, by_tables])
        if cause is not None:
            return cause
    return Cause(stage=Stage.PACKET, text=_packet(expectation, flow, result, by_tables, observed.plan))


def _diverged_tables(flow: Flow, predicted: Evidence, observed: Evidence, results: list[FlowResult]) -> Cause | None:
    """The first cause why the tables on the way there and back are not the predicted ones."""
    plan, modelled = predicted.plan, predicted.flows.get(flow)
    source, target = plan.node(flow.source).address(flow.family), plan.node(flow.destination).address(flow.family)
    known = [one for one in (modelled, *results) if one]
    back = dict.fromkeys([source, *(answered_to(one.source_seen) for one in known if one.source_seen is not None)])
    causes: list[Cause] = []
    for address, ways in (
        (target, [one.forward for one in known]),
        *((address, [one.backward for one in known]) for address in back),
    ):
        routers = [name for name in dict.fromkeys(n for way in ways for n in way) if plan.node(name).bgp]
        for router in routers if address is not None else ():
            for prefix in _matches(router, address, predicted, observed):
                divergence = Divergence(plan=plan, predicted=predicted.tables, observed=observed.tables)
                cause = divergence.first(divergence.places(Stage.FIB, router, prefix))
                causes += [cause] if cause is not None else []
    return min(causes, key=lambda cause: cause.stage.place, default=None)


def _matches(router: str, address: Address | None, *bodies: Evidence) -> list[Prefix]:
    """The prefixes by which a router forwards to an address, in each body of evidence."""
    found = [longest_match(one.tables.of(router).fib, address) for one in bodies] if address is not None else []
    return list(dict.fromkeys(entry.prefix for entry in found if entry is not None))


def _packet(
    expectation: ReachabilityExpectation, flow: Flow, result: FlowResult, by_tables: FlowResult, plan: Plan
) -> str:
    """What the packets themselves show, where the tables are not to blame."""
    family = flow.family.value
    if not result.sent:
        return f"{family}: none left {flow.source}: {result.stopped}"
    if not expectation.reachable:
        did = f"arrived by {' '.join(result.forward)}" if result.arrived else f"stopped at {result.forward[-1]}"
        return f"{family}: {did}, though by the FIBs {by_tables.stopped}"
    wrong = mistranslated(result, by_tables) if result.arrived else ""
    if result.answered and not by_tables.answered:
        wrong = wrong or f"answered, though by the FIBs {by_tables.stopped}"
    if wrong or not result.answered:
        return f"{family}: {wrong or result.stopped}"
    if expectation.via is not None:
        for (before, here), there in zip(pairwise(result.forward), by_tables.forward[1:], strict=False):
            if here != there:
                return f"{family}: {before} sent it to {here}, though its FIB leads to {there}"
    if expectation.dscp is not None and result.dscp != expectation.dscp:
        wrong = unlike_the_plan(flow, result, by_tables, plan)
        return f"{family}: {wrong or rewriters_text(rewritings(result.there, flow.dscp, plan))}"
    return f"{family}: arrived with DSCP {result.dscp} by {' '.join(result.forward)}"


def _modelled_flow(expectation: ReachabilityExpectation, flow: Flow, model: Model, predicted: Evidence) -> Cause:
    """Why packets cannot do what is expected, even where all works as the model says."""
    result = predicted.flows.get(flow)
    if result is None or not result.sent:
        return Cause(stage=Stage.PACKET, text=result.stopped if result else f"{flow.family.value} was not asked")
    if not expectation.reachable:
        way = arriving_way(flow, predicted)
        arriving = replace(result, arrived=True, there=way.crossings) if way is not None else result
        return _reaches(flow, model, arriving) if arriving.arrived else _stopped(expectation, flow, model, result)
    if result.arrived and expectation.source_in is not None and not source_fits(expectation, result.source_seen):
        return Cause(stage=Stage.PACKET, text=wrong_source(result, model.plan, expectation.source_in))
    if not result.answered:
        return _lost(flow, model, result)
    right_way = expectation.via is None or edges_of(result.forward, model.plan) == expectation.via
    if right_way and expectation.dscp not in (None, result.dscp):
        return Cause(stage=Stage.PACKET, text=f"{flow.family.value}: {as_modelled(flow, result, model.plan)}")
    return _other_way(expectation, flow, model, result)


def _lost(flow: Flow, model: Model, result: FlowResult) -> Cause:
    """Why a request or its answer does not arrive."""
    way, towards = (result.backward, flow.source) if result.arrived else (result.forward, flow.destination)
    last = way[-1]
    if last in way[:-1]:
        return Cause(stage=Stage.FIB, text=f"packets loop: {' -> '.join(way)}")
    address = model.plan.node(towards).address(flow.family)
    if result.arrived:
        address = address_of_answer(result, address)
    prefix = model.prefix_of(address, last) if address is not None and model.plan.node(last).bgp is not None else None
    if prefix is not None:
        holders = model.holders(last, prefix)
        cause = model.why_absent(holders) or model.why_discarded(holders)
        if cause is not None:
            return Cause(stage=cause.stage, text=f"{cause.text}; so {result.stopped}")
    more = lost_at(result, model.plan) if result.arrived else ""
    return Cause(stage=Stage.FIB, text=f"{result.stopped}{more}")


def _stopped(expectation: ReachabilityExpectation, flow: Flow, model: Model, result: FlowResult) -> Cause:
    """Why packets are not stopped where they have to be: they are before it, or the router there has a route."""
    wanted = expectation.stopped_at
    if wanted not in result.forward[:-1]:
        return _lost(flow, model, result)
    address = model.plan.node(flow.destination).address(flow.family)
    fib = model.prediction.tables.of(wanted).fib if model.plan.node(wanted).bgp else ()
    entry = longest_match(fib, address) if address is not None else None
    if entry is None:
        return Cause(stage=Stage.FIB, text=f"{wanted} forwards to {result.forward[result.forward.index(wanted) + 1]}")
    asked = RouteExpectation(where="", at=wanted, prefix=entry.prefix, table=Table.FIB, present=False)
    return Cause(stage=Stage.FIB, text=f"{wanted} has a route to {entry.prefix}: {model.why_route(asked).text}")


def _reaches(flow: Flow, model: Model, result: FlowResult) -> Cause:
    router = next((name for name in result.forward if model.plan.node(name).bgp), None)
    address = model.plan.node(flow.destination).address(flow.family)
    prefix = model.prefix_of(address, router) if address is not None and router is not None else None
    says = f"every router from {flow.source} to {flow.destination} has a route: {' '.join(result.forward)}"
    if router is not None and prefix is not None and any(map(model.has, model.holders(router, prefix))):
        asked = RouteExpectation(where="", at=router, prefix=prefix, table=Table.FIB)
        says = f"{says}; {model.why_route(asked).text}"
    return Cause(stage=Stage.FIB, text=says)


def _other_way(expectation: ReachabilityExpectation, flow: Flow, model: Model, result: FlowResult) -> Cause:
    """Why packets cross other edges than those that are expected: the choice of the router that sent them there."""
    crossed, wanted = edges_of(result.forward, model.plan), expectation.via or ()
    at = next((i for i, (one, other) in enumerate(zip(crossed, wanted, strict=False)) if one != other), None)
    if crossed == wanted:
        says = f"load is shared on the way from {flow.source} to {flow.destination}: packets may cross other edges too"
        return Cause(stage=Stage.FIB, text=says)
    if at is None:
        says = f"{flow.source} crosses {' '.join(crossed)} on the way to {flow.destination}, not {' '.join(wanted)}"
        return Cause(stage=Stage.FIB, text=says)
    chooser = result.forward[result.forward.index(crossed[at]) - 1]
    address = model.plan.node(flow.destination).address(flow.family)
    is_router = model.plan.node(chooser).bgp is not None
    prefix = model.prefix_of(address, chooser) if address is not None and is_router else None
    if prefix is None:
        says = f"{chooser} sends to {crossed[at]}, its first hop, and not to {wanted[at]}"
        return Cause(stage=Stage.FIB, text=says)
    if not any(model.named(one, wanted[at]) for one in model.holders(chooser, prefix)):
        says = f"{chooser} sends to {crossed[at]}, and has no session with {wanted[at]}"
        return Cause(stage=Stage.SESSION, text=says)
    return model.why_lost(chooser, prefix, wanted[at])
