"""Whether a running lab is the one that a file describes, so that what is seen in it can be judged by the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.bgp import Family
from lab.commands.live import MOST_CHANGES_NAMED
from lab.errors import InputError
from lab.plan import NodePlan, Plan
from lab.report.plan_changes import PlanChange, changes


def is_of_another_file(running: Plan, plan: Plan, name: str, file: str) -> bool:
    """Whether a running lab does not do what a file says. Where lines of it moved, it still does.

    Raises InputError where they differ in more than policies, rules, keys and networks, which show as differences: with
    other nodes, sessions, addresses, wires, translations, marks or limits of packets, nothing that is seen in the lab
    is what the file is about.
    """
    if not changes(running, plan):
        return False
    here, there = dict.fromkeys(_parts(plan)), dict.fromkeys(_parts(running))
    apart = [f"only {file} has {one}" for one in here if one not in there]
    apart += [f"only the lab has {one}" for one in there if one not in here]
    if not apart:
        apart = [_in_words(one, file) for one in changes(_of_packets(running), _of_packets(plan))]
    if apart:
        more = f" and {len(apart) - MOST_CHANGES_NAMED} more" if len(apart) > MOST_CHANGES_NAMED else ""
        raise InputError(f"the running lab {name} is another one: {', '.join(apart[:MOST_CHANGES_NAMED])}{more}")
    return True


def _parts(plan: Plan) -> Iterator[str]:
    """What two plans have to have in common for their tables and packets to be compared."""
    for node in plan.nodes:
        yield f"the {node.role.value.replace('_', ' ')} {node.name}"
        yield from (f"the session {node.name} - {session.name}" for session in (node.bgp.sessions if node.bgp else ()))
        yield from (f"an {family.value} address of {node.name}" for family in Family if node.address(family))


def _of_packets(plan: Plan) -> Plan:
    """A plan without what only routing and reports read: what is left decides over packets."""
    return replace(plan, name="", nodes=tuple(map(_without_routing, plan.nodes)), fidelity=())


def _without_routing(node: NodePlan) -> NodePlan:
    return replace(node, bgp=None, interfaces=tuple(replace(one, description="") for one in node.interfaces))


def _in_words(change: PlanChange, file: str) -> str:
    if change.before and change.after:
        return f"{change.what} is {change.after} in {file} and {change.before} in the lab"
    value = change.after or change.before
    what = change.what if value == PlanChange.PRESENT else f"{change.what} {value}"
    return f"only {file if change.after else 'the lab'} has {what}"
