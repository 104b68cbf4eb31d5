"""Why the mark of packets is what it is: the rules that rewrote it, and where a lab did not do as they say."""

from __future__ import annotations

from itertools import pairwise

from lab.expressroute.dscp import dscp_text
from lab.forwarding import Flow, FlowResult
from lab.forwarding.marks import Place, between, lines_between, places
from lab.marking import first_match
from lab.packets import Header
from lab.plan import Plan


def as_modelled(flow: Flow, result: FlowResult, plan: Plan) -> str:
    """Who rewrites the mark of a flow's packets by the plan, and by which rule; or that nobody does."""
    changes = [
        f"{between(one, other, plan)} makes {_change(one, other)} by {rule_between(flow, one, other, plan)}"
        for one, other in pairwise(places(result.there))
        if one[1].dscp != other[1].dscp
    ]
    way = " ".join(result.forward)
    return ", then ".join(changes) or f"nobody on the way rewrites {dscp_text(flow.dscp)}: {way}"


def unlike_the_plan(flow: Flow, seen: FlowResult, by_tables: FlowResult, plan: Plan) -> str:
    """The first place where packets had another mark than the plan gives them; empty where none can be told."""
    observed, expected = [*places(seen.there)], [*places(by_tables.there)]
    if [_where(one) for one in observed] != [_where(one) for one in expected]:
        return ""
    if observed and observed[0][1].dscp != expected[0][1].dscp:
        return f"{flow.source} itself sent {dscp_text(observed[0][1].dscp)}, not {dscp_text(flow.dscp)}"
    for (_, there), (one, other) in zip(pairwise(observed), pairwise(expected), strict=True):
        if there[1].dscp == other[1].dscp:
            continue
        by, before, made = between(one, other, plan), dscp_text(one[1].dscp), dscp_text(there[1].dscp)
        rule = rule_between(flow, one, other, plan)
        if one[1].dscp == other[1].dscp:
            return f"{by} made {made} of {before}, and by the plan it leaves that as it is"
        did = f"left {before} as it is" if made == before else f"made {made} of {before}"
        return f"{by} {did}, and by the plan it makes {dscp_text(other[1].dscp)} of it: {rule}"
    return ""


def rule_between(flow: Flow, one: Place, other: Place, plan: Plan) -> str:
    """The rule by which the mark of a flow's requests changes between two places, and where it is written."""
    (node, entered), (_, left) = one, other
    if node != other[0]:
        lines = lines_between(plan, (node, entered.interface), (other[0], left.interface))
        maps = [line.remark for line in lines if line.remark is not None]
        return "; ".join(f"its map {remark} ({remark.source})" for remark in maps) or "no rule"
    header = Header(
        protocol=flow.protocol,
        source=entered.source,
        destination=entered.target,
        dscp=entered.dscp,
        source_port=flow.source_port,
        destination_port=flow.port,
    )
    rule = first_match(plan.node(node).marking, header, enters_by=entered.interface, leaves_by=left.interface)
    return "no rule" if rule is None else f"its rule {rule} ({rule.source})"


def _change(one: Place, other: Place) -> str:
    return f"{dscp_text(other[1].dscp)} of {dscp_text(one[1].dscp)}"


def _where(place: Place) -> tuple[str, str]:
    return place[0], place[1].interface
