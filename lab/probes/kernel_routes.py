"""The kernel's own routes, read with pyroute2."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from lab.bgp import Prefix
from lab.tables import FibEntry, RouterFib


def read_fib(router: str) -> RouterFib:
    """The routes of the namespace that the caller is in: those that the kernel forwards by."""
    used: dict[Prefix, tuple[int, FibEntry]] = {}
    for metric, entry in (found for version in (4, 6) for found in _routes(version)):
        if entry.prefix not in used or metric < used[entry.prefix][0]:
            used[entry.prefix] = metric, entry  # the kernel forwards by the lowest metric
    entries = [entry for _, entry in used.values()]
    entries.sort(key=lambda e: (e.prefix.version, int(e.prefix.network_address), e.prefix.prefixlen))
    return RouterFib(router=router, entries=tuple(entries))


def _routes(version: int) -> Iterator[tuple[int, FibEntry]]:
    """The routes of this namespace's main table with their metrics, without the connected ones.

    One that drops packets (blackhole, unreachable, prohibit) has no next hops.
    """
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    family = socket.AF_INET if version == 4 else socket.AF_INET6
    for data in _dump_routes(family):
        message = rtmsg(data)
        message.decode()
        attributes = dict(message["attrs"])
        connected = message["proto"] in (2, 9)  # kernel, router advertisement (linux/rtnetlink.h)
        forwards_or_drops = message["type"] in (1, 6, 7, 8)  # unicast, blackhole, unreachable, prohibit
        if not forwards_or_drops or attributes.get("RTA_TABLE") != 254 or connected:
            continue
        address = attributes.get("RTA_DST", 0 if version == 4 else "::")  # a default route has no RTA_DST
        prefix = ip_network((address, message["dst_len"]))
        hops = [dict(hop["attrs"]).get("RTA_GATEWAY") for hop in attributes.get("RTA_MULTIPATH", ())]
        hops = hops or [attributes.get("RTA_GATEWAY")]
        next_hops = sorted((ip_address(hop) for hop in hops if hop), key=int)
        yield attributes.get("RTA_PRIORITY", 0), FibEntry(prefix=prefix, next_hops=tuple(next_hops))


def _dump_routes(family: int) -> Iterator[bytes]:
    """Each RTM_NEWROUTE message of a dump, as the kernel sent it (RFC 3549 §2.3.2)."""
    new_route, get_route, done, request, dump = 24, 26, 3, 1, 0x300
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as netlink:
        netlink.bind((0, 0))
        body = struct.pack("=BBBBBBBBI", family, *([0] * 8))
        netlink.send(struct.pack("=IHHII", len(body) + 16, get_route, request | dump, 1, 0) + body)
        while True:
            data = netlink.recv(1 << 18)
            offset = 0
            while offset < len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind == done:
                    return
                if kind == new_route:
                    yield data[offset : offset + length]
                offset += (length + 3) & ~3
