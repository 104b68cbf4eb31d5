"""A provider's line as a bridge of the kernel: run in namespaces of its own, it prints the marks that crossed it.

Where a kernel has VLAN devices, they are the ports of such a bridge; here ends of veth pairs are, which every kernel
has. Each line of the output is a family, the mark that was sent, and the one that arrived.
"""

from __future__ import annotations

import socket
import time
from ipaddress import ip_interface

from lab.marking import Remark
from lab.netlink import LinkEnd, Netlink
from lab.node import marking, nft
from lab.runtimes.namespaces import enter_network_namespace, new_network_namespace, this_network_namespace

MARKS = (46, 34, 0, 26, 24)
REMARK = Remark(marks=((26, 0), (24, 10)))
PORT, DEADLINE_S = 9999, 10.0
BRIDGE, PORTS = "cross0", ("cross0.1", "cross0.2")
IPV6_TCLASS, IPV6_RECVTCLASS = 67, 66  # linux/in6.h
FAMILIES = {
    "ipv4": (socket.AF_INET, ("10.0.0.1/24", "10.0.0.2/24"), socket.IPPROTO_IP, socket.IP_TOS, socket.IP_RECVTOS),
    "ipv6": (socket.AF_INET6, ("fd00::1/64", "fd00::2/64"), socket.IPPROTO_IPV6, IPV6_TCLASS, IPV6_RECVTCLASS),
}


def end_of_line(name: str) -> int:
    """A namespace with the other end of a port of the bridge, which has addresses."""
    home, there = this_network_namespace(), new_network_namespace()
    enter_network_namespace(home)
    netlink = Netlink()
    number = PORTS.index(name)
    upper = LinkEnd(name="line", namespace=there)
    netlink.veth(upper, LinkEnd(name=name, namespace=home), 10 + 2 * number)
    netlink.commit()
    netlink.up(name, master=BRIDGE)
    netlink.commit()
    enter_network_namespace(there)
    inside = Netlink()
    for _, addresses, *_ in FAMILIES.values():
        inside.address("line", ip_interface(addresses[number]))
    inside.up("line")
    inside.commit()
    enter_network_namespace(home)
    return there


def main() -> None:
    """Build the line, and send a datagram with each mark over it, in both families."""
    netlink = Netlink()
    netlink.bridge(BRIDGE)
    netlink.commit()
    netlink.up(BRIDGE)
    netlink.commit()
    sender, receiver = map(end_of_line, PORTS)
    nft.write(marking.line_ruleset(BRIDGE, PORTS, REMARK), "the line")
    for name, (family, addresses, level, send, receive) in FAMILIES.items():
        enter_network_namespace(receiver)
        theirs = socket.socket(family, socket.SOCK_DGRAM)
        theirs.setsockopt(level, receive, 1)
        theirs.bind((str(ip_interface(addresses[1]).ip), PORT))
        theirs.settimeout(0.1)
        enter_network_namespace(sender)
        ours = socket.socket(family, socket.SOCK_DGRAM)
        for mark in MARKS:
            ours.setsockopt(level, send, mark << 2)
            print(name, mark, arrived(ours, theirs, str(ip_interface(addresses[1]).ip)))  # noqa: T201  # it is asked to


def arrived(ours: socket.socket, theirs: socket.socket, address: str) -> int | None:
    """The mark of a datagram on arrival; the first ones may be lost while the bridge begins."""
    end_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < end_s:
        ours.sendto(b"mark", (address, PORT))
        try:
            _, control, _, _ = theirs.recvmsg(16, 64)
        except TimeoutError:
            continue
        return control[0][2][0] >> 2
    return None


if __name__ == "__main__":
    main()
