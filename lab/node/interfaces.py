"""A node's interfaces, addresses and kernel settings, made from its plan inside its own network namespace."""

from __future__ import annotations

from pathlib import Path

from lab.netlink import RTPROT_STATIC, Netlink
from lab.plan import NodePlan, Role

_NODE_SETTINGS = {
    "ipv4/fib_multipath_hash_policy": 1,  # load is shared per flow of addresses and ports, as Azure does
    "ipv4/tcp_syn_retries": 1,  # a connect that a dead link swallowed ends after 3 s, and is tried again
    "ipv4/icmp_ratelimit": 0,  # every probe that a router drops is told of
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
BRIDGE = "bridge"


def configure(node: NodePlan) -> None:
    """Bring a node's interfaces up with their addresses and static routes. The caller is in the node's namespace."""
    routes = node.bgp is not None
    settings = {**_NODE_SETTINGS, **(_ROUTER_SETTINGS if routes else {})}
    for scope in ("all", *(interface.name for interface in node.interfaces)):
        settings |= {name.format(scope): value for name, value in _INTERFACE_SETTINGS.items()}
    for name, value in settings.items():
        Path("/proc/sys/net", name).write_text(str(value), encoding="ascii")
    netlink = Netlink()
    netlink.up("lo")
    if node.role is Role.SWITCH:
        netlink.bridge(BRIDGE)
        netlink.commit()
        netlink.up(BRIDGE)
        for interface in node.interfaces:
            netlink.up(interface.name, master=BRIDGE, mtu_bytes=interface.mtu_bytes)
    for interface in node.interfaces if node.role is not Role.SWITCH else ():
        for address in interface.addresses:
            netlink.address(interface.name, address)
        netlink.up(interface.name, mtu_bytes=interface.mtu_bytes)
    for interface in node.interfaces:
        netlink.settle(interface.name)
    netlink.commit()
    for route in () if routes else node.static_routes:  # a router installs its own
        netlink.route(route.prefix, [route.next_hop], protocol=RTPROT_STATIC)
    netlink.commit()
    netlink.close()
