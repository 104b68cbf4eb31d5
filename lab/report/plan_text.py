"""A plan as text, by node, and what changed between two plans. Keys are never shown, only that there are any."""

from __future__ import annotations

from collections.abc import Iterator

from lab.plan import NodePlan, Plan, SessionPlan
from lab.policy import Policy
from lab.report.layout import Colour, counted, hanging, paint, unheaded
from lab.report.plan_changes import PlanChange, changes


def plan(planned: Plan) -> str:
    """Every node with its interfaces, networks, routes and sessions, and the wires between them."""
    lines = [f"{planned.name}: {counted(len(planned.nodes), 'node')}, {counted(len(planned.wires), 'wire')}"]
    for node in planned.nodes:
        lines += ["", *_node(node)]
    lines += ["", "policies"]
    for policy in policies_of(planned):
        lines += hanging(f"  {policy.name}: ", f"{counted(len(policy.terms), 'term')}, {policy.source or 'no source'}")
    lines += ["", "wires"]
    lines += unheaded([(w.name, str(w.ends[0]), str(w.ends[1])) for w in planned.wires], indent="  ")
    lines += [""] if planned.fidelity else []
    for sentence in planned.fidelity:
        lines += hanging("fidelity: ", sentence)
    return "\n".join(lines)


def _node(node: NodePlan) -> Iterator[str]:
    says = node.role.value
    if node.bgp is not None:
        says += f", AS {node.bgp.asn}, router id {node.bgp.router_id}, up to {counted(node.bgp.maximum_paths, 'path')}"
    yield f"{node.name}: {says}"
    yield "  interfaces"
    interfaces = [(i.name, ", ".join(map(str, i.addresses)), i.description) for i in node.interfaces]
    yield from unheaded(interfaces, indent="    ")
    for route in node.static_routes:
        yield f"  static route {route.prefix} via {route.next_hop}"
    if node.bgp is not None:
        yield from hanging("  networks ", ", ".join(map(str, node.bgp.networks)) or "none")
        yield "  sessions"
        yield from _sessions(node.bgp.sessions)


def _sessions(sessions: tuple[SessionPlan, ...]) -> Iterator[str]:
    rows = [
        (
            one.name,
            f"AS {one.peer_asn}",
            f"{one.local_address} -> {one.peer_address}",
            "listens" if one.passive else "connects",
            f"hold {one.hold_time_s} s",
            "md5: set" if one.md5 else "",
        )
        for one in sessions
    ]
    for line, one in zip(unheaded(rows, indent="    "), sessions, strict=True):
        yield line
        policies = (one.import_policy, one.export_policy)
        imported, exported = (policy.name if policy else _no_policy(one) for policy in policies)
        flags = {"next hop self": one.next_hop_self, "removes private ASes": one.remove_private_asns}
        says = [f"import {imported}", f"export {exported}", *(name for name, holds in flags.items() if holds)]
        yield from hanging("      ", ", ".join(says))


def _no_policy(session: SessionPlan) -> str:
    return "nothing (no policy: RFC 8212)" if session.ebgp else "everything (no policy)"


def policies_of(planned: Plan) -> tuple[Policy, ...]:
    """Every policy that a session of the plan has, in the order in which they are met."""
    sessions = (session for node in planned.routers if node.bgp for session in node.bgp.sessions)
    policies = (policy for one in sessions for policy in (one.import_policy, one.export_policy) if policy)
    return tuple(dict.fromkeys(policies))


def plan_difference(old: Plan, new: Plan, *, color: bool = False) -> str:
    """What was added (+), removed (-) and changed (~) from one plan to another."""
    found = changes(old, new)
    if not found:
        return "the plans are equal"
    return "\n".join([*(_change(change, color=color) for change in found), counted(len(found), "change")])


def _change(change: PlanChange, *, color: bool) -> str:
    if change.secret:
        return paint(f"~ {change.what} key {_secret_change(change)}", Colour.YELLOW, color=color)
    if not change.before:
        return paint(f"+ {change.what}{_after(change.after)}", Colour.GREEN, color=color)
    if not change.after:
        return paint(f"- {change.what}{_after(change.before)}", Colour.RED, color=color)
    return paint(f"~ {change.what}: {change.before} -> {change.after}", Colour.YELLOW, color=color)


def _secret_change(change: PlanChange) -> str:
    if change.before and change.after:
        return "changed"
    return "added" if change.after else "removed"


def _after(text: str) -> str:
    return "" if text == PlanChange.PRESENT else f": {text}"
