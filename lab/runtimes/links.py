"""What joins the nodes of a lab, in every runtime: veth wires and tunnels between their network namespaces.

Nodes that need no process of their own, hosts and switches, are configured here too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lab.netlink import LinkEnd, Netlink
from lab.node import interfaces
from lab.plan import Endpoint, NodePlan, Plan
from lab.plan.devices import Attachment
from lab.plan.tunnels import TunnelEnd, tunnel_ends
from lab.runtimes.namespaces import (
    enter_network_namespace,
    new_network_namespace,
    this_network_namespace,
)
from lab.runtimes.tagging import TAGS_BYTES, trunk_ports

_FIRST_INDEX = 10
"""Below are the loopback and the bridges; each interface of a lab has an index of its own."""


def new_namespaces(names: Iterable[str]) -> dict[str, int]:
    """A network namespace for each name, as open files."""
    home = this_network_namespace()
    try:
        return {name: new_network_namespace() for name in names}
    finally:
        enter_network_namespace(home)
        os.close(home)


def join(plan: Plan, namespaces: dict[str, int]) -> None:
    """Make the plan's wires and tunnels between the namespaces of its nodes. None of them is up yet.

    The wires that are impaired are left out.
    """
    netlink = Netlink()
    trunks = trunk_ports(plan)
    for number, wire in enumerate(plan.wires):
        if wire.impaired:
            continue
        measured = any(plan.node(end.node).packet_limit is not None for end in wire.ends)
        one, other = (replace(link_end(plan, end, namespaces, trunks), one_by_one=measured) for end in wire.ends)
        netlink.veth(one, other, _FIRST_INDEX + 2 * number)
    netlink.commit()
    netlink.close()
    make_tunnels(plan, tunnel_ends(plan), namespaces, _first_of_overlays(plan))


def link_end(plan: Plan, end: Endpoint, namespaces: Mapping[str, int], trunks: set[Endpoint]) -> LinkEnd:
    """The end of a wire as its node's plan has it, with room for tags where it is one of `trunks`."""
    interface = plan.node(end.node).interface(end.interface)
    return LinkEnd(
        name=end.interface,
        namespace=namespaces[end.node],
        mtu_bytes=interface.mtu_bytes + (TAGS_BYTES if end in trunks else 0),
        hardware_address=interface.hardware_address,
    )


def attached_end(plan: Plan, one: Attachment, namespaces: Mapping[str, int], trunks: set[Endpoint]) -> LinkEnd:
    """The same of an interface that somebody else made."""
    return replace(link_end(plan, one.end, namespaces, trunks), one_by_one=one.one_by_one)


def free_index(plan: Plan) -> int:
    """The first interface index that nothing has which `join` makes."""
    return _first_of_overlays(plan) + sum(len(overlay.ends) for overlay in plan.overlays)


def _first_of_overlays(plan: Plan) -> int:
    return _FIRST_INDEX + 2 * len(plan.wires)


def make_tunnels(plan: Plan, tunnels: Iterable[TunnelEnd], namespaces: Mapping[str, int], index: int) -> None:
    """Ends of VPN tunnels: VXLAN with the label for its VNI, from the namespace of a VRF through that of the core.

    Where the frames to each other end go is written down, so that nothing has to be flooded. Interfaces get indices
    from `index` on.
    """
    home = this_network_namespace()
    try:
        for number, tunnel in enumerate(tunnels):
            end = tunnel.end
            there = link_end(plan, end.vrf, namespaces, trunks=set())
            enter_network_namespace(namespaces[end.core])
            netlink = Netlink()
            netlink.vxlan(there, index + number, vni=tunnel.label, local=end.core_address)
            netlink.commit()
            netlink.close()
            enter_network_namespace(namespaces[end.vrf.node])
            netlink = Netlink()
            for way in tunnel.ways:
                netlink.tunnel(end.vrf.interface, way.hardware_address, way.core_address)
            netlink.commit()
            netlink.close()
    finally:
        enter_network_namespace(home)
        os.close(home)


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
