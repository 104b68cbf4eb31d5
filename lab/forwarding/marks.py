"""Who rewrote the mark of a packet: the places of its way between which the mark differs, each attributed to one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.expressroute.dscp import dscp_text
from lab.forwarding.flows import Crossing, Seen
from lab.plan import CrossConnect, Endpoint, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """A change of a packet's mark. `by` is a node: one that the packet crossed, or a provider's switch between two.

    Where it cannot be told which of several it was, `by` says so.
    """

    by: str
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.by} made {dscp_text(self.after)} of {dscp_text(self.before)}"


def rewritings(crossings: Sequence[Crossing], sent: int, plan: Plan) -> tuple[Rewriting, ...]:
    """Every change of the mark of a packet that was `sent` with one and crossed these nodes, in order."""
    seen_at = [*places(crossings)]
    first = [
        Rewriting(by=_unseen(crossings[0].node, node), before=sent, after=seen.dscp)
        for node, seen in seen_at[:1]
        if seen.dscp != sent
    ]
    return (
        *first,
        *(
            Rewriting(by=between(one, other, plan), before=one[1].dscp, after=other[1].dscp)
            for one, other in pairwise(seen_at)
            if one[1].dscp != other[1].dscp
        ),
    )


def rewriters_text(changes: Iterable[Rewriting]) -> str:
    """Changes in words."""
    return ", ".join(map(str, changes)) or "unchanged"


Place = tuple[str, Seen]
"""A node, and a packet as it was seen there."""


def places(crossings: Iterable[Crossing]) -> Iterator[Place]:
    """Where a packet was seen, in order: the node and what was seen there."""
    for one in crossings:
        yield from ((one.node, seen) for seen in (one.entered, one.left) if seen is not None)


def _unseen(node: str, next_node: str) -> str:
    """Who it was where a packet was not seen to leave a node."""
    return node if node == next_node else f"{node} or the way from there to {next_node}"


def between(one: Place, other: Place, plan: Plan) -> str:
    """What lies between two places: the node itself, a provider's switch, or all of it where one was not seen."""
    (node, left), (next_node, entered) = one, other
    if node == next_node:
        return node
    lines = lines_between(plan, (node, left.interface), (next_node, entered.interface))
    return " or ".join(dict.fromkeys(line.ends[0].port.node for line in lines)) or _unseen(node, next_node)


def lines_between(plan: Plan, left: tuple[str, str], entered: tuple[str, str]) -> tuple[CrossConnect, ...]:
    """A provider's lines between two interfaces, which are given by node and name."""
    ends = Endpoint(node=left[0], interface=left[1]), Endpoint(node=entered[0], interface=entered[1])
    return plan.lines.get(ends, ())
