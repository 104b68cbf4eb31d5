"""What RFC 7606 and its neighbours say about malformed UPDATEs: discard them or treat the routes as withdrawn."""

from __future__ import annotations

import pytest

from lab.bgp import parse_prefix
from lab.wire import Fault, decode_attributes, decode_update
from wire_octets import (
    AGGREGATOR,
    AS4_AGGREGATOR,
    AS4_PATH,
    AS_PATH,
    ATOMIC_AGGREGATE,
    CLUSTER_LIST,
    COMMUNITIES,
    CONFED_SEQUENCE,
    CONFED_SET,
    EXTENDED_COMMUNITIES,
    GLOBAL_NEXT_HOP,
    LARGE_COMMUNITY,
    LOCAL_PREF,
    LOCAL_PREF_100,
    MANDATORY,
    MANDATORY_INTERNAL,
    MED,
    NEXT_HOP,
    NEXT_HOP_2,
    ORIGIN,
    ORIGIN_IGP,
    ORIGINATOR_ID,
    P10,
    P2001,
    PATH,
    SEQUENCE,
    attribute,
    mp_reach,
    nlri,
    segment,
    update,
)

TEN = parse_prefix("10.0.0.0/8")
DB8 = parse_prefix("2001:db8::/32")
ORIGIN_WRONG = attribute(0x40, ORIGIN, b"\3")
WITHOUT_ORIGIN = PATH + NEXT_HOP_2
WITHOUT_PATH = ORIGIN_IGP + NEXT_HOP_2
WITHOUT_NEXT_HOP = ORIGIN_IGP + PATH
AS_0 = bytes(4)


def as_path(*segments: bytes) -> bytes:
    """The attributes with this AS_PATH, well formed or not."""
    return WITHOUT_PATH + attribute(0x40, AS_PATH, b"".join(segments))


WITHDRAWN_FROM_ANYONE = {
    "RFC 7606 §3 c: ORIGIN as optional": (
        attribute(0xC0, ORIGIN, b"\0") + WITHOUT_ORIGIN,
        "malformed ORIGIN: the flags 0xc0 say optional transitive, it is well-known (RFC 7606 §3 c)",
    ),
    "RFC 7606 §3 c: AS_PATH as not transitive": (
        WITHOUT_PATH + attribute(0x00, AS_PATH, segment(SEQUENCE, 65001)),
        "malformed AS_PATH: the flags 0x00 say well-known and not transitive, it is well-known (RFC 7606 §3 c)",
    ),
    "RFC 7606 §3 c: MULTI_EXIT_DISC as transitive": (
        MANDATORY + attribute(0xC0, MED, bytes(4)),
        (
            "malformed MULTI_EXIT_DISC: the flags 0xc0 say optional transitive, it is optional non-transitive"
            " (RFC 7606 §3 c)"
        ),
    ),
    "RFC 7606 §3 c: COMMUNITIES as non-transitive": (
        MANDATORY + attribute(0x80, COMMUNITIES, bytes(4)),
        "malformed COMMUNITIES: the flags 0x80 say optional non-transitive, it is optional transitive (RFC 7606 §3 c)",
    ),
    "RFC 7606 §3 c: ATOMIC_AGGREGATE, which §7.6 discards for its length alone": (
        MANDATORY + attribute(0xC0, ATOMIC_AGGREGATE, b""),
        "malformed ATOMIC_AGGREGATE: the flags 0xc0 say optional transitive, it is well-known (RFC 7606 §3 c)",
    ),
    "RFC 7606 §3 d: no ORIGIN": (WITHOUT_ORIGIN, "missing ORIGIN (RFC 7606 §3 d)"),
    "RFC 7606 §3 d: no AS_PATH": (WITHOUT_PATH, "missing AS_PATH (RFC 7606 §3 d)"),
    "RFC 7606 §3 d: no NEXT_HOP": (WITHOUT_NEXT_HOP, "missing NEXT_HOP (RFC 7606 §3 d)"),
    "RFC 7606 §4: an attribute past the end": (
        MANDATORY + bytes([0xC0, COMMUNITIES, 8]) + bytes(4),
        "malformed COMMUNITIES: 8 octets, past the end of the attributes (RFC 7606 §4)",
    ),
    "RFC 7606 §4: an attribute whose value is not there at all": (
        MANDATORY + bytes([0xC0, COMMUNITIES, 4]),
        "malformed COMMUNITIES: 4 octets, past the end of the attributes (RFC 7606 §4)",
    ),
    "RFC 7606 §4: an unknown attribute past the end": (
        MANDATORY + bytes([0xD0, 99, 255, 255]),
        "malformed attribute 99: 65535 octets, past the end of the attributes (RFC 7606 §4)",
    ),
    "RFC 7606 §4: one octet behind the attributes": (
        MANDATORY + b"\xc0",
        "1 octet behind the last attribute, too few for another one (RFC 7606 §4)",
    ),
    "RFC 7606 §4: two octets behind the attributes": (
        MANDATORY + b"\xc0\x08",
        "2 octets behind the last attribute, too few for another one (RFC 7606 §4)",
    ),
    "RFC 7606 §4: three octets where the length has two": (
        MANDATORY + b"\xd0\x08\x00",
        "3 octets behind the last attribute, too few for another one (RFC 7606 §4)",
    ),
    "RFC 7606 §7.1: ORIGIN of 0 octets": (
        attribute(0x40, ORIGIN, b"") + WITHOUT_ORIGIN,
        "malformed ORIGIN: 0 octets instead of 1 (RFC 7606 §7.1)",
    ),
    "RFC 7606 §7.1: ORIGIN of 2 octets": (
        attribute(0x40, ORIGIN, b"\0\0") + WITHOUT_ORIGIN,
        "malformed ORIGIN: 2 octets instead of 1 (RFC 7606 §7.1)",
    ),
    "RFC 7606 §7.1: ORIGIN without meaning": (
        ORIGIN_WRONG + WITHOUT_ORIGIN,
        "malformed ORIGIN: the value 3 has no meaning (RFC 7606 §7.1)",
    ),
    "RFC 7606 §7.2: a segment of unknown type": (
        as_path(segment(5, 65001)),
        "malformed AS_PATH: the segment type 5 has no meaning (RFC 7606 §7.2)",
    ),
    "RFC 7606 §7.2: a segment of type 0": (
        as_path(segment(0, 65001)),
        "malformed AS_PATH: the segment type 0 has no meaning (RFC 7606 §7.2)",
    ),
    "RFC 7606 §7.2: a segment past the end": (
        as_path(bytes([2, 3]) + bytes(8)),
        "malformed AS_PATH: a segment of 3 AS numbers, past the end of the attribute (RFC 7606 §7.2)",
    ),
    "RFC 7606 §7.2: a single octet behind the segments": (
        as_path(segment(SEQUENCE, 65001), b"\2"),
        "malformed AS_PATH: one octet behind the last segment (RFC 7606 §7.2)",
    ),
    "RFC 7606 §7.2: a segment without AS numbers": (
        as_path(segment(SEQUENCE, 65001), segment(SEQUENCE)),
        "malformed AS_PATH: a segment without AS numbers (RFC 7606 §7.2)",
    ),
    "RFC 7607: AS 0 in the path": (
        as_path(segment(SEQUENCE, 65001, 0)),
        "malformed AS_PATH: it holds AS 0 (RFC 7607)",
    ),
    "RFC 7606 §7.3: NEXT_HOP of 3 octets": (
        WITHOUT_NEXT_HOP + attribute(0x40, NEXT_HOP, bytes(3)),
        "malformed NEXT_HOP: 3 octets instead of 4 (RFC 7606 §7.3)",
    ),
    "RFC 7606 §3 e, RFC 4271 §6.3: no next hop": (
        WITHOUT_NEXT_HOP + attribute(0x40, NEXT_HOP, bytes(4)),
        "malformed NEXT_HOP: 0.0.0.0 is not the address of a host (RFC 4271 §6.3)",
    ),
    "RFC 7606 §3 e, RFC 4271 §6.3: a multicast next hop": (
        WITHOUT_NEXT_HOP + attribute(0x40, NEXT_HOP, bytes([224, 0, 0, 5])),
        "malformed NEXT_HOP: 224.0.0.5 is not the address of a host (RFC 4271 §6.3)",
    ),
    "RFC 7606 §3 e, RFC 4271 §6.3: a loopback next hop": (
        WITHOUT_NEXT_HOP + attribute(0x40, NEXT_HOP, bytes([127, 0, 0, 1])),
        "malformed NEXT_HOP: 127.0.0.1 is not the address of a host (RFC 4271 §6.3)",
    ),
    "RFC 7606 §3 e, RFC 4271 §6.3: the broadcast address": (
        WITHOUT_NEXT_HOP + attribute(0x40, NEXT_HOP, bytes([255, 255, 255, 255])),
        "malformed NEXT_HOP: 255.255.255.255 is not the address of a host (RFC 4271 §6.3)",
    ),
    "RFC 7606 §7.4: MULTI_EXIT_DISC of 3 octets": (
        MANDATORY + attribute(0x80, MED, bytes(3)),
        "malformed MULTI_EXIT_DISC: 3 octets instead of 4 (RFC 7606 §7.4)",
    ),
    "RFC 7606 §7.8: COMMUNITIES of 5 octets": (
        MANDATORY + attribute(0xC0, COMMUNITIES, bytes(5)),
        "malformed COMMUNITIES: 5 octets are no multiple of 4 (RFC 7606 §7.8)",
    ),
    "RFC 7606 §7.8: COMMUNITIES without any": (
        MANDATORY + attribute(0xC0, COMMUNITIES, b""),
        "malformed COMMUNITIES: it is empty (RFC 7606 §7.8)",
    ),
    "RFC 7606 §7.14: EXTENDED COMMUNITIES of 12 octets": (
        MANDATORY + attribute(0xC0, EXTENDED_COMMUNITIES, bytes(12)),
        "malformed EXTENDED COMMUNITIES: 12 octets are no multiple of 8 (RFC 7606 §7.14)",
    ),
    "RFC 8092 §6: LARGE_COMMUNITY of 16 octets": (
        MANDATORY + attribute(0xC0, LARGE_COMMUNITY, bytes(16)),
        "malformed LARGE_COMMUNITY: 16 octets are no multiple of 12 (RFC 8092 §6)",
    ),
    "RFC 8092 §6: LARGE_COMMUNITY without any": (
        MANDATORY + attribute(0xC0, LARGE_COMMUNITY, b""),
        "malformed LARGE_COMMUNITY: it is empty (RFC 8092 §6)",
    ),
    "RFC 4271 §6.3: an unknown well-known attribute": (
        MANDATORY + attribute(0x40, 99, b"\0"),
        "attribute 99 is unknown and its flags 0x40 say that it is well-known (RFC 4271 §6.3)",
    ),
}
WITHDRAWN_FROM_OUTSIDE = {
    "RFC 5065 §5: a confederation sequence": (
        as_path(segment(CONFED_SEQUENCE, 65101)),
        (
            "malformed AS_PATH: '(65101)' has a confederation segment, and the neighbour is in no confederation with us"
            " (RFC 5065 §5)"
        ),
    ),
    "RFC 5065 §5: a confederation set": (
        as_path(segment(SEQUENCE, 65001), segment(CONFED_SET, 65101)),
        (
            "malformed AS_PATH: '65001 [65101]' has a confederation segment, and the neighbour is in no confederation"
            " with us (RFC 5065 §5)"
        ),
    ),
}
WITHDRAWN_FROM_INSIDE = {
    "RFC 4271 §5.1.5: no LOCAL_PREF": (MANDATORY, "missing LOCAL_PREF (RFC 7606 §3 d)"),
    "RFC 7606 §7.5: LOCAL_PREF of 5 octets": (
        MANDATORY + attribute(0x40, LOCAL_PREF, bytes(5)),
        "malformed LOCAL_PREF: 5 octets instead of 4 (RFC 7606 §7.5)",
    ),
    "RFC 7606 §7.9: ORIGINATOR_ID of 5 octets": (
        MANDATORY_INTERNAL + attribute(0x80, ORIGINATOR_ID, bytes(5)),
        "malformed ORIGINATOR_ID: 5 octets instead of 4 (RFC 7606 §7.9)",
    ),
    "RFC 7606 §7.10: CLUSTER_LIST of 6 octets": (
        MANDATORY_INTERNAL + attribute(0x80, CLUSTER_LIST, bytes(6)),
        "malformed CLUSTER_LIST: 6 octets are no multiple of 4 (RFC 7606 §7.10)",
    ),
    "RFC 7606 §7.10: CLUSTER_LIST without any": (
        MANDATORY_INTERNAL + attribute(0x80, CLUSTER_LIST, b""),
        "malformed CLUSTER_LIST: it is empty (RFC 7606 §7.10)",
    ),
}
DISCARDED_FROM_ANYONE = {
    "RFC 7606 §3 g: an attribute twice": (
        attribute(0x80, MED, (5).to_bytes(4)) + attribute(0x80, MED, (6).to_bytes(4)),
        "MULTI_EXIT_DISC is there twice: the first one counts (RFC 7606 §3 g)",
    ),
    "RFC 7606 §3 g: an attribute twice, the second time malformed": (
        attribute(0xC0, COMMUNITIES, bytes(4)) + attribute(0xC0, COMMUNITIES, bytes(5)),
        "COMMUNITIES is there twice: the first one counts (RFC 7606 §3 g)",
    ),
    "RFC 7606 §3 g: an unknown attribute twice": (
        attribute(0xC0, 99, b"\1") + attribute(0xC0, 99, b"\2"),
        "attribute 99 is there twice: the first one counts (RFC 7606 §3 g)",
    ),
    "RFC 7606 §7.6: ATOMIC_AGGREGATE of 1 octet": (
        attribute(0x40, ATOMIC_AGGREGATE, b"\0"),
        "malformed ATOMIC_AGGREGATE: 1 octet instead of 0 (RFC 7606 §7.6)",
    ),
    "RFC 7606 §7.7: AGGREGATOR of 6 octets": (
        attribute(0xC0, AGGREGATOR, b"\xfd\xe9" + bytes(4)),
        "malformed AGGREGATOR: 6 octets instead of 8 (RFC 7606 §7.7)",
    ),
    "RFC 7607: AS 0 in AGGREGATOR": (
        attribute(0xC0, AGGREGATOR, AS_0 + bytes(4)),
        "malformed AGGREGATOR: it holds AS 0 (RFC 7607)",
    ),
    "RFC 6793 §6: AS4_PATH where it has no place": (
        attribute(0xC0, AS4_PATH, segment(SEQUENCE, 65001)),
        "AS4_PATH from a neighbour that sends AS numbers of four octets (RFC 6793 §6)",
    ),
    "RFC 6793 §6: AS4_AGGREGATOR where it has no place": (
        attribute(0xC0, AS4_AGGREGATOR, bytes(9)),
        "AS4_AGGREGATOR from a neighbour that sends AS numbers of four octets (RFC 6793 §6)",
    ),
}
DISCARDED_FROM_OUTSIDE = {
    "RFC 7606 §7.5: LOCAL_PREF": (LOCAL_PREF_100, "LOCAL_PREF from an external neighbour (RFC 7606 §7.5)"),
    "RFC 7606 §7.5: LOCAL_PREF, malformed": (
        attribute(0xC0, LOCAL_PREF, bytes(5)),
        "LOCAL_PREF from an external neighbour (RFC 7606 §7.5)",
    ),
    "RFC 7606 §7.9: ORIGINATOR_ID": (
        attribute(0x80, ORIGINATOR_ID, bytes(4)),
        "ORIGINATOR_ID from an external neighbour (RFC 7606 §7.9)",
    ),
    "RFC 7606 §7.10: CLUSTER_LIST": (
        attribute(0x80, CLUSTER_LIST, bytes(4)),
        "CLUSTER_LIST from an external neighbour (RFC 7606 §7.10)",
    ),
}
OLD_PATH = attribute(0x40, AS_PATH, segment(SEQUENCE, 65001, size=2))
DISCARDED_FROM_OLD_SPEAKERS = {
    "RFC 7606 §7.7: AGGREGATOR of 8 octets": (
        attribute(0xC0, AGGREGATOR, bytes(8)),
        "malformed AGGREGATOR: 8 octets instead of 6 (RFC 7606 §7.7)",
    ),
    "RFC 7607: AS 0 in AGGREGATOR": (
        attribute(0xC0, AGGREGATOR, bytes(6)),
        "malformed AGGREGATOR: it holds AS 0 (RFC 7607)",
    ),
    "RFC 6793 §6: AS4_PATH of 4 octets": (
        attribute(0xC0, AS4_PATH, bytes(4)),
        "malformed AS4_PATH: 4 octets, at least 6 are needed (RFC 6793 §6)",
    ),
    "RFC 6793 §6: AS4_PATH with a segment past the end": (
        attribute(0xC0, AS4_PATH, bytes([2, 2]) + bytes(4)),
        "malformed AS4_PATH: a segment of 2 AS numbers, past the end of the attribute (RFC 6793 §6)",
    ),
    "RFC 6793 §6: AS4_PATH with a segment of unknown type": (
        attribute(0xC0, AS4_PATH, segment(9, 65001)),
        "malformed AS4_PATH: the segment type 9 has no meaning (RFC 6793 §6)",
    ),
    "RFC 7607: AS 0 in AS4_PATH": (
        attribute(0xC0, AS4_PATH, segment(SEQUENCE, 0)),
        "malformed AS4_PATH: it holds AS 0 (RFC 7607)",
    ),
    "RFC 6793 §6: AS4_PATH with confederation segments": (
        attribute(0xC0, AS4_PATH, segment(CONFED_SEQUENCE, 65101) + segment(SEQUENCE, 65001)),
        "confederation segments in the AS4_PATH '(65101) 65001' (RFC 6793 §6)",
    ),
    "RFC 6793 §6: AS4_PATH as non-transitive": (
        attribute(0x80, AS4_PATH, segment(SEQUENCE, 65001)),
        "malformed AS4_PATH: the flags 0x80 say optional non-transitive, it is optional transitive (RFC 7606 §3 c)",
    ),
    "RFC 6793 §6: AS4_AGGREGATOR of 6 octets": (
        attribute(0xC0, AS4_AGGREGATOR, bytes(6)),
        "malformed AS4_AGGREGATOR: 6 octets instead of 8 (RFC 6793 §6)",
    ),
}


def cases(table: dict[str, tuple[bytes, str]]) -> pytest.MarkDecorator:
    """One test for each row."""
    return pytest.mark.parametrize(("attributes", "text"), table.values(), ids=table.keys())


@cases(WITHDRAWN_FROM_ANYONE | WITHDRAWN_FROM_OUTSIDE)
def test_treat_as_withdraw_from_an_external_neighbour(attributes: bytes, text: str) -> None:
    """The routes of the UPDATE are withdrawn, the session stays, and the fault names attribute, reason and section."""
    decoded = decode_update(update(attributes, P10))
    assert decoded.faults == (Fault(prefixes=(TEN,), text=text, withdrawn=True),)
    assert (decoded.announced, decoded.withdrawn) == ((), (TEN,))


@cases({name: (LOCAL_PREF_100 + row[0], row[1]) for name, row in WITHDRAWN_FROM_ANYONE.items()} | WITHDRAWN_FROM_INSIDE)
def test_treat_as_withdraw_from_an_internal_neighbour(attributes: bytes, text: str) -> None:
    """The same from an internal neighbour, which must send LOCAL_PREF (RFC 4271 §5.1.5)."""
    decoded = decode_update(update(attributes, P10), ebgp=False)
    assert decoded.faults == (Fault(prefixes=(TEN,), text=text, withdrawn=True),)
    assert (decoded.announced, decoded.withdrawn) == ((), (TEN,))


@cases(DISCARDED_FROM_ANYONE | DISCARDED_FROM_OUTSIDE)
def test_attribute_discard_from_an_external_neighbour(attributes: bytes, text: str) -> None:
    """The attribute is discarded, the route kept."""
    decoded = decode_update(update(MANDATORY + attributes, P10))
    assert decoded.faults == (Fault(prefixes=(TEN,), text=text, withdrawn=False),)
    (route,) = decoded.announced
    assert (decoded.withdrawn, route.aggregator, route.atomic_aggregate, route.local_pref) == ((), None, False, None)
    assert (route.originator_id, route.cluster_list) == (None, ())


@cases(DISCARDED_FROM_ANYONE)
def test_attribute_discard_from_an_internal_neighbour(attributes: bytes, text: str) -> None:
    """The same from an internal neighbour."""
    decoded = decode_update(update(MANDATORY_INTERNAL + attributes, P10), ebgp=False)
    assert decoded.faults == (Fault(prefixes=(TEN,), text=text, withdrawn=False),)
    assert len(decoded.announced) == 1


@cases(DISCARDED_FROM_OLD_SPEAKERS)
def test_attribute_discard_from_an_old_speaker(attributes: bytes, text: str) -> None:
    """The same where AS numbers have two octets; AS_PATH then says all that is known (RFC 6793 §6)."""
    decoded = decode_update(update(WITHOUT_PATH + OLD_PATH + attributes, P10), asn4=False)
    assert decoded.faults == (Fault(prefixes=(TEN,), text=text, withdrawn=False),)
    (route,) = decoded.announced
    assert (str(route.as_path), route.aggregator) == ("65001", None)


def test_the_first_of_two_attributes_counts() -> None:
    """Of an attribute that is there twice the first one is kept (RFC 7606 §3 g)."""
    twice = attribute(0x80, MED, (5).to_bytes(4)) + attribute(0x80, MED, (6).to_bytes(4))
    assert [route.multi_exit_disc for route in decode_update(update(MANDATORY + twice, P10)).announced] == [5]


def test_the_strongest_consequence_wins() -> None:
    """With one fault to discard and one to withdraw for, the routes are withdrawn and both faults told (§3 h)."""
    both = attribute(0x40, ATOMIC_AGGREGATE, b"\0") + attribute(0xC0, COMMUNITIES, bytes(5))
    decoded = decode_update(update(MANDATORY + both, P10))
    assert [fault.withdrawn for fault in decoded.faults] == [False, True]
    assert (decoded.announced, decoded.withdrawn) == ((), (TEN,))


def test_every_fault_is_told() -> None:
    """Two malformed attributes and a missing one are three faults."""
    wrong = ORIGIN_WRONG + NEXT_HOP_2 + attribute(0x80, MED, b"")
    assert [fault.text for fault in decode_update(update(wrong, P10)).faults] == [
        "malformed ORIGIN: the value 3 has no meaning (RFC 7606 §7.1)",
        "malformed MULTI_EXIT_DISC: 0 octets instead of 4 (RFC 7606 §7.4)",
        "missing AS_PATH (RFC 7606 §3 d)",
    ]


def test_all_routes_of_the_update_are_withdrawn() -> None:
    """A fault concerns the routes of both families, and withdrawals of the same UPDATE stay withdrawals."""
    attributes = ORIGIN_WRONG + WITHOUT_ORIGIN + mp_reach(GLOBAL_NEXT_HOP, P2001)
    decoded = decode_update(update(attributes, P10, withdrawn=nlri("172.16.0.0/12", "10.0.0.0/8")))
    assert decoded.faults[0].prefixes == (TEN, DB8)
    assert decoded.withdrawn == (parse_prefix("172.16.0.0/12"), TEN, DB8)


@pytest.mark.parametrize("next_hop", ["::", "::1", "ff02::1"])
def test_an_ipv6_next_hop_that_is_no_host(next_hop: str) -> None:
    """Its prefixes can be told, so they are withdrawn (RFC 4271 §6.3, RFC 7606 §3 j)."""
    octets_of_next_hop = parse_prefix(f"{next_hop}/128").network_address.packed
    decoded = decode_update(update(mp_reach(octets_of_next_hop, P2001) + ORIGIN_IGP + PATH))
    text = f"malformed MP_REACH_NLRI: the next hop {next_hop} is not the address of a host (RFC 4271 §6.3)"
    assert decoded.faults == (Fault(prefixes=(DB8,), text=text, withdrawn=True),)
    assert decoded.withdrawn == (DB8,)


def test_discards_without_routes_are_harmless() -> None:
    """A fault that discards is told where nothing is announced too, and resets nothing (RFC 7606 §5.2)."""
    decoded = decode_update(update(LOCAL_PREF_100, withdrawn=P10))
    assert (decoded.withdrawn, [fault.prefixes for fault in decoded.faults]) == ((TEN,), [()])


@pytest.mark.parametrize(("peer_asn", "kept"), [(65001, 1), (65002, 0), (None, 1)])
def test_the_first_as_of_an_external_path(peer_asn: int | None, kept: int) -> None:
    """A path must begin with the AS of the neighbour that sent it, where that is asked for (RFC 7606 §7.2)."""
    decoded = decode_update(update(MANDATORY, P10), peer_asn=peer_asn)
    assert len(decoded.announced) == kept
    assert [fault.text for fault in decoded.faults] == [
        "AS_PATH '65001' does not begin with the neighbour's AS 65002 (RFC 7606 §7.2)"
    ] * (1 - kept)


def test_the_first_as_is_checked_once_and_of_external_paths() -> None:
    """An internal path begins with any AS, and a malformed or missing one has no first AS."""
    assert decode_update(update(MANDATORY_INTERNAL, P10), ebgp=False, peer_asn=65002).faults == ()
    for attributes in (as_path(segment(5, 65001)), WITHOUT_PATH):
        assert len(decode_update(update(attributes, P10), peer_asn=65002).faults) == 1
    assert [fault.withdrawn for fault in decode_update(update(MANDATORY + PATH, P10), peer_asn=65002).faults] == [
        False,
        True,
    ]


def test_a_section_without_faults_has_none() -> None:
    """The negative control: nothing is wrong with well formed attributes, from inside or outside."""
    assert decode_attributes(MANDATORY).faults == ()
    assert decode_attributes(MANDATORY_INTERNAL, ebgp=False).faults == ()
    assert decode_update(update(MANDATORY, P10)).faults == ()
