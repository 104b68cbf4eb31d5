"""UPDATE messages put together by hand, octet by octet, so that each part of one can be made wrong."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_network

WELL_KNOWN, NON_TRANSITIVE, TRANSITIVE = 0x40, 0x80, 0xC0
ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC_AGGREGATE, AGGREGATOR, COMMUNITIES = range(1, 9)
ORIGINATOR_ID, CLUSTER_LIST = 9, 10
MP_REACH, MP_UNREACH, EXTENDED_COMMUNITIES, AS4_PATH, AS4_AGGREGATOR, LARGE_COMMUNITY = 14, 15, 16, 17, 18, 32
SET, SEQUENCE, CONFED_SEQUENCE, CONFED_SET = 1, 2, 3, 4


def attribute(flags: int, code: int, value: bytes) -> bytes:
    """A path attribute; its length has two octets where one is too short or the flags say so (RFC 4271 §4.3)."""
    if len(value) > 255:
        flags |= 0x10
    return bytes([flags, code]) + len(value).to_bytes(2 if flags & 0x10 else 1) + value


def segment(kind: int, *asns: int, size: int = 4) -> bytes:
    """A segment of an AS path."""
    return bytes([kind, len(asns)]) + b"".join(asn.to_bytes(size) for asn in asns)


def nlri(*prefixes: str) -> bytes:
    """Prefixes as an UPDATE holds them."""
    networks = map(ip_network, prefixes)
    return b"".join(bytes([one.prefixlen]) + one.network_address.packed[: -(-one.prefixlen // 8)] for one in networks)


def update(attributes: bytes = b"", announced: bytes = b"", withdrawn: bytes = b"") -> bytes:
    """The body of an UPDATE."""
    return struct.pack(">H", len(withdrawn)) + withdrawn + struct.pack(">H", len(attributes)) + attributes + announced


def mp_reach(next_hop: bytes, prefixes: bytes, *, afi: int = 2, safi: int = 1) -> bytes:
    """The attribute MP_REACH_NLRI."""
    value = struct.pack(">HBB", afi, safi, len(next_hop)) + next_hop + b"\0" + prefixes
    return attribute(NON_TRANSITIVE, MP_REACH, value)


def mp_unreach(prefixes: bytes, *, afi: int = 2, safi: int = 1) -> bytes:
    """The attribute MP_UNREACH_NLRI."""
    return attribute(NON_TRANSITIVE, MP_UNREACH, struct.pack(">HB", afi, safi) + prefixes)


def vpn_nlri(prefix: str, rd: bytes, label: int) -> bytes:
    """A prefix of a VPN, behind the eight octets of its distinguisher and a label (RFC 4364 §4.3.4, RFC 8277 §2.2)."""
    plain = nlri(prefix)
    return bytes([plain[0] + 88]) + (label << 4 | 1).to_bytes(3) + rd + plain[1:]


def vpn_next_hop(address: bytes) -> bytes:
    """A next hop of a VPN's routes, behind a distinguisher of zeros (RFC 4364 §4.3.2)."""
    return bytes(8) + address


ORIGIN_IGP = attribute(WELL_KNOWN, ORIGIN, b"\0")
PATH = attribute(WELL_KNOWN, AS_PATH, segment(SEQUENCE, 65001))
NEXT_HOP_2 = attribute(WELL_KNOWN, NEXT_HOP, IPv4Address("192.0.2.2").packed)
LOCAL_PREF_100 = attribute(WELL_KNOWN, LOCAL_PREF, (100).to_bytes(4))
MANDATORY = ORIGIN_IGP + PATH + NEXT_HOP_2
"""The attributes that an external neighbour must send."""
MANDATORY_INTERNAL = MANDATORY + LOCAL_PREF_100
P10 = nlri("10.0.0.0/8")
P2001 = nlri("2001:db8::/32")
GLOBAL_NEXT_HOP = bytes.fromhex("20010db8000000000000000000000002")
