"""What is made of a device's file, inside of whatever network namespace it is started in.

The device's main node lives in that namespace, where `ip` shows it; each further VRF has one of its own.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.channel import readable
from lab.errors import LabBroken, NotPermitted
from lab.logs import Logs
from lab.netlink import LinkEnd, LinkMonitor, Netlink, started_interfaces
from lab.node import interfaces
from lab.plan import Plan, Role
from lab.plan.devices import Device
from lab.processes import start_part
from lab.routers import Routers
from lab.runtimes import impairing, links, tagging
from lab.runtimes.namespaces import enter_network_namespace, this_network_namespace
from lab.runtimes.netns import NamespaceRuntime
from lab.runtimes.passage import Passage
from lab.runtimes.wires import Wires

_FREE_INDICES = 10
"""How far behind all that are there the indices of new interfaces begin."""
RIGHTS = """\
a device that runs alone configures its own network. Give its container CAP_NET_ADMIN and CAP_NET_RAW, CAP_SYS_ADMIN too
where it has VRFs, tunnels or VLAN tags, and a /proc/sys/net that can be written; those of containerlab have all that"""
FIDELITY = "runtime: a device that configures itself; whoever joined its interfaces answers for the wires"
WIRE_FIDELITY = "impaired wire: a device of its own; an end that loses its carrier does not take it from the other one"


class DeviceRuntime(NamespaceRuntime):
    """Routers are children of the calling process; the first node of the plan lives in the namespace that it is in."""

    def make_nodes(self, plan: Plan) -> dict[str, int]:
        """The namespace of the calling thread, and a new one for each further node."""
        main, *others = (node.name for node in plan.nodes)
        self._namespaces = {main: this_network_namespace(), **links.new_namespaces(others)}
        return dict(self._namespaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A device, ready for its routers to start. `parts` are the processes that it has already."""

    device: Device
    runtime: DeviceRuntime
    namespaces: dict[str, int]
    parts: dict[int, str]
    fidelity: tuple[str, ...]

    def start(self, routers: Routers) -> None:
        """Configure all nodes, and start those that speak BGP. Raises NotPermitted where the kernel refuses it."""
        plan = self.device.plan
        with _rights():
            # Switches first: a bridge port that comes up when its wire already has carrier is not told so for a second.
            links.configure_here([node for node in plan.nodes if node.role is Role.SWITCH], self.namespaces)
            routers.start(plan.routers)
            others = [node for node in plan.nodes if node.bgp is None and node.role is not Role.SWITCH]
            links.configure_here(others, self.namespaces)


def build(device: Device, logs: Logs, deadline_s: float) -> Built:
    """Take a device's interfaces when they are there, and make what is between its nodes.

    Raises LabBroken where they are not there in time, a program is missing, or the kernel refuses something.
    """
    runtime = DeviceRuntime(logs)
    fidelity = FIDELITY, *runtime.check(device.plan)
    if device.plan.routers:
        runtime.warm_up()  # while the interfaces are on their way
    _await_interfaces(device, deadline_s)
    with _rights():
        return _wire(device, runtime, fidelity, logs) if device.wire else _nodes(device, runtime, fidelity, logs)


@contextmanager
def _rights() -> Iterator[None]:
    """Say what a device has to be given where the kernel refuses something."""
    try:
        yield
    except OSError as problem:
        raise NotPermitted(f"{problem.filename or 'the network'}: {problem.strerror}: {RIGHTS}") from problem


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    """Be in a network namespace until the end of the block."""
    home = this_network_namespace()
    try:
        enter_network_namespace(namespace)
        yield
    finally:
        enter_network_namespace(home)
        os.close(home)


def _await_interfaces(device: Device, deadline_s: float) -> None:
    """Wait for whoever joins the interfaces to be done with them: to start them is the last that they do."""
    wanted = {one.name for one in device.attachments}
    monitor = LinkMonitor()
    end_s = time.monotonic() + deadline_s
    told: set[str] = set()
    while missing := wanted - started_interfaces():
        if missing != told:
            sys.stderr.write(f"{device.name}: waiting for the interfaces {', '.join(sorted(missing))}\n")
            told = missing
        if not readable([monitor], end_s - time.monotonic()):
            there = {name for _, name in socket.if_nameindex()}
            lost = ", ".join(f"{name} ({'is down' if name in there else 'is not there'})" for name in sorted(missing))
            raise LabBroken(
                f"{device.name}: after {deadline_s:g} s these interfaces were not up: {lost}; "
                f"join each to its other end as the export's links say, and start it"
            )
        monitor.read()
    monitor.close()


def _nodes(device: Device, runtime: DeviceRuntime, fidelity: tuple[str, ...], logs: Logs) -> Built:
    plan = device.plan
    namespaces = runtime.make_nodes(plan)
    trunks = tagging.trunk_ports(plan)
    netlink = Netlink()
    # Those of the main node last: a name that they get here may be that of another one until it is moved.
    for one in sorted(device.attachments, key=lambda one: one.end.node == device.name):
        netlink.adopt(one.name, links.attached_end(plan, one, namespaces, trunks))
        netlink.commit()
    index = _free_index(namespaces)
    for wire in plan.wires:
        one_end, other_end = (links.link_end(plan, end, namespaces, trunks) for end in wire.ends)
        netlink.veth(one_end, other_end, index)
        index += 2
    netlink.commit()
    netlink.close()
    links.make_tunnels(plan, device.tunnels, namespaces, index)
    carrying = tagging.carry_tags(plan, namespaces, index + len(device.tunnels), logs)
    parts: dict[int, str] = {}
    if carrying is not None:
        fidelity += (carrying.fidelity,)
        if carrying.tagger_pid is not None:
            parts[carrying.tagger_pid] = tagging.TAGGER
    return Built(device=device, runtime=runtime, namespaces=namespaces, parts=parts, fidelity=fidelity)


def _free_index(namespaces: dict[str, int]) -> int:
    """An index behind all that interfaces of these namespaces have."""
    highest = 0
    for namespace in namespaces.values():
        with inside(namespace):
            highest = max(highest, *(index for index, _ in socket.if_nameindex()))
    return highest + _FREE_INDICES


def _wire(device: Device, runtime: DeviceRuntime, fidelity: tuple[str, ...], logs: Logs) -> Built:
    """Carry frames from one of two interfaces to the other as the wire's impairments say."""
    wire = device.wire
    if wire is None:
        raise ValueError(f"{device.name} is no wire")
    interfaces.silence()
    here, wires, netlink = this_network_namespace(), Wires(), Netlink()
    outside = {one.end: one.name for one in device.attachments}
    names = {end: f"wire{number}" for number, end in enumerate(wire.ends, start=1)}
    mtu_bytes = tagging.PACKET_BYTES + 2 * tagging.TAGS_BYTES
    for end, name in names.items():
        netlink.adopt(outside[end], LinkEnd(name=name, namespace=here, mtu_bytes=mtu_bytes))
    netlink.commit()
    one, other = map(wires.open, names.values())
    wires.join(one, other, Passage(wire.impairments[0], random.random))
    wires.join(other, one, Passage(wire.impairments[1], random.random))
    for name in names.values():
        netlink.up(name)
    netlink.commit()
    netlink.close()
    os.close(here)
    pid = start_part(impairing.WIRES, logs.open(impairing.WIRES), wires.run)
    wires.close()
    fidelity += (impairing.FIDELITY, WIRE_FIDELITY)
    return Built(device=device, runtime=runtime, namespaces={}, parts={pid: impairing.WIRES}, fidelity=fidelity)
