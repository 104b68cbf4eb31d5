"""A node's interfaces, addresses and kernel settings, made from its plan inside its own network namespace."""

from __future__ import annotations

from lab.netlink import RTPROT_STATIC, Netlink
from lab.plan import NodePlan, Role

_SYSCTLS = {
    "ipv4/conf/all/accept_redirects": 0,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv4/fib_multipath_hash_policy": 1,  # load is shared per flow of addresses and ports, as Azure does
    "ipv4/icmp_ratelimit": 0,  # every probe that a router drops is told of
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/all/keep_addr_on_down": 1,
    "ipv6/fib_multipath_hash_policy": 1,
    "ipv6/icmp/ratelimit": 0,
}
_ROUTER_SYSCTLS = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}
BRIDGE = "bridge"


def configure(node: NodePlan) -> None:
    """Bring a node's interfaces up with their addresses and static routes. The caller is in the node's namespace."""
    routes = node.bgp is not None
    for name, value in {**_SYSCTLS, **(_ROUTER_SYSCTLS if routes else {})}.items():
        with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as setting:
            setting.write(str(value))
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
        netlink.up(interface.name)
    netlink.commit()
    for route in node.static_routes:
        netlink.route(route.prefix, [route.next_hop], protocol=RTPROT_STATIC)
    netlink.commit()
    netlink.close()
