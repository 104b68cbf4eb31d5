"""Impaired wires and queues, put where a plan has the wires and interfaces that a topology names by their nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.errors import InputError
from lab.plan import Endpoint, Plan, Role, Wire
from lab.plan.circuits import wire_of_link
from lab.plan.naming import vrf
from lab.shaping import UNIMPAIRED, Impairment, Queues
from lab.topology import CircuitLink, ImpairedWire, Layer3, QueuesTowards, Topology, Towards


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaceable:
    """What a topology says of a wire or an interface that is not there, or that has one already."""

    what: str
    meant: str


def shaped(plan: Plan, topology: Topology) -> Plan:
    """The plan with a topology's impairments and queues. Raises InputError where one has no place."""
    where = interfaces_of_queues(plan, topology)
    for lost in (*unplaceable_impairments(plan, topology).values(), *where.values()):
        if isinstance(lost, Unplaceable):
            raise InputError(f"no lab can be built of this topology: {lost.what}: {lost.meant}")
    placed: dict[Endpoint, Impairment] = {}
    for one in topology.impairments:
        wire = _wire(plan, topology, one)
        if isinstance(wire, Wire):
            placed |= dict.fromkeys(_senders(wire, one), one.impairment)
    queues: dict[str, list[Queues]] = defaultdict(list)
    for (router, number), end in where.items():
        if isinstance(end, Endpoint):
            queued = queues_of(topology)[router][number]
            there = Queues(interface=end.interface, rate_bps=queued.rate_bps, classes=queued.classes)
            queues[end.node].append(there)
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
    toward: dict[Endpoint, Towards | str]
    if isinstance(one.wire, CircuitLink):
        toward = {first: Towards.MICROSOFT, second: Towards.CUSTOMER}
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


def queues_of(topology: Topology) -> dict[str, tuple[QueuesTowards, ...]]:
    """The queues of each router that the file gives any."""
    qos = [pair for one in (topology.customer, *topology.other_customers) for site in one.sites for pair in site.qos]
    qos += [pair for one in topology.circuits if isinstance(one.carrier, Layer3) for pair in one.carrier.qos]
    return {router: one.queues for router, one in qos if one.queues}


def interfaces_of_queues(plan: Plan, topology: Topology) -> dict[tuple[str, int], Endpoint | Unplaceable]:
    """Where the queues of a topology are, by their router and their number there."""
    customers = [one.name for one in (topology.customer, *topology.other_customers)]
    found: dict[tuple[str, int], Endpoint | Unplaceable] = {}
    for router, queues in queues_of(topology).items():
        for number, one in enumerate(queues):
            end = _interface(plan, router, one.towards, customers)
            if end in found.values():
                what = f"two queues are at the same interface of {router}"
                end = Unplaceable(what=what, meant="write their classes together")
            found[router, number] = end
    return found


def _interface(plan: Plan, router: str, towards: str, customers: list[str]) -> Endpoint | Unplaceable:
    """The interface of a router, or of its VRF of a customer, on the link with another one or its VRF."""
    here, there = ({name, *(vrf(name, customer) for customer in customers)} for name in (router, towards))
    links = [ends for ends in plan.links if any(end.node in here for end in ends)]
    for ends in links if router != towards else ():
        if any(end.node in there for end in ends):
            return next(end for end in sorted(ends, key=str) if end.node in here)
    near = sorted({end.node for ends in links for end in ends} - here)
    return Unplaceable(what=f"{router} is not on a link with {towards!r}", meant=f"it is with {', '.join(near)}")
