"""What source address translation has to do with packets that are lost, or that arrive from where they should not."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import pairwise

from lab.bgp import Address, Prefix, within
from lab.forwarding import FlowResult, answered_to
from lab.plan import Plan


def translator(result: FlowResult) -> str | None:
    """The router behind which requests had the source that was seen at last; None where nobody translated."""
    changes = (
        router
        for router, ((_, before), (_, after)) in zip(result.forward[1:], pairwise(result.sources), strict=False)
        if before != after
    )
    return next(reversed([*changes]), None)


def mistranslated(result: FlowResult, by_tables: FlowResult) -> str:
    """The first router behind which the source was not what its translation makes of it; empty where all were right."""
    for before, (node, seen), (there, expected) in zip(result.forward, result.sources, by_tables.sources, strict=False):
        if node != there:
            return ""
        if not within(seen, ip_network(expected)):
            return f"{before} sent it on with the source {seen}, though its translation makes {expected} of that"
    return ""


def wrong_source(result: FlowResult, plan: Plan, wanted: Prefix) -> str:
    """Which router translates to a pool that is not wanted, or why none does."""
    source, way = result.sources[0][1], " ".join(result.forward)
    by = translator(result)
    if by is not None:
        return f"{by} translates {source} to {result.source_seen}, which is not in {wanted}"
    able = {name: plan.node(name).nat for name in result.forward}
    router = next((name for name, nat in able.items() if nat), None)
    if router is None:
        return f"no router on the way translates the source {source}: {way}"
    where = ", ".join(f"to {nat.pool} at {nat.interface}" for nat in able[router])
    return f"{router} translates {where}, but not the source {source} on the way {way}"


def address_of_answer(result: FlowResult, source: Address | None) -> Address | None:
    """Where a lost answer was going: to the source that was seen, until the router that translates has it."""
    seen = result.source_seen
    if seen is None or translator(result) in (None, *result.backward):
        return source
    return answered_to(seen)


def lost_at(result: FlowResult, plan: Plan) -> str:
    """What to add where an answer ended at a router that translates, and that is not the one that did."""
    by = translator(result)
    if by is None or by in result.backward or not plan.node(result.backward[-1]).nat:
        return ""
    return f"; {by} translated the request, and {result.backward[-1]} knows nothing of that"
