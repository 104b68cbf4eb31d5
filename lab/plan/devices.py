"""Devices: a plan, cut where wires join one router, host or switch to another. Each configures itself alone.

A node is one routing instance. Several of them are one device where a port of one has sub-interfaces of another, and
where the tunnels of a VRF cross its router's core instance. A device's plan holds these nodes and what is between
them, and nothing of any other device: its secrets are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lab.plan import Endpoint, NodePlan, Plan, Wire
from lab.plan.tunnels import TunnelEnd, tunnel_ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """An interface that is joined to another device's from outside.

    `name` is what it is called until the device takes it, and `end` what it is from then on. With `one_by_one` TCP's
    packets leave it as a real wire carries them.
    """

    name: str
    end: Endpoint
    one_by_one: bool = False


@dataclass(frozen=True, kw_only=True)
class Device:
    """What configures itself from this and from nothing else. The first node of `plan` is the device's main one.

    An impaired wire is a device too: it has no nodes, and `wire` with the interfaces between which it carries frames.
    """

    name: str
    plan: Plan
    attachments: tuple[Attachment, ...]
    tunnels: tuple[TunnelEnd, ...] = ()
    wire: Wire | None = None

    @property
    def main(self) -> NodePlan | None:
        """The node whose interfaces are the device's own; those of its other nodes are VRFs."""
        return self.plan.nodes[0] if self.plan.nodes else None

    @property
    def has_secrets(self) -> bool:
        """Whether it knows an MD5 key, or has a user's own configuration of a daemon, which may hold some."""
        own = any(node.speaker is not None and node.speaker.config is not None for node in self.plan.nodes)
        return own or any(one.md5 for node in self.plan.routers if node.bgp for one in node.bgp.sessions)

    @property
    def has_daemons(self) -> bool:
        """Whether a router of it is another vendor's daemon."""
        return any(node.speaker is not None for node in self.plan.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """A lab as devices. The ends of `links` are attachments: a device, and what its interface is called outside."""

    devices: tuple[Device, ...]
    links: tuple[Wire, ...]

    def device(self, name: str) -> Device:
        """The device of that name. Raises KeyError."""
        for one in self.devices:
            if one.name == name:
                return one
        raise KeyError(name)


Naming = Callable[[str, Endpoint, int], str]
"""What an attachment is called outside: of a device, where it leads inside, and its number there, from 1 on."""


def by_interface(_device: str, end: Endpoint, _number: int) -> str:
    """The interface's own name."""
    return end.interface


def by_number(_device: str, _end: Endpoint, number: int) -> str:
    """A name as short as can be."""
    return f"e{number}"


def devices_of(plan: Plan, naming: Naming = by_interface) -> Devices:
    """The devices of a plan. A second interface of a device that `naming` gives the same name has a short one."""
    homes = _homes(plan)
    middles = _middles(plan, homes)
    outer = list(_outer_wires(plan, homes, middles))
    named: dict[str, dict[Endpoint, str]] = {name: {} for name in [*dict.fromkeys(homes.values()), *middles.values()]}
    for device, end in (place for _, places in outer for place in places):
        number = len(named[device]) + 1
        name = naming(device, end, number)
        named[device][end] = by_number(device, end, number) if name in named[device].values() else name
    made = [_device(plan, homes, name, named[name]) for name in dict.fromkeys(homes.values())]
    for wire, name in middles.items():
        bare = Plan(name=plan.name, nodes=(), wires=())
        joined = tuple(Attachment(name=outside, end=end) for end, outside in named[name].items())
        made.append(Device(name=name, plan=bare, attachments=joined, wire=wire))
    links = (Wire(name=name, ends=(_outside(named, places[0]), _outside(named, places[1]))) for name, places in outer)
    return Devices(devices=tuple(made), links=tuple(links))


_Place = tuple[str, Endpoint]
"""A device, and an interface that it has."""


def _outside(named: Mapping[str, Mapping[Endpoint, str]], place: _Place) -> Endpoint:
    device, end = place
    return Endpoint(node=device, interface=named[device][end])


def _outer_wires(
    plan: Plan, homes: Mapping[str, str], middles: Mapping[Wire, str]
) -> Iterator[tuple[str, tuple[_Place, _Place]]]:
    """The wires between devices, an impaired one as two: to the device that it is, and from there."""
    for wire in plan.wires:
        one, other = ((homes[end.node], end) for end in wire.ends)
        if wire in middles:
            near, far = ((middles[wire], end) for end in wire.ends)
            yield f"{wire.name}-1", (one, near)
            yield f"{wire.name}-2", (far, other)
        elif one[0] != other[0]:
            yield wire.name, (one, other)


def _middles(plan: Plan, homes: Mapping[str, str]) -> dict[Wire, str]:
    """The impaired wires, with the names of the devices that they are."""
    taken = set(homes.values())
    found: dict[Wire, str] = {}
    for wire in plan.wires:
        if wire.impaired:
            name = f"wire-{wire.name.replace('/', '-')}"
            while name in taken:
                name += "x"
            taken.add(name)
            found[wire] = name
    return found


def _homes(plan: Plan) -> dict[str, str]:
    """The device of each node, in the order of the nodes. It has the name of its main node."""
    groups = {node.name: [node.name] for node in plan.nodes}
    for one, other in _inseparable(plan):
        if groups[one] is not groups[other]:
            groups[one].extend(groups[other])
            for name in groups[other]:
                groups[name] = groups[one]
    guests = {inner for inner, _ in _inseparable(plan)}
    return {name: next(one for one in group if one not in guests) for name, group in groups.items()}


def _inseparable(plan: Plan) -> Iterator[tuple[str, str]]:
    """Pairs of nodes that are one device; the second is nearer to its main node."""
    for node in plan.nodes:
        for interface in node.interfaces:
            if interface.vlan is not None and interface.vlan.port.node != node.name:
                yield node.name, interface.vlan.port.node
    for overlay in plan.overlays:
        for end in overlay.ends:
            yield end.vrf.node, end.core


def _device(plan: Plan, homes: Mapping[str, str], name: str, attached: Mapping[Endpoint, str]) -> Device:
    inside = [node for node in plan.nodes if homes[node.name] == name]
    nodes = sorted(inside, key=lambda node: node.name != name)  # the others stay in their order
    limited = {node.name for node in plan.nodes if node.packet_limit is not None}
    one_by_one = {end for wire in plan.wires if _touches(wire, limited) or wire.impaired for end in wire.ends}
    return Device(
        name=name,
        plan=replace(
            plan,
            nodes=tuple(nodes),
            wires=tuple(one for one in plan.wires if all(homes[end.node] == name for end in one.ends)),
            cross_connects=tuple(one for one in plan.cross_connects if homes[one.ends[0].port.node] == name),
            overlays=(),
            fidelity=(),
            limits=None,
        ),
        attachments=tuple(
            Attachment(name=outside, end=end, one_by_one=end in one_by_one) for end, outside in attached.items()
        ),
        tunnels=tuple(one for one in tunnel_ends(plan) if homes[one.end.core] == name),
    )


def _touches(wire: Wire, nodes: Iterable[str]) -> bool:
    return any(end.node in nodes for end in wire.ends)
