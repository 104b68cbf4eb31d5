"""MRT dumps put together by hand (RFC 6396, RFC 8050)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

TABLE_DUMP, TABLE_DUMP_V2, BGP4MP = 12, 13, 16
PEER_INDEX_TABLE, RIB_IPV4_UNICAST, RIB_IPV4_MULTICAST, RIB_IPV6_UNICAST, RIB_GENERIC = 1, 2, 3, 4, 6
RIB_IPV4_UNICAST_ADDPATH, RIB_IPV6_UNICAST_ADDPATH = 8, 10
_TIME = 1_700_000_000


def record(kind: int, subtype: int, message: bytes) -> bytes:
    """A record of any type."""
    return struct.pack(">IHHI", _TIME, kind, subtype, len(message)) + message


def peer_index_table(*peers: tuple[str, int], view: str = "") -> bytes:
    """The record that names the peers: addresses and AS numbers, those below 65536 in two octets."""
    name = view.encode()
    message = bytes([192, 0, 2, 250]) + struct.pack(">H", len(name)) + name + struct.pack(">H", len(peers))
    for address, asn in peers:
        packed = ip_address(address).packed
        wide = asn > 0xFFFF
        message += bytes([(len(packed) == 16) | wide << 1]) + bytes([192, 0, 2, 1]) + packed
        message += asn.to_bytes(4 if wide else 2)
    return record(TABLE_DUMP_V2, PEER_INDEX_TABLE, message)


def table(prefix: str, *entries: tuple[int, bytes], subtype: int = 0, path_ids: Sequence[int] = ()) -> bytes:
    """A prefix and its entries, each the place of a peer and attributes; path identifiers where they are given."""
    network = ip_network(prefix)
    octets = network.network_address.packed[: network.prefixlen + 7 >> 3]
    message = struct.pack(">IB", 0, network.prefixlen) + octets + struct.pack(">H", len(entries))
    for place, (peer, attributes) in enumerate(entries):
        message += struct.pack(">HI", peer, _TIME)
        if path_ids:
            message += struct.pack(">I", path_ids[place])
        message += struct.pack(">H", len(attributes)) + attributes
    plain = RIB_IPV4_UNICAST if network.version == 4 else RIB_IPV6_UNICAST
    return record(TABLE_DUMP_V2, subtype or (plain + 6 if path_ids else plain), message)


def table_dump(prefix: str, peer: str, asn: int, attributes: bytes) -> bytes:
    """A record of TABLE_DUMP, the first version."""
    network = ip_network(prefix)
    message = struct.pack(">HH", 0, 0) + network.network_address.packed + bytes([network.prefixlen, 1])
    message += (
        struct.pack(">I", _TIME) + ip_address(peer).packed + struct.pack(">HH", asn, len(attributes)) + attributes
    )
    return record(TABLE_DUMP, 1 if network.version == 4 else 2, message)
