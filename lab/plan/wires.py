"""Which interfaces of a plan a person means who names one of its links."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.errors import InputError
from lab.plan import Endpoint, Plan, Role, Wire
from lab.plan.naming import device, of_circuit
from lab.topology import Link

_PAIR = re.compile(r"(\S+)(?: - | )(\S+)")
_LINKS = {link.value: link for link in Link}
_EDGE = re.compile(r"(?:(.*)-)?msee[12](?:-ms)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePoints:
    """The interfaces at which a link is looked at.

    With `arrivals_only` a frame counts at the end where it arrives, and so once; at a single interface all count.
    """

    ends: tuple[Endpoint, ...]
    arrivals_only: bool


def capture_points(plan: Plan, link: str, circuit: str | None = None) -> CapturePoints:
    """The interfaces of a link: a wire's name, `primary`, `secondary`, `NODE - NODE`, `NODE NODE` or `NODE:INTERFACE`.

    Raises InputError where the plan has no such link, with the names that it has.
    """
    if circuit is not None and link not in _LINKS:
        raise InputError(f"--circuit goes with primary or secondary, and {link!r} is neither")
    if link in _LINKS:
        return CapturePoints(ends=_wire_of(plan, _LINKS[link], circuit).ends, arrivals_only=True)
    for wire in plan.wires:
        if wire.name == link:
            return CapturePoints(ends=wire.ends, arrivals_only=True)
    pair = _PAIR.fullmatch(link)
    if pair:
        return CapturePoints(ends=_between(plan, *pair.groups()), arrivals_only=True)
    if ":" in link:
        return CapturePoints(ends=(_interface(plan, *link.split(":", 1)),), arrivals_only=False)
    wires = ", ".join(wire.name for wire in plan.wires)
    raise InputError(f"{link} is no link of this lab: write NODE - NODE, NODE:INTERFACE or a wire's name: {wires}")


def _wire_of(plan: Plan, link: Link, circuit: str | None) -> Wire:
    """The wire at the customer's end of a circuit's link; circuits of one port pair share it."""
    circuits = _circuits(plan)
    if circuit is None and len(circuits) > 1:
        raise InputError(f"this lab has several circuits: choose one with --circuit: {', '.join(circuits)}")
    if circuit is not None and circuit not in circuits:
        known = ", ".join(name for name in circuits if name) or "one circuit, without a name"
        raise InputError(f"{circuit} is no circuit of this lab: it has {known}")
    chosen = circuit or circuits[0] if circuits else ""
    for wire in plan.wires:
        if wire.name == of_circuit(chosen, link.value):
            return wire
    edge = device(chosen, link)
    nodes = (node for node in plan.nodes if node.name in (edge, f"{edge}-ms"))
    ports = {one.vlan.port for node in nodes for one in node.interfaces if one.vlan is not None}
    for wire in plan.wires:
        if not ports.isdisjoint(wire.ends):
            return wire
    raise InputError(f"this lab has no {link.value} link")


def _circuits(plan: Plan) -> list[str]:
    """The names of the circuits; an only one may have none."""
    edges = (_EDGE.fullmatch(node.name) for node in plan.nodes if node.role is Role.MICROSOFT_EDGE)
    return list(dict.fromkeys(edge[1] or "" for edge in edges if edge))


def _between(plan: Plan, one: str, other: str) -> tuple[Endpoint, ...]:
    """The interfaces by which two nodes reach one another, or the ends of the wire between them."""
    for name in (one, other):
        _known_node(plan, name)
    shared = [link for link in plan.links if {one, other} <= {end.node for end in link}]
    shared = shared or [frozenset(wire.ends) for wire in plan.wires if {end.node for end in wire.ends} == {one, other}]
    ends = [end for link in shared for end in link if end.node in (one, other)]
    if not ends:
        near = {end.node for link in plan.links if one in {end.node for end in link} for end in link}
        near |= {end.node for wire in plan.wires if one in {end.node for end in wire.ends} for end in wire.ends}
        raise InputError(f"no link joins {one} and {other}: {one} is joined to {', '.join(sorted(near - {one}))}")
    return tuple(sorted(ends, key=lambda end: (end.node != one, end.interface)))


def _interface(plan: Plan, node: str, name: str) -> Endpoint:
    _known_node(plan, node)
    names = [one.name for one in plan.node(node).interfaces]
    if name not in names:
        raise InputError(f"{name} is no interface of {node}: interfaces are {', '.join(names)}")
    return Endpoint(node=node, interface=name)


def _known_node(plan: Plan, name: str) -> None:
    names = [node.name for node in plan.nodes]
    if name not in names:
        raise InputError(f"{name} is no node of this lab: nodes are {', '.join(names)}")
