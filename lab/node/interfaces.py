"""A node's interfaces, addresses and kernel settings, made from its plan inside its own network namespace."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from lab.errors import LabBroken
from lab.netlink import RTPROT_STATIC, Netlink
from lab.plan import InterfacePlan, NodePlan, Role

_NODE_SETTINGS = {
    "ipv4/fib_multipath_hash_policy": 1,  # load is shared per flow of addresses and ports, as Azure does
    "ipv4/tcp_syn_retries": 1,  # a connect that a dead link swallowed ends after 3 s, and is tried again
    "ipv4/icmp_ratelimit": 0,  # every probe that a router drops is told of
    "ipv6/conf/all/disable_ipv6": 0,  # a container engine sets it where it has no IPv6 network itself
    "ipv6/conf/all/keep_addr_on_down": 1,
    "ipv6/fib_multipath_hash_policy": 1,
    "ipv6/icmp/ratelimit": 0,
}
_ROUTER_SETTINGS = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}
_INTERFACE_SETTINGS = {
    "ipv4/conf/{}/accept_redirects": 0,
    "ipv4/conf/{}/ignore_routes_with_linkdown": 1,
    "ipv4/conf/{}/rp_filter": 0,  # a circuit's two links may carry a flow's two directions
    "ipv4/conf/{}/send_redirects": 0,
    "ipv6/conf/{}/accept_dad": 0,  # a router whose link-local address is tentative resolves no neighbour
    "ipv6/conf/{}/accept_ra": 0,
    "ipv6/conf/{}/ignore_routes_with_linkdown": 1,
}
"""Needed at each interface besides `all`: the kernel combines the two values, and a wire may be older than the node."""
_PORT_SETTINGS = {
    "ipv4/conf/{}/arp_ignore": 8,
    "ipv4/conf/{}/forwarding": 0,
    "ipv6/conf/{}/disable_ipv6": 1,
}
"""At a port without addresses the node takes part in nothing."""
BRIDGE = "bridge"


def configure(node: NodePlan) -> None:
    """Bring a node's interfaces up with their addresses and static routes. The caller is in the node's namespace."""
    routes = node.bgp is not None
    write_settings(node)
    netlink = Netlink()
    netlink.up("lo")
    if node.role is Role.SWITCH:
        netlink.bridge(BRIDGE)
        netlink.commit()
        netlink.up(BRIDGE)
        for interface in node.interfaces:
            netlink.up(interface.name, master=BRIDGE)
    for interface in node.interfaces if node.role is not Role.SWITCH else ():
        for address in interface.addresses:
            netlink.address(interface.name, address)
        if interface.vlan is None:
            netlink.up(interface.name)
    for one in node.source_filters:
        netlink.admit(one.interface, one.admitted)
    netlink.commit()
    _start_sub_interfaces(node, netlink)
    for interface in node.interfaces:
        netlink.settle(interface.name)
        write_neighbors(interface, netlink)
    netlink.commit()
    for (prefix, _), next_hops in (node.static_next_hops() if not routes else {}).items():  # a router installs its own
        netlink.route(prefix, next_hops, protocol=RTPROT_STATIC)
    netlink.commit()
    netlink.close()


def write_settings(node: NodePlan) -> None:
    """Set the kernel as the node needs it. A container is set from outside, and finds all as it would set it itself."""
    _write(_settings(node))


def start_again(node: NodePlan) -> None:
    """Bring a router's interfaces up that were down, without the routes that an earlier process of it has left."""
    netlink = Netlink()
    netlink.remove_all_routes()
    for interface in node.interfaces:
        if interface.vlan is None:
            netlink.up(interface.name)
    netlink.commit()
    _start_sub_interfaces(node, netlink)
    for interface in node.interfaces:
        netlink.settle(interface.name)
        write_neighbors(interface, netlink)
    netlink.commit()
    netlink.close()


def write_neighbors(interface: InterfacePlan, netlink: Netlink) -> None:
    """Queue the neighbours of an interface that is up; the kernel forgets them when it goes down."""
    for one in interface.neighbors:
        netlink.neighbor(interface.name, one.address, one.hardware_address)


def _settings(node: NodePlan) -> dict[str, int]:
    settings = {**_NODE_SETTINGS, **(_ROUTER_SETTINGS if node.bgp is not None else {})}
    for scope in ("all", *(interface.name for interface in node.interfaces)):
        settings |= {name.format(scope): value for name, value in _INTERFACE_SETTINGS.items()}
    for interface in node.interfaces if node.role is not Role.SWITCH else ():
        if not interface.addresses:
            settings |= {name.format(interface.name): value for name, value in _PORT_SETTINGS.items()}
    return settings


def set_defaults() -> None:
    """Have interfaces that are made later in this network namespace start with a node's settings."""
    _write({name.format("default"): value for name, value in _INTERFACE_SETTINGS.items()})


def silence(interface: str = "all") -> None:
    """Have an interface of this network namespace, or all present and later ones, send nothing by itself."""
    _write({f"ipv6/conf/{interface}/disable_ipv6": 1})


def _start_sub_interfaces(node: NodePlan, netlink: Netlink) -> None:
    """A VLAN device of the kernel refuses to start before its port, and then starts with it (net/8021q/vlan.c)."""
    for interface in node.interfaces:
        if interface.vlan is not None:
            netlink.up(interface.name)
    for words, error in netlink.flush():
        if error != errno.ENETDOWN:
            raise LabBroken(f"the kernel refused to {words}: {os.strerror(error)}")


def _write(settings: dict[str, int]) -> None:
    for name, value in settings.items():
        setting = Path("/proc/sys/net", name)
        if setting.read_text(encoding="ascii").strip() != str(value):
            setting.write_text(str(value), encoding="ascii")
