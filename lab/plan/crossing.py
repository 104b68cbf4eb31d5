"""The wires that a packet crosses from one node to the next, with what each does to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.plan import Endpoint, Plan, Role, Tagged, Wire
from lab.shaping import Impairment


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedWire:
    """A wire that is crossed from one of its ends, which is number 0 or 1, by frames with so many VLAN tags."""

    wire: Wire
    sender: int
    tags: int = 0

    @property
    def impairment(self) -> Impairment:
        """What it does in this direction."""
        return self.wire.impairments[self.sender]


def wires_crossed(plan: Plan, sender: Endpoint, receiver: str) -> tuple[CrossedWire, ...]:
    """The wires from an interface to the next node that a packet enters, the nearest first.

    Empty where the two have none between them, as the VRFs of a provider's core have not.
    """
    start = _place(plan, sender)
    goals = {_place(plan, Endpoint(node=receiver, interface=one.name)) for one in plan.node(receiver).interfaces}
    ways: dict[Tagged, tuple[CrossedWire, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        place = waiting.popleft()
        if place in goals:
            return ways[place]
        for further, crossed in _next(plan, place):
            if further not in ways:
                ways[further] = (*ways[place], *crossed)
                waiting.append(further)
    return ()


def _place(plan: Plan, end: Endpoint) -> Tagged:
    return plan.node(end.node).interface(end.interface).vlan or Tagged(port=end)


def _next(plan: Plan, place: Tagged) -> Iterator[tuple[Tagged, tuple[CrossedWire, ...]]]:
    """Where a frame can be next, and the wire that it crosses to there."""
    for wire in plan.wires:
        for number, end in enumerate(wire.ends):
            if end == place.port:
                crossed = CrossedWire(wire=wire, sender=number, tags=len(place.tags))
                yield replace(place, port=wire.ends[1 - number]), (crossed,)
    node = plan.node(place.port.node)
    if node.role is Role.SWITCH:
        yield from ((replace(place, port=Endpoint(node=node.name, interface=one.name)), ()) for one in node.interfaces)
    for one in plan.cross_connects:
        if place in one.ends:
            yield next(end for end in one.ends if end != place), ()
