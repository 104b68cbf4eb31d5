"""The default runtime: one network namespace per node, veth wires, and a forked node program per router."""

from __future__ import annotations

import gc
import os
import socket
from dataclasses import dataclass

from lab.channel import Channel, compile_messages
from lab.netlink import LinkEnd, Netlink
from lab.node import interfaces
from lab.plan import NodePlan, Plan
from lab.runtimes.namespaces import (
    enter_network_namespace,
    new_network_namespace,
    start_part,
    this_network_namespace,
)
from lab.runtimes.tagging import PACKET_BYTES, port_mtus

_FIRST_INDEX = 10
"""Below are the loopback and the bridges; each interface of a lab has an index of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNode:
    """A router's process and the channel to it."""

    name: str
    pid: int
    channel: Channel


def warm_up() -> None:
    """Do once what every node would do at its start, so that a fork is ready at once and shares the memory."""
    from lab.node import program, speaker

    del program
    speaker.warm_up()
    compile_messages()
    gc.collect()
    gc.freeze()


def make_namespaces(plan: Plan) -> dict[str, int]:
    """A network namespace for each node, as open files, joined by the plan's wires. Nothing is up yet."""
    home = this_network_namespace()
    namespaces = {}
    try:
        for node in plan.nodes:
            namespaces[node.name] = new_network_namespace()
    finally:
        enter_network_namespace(home)
        os.close(home)
    netlink = Netlink()
    mtus = port_mtus(plan)
    for number, wire in enumerate(plan.wires):
        one, other = (
            LinkEnd(name=end.interface, namespace=namespaces[end.node], mtu=mtus.get(end, PACKET_BYTES))
            for end in wire.ends
        )
        netlink.veth(one, other, _FIRST_INDEX + 2 * number)
    netlink.commit()
    netlink.close()
    return namespaces


def free_index(plan: Plan) -> int:
    """The first interface index that none of a plan's wires has."""
    return _FIRST_INDEX + 2 * len(plan.wires)


def configure_here(nodes: list[NodePlan], namespaces: dict[str, int]) -> None:
    """Configure nodes that need no process: hosts and switches."""
    home = this_network_namespace()
    try:
        for node in nodes:
            enter_network_namespace(namespaces[node.name])
            interfaces.configure(node)
    finally:
        enter_network_namespace(home)
        os.close(home)


def start_router(node: NodePlan, namespace: int, log: int) -> RunningNode:
    """Fork the node program of a router into its namespace, writing its log to the file `log`."""
    ours, theirs = socket.socketpair()

    def run_router() -> None:
        ours.close()
        enter_network_namespace(namespace)
        from lab.node.program import run

        run(node, Channel(theirs, "the supervisor"))

    pid = start_part(node.name, log, run_router)
    theirs.close()
    return RunningNode(name=node.name, pid=pid, channel=Channel(ours, f"the router {node.name}"))
