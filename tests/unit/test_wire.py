"""The decoder of UPDATE messages reads what RFC 4271 and its successors describe, and what scapy writes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.contrib.bgp import (
    BGPNLRI_IPv4,
    BGPPAAS4BytesPath,
    BGPPACommunity,
    BGPPALocalPref,
    BGPPAMultiExitDisc,
    BGPPANextHop,
    BGPPAOrigin,
    BGPPathAttr,
    BGPUpdate,
)

import wire_octets as octets
from lab.bgp import (
    Aggregator,
    Asn,
    AsPath,
    Community,
    Family,
    LargeCommunity,
    Origin,
    Route,
    UnknownAttribute,
    parse_extended_community,
    parse_prefix,
)
from lab.wire import DecodedUpdate, decode_attributes, decode_update, split_attributes
from wire_octets import (
    GLOBAL_NEXT_HOP,
    MANDATORY,
    MANDATORY_INTERNAL,
    NEXT_HOP_2,
    ORIGIN_IGP,
    P10,
    P2001,
    PATH,
    attribute,
    mp_reach,
    mp_unreach,
    nlri,
    segment,
    update,
)

TEN = parse_prefix("10.0.0.0/8")
DB8 = parse_prefix("2001:db8::/32")
PLAIN = Route(prefix=TEN, next_hop=IPv4Address("192.0.2.2"), as_path=AsPath.of(65001))
LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000002")


def only_route(body: bytes, *, asn4: bool = True, ebgp: bool = True) -> Route:
    """The one route of an UPDATE without faults."""
    decoded = decode_update(body, asn4=asn4, ebgp=ebgp)
    assert decoded.faults == ()
    (route,) = decoded.announced
    return route


def path_of(*segments: bytes, asn4: bool = True) -> AsPath:
    """The AS path of these segments."""
    return decode_attributes(attribute(0x40, octets.AS_PATH, b"".join(segments)), asn4=asn4, ebgp=False).as_path


def test_a_route_with_the_mandatory_attributes() -> None:
    """ORIGIN, AS_PATH and NEXT_HOP make a route of each prefix (RFC 4271 §4.3)."""
    assert only_route(update(MANDATORY, P10)) == PLAIN


def test_every_attribute_of_a_route() -> None:
    """Every attribute that a route can have is read into it."""
    attributes = (
        attribute(0x40, octets.ORIGIN, b"\2")
        + attribute(0x40, octets.AS_PATH, segment(octets.SEQUENCE, 65001, 4200000000) + segment(octets.SET, 7, 5))
        + NEXT_HOP_2
        + attribute(0x80, octets.MED, (5).to_bytes(4))
        + attribute(0x40, octets.LOCAL_PREF, (300).to_bytes(4))
        + attribute(0x40, octets.ATOMIC_AGGREGATE, b"")
        + attribute(0xC0, octets.AGGREGATOR, (4200000000).to_bytes(4) + bytes([192, 0, 2, 9]))
        + attribute(0xC0, octets.COMMUNITIES, bytes.fromhex("ffffff01" + "fde90064"))
        + attribute(0x80, octets.ORIGINATOR_ID, bytes([192, 0, 2, 7]))
        + attribute(0x80, octets.CLUSTER_LIST, bytes([192, 0, 2, 8, 192, 0, 2, 7]))
        + attribute(0xC0, octets.EXTENDED_COMMUNITIES, bytes.fromhex("0002fdf200000064"))
        + attribute(0xC0, octets.LARGE_COMMUNITY, bytes.fromhex("0000fde90000000100000002"))
        + attribute(0xE0, 99, bytes.fromhex("beef"))
    )
    assert only_route(update(attributes, P10), ebgp=False) == Route(
        prefix=TEN,
        next_hop=IPv4Address("192.0.2.2"),
        origin=Origin.INCOMPLETE,
        as_path=AsPath.parse("65001 4200000000 {5,7}"),
        multi_exit_disc=5,
        local_pref=300,
        atomic_aggregate=True,
        aggregator=Aggregator(Asn(4200000000), IPv4Address("192.0.2.9")),
        communities=(Community("65001:100"), Community("65535:65281")),
        originator_id=IPv4Address("192.0.2.7"),
        cluster_list=(IPv4Address("192.0.2.8"), IPv4Address("192.0.2.7")),
        extended_communities=(parse_extended_community("target:65010:100"),),
        large_communities=(LargeCommunity("65001:1:2"),),
        unknown=(UnknownAttribute(99, "beef"),),
    )


def test_what_scapy_writes() -> None:
    """An UPDATE that scapy put together means the same here."""
    parts = [
        (0x40, 1, BGPPAOrigin(origin=1)),
        (0x40, 2, BGPPAAS4BytesPath(segments=[_scapy_segment(2, 65001, 400000), _scapy_segment(1, 8, 9)])),
        (0x40, 3, BGPPANextHop(next_hop="192.0.2.2")),
        (0x80, 4, BGPPAMultiExitDisc(med=17)),
        (0x40, 5, BGPPALocalPref(local_pref=250)),
        (0xC0, 8, BGPPACommunity(community=0xFDE90001)),
    ]
    message = BGPUpdate(
        withdrawn_routes=[BGPNLRI_IPv4(prefix="172.16.0.0/12")],
        path_attr=[BGPPathAttr(type_flags=flags, type_code=code, attribute=value) for flags, code, value in parts],
        nlri=[BGPNLRI_IPv4(prefix="10.0.0.0/8"), BGPNLRI_IPv4(prefix="198.51.100.128/25")],
    )
    decoded = decode_update(bytes(message), ebgp=False)
    shared = Route(
        prefix=TEN,
        next_hop=IPv4Address("192.0.2.2"),
        origin=Origin.EGP,
        as_path=AsPath.parse("65001 400000 {8,9}"),
        multi_exit_disc=17,
        local_pref=250,
        communities=(Community("65001:1"),),
    )
    assert decoded.announced[0] == shared
    assert [str(route.prefix) for route in decoded.announced] == ["10.0.0.0/8", "198.51.100.128/25"]
    assert decoded.withdrawn == (parse_prefix("172.16.0.0/12"),)


def _scapy_segment(kind: int, *asns: int) -> object:
    return BGPPAAS4BytesPath.ASPathSegment(segment_type=kind, segment_value=list(asns))


def test_the_routes_of_an_update_differ_in_their_prefix_alone() -> None:
    """Several prefixes share all attributes, communities in order too."""
    many = attribute(0xC0, octets.COMMUNITIES, bytes.fromhex("00020002" + "00010001" + "00020002"))
    decoded = decode_update(update(MANDATORY + many, nlri("10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0")))
    assert [str(route.prefix) for route in decoded.announced] == ["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0"]
    assert {route.communities for route in decoded.announced} == {(Community("1:1"), Community("2:2"))}
    assert decoded.announced[1] == Route(
        prefix=parse_prefix("10.1.0.0/16"),
        next_hop=IPv4Address("192.0.2.2"),
        as_path=AsPath.of(65001),
        communities=(Community("1:1"), Community("2:2")),
    )


def test_bits_past_the_prefix_length_mean_nothing() -> None:
    """The trailing bits of a prefix's last octet are irrelevant (RFC 4271 §4.3)."""
    assert only_route(update(MANDATORY, bytes([9, 10, 0xFF]))).prefix == parse_prefix("10.128.0.0/9")


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "10.128.0.0/9", "192.0.2.255/32"])
def test_prefixes_of_every_length(prefix: str) -> None:
    """A prefix has as many octets as its length needs."""
    assert only_route(update(MANDATORY, nlri(prefix))).prefix == parse_prefix(prefix)


def test_withdrawn_routes() -> None:
    """An UPDATE may withdraw and announce nothing (RFC 4271 §4.3)."""
    decoded = decode_update(update(withdrawn=nlri("10.0.0.0/8", "10.1.0.0/16")))
    assert decoded == DecodedUpdate(withdrawn=(TEN, parse_prefix("10.1.0.0/16")))


def test_a_prefix_both_withdrawn_and_announced_is_announced() -> None:
    """Such a prefix is treated as if it were not withdrawn (RFC 4271 §4.3)."""
    decoded = decode_update(update(MANDATORY, P10, withdrawn=nlri("10.0.0.0/8", "10.1.0.0/16")))
    assert (decoded.announced, decoded.withdrawn) == ((PLAIN,), (parse_prefix("10.1.0.0/16"),))


@pytest.mark.parametrize("next_hop", [GLOBAL_NEXT_HOP, GLOBAL_NEXT_HOP + LINK_LOCAL])
def test_ipv6_in_mp_reach(next_hop: bytes) -> None:
    """IPv6 routes come in MP_REACH_NLRI, with their global next hop (RFC 4760 §3, RFC 2545 §3)."""
    route = only_route(update(mp_reach(next_hop, P2001) + ORIGIN_IGP + PATH))
    assert route == Route(prefix=DB8, next_hop=IPv6Address("2001:db8::2"), as_path=AsPath.of(65001))


def test_a_link_local_next_hop_alone() -> None:
    """A neighbour without a global address names its link-local one."""
    assert only_route(update(mp_reach(LINK_LOCAL, P2001) + ORIGIN_IGP + PATH)).next_hop == IPv6Address("fe80::2")


@pytest.mark.parametrize("next_hop", ["1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255"])
def test_next_hops_at_the_edges(next_hop: str) -> None:
    """Host addresses beside those that are none are next hops (RFC 4271 §6.3)."""
    address = IPv4Address(next_hop)
    section = ORIGIN_IGP + PATH + attribute(0x40, octets.NEXT_HOP, address.packed)
    assert only_route(update(section, P10)).next_hop == address


def test_ipv4_in_mp_reach() -> None:
    """IPv4 unicast may come in MP_REACH_NLRI too (RFC 4760)."""
    assert only_route(update(mp_reach(bytes([192, 0, 2, 2]), P10, afi=1) + ORIGIN_IGP + PATH)) == PLAIN


def test_both_families_in_one_update() -> None:
    """IPv4 in the last field and IPv6 in MP_REACH_NLRI share their attributes, each with its own next hop."""
    decoded = decode_update(update(MANDATORY + mp_reach(GLOBAL_NEXT_HOP, P2001), P10))
    assert decoded.announced == (
        PLAIN,
        Route(prefix=DB8, next_hop=IPv6Address("2001:db8::2"), as_path=AsPath.of(65001)),
    )


def test_next_hop_beside_mp_reach_alone_is_not_read() -> None:
    """NEXT_HOP is ignored, even a malformed one, where all routes are in MP_REACH_NLRI (RFC 4760 §3)."""
    wrong = attribute(0x40, octets.NEXT_HOP, bytes(4))
    assert only_route(update(mp_reach(GLOBAL_NEXT_HOP, P2001) + ORIGIN_IGP + PATH + wrong)).prefix == DB8


def test_withdrawn_ipv6_routes() -> None:
    """MP_UNREACH_NLRI withdraws, beside the withdrawn routes of IPv4 (RFC 4760 §4)."""
    decoded = decode_update(update(mp_unreach(P2001), withdrawn=P10))
    assert decoded == DecodedUpdate(withdrawn=(TEN, DB8))


def test_withdrawals_with_attributes() -> None:
    """Attributes beside withdrawn routes are of no use and no harm."""
    assert decode_update(update(MANDATORY + mp_unreach(P2001))) == DecodedUpdate(withdrawn=(DB8,))


@pytest.mark.parametrize(
    ("body", "family"),
    [
        (update(), Family.IPV4),
        (update(mp_unreach(b"")), Family.IPV6),
        (update(mp_unreach(b"", afi=1)), Family.IPV4),
        (update(mp_unreach(b"", safi=128)), Family.IPV6),
        (update(mp_unreach(b"", safi=70)), None),
        (update(mp_unreach(b""), withdrawn=P10), None),
        (update(MANDATORY + mp_unreach(b"")), None),
        (update(mp_unreach(P2001)), None),
        (update(MANDATORY), None),
    ],
)
def test_end_of_rib(body: bytes, family: Family | None) -> None:
    """An empty UPDATE, or an empty MP_UNREACH_NLRI alone, ends the table of a family (RFC 4724 §2)."""
    assert decode_update(body).end_of_rib == family


@pytest.mark.parametrize(
    "carrier",
    [
        mp_reach(b"", b"\x70abc", afi=25, safi=70),
        mp_reach(b"", b"", afi=25, safi=70),
        mp_unreach(b"\xff", safi=70),
        mp_unreach(b"", safi=70),
    ],
)
def test_other_families_are_ignored(carrier: bytes) -> None:
    """What comes in other families is not looked at (RFC 4760 §6)."""
    assert decode_update(update(carrier + MANDATORY, P10)) == DecodedUpdate(announced=(PLAIN,))


def test_multicast_prefixes_are_ignored() -> None:
    """A prefix that cannot be routed to is ignored, its neighbours are not (RFC 4271 §6.3)."""
    decoded = decode_update(update(MANDATORY, nlri("10.0.0.0/8", "224.0.0.0/4", "239.1.0.0/16", "224.0.0.0/3")))
    assert [str(route.prefix) for route in decoded.announced] == ["10.0.0.0/8", "224.0.0.0/3"]
    (fault,) = decoded.faults
    assert (fault.text, fault.withdrawn) == ("no unicast prefix: ignored (RFC 4271 §6.3)", True)
    assert [str(prefix) for prefix in fault.prefixes] == ["224.0.0.0/4", "239.1.0.0/16"]


def test_ipv6_multicast_and_link_local_prefixes_are_ignored() -> None:
    """The same in IPv6, for link-local prefixes too (RFC 4291 §2.5.6)."""
    prefixes = nlri("2001:db8::/32", "ff00::/8", "fe80::/10", "febf::/16", "::/0", "fe00::/7")
    decoded = decode_update(update(mp_reach(GLOBAL_NEXT_HOP, prefixes) + ORIGIN_IGP + PATH))
    assert [str(route.prefix) for route in decoded.announced] == ["2001:db8::/32", "::/0", "fe00::/7"]


def test_attributes_in_any_order_and_with_a_long_length() -> None:
    """The order of attributes is free, and a short value may have a length of two octets (RFC 4271 §4.3, §5)."""
    assert (
        only_route(update(NEXT_HOP_2 + attribute(0x50, octets.AS_PATH, segment(2, 65001)) + ORIGIN_IGP, P10)) == PLAIN
    )


def test_the_lower_flags_mean_nothing() -> None:
    """The partial bit and the unused ones are no conflict (RFC 4271 §4.3, RFC 7606 §3 c)."""
    assert only_route(update(attribute(0x6F & ~0x10, octets.ORIGIN, b"\0") + PATH + NEXT_HOP_2, P10)) == PLAIN


def test_long_paths() -> None:
    """A path of more than 255 ASes comes in several segments and is one sequence here."""
    numbers = range(1, 601)
    path = path_of(*(segment(octets.SEQUENCE, *numbers[at : at + 255]) for at in range(0, 600, 255)))
    assert path == AsPath.of(*numbers)


def test_an_empty_path() -> None:
    """AS_PATH may be empty (RFC 7606 §4)."""
    empty = attribute(0x40, octets.AS_PATH, b"")
    assert (
        only_route(update(ORIGIN_IGP + empty + NEXT_HOP_2 + octets.LOCAL_PREF_100, P10), ebgp=False).as_path == AsPath()
    )


def test_two_octet_as_numbers() -> None:
    """AS numbers have two octets where four were not agreed on (RFC 6793 §4.1)."""
    assert path_of(segment(octets.SEQUENCE, 65001, 23456, size=2), asn4=False) == AsPath.of(65001, 23456)


def test_confederation_segments_from_an_internal_neighbour() -> None:
    """Inside a confederation its segments are read (RFC 5065 §3)."""
    path = path_of(segment(octets.CONFED_SEQUENCE, 65101), segment(octets.CONFED_SET, 65103, 65102))
    assert str(path) == "(65101) [65102,65103]"


@pytest.mark.parametrize(
    ("as_path", "as4_path", "merged"),
    [
        ("65001 23456 23456", "400000 400001", "65001 400000 400001"),
        ("23456 23456", "400000 400001", "400000 400001"),
        ("23456", "400000 400001", "23456"),
        ("65001 {23456,5} 23456", "400001", "65001 {5,23456} 400001"),
        ("65001 65002 {23456}", "{400000}", "65001 65002 {400000}"),
        ("(65101) 65001 23456", "400000", "(65101) 65001 400000"),
        ("(65101) 23456", "400000", "(65101) 400000"),
        ("65001 (65101) 23456", "400000", "65001 (65101) 400000"),
    ],
)
def test_as4_path_is_merged(as_path: str, as4_path: str, merged: str) -> None:
    """The leading part of AS_PATH stands before AS4_PATH, so that the length stays (RFC 6793 §4.2.3)."""
    section = attribute(0x40, octets.AS_PATH, _segments(as_path, 2)) + attribute(
        0xC0, octets.AS4_PATH, _segments(as4_path, 4)
    )
    found = decode_attributes(section, asn4=False, ebgp=False)
    assert (str(found.as_path), found.faults) == (merged, ())


def _segments(text: str, size: int) -> bytes:
    kinds = {"as-set": 1, "as-sequence": 2, "as-confed-sequence": 3, "as-confed-set": 4}
    return b"".join(segment(kinds[one.kind.value], *one.asns, size=size) for one in AsPath.parse(text).segments)


@pytest.mark.parametrize(
    ("asn", "aggregator", "path"),
    [(23456, "400000:192.0.2.9", "400000"), (65009, "65009:192.0.2.9", "23456")],
)
def test_as4_aggregator(asn: int, aggregator: str, path: str) -> None:
    """It replaces an AGGREGATOR of AS_TRANS; beside another one, it and AS4_PATH are ignored (RFC 6793 §4.2.3)."""
    router = bytes([192, 0, 2, 9])
    section = (
        attribute(0x40, octets.AS_PATH, segment(2, 23456, size=2))
        + attribute(0xC0, octets.AS4_PATH, segment(2, 400000))
        + attribute(0xC0, octets.AGGREGATOR, asn.to_bytes(2) + router)
        + attribute(0xC0, octets.AS4_AGGREGATOR, (400000).to_bytes(4) + router)
    )
    found = decode_attributes(section, asn4=False)
    assert (str(found.aggregator), str(found.as_path)) == (aggregator, path)


def test_half_of_two_aggregators() -> None:
    """AGGREGATOR alone is kept as it is; AS4_AGGREGATOR alone says nothing, and keeps no AS4_PATH from counting."""
    path = attribute(0x40, octets.AS_PATH, segment(2, 23456, size=2)) + attribute(
        0xC0, octets.AS4_PATH, segment(2, 400000)
    )
    router = bytes([192, 0, 2, 9])
    old = decode_attributes(path + attribute(0xC0, octets.AGGREGATOR, (23456).to_bytes(2) + router), asn4=False)
    new = decode_attributes(path + attribute(0xC0, octets.AS4_AGGREGATOR, (400000).to_bytes(4) + router), asn4=False)
    assert (str(old.aggregator), str(old.as_path)) == ("23456:192.0.2.9", "400000")
    assert (new.aggregator, str(new.as_path), new.faults) == (None, "400000", ())


def test_unknown_attributes() -> None:
    """An unknown optional attribute is kept where it is transitive and dropped where it is not (RFC 4271 §5)."""
    section = attribute(0x80, 26, b"\1\0\x0b" + bytes(8)) + attribute(0xC0, 128, b"") + attribute(0xC0, 40, b"\1\2")
    found = only_route(update(MANDATORY + section, P10))
    assert found.unknown == (UnknownAttribute(40, "0102"), UnknownAttribute(128, ""))


def test_extended_communities_of_unknown_types() -> None:
    """An extended community of an unknown type is no error (RFC 7606 §7.14)."""
    value = attribute(0xC0, octets.EXTENDED_COMMUNITIES, bytes.fromhex("4004fde9447a0000" + "ffffffffffffffff"))
    assert only_route(update(MANDATORY + value, P10)).extended_communities == ("4004fde9447a0000", "ffffffffffffffff")


def test_attributes_that_carry_prefixes_are_told_apart() -> None:
    """A section gives the octets of MP_REACH_NLRI and MP_UNREACH_NLRI, and the others as they stood."""
    section = split_attributes(ORIGIN_IGP + mp_reach(GLOBAL_NEXT_HOP, P2001) + PATH + mp_unreach(P2001))
    assert section.rest == ORIGIN_IGP + PATH
    assert section.mp_reach == bytes.fromhex("000201" + "10") + GLOBAL_NEXT_HOP + b"\0" + P2001
    assert section.mp_unreach == bytes.fromhex("000201") + P2001


def test_what_was_agreed_decides_even_where_the_octets_are_the_same() -> None:
    """The same octets mean other things on another session: nothing that was remembered crosses over."""
    section = attribute(0x40, octets.AS_PATH, bytes([2, 2, 0, 1, 0, 2, 2, 1, 0, 3]))
    assert str(decode_attributes(section, asn4=False).as_path) == "1 2 3"
    assert str(decode_attributes(section, asn4=True).as_path) == "65538 33619971"


def test_an_internal_route_keeps_its_local_pref() -> None:
    """LOCAL_PREF counts from an internal neighbour (RFC 4271 §5.1.5)."""
    assert only_route(update(MANDATORY_INTERNAL, P10), ebgp=False).local_pref == 100
