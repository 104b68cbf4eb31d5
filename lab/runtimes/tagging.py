"""VLAN tags on the wire: by the kernel's VLAN devices where it has them, otherwise by the tagger's process.

Which of the two is found out by making a device (docs/decisions/0014).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.errors import LabBroken
from lab.expressroute.dscp import DSCP_VALUES
from lab.logs import Logs
from lab.marking import Remark
from lab.netlink import LinkEnd, Netlink
from lab.node import interfaces, marking, nft
from lab.node.frames import each_tag, tags_of
from lab.plan import Endpoint, Plan, Tagged
from lab.processes import start_part
from lab.runtimes.namespaces import (
    enter_network_namespace,
    new_network_namespace,
    this_network_namespace,
)
from lab.runtimes.tagger import Tagger

TAGGER = "tagger"
BY_KERNEL = "VLAN tags: on the wire, carried by the kernel's VLAN devices"
BY_PROCESS = "VLAN tags: on the wire, carried by a process of the lab"
PACKET_BYTES = 1500
"""The MTU of a sub-interface."""
_TAG_BYTES, _MOST_TAGS = 4, 2
TAGS_BYTES = _MOST_TAGS * _TAG_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrying:
    """How a lab's tags are carried: in words, and the tagger's process where there is one."""

    fidelity: str
    tagger_pid: int | None = None


def tagged_places(plan: Plan) -> Iterator[Tagged]:
    """Every place of a sub-interface and of a cross connect."""
    yield from (one.vlan for node in plan.nodes for one in node.interfaces if one.vlan is not None)
    yield from (end for one in plan.cross_connects for end in one.ends)


def trunk_ports(plan: Plan) -> set[Endpoint]:
    """Every port that carries tags. They take `TAGS_BYTES` more, so that packets may be as long as on other wires."""
    return {place.port for place in tagged_places(plan)}


def carry_tags(plan: Plan, namespaces: dict[str, int], index: int, logs: Logs) -> Carrying | None:
    """Make a plan's sub-interfaces and cross connects, while all ports are down; None where the plan has none.

    Interfaces get indices from `index` on.
    """
    places = list(tagged_places(plan))
    if not places:
        return None
    home = this_network_namespace()
    try:
        if _are_devices(places) and _by_kernel(plan, namespaces, index):
            return Carrying(fidelity=BY_KERNEL)
        return Carrying(fidelity=BY_PROCESS, tagger_pid=_start_tagger(plan, namespaces, index, logs.open(TAGGER)))
    finally:
        enter_network_namespace(home)
        os.close(home)


def _sub_interfaces(plan: Plan) -> Iterator[tuple[Endpoint, Tagged]]:
    for node in plan.nodes:
        for one in node.interfaces:
            if one.vlan is not None:
                yield Endpoint(node=node.name, interface=one.name), one.vlan


# by a process


def _start_tagger(plan: Plan, namespaces: dict[str, int], index: int, log: int) -> int:
    own = new_network_namespace()
    interfaces.silence()
    lower_ends = {end: f"low{index + 2 * number}" for number, (end, _) in enumerate(_sub_interfaces(plan))}
    with _netlink() as netlink:
        for number, (end, lower_end) in enumerate(lower_ends.items()):
            upper = LinkEnd(name=end.interface, namespace=namespaces[end.node])
            netlink.veth(upper, LinkEnd(name=lower_end, namespace=own), index + 2 * number)
    tagger = Tagger()
    low = {lower_end: tagger.open(lower_end) for lower_end in lower_ends.values()}
    ports: dict[Endpoint, int] = {}
    for node in dict.fromkeys(place.port.node for place in tagged_places(plan)):
        enter_network_namespace(namespaces[node])
        for port in dict.fromkeys(place.port for place in tagged_places(plan) if place.port.node == node):
            ports[port] = tagger.open(port.interface)
        tagger.watch(node)
    for end, place in _sub_interfaces(plan):
        tagger.join((low[lower_ends[end]], b""), (ports[place.port], tags_of(place)))
        tagger.follow(place.port, lower_ends[end])
    for cross_connect in plan.cross_connects:
        one, other = ((ports[end.port], tags_of(end)) for end in cross_connect.ends)
        marks = cross_connect.remark
        tagger.join(one, other, b"" if marks is None else bytes(map(marks.of, DSCP_VALUES)))
    enter_network_namespace(own)
    pid = start_part(TAGGER, log, tagger.run)
    tagger.close()
    os.close(own)
    return pid


# by the kernel


def _are_devices(places: list[Tagged]) -> bool:
    """Whether every place is a VLAN device of its own.

    No device is for untagged frames alone, nor may one that two tags lie on be in another namespace than their port.
    """
    outer = {(place.port, place.tags[0]) for place in places if len(place.tags) > 1}
    return all(place.tags and (len(place.tags) > 1 or (place.port, place.tags[0]) not in outer) for place in places)


class _NoVlanDevices(Exception):  # noqa: N818  # it is no error
    """The kernel has none."""


@dataclass(slots=True)
class _Devices:
    """VLAN devices in the making. One of two tags lies on one of its outer tag, which stays in the port's namespace."""

    namespaces: dict[str, int]
    next_index: int
    outer: dict[tuple[Endpoint, tuple[int, int]], int] = field(default_factory=dict)

    def sub_interface(self, end: Endpoint, place: Tagged) -> None:
        """Make a sub-interface."""
        enter_network_namespace(self.namespaces[end.node])
        interfaces.set_defaults()
        self._device(LinkEnd(name=end.interface, namespace=self.namespaces[end.node]), place)

    def cross_connect(self, bridge: str, ends: tuple[Tagged, Tagged], remark: Remark | None) -> None:
        """Make the devices of both ends and a bridge between them, which rewrites marks where it has to."""
        enter_network_namespace(self.namespaces[ends[0].port.node])
        interfaces.silence()
        names = [f"{bridge}.{number}" for number in (1, 2)]
        for name, place in zip(names, ends, strict=True):
            self._device(LinkEnd(name=name, namespace=self.namespaces[place.port.node]), place)
        with _netlink() as netlink:
            netlink.bridge(bridge)
            netlink.commit()
            netlink.up(bridge)
            for name in names:
                netlink.enslave(name, bridge)
        if remark is not None:
            nft.write(marking.line_ruleset(bridge, (names[0], names[1]), remark), f"the marking of {bridge}")

    def _device(self, end: LinkEnd, place: Tagged) -> None:
        """Make the device of a place. The kernel starts and stops it with its port."""
        enter_network_namespace(self.namespaces[place.port.node])
        link = socket.if_nametoindex(place.port.interface)
        *outer, inner = each_tag(place)
        for tag in outer:
            if (place.port, tag) not in self.outer:
                self.outer[place.port, tag] = self.next_index
                name = f"outer{self.next_index}"
                namespace = self.namespaces[place.port.node]
                self._make(LinkEnd(name=name, namespace=namespace, mtu_bytes=PACKET_BYTES + _TAG_BYTES), link, tag)
                interfaces.silence(name)
            link = self.outer[place.port, tag]
        self._make(end, link, inner)

    def _make(self, end: LinkEnd, link: int, tag: tuple[int, int]) -> None:
        with _netlink() as netlink:
            netlink.vlan(end, link, tag, self.next_index)
            self.next_index += 1
            for words, error in netlink.flush():
                if error == errno.EOPNOTSUPP:
                    raise _NoVlanDevices
                raise LabBroken(f"the kernel refused to {words}: {os.strerror(error)}")


def _by_kernel(plan: Plan, namespaces: dict[str, int], index: int) -> bool:
    """Whether the kernel has VLAN devices, and those of the plan were made."""
    devices = _Devices(namespaces, index)
    try:
        for end, place in _sub_interfaces(plan):
            devices.sub_interface(end, place)
        for number, one in enumerate(plan.cross_connects):
            devices.cross_connect(f"cross{number}", one.ends, one.remark)
    except _NoVlanDevices:
        return False
    return True


@contextmanager
def _netlink() -> Iterator[Netlink]:
    """Requests in the namespace that the calling thread is in, sent at the end of the block."""
    netlink = Netlink()
    try:
        yield netlink
        netlink.commit()
    finally:
        netlink.close()
