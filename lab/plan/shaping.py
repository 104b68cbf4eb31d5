"""Impaired wires and queues, put where a plan has the wires and interfaces that a topology names by their nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.errors import InputError
from lab.plan import Endpoint, Plan, Role, Wire
from lab.plan.circuits import wire_of_link
from lab.shaping import UNIMPAIRED, Impairment, Queues
from lab.topology import CircuitLink, ImpairedWire, QueuesTowards, Side, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaceable:
    """What a topology says of a wire or an interface that is not there, or that has one already."""

    what: str
    meant: str


def shaped(plan: Plan, topology: Topology) -> Plan:
    """The plan with a topology's impairments and queues. Raises InputError where one has no place."""
    for lost in (*unplaceable_impairments(plan, topology).values(), *unplaceable_queues(plan, topology).values()):
        raise InputError(f"no lab can be built of this topology: {lost.what}: {lost.meant}")
    placed: dict[Endpoint, Impairment] = {}
    for one in topology.impairments:
        wire = _wire(plan, topology, one)
        if isinstance(wire, Wire):
            placed |= dict.fromkeys(_senders(wire, one), one.impairment)
    queues: dict[str, list[Queues]] = defaultdict(list)
    for queue in topology.queues:
        for interface in _interfaces(plan, queue):
            queues[queue.router].append(Queues(interface=interface, rate_bps=queue.rate_bps, classes=queue.classes))
    return replace(
        plan,
        nodes=tuple(replace(node, queues=tuple(queues.get(node.name, ()))) for node in plan.nodes),
        wires=tuple(_impaired(wire, placed) for wire in plan.wires),
    )


def _impaired(wire: Wire, placed: dict[Endpoint, Impairment]) -> Wire:
    one, other = (placed.get(end, UNIMPAIRED) for end in wire.ends)
    return replace(wire, impairments=(one, other))


def _senders(wire: Wire, one: ImpairedWire) -> Iterator[Endpoint]:
    """The ends of a wire whose packets are impaired."""
    first, second = wire.ends
    toward: dict[Endpoint, Side | str]
    if isinstance(one.wire, CircuitLink):
        toward = {first: Side.MICROSOFT, second: Side.CUSTOMER}
    else:  # the one end is at one of the two nodes, and the other at the other one or at the switch of its LAN
        here = first.node if first.node in one.wire else second.node
        there = next(name for name in one.wire if name != here)
        toward = {end: there if end.node == here else here for end in wire.ends}
    yield from (end for end, far in toward.items() if one.towards in (None, far))


# impairments


def unplaceable_impairments(plan: Plan, topology: Topology) -> dict[int, Unplaceable]:
    """The impairments of a topology that have no wire, or one that is impaired already, by their numbers in it."""
    found: dict[int, Unplaceable] = {}
    taken: set[Endpoint] = set()
    for number, one in enumerate(topology.impairments):
        wire = _wire(plan, topology, one)
        if isinstance(wire, Unplaceable):
            found[number] = wire
            continue
        senders = set(_senders(wire, one))
        if senders & taken:
            what = f"wire {wire.name} is impaired twice in one direction"
            found[number] = Unplaceable(what=what, meant="write all that happens to it in one entry")
        taken |= senders
    return found


def _wire(plan: Plan, topology: Topology, one: ImpairedWire) -> Wire | Unplaceable:
    if isinstance(one.wire, CircuitLink):
        circuit = next(circuit for circuit in topology.circuits if circuit.name == one.wire.circuit)
        name = wire_of_link(topology, circuit, one.wire.link)
        nothing = Unplaceable(what=f"the plan has no wire {name}", meant="see `erlab plan`")
        return next((wire for wire in plan.wires if wire.name == name), nothing)
    wires = _wires(plan)
    found = wires.get(frozenset(one.wire), [])
    if len(found) == 1:
        return found[0]
    first, second = one.wire
    if found:
        what = f"{first} and {second} are joined by {len(found)} wires"
        return Unplaceable(what=what, meant="write link: primary or link: secondary")
    known = sorted({name for pair in wires for name in pair})
    lost = next((name for name in one.wire if name not in known), None)
    if lost is not None:
        return Unplaceable(what=f"unknown node {lost!r}", meant=f"nodes at wires: {', '.join(known)}")
    near = sorted({name for pair in wires if first in pair for name in pair - {first}})
    meant = f"wires of {first} lead to {', '.join(near)}; a circuit's link is written link: primary"
    return Unplaceable(what=f"no wire joins {first} and {second}", meant=meant)


def _wires(plan: Plan) -> dict[frozenset[str], list[Wire]]:
    """The wires by the two nodes that they join.

    Of a host and a router at one LAN that is the router's own wire, for that of the host is everybody's.
    """
    found: dict[frozenset[str], list[Wire]] = defaultdict(list)
    at_lan: dict[str, dict[str, Wire]] = defaultdict(dict)
    for wire in plan.wires:
        nodes = [plan.node(end.node) for end in wire.ends]
        found[frozenset(node.name for node in nodes)].append(wire)
        for switch, node in (nodes, nodes[::-1]):
            if switch.role is Role.SWITCH:
                at_lan[switch.name][node.name] = wire
    for wires in at_lan.values():
        for host in (name for name in wires if plan.node(name).role is Role.HOST):
            for router in (name for name in wires if plan.node(name).bgp is not None):
                found[frozenset((host, router))].append(wires[router])
    return found


# queues


def unplaceable_queues(plan: Plan, topology: Topology) -> dict[int, Unplaceable]:
    """The queues of a topology that have no interface, or one that has queues already, by their numbers in it."""
    found: dict[int, Unplaceable] = {}
    taken: set[tuple[str, str]] = set()
    for number, one in enumerate(topology.queues):
        interfaces = {(one.router, interface) for interface in _interfaces(plan, one)}
        if not interfaces:
            near = sorted({end.node for ends in _links_of(plan, one.router) for end in ends} - {one.router})
            what = f"{one.router} is not joined to {one.towards!r}"
            found[number] = Unplaceable(what=what, meant=f"it is to {', '.join(near)}")
        elif interfaces & taken:
            what = f"two queues are at the same interface of {one.router}"
            found[number] = Unplaceable(what=what, meant="write their classes together")
        taken |= interfaces
    return found


def _links_of(plan: Plan, router: str) -> list[frozenset[Endpoint]]:
    return [ends for ends in plan.links if any(end.node == router for end in ends)]


def _interfaces(plan: Plan, one: QueuesTowards) -> list[str]:
    """The interface of a router that is on a link with another node; nothing where there is none."""
    return [
        end.interface
        for ends in _links_of(plan, one.router)
        if any(end.node == one.towards for end in ends) and one.towards != one.router
        for end in ends
        if end.node == one.router
    ]
