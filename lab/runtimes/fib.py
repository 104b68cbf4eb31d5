"""The BGP routes of a router's kernel, followed: what changed since one last looked, as the kernel itself has it.

Any news of routes or links makes it read all of them again. So nothing depends on the news being complete: the kernel
removes the IPv4 routes of an interface that goes down without a word, and drops news that nobody reads in time.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from lab.bgp import Address, Prefix
from lab.netlink import ROUTERS_PROTOCOLS
from lab.tables import FibChange, FibEntry

# linux/rtnetlink.h, linux/netlink.h
_RTM_NEWROUTE, _RTM_GETROUTE, _NLMSG_DONE, _NLM_F_REQUEST, _NLM_F_DUMP = 24, 26, 3, 1, 0x300
_RTMGRP_LINK, _RTMGRP_IPV4_ROUTE, _RTMGRP_IPV6_ROUTE = 1, 0x40, 0x400
_RTA_DST, _RTA_GATEWAY, _RTA_MULTIPATH = 1, 5, 9
_RT_TABLE_MAIN = 254
_MESSAGE = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")

_Destination = tuple[int, int, bytes]
"""Address family, length of the prefix, and as much of the prefix as the kernel tells."""


class KernelRoutes:
    """Those of the network namespace that the calling thread is in when it is made."""

    def __init__(self) -> None:
        self._news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._news.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV6_ROUTE))
        self._news.settimeout(0)
        self._asks = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._asks.bind((0, 0))
        self._routes = self._read()

    def __len__(self) -> int:
        return len(self._routes)

    def fileno(self) -> int:
        """The file descriptor that can be read when there is news."""
        return self._news.fileno()

    def close(self) -> None:
        """Follow them no longer."""
        self._news.close()
        self._asks.close()

    def entries(self) -> tuple[FibEntry, ...]:
        """All of them, in prefix order."""
        found = [FibEntry(prefix=_prefix(one), next_hops=_next_hops(hops)) for one, hops in self._routes.items()]
        found.sort(key=lambda e: (e.prefix.version, int(e.prefix.network_address), e.prefix.prefixlen))
        return tuple(found)

    def changes(self) -> list[FibChange]:
        """What is not as it was the last time."""
        self._forget_news()
        before, self._routes = self._routes, self._read()
        return [
            FibChange(
                prefix=_prefix(one),
                before=None if one not in before else _next_hops(before[one]),
                after=None if one not in self._routes else _next_hops(self._routes[one]),
            )
            for one in {**before, **self._routes}
            if before.get(one) != self._routes.get(one)
        ]

    def _forget_news(self) -> None:
        while True:
            try:
                self._news.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: there was more than there was room for
                continue

    def _read(self) -> dict[_Destination, tuple[bytes, ...]]:
        """The next hops of every route."""
        return {
            destination: hops
            for family in (socket.AF_INET, socket.AF_INET6)
            for message in self._dump(family)
            for destination, hops in _bgp_route(message)
        }

    def _dump(self, family: int) -> Iterator[bytes]:
        body = _ROUTE.pack(family, *([0] * 8))
        self._asks.send(_MESSAGE.pack(len(body) + 16, _RTM_GETROUTE, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + body)
        while True:
            data, offset = self._asks.recv(1 << 18), 0
            while offset < len(data):
                length, kind, _, _, _ = _MESSAGE.unpack_from(data, offset)
                if kind == _NLMSG_DONE:
                    return
                if kind == _RTM_NEWROUTE:
                    yield data[offset + 16 : offset + length]
                offset += (length + 3) & ~3


def _bgp_route(message: bytes) -> Iterator[tuple[_Destination, tuple[bytes, ...]]]:
    family, length, _, _, table, protocol, _, _, _ = _ROUTE.unpack_from(message)
    if protocol in ROUTERS_PROTOCOLS and table == _RT_TABLE_MAIN:
        attributes = dict(_attributes(message, _ROUTE.size))
        yield (family, length, attributes.get(_RTA_DST, b"")), tuple(_gateways(attributes))


def _gateways(attributes: dict[int, bytes]) -> Iterator[bytes]:
    if _RTA_GATEWAY in attributes:
        yield attributes[_RTA_GATEWAY]
    hops, at = attributes.get(_RTA_MULTIPATH, b""), 0
    while at < len(hops):
        (length,) = struct.unpack_from("=H", hops, at)  # struct rtnexthop
        yield from _gateways(dict(_attributes(hops[at : at + length], 8)))
        at += (length + 3) & ~3


def _attributes(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind, data[at + 4 : at + length]
        at += max(4, (length + 3) & ~3)


def _prefix(destination: _Destination) -> Prefix:
    family, length, octets = destination
    octets = octets.ljust(4 if family == socket.AF_INET else 16, b"\0")
    return ip_network((octets, length))


def _next_hops(hops: tuple[bytes, ...]) -> tuple[Address, ...]:
    return tuple(sorted(map(ip_address, hops), key=int))
