"""The kernel's two tables of neighbours, which all network namespaces of a machine share.

A full table looks like a fault of the network: nobody is resolved, so sessions stay down and packets are lost. The
kernel counts the entries that it refused, and tells every namespace of them by RTM_GETNEIGHTBL, as `/proc/net/stat`
does in the first one alone (docs/decisions/0019-neighbour-table.md).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lab.bgp import Family

# linux/rtnetlink.h, linux/neighbour.h
_RTM_NEWNEIGHTBL, _RTM_GETNEIGHTBL = 64, 66
_NLM_F_REQUEST, _NLM_F_DUMP = 1, 0x300
_NDTA_THRESH3, _NDTA_STATS = 4, 7
_TABLE_FULLS = 10
"""The place of `ndts_table_fulls` among the 64-bit numbers of `struct ndt_stats`."""
_FAMILIES: dict[int, Family] = {socket.AF_INET: Family.IPV4, socket.AF_INET6: Family.IPV6}
ENOUGH = 16384
"""A limit that no lab has come near to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborTable:
    """One table: how many entries it has room for, and how many it refused since the machine started."""

    family: Family
    limit: int
    refused: int


def neighbor_tables() -> tuple[NeighborTable, ...]:
    """The tables as they are now."""
    return tuple(_tables(_dump()))


class NeighborWatch:
    """What the tables refused since this was made, to whichever namespace."""

    def __init__(self) -> None:
        self._before = {table.family: table.refused for table in neighbor_tables()}

    def overflows(self) -> tuple[str, ...]:
        """A sentence for each table that overflowed."""
        return tuple(
            f"the kernel's table of {table.family.value} neighbours overflowed: all namespaces share its "
            f"{table.limit} places. What failed or was not answered proves nothing; raise "
            f"net.{table.family.value}.neigh.default.gc_thresh3 on the machine, for example to {ENOUGH}"
            for table in neighbor_tables()
            if table.refused > self._before.get(table.family, 0)
        )


def _dump() -> Iterator[tuple[int, bytes]]:
    """The family and the attributes of each RTM_NEWNEIGHTBL message."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as netlink:
        netlink.bind((0, 0))
        netlink.send(struct.pack("=IHHIIBxxx", 20, _RTM_GETNEIGHTBL, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0, 0))
        while True:
            data = netlink.recv(1 << 18)
            offset = 0
            while offset < len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind != _RTM_NEWNEIGHTBL:
                    return
                yield data[offset + 16], data[offset + 20 : offset + length]
                offset += (length + 3) & ~3


def _tables(messages: Iterator[tuple[int, bytes]]) -> Iterator[NeighborTable]:
    """The messages about a whole table; the others are about one of its interfaces."""
    for family, attributes in messages:
        found = dict(_attributes(attributes))
        if family in _FAMILIES and _NDTA_STATS in found:
            yield NeighborTable(
                family=_FAMILIES[family],
                limit=struct.unpack("=I", found[_NDTA_THRESH3])[0],
                refused=struct.unpack_from("=Q", found[_NDTA_STATS], 8 * _TABLE_FULLS)[0],
            )


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        yield kind, data[offset + 4 : offset + length]
        offset += max(4, (length + 3) & ~3)
