"""Table dumps of both versions give routes; what cannot be read is said, and where."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

import wire_octets as octets
from lab.bgp import AsPath, Route, parse_prefix
from lab.mrt import MrtEntry, MrtError, MrtFault, read_mrt
from mrt_octets import (
    BGP4MP,
    PEER_INDEX_TABLE,
    RIB_GENERIC,
    RIB_IPV4_MULTICAST,
    RIB_IPV4_UNICAST,
    TABLE_DUMP,
    TABLE_DUMP_V2,
    peer_index_table,
    record,
    table,
    table_dump,
)
from wire_octets import (
    GLOBAL_NEXT_HOP,
    MANDATORY,
    MANDATORY_INTERNAL,
    NEXT_HOP_2,
    ORIGIN_IGP,
    P2001,
    PATH,
    attribute,
    mp_reach,
    segment,
)

TEN = parse_prefix("10.0.0.0/8")
DB8 = parse_prefix("2001:db8::/32")
PEERS = peer_index_table(("192.0.2.1", 65001), ("2001:db8::9", 4200000000), view="main")
PLAIN = Route(prefix=TEN, next_hop=IPv4Address("192.0.2.2"), as_path=AsPath.of(65001))
IPV6 = Route(prefix=DB8, next_hop=IPv6Address("2001:db8::2"), as_path=AsPath.of(65001))
SHORT_REACH = attribute(0x80, octets.MP_REACH, bytes([16]) + GLOBAL_NEXT_HOP)
LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000002")
LONG_REACH = attribute(0x80, octets.MP_REACH, bytes([32]) + GLOBAL_NEXT_HOP + LINK_LOCAL)
OLD_ATTRIBUTES = ORIGIN_IGP + attribute(0x40, octets.AS_PATH, segment(2, 65001, size=2))


def entry(route: Route, peer: str = "192.0.2.1", asn: int = 65001) -> MrtEntry:
    """An entry of a peer."""
    return MrtEntry(peer_address=ip_address(peer), peer_asn=asn, route=route)


def test_a_table_of_version_2() -> None:
    """Each entry of a prefix is a route of the peer that it names by its place (RFC 6396 §4.3)."""
    dump = PEERS + table("10.0.0.0/8", (1, MANDATORY), (0, MANDATORY))
    assert list(read_mrt(dump)) == [entry(PLAIN, "2001:db8::9", 4200000000), entry(PLAIN)]


@pytest.mark.parametrize(
    "reach", [SHORT_REACH, LONG_REACH, mp_reach(GLOBAL_NEXT_HOP, b""), mp_reach(GLOBAL_NEXT_HOP + LINK_LOCAL, P2001)]
)
def test_ipv6_next_hops(reach: bytes) -> None:
    """MP_REACH_NLRI holds the next hop alone (RFC 6396 §4.3.4) or, as some collectors write it, everything."""
    assert list(read_mrt(PEERS + table("2001:db8::/32", (0, ORIGIN_IGP + PATH + reach)))) == [entry(IPV6)]


def test_an_ipv6_next_hop_of_an_ipv4_route() -> None:
    """A collector's peers may have agreed on RFC 8950."""
    dump = PEERS + table("10.0.0.0/8", (0, ORIGIN_IGP + PATH + SHORT_REACH))
    assert [one.route.next_hop for one in read_mrt(dump)] == [IPv6Address("2001:db8::2")]


def test_an_ipv4_next_hop_in_mp_reach() -> None:
    """A next hop in MP_REACH_NLRI counts, and NEXT_HOP beside it is not read (RFC 4760 §3)."""
    reach = attribute(0x80, octets.MP_REACH, bytes([4, 192, 0, 2, 2]))
    wrong = attribute(0x40, octets.NEXT_HOP, bytes(4))
    reading = read_mrt(PEERS + table("10.0.0.0/8", (0, ORIGIN_IGP + PATH + reach + wrong)))
    assert (list(reading), reading.faults) == ([entry(PLAIN)], [])


def test_additional_paths() -> None:
    """Tables with path identifiers give every path, without the identifier (RFC 8050 §4)."""
    dump = (
        PEERS
        + table("10.0.0.0/8", (0, MANDATORY), (0, MANDATORY_INTERNAL), path_ids=(1, 2))
        + table("2001:db8::/32", (0, ORIGIN_IGP + PATH + SHORT_REACH), path_ids=(7,))
    )
    assert [(one.route.prefix, one.route.local_pref) for one in read_mrt(dump)] == [
        (TEN, None),
        (TEN, 100),
        (DB8, None),
    ]


def test_version_1() -> None:
    """TABLE_DUMP has one entry a record, and AS numbers of two octets (RFC 6396 §4.2)."""
    dump = table_dump("10.0.0.0/8", "192.0.2.1", 65001, OLD_ATTRIBUTES + NEXT_HOP_2) + table_dump(
        "2001:db8::/32", "2001:db8::9", 65009, OLD_ATTRIBUTES + mp_reach(GLOBAL_NEXT_HOP, P2001)
    )
    assert list(read_mrt(dump)) == [entry(PLAIN), entry(IPV6, "2001:db8::9", 65009)]


def test_version_1_with_four_octet_as_numbers() -> None:
    """AS4_PATH is merged into the AS_PATH of the first version (RFC 6793 §4.2.3)."""
    attributes = (
        ORIGIN_IGP
        + attribute(0x40, octets.AS_PATH, segment(2, 65001, 23456, size=2))
        + NEXT_HOP_2
        + attribute(0xC0, octets.AS4_PATH, segment(2, 65001, 4200000000))
    )
    (found,) = read_mrt(table_dump("10.0.0.0/8", "192.0.2.1", 65001, attributes))
    assert found.route.as_path == AsPath.of(65001, 4200000000)


def test_a_later_index_replaces_an_earlier_one() -> None:
    """Dumps that were put together one behind the other each have their own peers."""
    dump = PEERS + table("10.0.0.0/8", (0, MANDATORY)) + peer_index_table(("192.0.2.7", 65007))
    dump += table("10.0.0.0/8", (0, MANDATORY))
    assert list(read_mrt(dump)) == [entry(PLAIN), entry(PLAIN, "192.0.2.7", 65007)]


def test_internal_attributes_are_kept() -> None:
    """A collector may stand inside an AS: LOCAL_PREF and what reflectors add count."""
    reflected = attribute(0x80, octets.ORIGINATOR_ID, bytes([192, 0, 2, 7])) + attribute(
        0x80, 10, bytes([192, 0, 2, 8])
    )
    reading = read_mrt(PEERS + table("10.0.0.0/8", (0, MANDATORY_INTERNAL + reflected)))
    (found,) = reading
    assert (found.route.local_pref, found.route.originator_id) == (100, IPv4Address("192.0.2.7"))
    assert (found.route.cluster_list, reading.faults) == ((IPv4Address("192.0.2.8"),), [])


def test_other_records_are_counted() -> None:
    """What is not read is passed over and counted by its kind."""
    dump = (
        record(BGP4MP, 4, b"\xff" * 7)
        + record(BGP4MP, 4, b"")
        + PEERS
        + record(TABLE_DUMP_V2, RIB_GENERIC, b"\0")
        + record(TABLE_DUMP_V2, RIB_IPV4_MULTICAST, b"\0")
        + record(TABLE_DUMP, 9, b"")
        + record(99, 1, b"")
        + table("10.0.0.0/8", (0, MANDATORY))
    )
    reading = read_mrt(dump)
    assert list(reading) == [entry(PLAIN)]
    assert reading.skipped == {
        "BGP4MP, subtype 4": 2,
        "TABLE_DUMP_V2, subtype 6": 1,
        "TABLE_DUMP_V2, subtype 3": 1,
        "TABLE_DUMP, subtype 9": 1,
        "type 99, subtype 1": 1,
    }


def test_an_empty_dump() -> None:
    """No octets are no entries."""
    assert list(read_mrt(b"")) == []


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (ORIGIN_IGP + PATH, "missing NEXT_HOP (RFC 7606 §3 d)"),
        (PATH + NEXT_HOP_2, "missing ORIGIN (RFC 7606 §3 d)"),
        (
            MANDATORY + attribute(0xC0, octets.COMMUNITIES, bytes(5)),
            "malformed COMMUNITIES: 5 octets are no multiple of 4 (RFC 7606 §7.8)",
        ),
        (MANDATORY + b"\xc0", "1 octet behind the last attribute, too few for another one (RFC 7606 §4)"),
        (SHORT_REACH * 2 + ORIGIN_IGP + PATH, "MP_REACH_NLRI is there twice (RFC 7606 §3 g)"),
        (
            ORIGIN_IGP + PATH + attribute(0x80, octets.MP_REACH, bytes([16, 1])),
            "malformed MP_REACH_NLRI: no next hop can be read (RFC 6396 §4.3.4)",
        ),
        (
            ORIGIN_IGP + PATH + attribute(0x80, octets.MP_REACH, b""),
            "malformed MP_REACH_NLRI: no next hop can be read (RFC 6396 §4.3.4)",
        ),
        (
            ORIGIN_IGP + PATH + attribute(0x80, octets.MP_REACH, bytes([16]) + bytes(16)),
            "malformed MP_REACH_NLRI: the next hop :: is not the address of a host (RFC 4271 §6.3)",
        ),
    ],
    ids=["next hop", "origin", "communities", "end", "twice", "short next hop", "empty next hop", "next hop ::"],
)
def test_an_entry_with_malformed_attributes_is_left_out(attributes: bytes, text: str) -> None:
    """It is named with its record, peer and prefix; the entries beside it are read."""
    reading = read_mrt(PEERS + table("10.0.0.0/8", (1, attributes), (0, MANDATORY)))
    assert list(reading) == [entry(PLAIN)]
    assert reading.faults == [
        MrtFault(offset=len(PEERS), peer_address=ip_address("2001:db8::9"), prefix=TEN, text=text, left_out=True)
    ]


def test_an_attribute_that_is_discarded_leaves_the_entry() -> None:
    """Attribute discard keeps the route (RFC 7606 §2)."""
    reading = read_mrt(PEERS + table("10.0.0.0/8", (0, MANDATORY + attribute(0x40, octets.ATOMIC_AGGREGATE, b"\1"))))
    assert list(reading) == [entry(PLAIN)]
    assert [(fault.text, fault.left_out) for fault in reading.faults] == [
        ("malformed ATOMIC_AGGREGATE: 1 octet instead of 0 (RFC 7606 §7.6)", False)
    ]


def test_the_fault_that_left_an_entry_out_is_told() -> None:
    """Of several faults, those that discard an attribute alone did not leave the entry out."""
    both = attribute(0x40, octets.ATOMIC_AGGREGATE, b"\1") + attribute(0xC0, octets.COMMUNITIES, bytes(5))
    reading = read_mrt(PEERS + table("10.0.0.0/8", (0, MANDATORY + both)))
    assert list(reading) == []
    assert [fault.left_out for fault in reading.faults] == [False, True]


def test_peers_of_every_kind() -> None:
    """Peers have IPv4 or IPv6 addresses, and AS numbers of two or four octets (RFC 6396 §4.3.1)."""
    peers = [("192.0.2.1", 65001), ("192.0.2.2", 400000), ("2001:db8::1", 65001), ("2001:db8::2", 400000)]
    dump = peer_index_table(*peers) + table("10.0.0.0/8", *((place, MANDATORY) for place in range(4)))
    assert [(str(one.peer_address), one.peer_asn) for one in read_mrt(dump)] == peers


TEN_TABLE = table("10.0.0.0/8", (0, MANDATORY))
AT = len(PEERS)


@pytest.mark.parametrize(
    ("dump", "text"),
    [
        (b"\0\0", "MRT record at octet 0: 12 octets are needed at octet 0, and 2 are left"),
        (PEERS + TEN_TABLE[:11], f"MRT record at octet {AT}: 12 octets are needed at octet {AT}, and 11 are left"),
        (PEERS + TEN_TABLE[:-1], f"MRT record at octet {AT}: its 36 octets reach past the end of the dump"),
        (
            TEN_TABLE,
            "MRT record at octet 0: a table without the PEER_INDEX_TABLE before it (RFC 6396 §4.3)",
        ),
        (
            PEERS + table("10.0.0.0/8", (2, MANDATORY)),
            f"MRT record at octet {AT}: an entry of peer 2, and the peers are 2",
        ),
        (
            PEERS + record(TABLE_DUMP_V2, RIB_IPV4_UNICAST, bytes(4) + b"\x21" + bytes(7)),
            (
                f"MRT record at octet {AT}: malformed prefix: a prefix length of 33 in IPv4, whose longest is 32"
                " (RFC 7606 §5.3)"
            ),
        ),
        (
            PEERS + record(TABLE_DUMP_V2, RIB_IPV4_UNICAST, TEN_TABLE[12:] + b"\0"),
            f"MRT record at octet {AT}: 1 octets are left over behind its last entry",
        ),
        (
            record(TABLE_DUMP_V2, PEER_INDEX_TABLE, PEERS[12:-1]),
            "MRT record at octet 0: 4 octets are needed at octet 56, and 3 are left",
        ),
    ],
    ids=["no header", "half a header", "cut off", "no index", "no such peer", "prefix length", "too long", "too short"],
)
def test_a_record_that_cannot_be_read(dump: bytes, text: str) -> None:
    """The error names the octet at which the record begins."""
    with pytest.raises(MrtError) as caught:
        list(read_mrt(dump))
    assert str(caught.value) == text
    assert text.startswith(f"MRT record at octet {caught.value.offset}:")


@pytest.mark.parametrize(("compress", "name"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2")])
def test_a_compressed_dump_is_recognised(compress: Callable[[bytes], bytes], name: str) -> None:
    """A dump that was not decompressed is said to be that."""
    with pytest.raises(MrtError, match=f"look like {name}: decompress them first"):
        list(read_mrt(compress(PEERS)))


def test_entries_before_a_broken_record_are_given() -> None:
    """A dump that was cut off gives what is whole."""
    reading = read_mrt(PEERS + TEN_TABLE + TEN_TABLE[:-1])
    assert next(reading) == entry(PLAIN)
    with pytest.raises(MrtError):
        next(reading)
